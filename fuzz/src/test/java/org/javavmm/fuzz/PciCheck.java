// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.javavmm.device.Bus;
import org.javavmm.device.BusDevice;
import org.javavmm.device.MsiController;
import org.javavmm.device.MsiVector;
import org.javavmm.pci.BarSpec;
import org.javavmm.pci.BarWindows;
import org.javavmm.pci.CapabilityHandler;
import org.javavmm.pci.ConfigPorts;
import org.javavmm.pci.ConfigurationSpace;
import org.javavmm.pci.Ecam;
import org.javavmm.pci.IntxPin;
import org.javavmm.pci.Msix;
import org.javavmm.pci.PciBar;
import org.javavmm.pci.PciCapability;
import org.javavmm.pci.PciFunction;
import org.javavmm.pci.PciInterruptRouter;
import org.javavmm.pci.PciRoot;

/**
 * Runs a program of port, ECAM and MMIO accesses of a guest, with triggers of the devices in
 * between, on a bus with two functions, and looks at what must hold whatever the guest does.
 */
final class PciCheck {
  private static final int STEPS = 300;
  private static final int VECTORS = 3;
  private static final long ECAM = 0xb000_0000L;
  private static final long LOW = 0xe000_0000L;
  private static final long HIGH = 1L << 40;
  private static final long WINDOW = 0x4_0000;
  private static final int PORTS = 0xc000;

  /** Registers that no guest can change: what is compared with the state of the start. */
  private static final int[] FIXED = {0x00, 0x08, 0x28, 0x2c, 0x30, 0x34, 0x100, 0x104};

  /** A host's vector that holds the order of events against the module. */
  private static final class Host implements MsiController {
    long sent;
    int open;

    @Override
    public MsiVector allocate(String name) {
      open++;
      return new MsiVector() {
        private boolean routed;
        private boolean closed;

        @Override
        public void route(long address, int data) {
          require(!closed, "routed after close");
          if (address >>> 20 != 0xfee) {
            throw new IllegalArgumentException("not an interrupt's address");
          }
          routed = true;
        }

        @Override
        public void trigger() {
          require(routed && !closed, "sent without a route or after close");
          sent++;
        }

        @Override
        public void close() {
          require(!closed, "closed twice");
          closed = true;
          open--;
        }
      };
    }
  }

  /** The device behind a BAR: no access may exceed it. */
  private record Device(long size) implements BusDevice {
    @Override
    public long read(long offset, int width) {
      check(offset, width);
      return offset;
    }

    @Override
    public void write(long offset, int width, long value) {
      check(offset, width);
      require(width == 8 || value >>> (8 * width) == 0, "more bits than the width");
    }

    private void check(long offset, int width) {
      require(
          offset >= 0 && offset + width <= size && Integer.bitCount(width) == 1 && width <= 8,
          "offset=" + offset + " width=" + width + " in a BAR of " + size);
    }
  }

  /** A neighbour of the windows, which a BAR must never cover. */
  private static final BusDevice NEIGHBOUR =
      new BusDevice() {
        @Override
        public long read(long offset, int size) {
          return 0x5a;
        }

        @Override
        public void write(long offset, int size, long value) {}
      };

  private static final CapabilityHandler WINDOW_HANDLER =
      new CapabilityHandler() {
        @Override
        public void beforeRead(PciFunction f, int at, int offset, int size) {
          if (offset >= 16) {
            ConfigurationSpace c = f.config();
            long value = f.readBar(c.get(at + 4, 1), c.get(at + 8, 4), c.get(at + 12, 4));
            c.set(at + 16, 4, (int) value);
          }
        }

        @Override
        public void afterWrite(PciFunction f, int at, int offset, int size) {
          if (offset >= 16) {
            ConfigurationSpace c = f.config();
            f.writeBar(c.get(at + 4, 1), c.get(at + 8, 4), c.get(at + 12, 4), c.get(at + 16, 4));
          }
        }
      };

  private final Host host = new Host();
  private final BarWindows windows =
      BarWindows.builder().memory(LOW, WINDOW).memory(HIGH, WINDOW).io(PORTS, 0x100).build();
  private final Bus pio = Bus.pio();
  private final Bus mmio = Bus.mmio();
  private final PciRoot root;
  private final List<PciFunction> functions = new ArrayList<>();
  private final int[][] fixed = new int[2][FIXED.length];
  private boolean line;
  private long triggers;

  PciCheck() {
    root =
        PciRoot.builder(windows)
            .interrupts(PciInterruptRouter.swizzled(16, 16, 16, 16), gsi -> level -> line = level)
            .build();
    pio.add("config", ConfigPorts.BASE, ConfigPorts.PORTS, new ConfigPorts(root, NEIGHBOUR));
    Ecam ecam = new Ecam(root);
    mmio.add("ECAM", ECAM, ecam.size(), ecam);
    windows.addTo(pio, mmio);
    mmio.add("below", LOW - 0x1000, 0x1000, NEIGHBOUR);
    mmio.add("above", LOW + WINDOW, 0x1000, NEIGHBOUR);
    for (int i = 0; i < 2; i++) {
      PciFunction f = make();
      functions.add(f);
      root.rootBus().add(f, 1, i);
    }
    for (int i = 0; i < 2; i++) {
      for (int r = 0; r < FIXED.length; r++) {
        fixed[i][r] = functions.get(i).config().get(FIXED[r], 4);
      }
    }
  }

  private PciFunction make() {
    return PciFunction.builder("f", 0x1af4, 0x1041)
        .bar(0, BarSpec.memory64(0x2000).asPrefetchable(), new Device(0x2000))
        .bar(2, BarSpec.io(16), new Device(16))
        .bar(3, BarSpec.memory32(0x1000), new Device(0x1000))
        .intx(IntxPin.A)
        .msix(VECTORS, 0, 0x1000, 3, 0x800, host)
        .powerManagement()
        .express(PciFunction.Builder.ExpressType.ROOT_COMPLEX_INTEGRATED_ENDPOINT, true)
        .capability(
            PciCapability.vendor(new byte[17])
                .writable(4, 1)
                .writable(8, 12)
                .handler(WINDOW_HANDLER))
        .capability(PciCapability.extended(3, 1, new byte[8]))
        .build();
  }

  /**
   * Runs a program.
   *
   * @throws AssertionError if something does not hold
   */
  static void check(byte[] program) {
    PciCheck check = new PciCheck();
    ByteBuffer in = ByteBuffer.wrap(program);
    for (int step = 0; step < STEPS && in.remaining() >= 12; step++) {
      check.step(in.get(), in.get(), in.getShort(), in.getLong());
      check.invariants();
    }
    check.end();
  }

  private void step(int code, int select, int where, long value) {
    int size = 1 << (select & 3);
    int f = (select >> 2) & 1;
    PciFunction function = functions.get(f);
    switch (code & 15) {
      case 0 -> pio.write(0xcf8, 4, value);
      case 1 -> pio.write(0xcf8 + (where & 7), size, value);
      case 2 -> pio.read(0xcf8 + (where & 7), size);
      case 3, 4, 5 -> mmio.write(ecam(f, where & 0xff), size, value);
      case 6 -> mmio.write(ecam(f, where & 0xfff), size, value);
      case 7 -> mmio.read(ecam(f, where & 0xfff), size);
      case 8 -> mmio.write(LOW + (where & 0xffffL) * 4, size, value);
      case 9 -> mmio.read(((select & 8) != 0 ? LOW : HIGH) + (where & 0xffffL) * 4, size);
      case 10 -> pio.write(PORTS + (where & 0xff), size, value);
      case 11 -> function.intx().setLevel((select & 8) != 0);
      case 12 -> {
        function.msix().orElseThrow().trigger(Integer.remainderUnsigned(where, VECTORS));
        triggers++;
      }
      case 13 -> {
        long written = (select & 8) != 0 ? 0xfee0_0000L | (value & 0xf_fffc) : value;
        function.writeBar(0, 0x1000 + (where & 0x3f), size, written);
      }
      case 14 -> {
        // A plausible place for a BAR, and decode on.
        mmio.write(ecam(f, 0x10 + 4 * (select >> 5 & 3)), 4, LOW + (where & 0x3fL) * 0x1000);
        mmio.write(ecam(f, 4), 2, 7);
      }
      default -> restore(function, where, (int) value);
    }
  }

  private static long ecam(int f, int register) {
    return ECAM + 0x8000 + 0x1000L * f + register;
  }

  /** A state with one byte changed is taken over as it is, or refused without effect. */
  private static void restore(PciFunction function, int where, int value) {
    byte[] before = function.save();
    byte[] state = before.clone();
    state[Integer.remainderUnsigned(where, state.length)] ^= (byte) value;
    boolean[] pending = pending(function);
    try {
      function.restore(state);
    } catch (IllegalArgumentException e) {
      require(Arrays.equals(before, function.save()), "changed by a refused state: " + e);
      require(Arrays.equals(pending, pending(function)), "pending changed by a refused state");
    }
  }

  private static boolean[] pending(PciFunction function) {
    Msix msix = function.msix().orElseThrow();
    boolean[] bits = new boolean[VECTORS];
    for (int v = 0; v < VECTORS; v++) {
      bits[v] = msix.isPending(v);
    }
    return bits;
  }

  private void invariants() {
    boolean driven = false;
    List<long[]> places = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      PciFunction f = functions.get(i);
      for (int r = 0; r < FIXED.length; r++) {
        require(f.config().get(FIXED[r], 4) == fixed[i][r], "register " + FIXED[r] + " changed");
      }
      int command = (int) f.readConfig(4, 2);
      Msix msix = f.msix().orElseThrow();
      driven |=
          f.intx().isAsserted()
              && (command & 0x400) == 0
              && !msix.isEnabled()
              && (f.readConfig(0x50, 1) & 3) == 0;
      require(((f.readConfig(6, 2) & 8) != 0) == f.intx().isAsserted(), "the interrupt status bit");
      for (int b = 0; b < 6; b++) {
        f.bar(b).ifPresent(bar -> place(f, bar, command, places));
      }
    }
    require(line == driven, "the line is " + line);
    for (int i = 0; i < places.size(); i++) {
      for (int j = 0; j < i; j++) {
        long[] a = places.get(i);
        long[] b = places.get(j);
        require(a[0] != b[0] || a[2] < b[1] || b[2] < a[1], "BARs overlap");
      }
    }
    require(mmio.read(LOW - 8, 1) == 0x5a && mmio.read(LOW + WINDOW, 1) == 0x5a, "a neighbour");
    require(host.sent <= triggers + 1000L * STEPS, "messages from nowhere");
    require(host.open <= 2 * VECTORS, "vectors of the host are left");
  }

  private static void place(PciFunction f, PciBar bar, int command, List<long[]> places) {
    if (!bar.isMapped()) {
      return;
    }
    boolean io = bar.spec().type() == BarSpec.Type.IO;
    long first = bar.mappedAt();
    long last = first + bar.spec().size() - 1;
    require(first == f.barAddress(bar.index()), "mapped where the register does not say");
    require((command & (io ? 1 : 2)) != 0, "mapped without decode");
    require(
        io
            ? first >= PORTS && last < PORTS + 0x100
            : (first >= LOW && last < LOW + WINDOW) || (first >= HIGH && last < HIGH + WINDOW),
        "outside of the windows");
    places.add(new long[] {io ? 1 : 0, first, last});
  }

  /** A state can be taken over by a function of the same making; then all is given back. */
  private void end() {
    for (PciFunction f : functions) {
      PciFunction twin = make();
      byte[] state = f.save();
      twin.restore(state);
      byte[] again = twin.save();
      state[16 + 0x0e] = again[16 + 0x0e]; // whether there are other functions
      // Pending messages that the twin may send are gone; all else is the same.
      require(
          Arrays.equals(state, 0, state.length - 8, again, 0, again.length - 8),
          "the state of the twin differs");
      twin.reset(); // gives its vectors back
    }
    require(root.toString().contains("[100] extended"), "the description");
    root.rootBus().remove(1);
    require(host.open == 0, "vectors of the host are left: " + host.open);
    require(!line, "the line is left asserted");
  }

  private static void require(boolean condition, String what) {
    if (!condition) {
      throw new AssertionError(what);
    }
  }
}

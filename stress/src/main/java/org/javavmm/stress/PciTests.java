// SPDX-License-Identifier: Apache-2.0
package org.javavmm.stress;

import java.util.concurrent.atomic.AtomicInteger;
import org.javavmm.device.BusDevice;
import org.javavmm.device.MsiController;
import org.javavmm.device.MsiVector;
import org.javavmm.pci.BarMapper;
import org.javavmm.pci.BarSpec;
import org.javavmm.pci.IntxPin;
import org.javavmm.pci.Msix;
import org.javavmm.pci.PciFunction;
import org.javavmm.pci.PciInterruptRouter;
import org.javavmm.pci.PciLayout;
import org.javavmm.pci.PciRoot;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/** A device's interrupts against the registers with which a guest holds them back. */
public final class PciTests {
  private PciTests() {}

  private static final BusDevice NOTHING =
      new BusDevice() {
        @Override
        public long read(long offset, int size) {
          return 0;
        }

        @Override
        public void write(long offset, int size, long value) {}
      };

  /** A host's vector that counts, and that notices when it is closed in use. */
  private static final class Host implements MsiController, MsiVector {
    final AtomicInteger sent = new AtomicInteger();
    final AtomicInteger users = new AtomicInteger();
    volatile boolean closed;
    volatile boolean wrong;

    @Override
    public MsiVector allocate(String name) {
      return this;
    }

    @Override
    public void route(long address, int data) {}

    @Override
    public void trigger() {
      users.incrementAndGet();
      wrong |= closed;
      sent.incrementAndGet();
      wrong |= closed;
      users.decrementAndGet();
    }

    @Override
    public void close() {
      closed = true;
      wrong |= users.get() != 0;
    }
  }

  /** A function with one vector, enabled, that the guest has unmasked once. */
  private static class Function {
    final Host host = new Host();
    final PciFunction function =
        PciFunction.builder("f", 1, 1)
            .bar(0, BarSpec.memory32(64), NOTHING)
            .msix(1, 0, 0, 0, 32, host)
            .build();
    final Msix msix = function.msix().orElseThrow();

    Function() {
      function.writeConfig(PciLayout.COMMAND, 2, PciLayout.COMMAND_MASTER);
      function.writeConfig(
          PciLayout.STD_HEADER_SIZEOF + PciLayout.MSIX_FLAGS, 2, PciLayout.MSIX_FLAGS_ENABLE);
      mask(0);
    }

    void mask(int masked) {
      function.writeBar(0, PciLayout.MSIX_ENTRY_VECTOR_CTRL, 4, masked);
    }

    int pending() {
      return (int) function.readBar(0, 32, 4);
    }
  }

  /** A masked vector is unmasked. */
  @JCStressTest
  @Outcome(id = "1, 0", expect = Expect.ACCEPTABLE, desc = "sent once")
  @Outcome(expect = Expect.FORBIDDEN, desc = "lost, doubled, or still pending")
  @State
  public static class Unmask {
    private final Function f = new Function();

    /** Masks. */
    public Unmask() {
      f.mask(1);
    }

    /** The device. */
    @Actor
    public void device() {
      f.msix.trigger(0);
    }

    /** The guest. */
    @Actor
    public void guest() {
      f.mask(0);
    }

    /** What came of it. */
    @Arbiter
    public void look(II_Result r) {
      r.r1 = f.host.sent.get();
      r.r2 = f.pending();
    }
  }

  /**
   * A vector is masked: what was sent when the write has ended, what in the end, and what waits.
   */
  @JCStressTest
  @Outcome(id = "0, 0, 1", expect = Expect.ACCEPTABLE, desc = "masked first")
  @Outcome(id = "1, 1, 0", expect = Expect.ACCEPTABLE, desc = "sent first")
  @Outcome(expect = Expect.FORBIDDEN, desc = "lost, doubled, or sent behind the mask")
  @State
  public static class Mask {
    private final Function f = new Function();

    /** The device. */
    @Actor
    public void device() {
      f.msix.trigger(0);
    }

    /** The guest. */
    @Actor
    public void guest(III_Result r) {
      f.mask(1);
      r.r1 = f.host.sent.get();
    }

    /** What came of it. */
    @Arbiter
    public void look(III_Result r) {
      r.r2 = f.host.sent.get();
      r.r3 = f.pending();
    }
  }

  /** A vector is masked, given another message, and unmasked. */
  @JCStressTest
  @Outcome(id = "1, 0", expect = Expect.ACCEPTABLE, desc = "sent once")
  @Outcome(expect = Expect.FORBIDDEN, desc = "lost, doubled, or still pending")
  @State
  public static class Reroute {
    private final Function f = new Function();

    /** The device. */
    @Actor
    public void device() {
      f.msix.trigger(0);
    }

    /** The guest. */
    @Actor
    public void guest() {
      f.mask(1);
      f.function.writeBar(0, PciLayout.MSIX_ENTRY_DATA, 4, 7);
      f.mask(0);
    }

    /** What came of it. */
    @Arbiter
    public void look(II_Result r) {
      r.r1 = f.host.sent.get();
      r.r2 = f.pending();
    }
  }

  /** Two messages of one vector: they may become one while they wait. */
  @JCStressTest
  @Outcome(
      id = {"1, 0", "2, 0"},
      expect = Expect.ACCEPTABLE,
      desc = "sent")
  @Outcome(expect = Expect.FORBIDDEN, desc = "lost, doubled, or still pending")
  @State
  public static class TwoTriggers {
    private final Function f = new Function();

    /** Masks. */
    public TwoTriggers() {
      f.mask(1);
    }

    /** The device. Not two of them: a test of three threads needs three processors. */
    @Actor
    public void device() {
      f.msix.trigger(0);
      f.msix.trigger(0);
    }

    /** The guest: all messages are held back, then none. */
    @Actor
    public void guest() {
      f.mask(0);
      f.function.writeConfig(PciLayout.COMMAND, 2, 0);
      f.function.writeConfig(PciLayout.COMMAND, 2, PciLayout.COMMAND_MASTER);
    }

    /** What came of it. */
    @Arbiter
    public void look(II_Result r) {
      r.r1 = f.host.sent.get();
      r.r2 = f.pending();
    }
  }

  /** A message waits; the device stores data and triggers again. The data, and how many came. */
  @JCStressTest
  @Outcome(
      id = {"1, 1", "0, 2", "1, 2"},
      expect = Expect.ACCEPTABLE,
      desc = "the data is seen, or there is another message")
  @Outcome(expect = Expect.FORBIDDEN, desc = "old data, and no message that says so")
  @State
  public static class DataBeforeMessage {
    private final Function f = new Function();
    private int data;

    /** A message waits. */
    public DataBeforeMessage() {
      f.mask(1);
      f.msix.trigger(0);
    }

    /** The device. */
    @Actor
    public void device() {
      data = 1;
      f.msix.trigger(0);
    }

    /** The guest. */
    @Actor
    public void guest(II_Result r) {
      f.mask(0);
      r.r1 = data;
    }

    /** What came of it. */
    @Arbiter
    public void look(II_Result r) {
      r.r2 = f.host.sent.get();
    }
  }

  /** The function is removed: was the host's vector used while or after it was closed. */
  @JCStressTest
  @Outcome(id = "0, 1", expect = Expect.ACCEPTABLE, desc = "closed with nobody in it")
  @Outcome(expect = Expect.FORBIDDEN, desc = "closed in use, or not closed")
  @State
  public static class Remove {
    private final Function f = new Function();
    private final PciRoot root = PciRoot.builder(BarMapper.NONE).build();

    /** Puts it on a bus. */
    public Remove() {
      var _ = root.rootBus().add(f.function);
    }

    /** The device. */
    @Actor
    public void device() {
      f.msix.trigger(0);
      f.msix.trigger(0);
    }

    /** The monitor. */
    @Actor
    public void monitor() {
      var _ = root.rootBus().remove(1);
    }

    /** What came of it. */
    @Arbiter
    public void look(II_Result r) {
      r.r1 = f.host.wrong ? 1 : 0;
      r.r2 = f.host.closed ? 1 : 0;
    }
  }

  /** Two functions on one line, and who drives it in the end. */
  private static class Pins {
    volatile int level;
    final PciFunction one = make("one");
    final PciFunction other = make("other");

    Pins() {
      PciRoot root =
          PciRoot.builder(BarMapper.NONE)
              .interrupts(
                  PciInterruptRouter.swizzled(5, 5, 5, 5),
                  gsi -> asserted -> level = asserted ? 1 : 0)
              .build();
      var _ = root.rootBus().add(one);
      var _ = root.rootBus().add(other);
    }

    private static PciFunction make(String name) {
      return PciFunction.builder(name, 1, 1).intx(IntxPin.A).build();
    }
  }

  /** INTx is set while it is disabled and enabled again. */
  @JCStressTest
  @Outcome(id = "1", expect = Expect.ACCEPTABLE, desc = "asserted")
  @Outcome(expect = Expect.FORBIDDEN, desc = "the line is not where it belongs")
  @State
  public static class IntxDisable {
    private final Pins pins = new Pins();

    /** The device. */
    @Actor
    public void device() {
      pins.one.intx().setLevel(true);
    }

    /** The guest. */
    @Actor
    public void guest() {
      pins.one.writeConfig(PciLayout.COMMAND, 2, PciLayout.COMMAND_INTX_DISABLE);
      pins.one.writeConfig(PciLayout.COMMAND, 2, 0);
    }

    /** What came of it. */
    @Arbiter
    public void look(I_Result r) {
      r.r1 = pins.level;
    }
  }

  /** One function takes its interrupt back while another one asserts its own. */
  @JCStressTest
  @Outcome(id = "1", expect = Expect.ACCEPTABLE, desc = "asserted")
  @Outcome(expect = Expect.FORBIDDEN, desc = "the line is not where it belongs")
  @State
  public static class SharedLine {
    private final Pins pins = new Pins();

    /** One asserts. */
    public SharedLine() {
      pins.one.intx().setLevel(true);
    }

    /** The one. */
    @Actor
    public void one() {
      pins.one.intx().setLevel(false);
    }

    /** The other. */
    @Actor
    public void other() {
      pins.other.intx().setLevel(true);
    }

    /** What came of it. */
    @Arbiter
    public void look(I_Result r) {
      r.r1 = pins.level;
    }
  }
}

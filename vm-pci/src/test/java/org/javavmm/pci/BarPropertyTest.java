// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.javavmm.device.Bus;

/**
 * Any sequence of writes to the BARs, command registers and power states of two functions, against
 * a model that keeps the registers as bytes and the map as a list.
 */
class BarPropertyTest {
  @Property(tries = 300)
  void agreesWithTheModel(@ForAll long seed) {
    new Model().run(seed);
  }

  private static final class Model {
    private static final long LOW = 0xc000_0000L;
    private static final long HIGH = 0x40_0000_0000L;
    private static final int PORTS = 0xc000;

    /** A BAR of the model. */
    private record ModelBar(int function, int index, BarSpec spec) {
      boolean isIo() {
        return spec.type() == BarSpec.Type.IO;
      }
    }

    private static final List<ModelBar> BARS =
        List.of(
            new ModelBar(0, 0, BarSpec.memory64(0x1000)),
            new ModelBar(0, 2, BarSpec.memory32(0x10)),
            new ModelBar(0, 3, BarSpec.io(16)),
            new ModelBar(1, 0, BarSpec.memory32(0x1000).asPrefetchable()),
            new ModelBar(1, 1, BarSpec.io(4)),
            new ModelBar(1, 4, BarSpec.memory64(0x4000).asPrefetchable()));

    private final byte[][] registers = new byte[2][24];
    private final int[] command = new int[2];
    private final int[] power = new int[2];
    private final Map<ModelBar, Long> wanted = new LinkedHashMap<>();
    private final Map<ModelBar, Long> mapped = new LinkedHashMap<>();
    private final List<ModelBar> waiting = new ArrayList<>();
    private long refusals;

    private final Map<ModelBar, Recorder> devices = new LinkedHashMap<>();
    private final Map<PciBar, Long> listened = new LinkedHashMap<>();
    private final BarWindows windows =
        BarWindows.builder().memory(LOW, 0x1_0000).memory(HIGH, 0x1_0000).io(PORTS, 0x100).build();
    private final Bus pio = Bus.pio();
    private final Bus mmio = Bus.mmio();

    void run(long seed) {
      SplittableRandom random = new SplittableRandom(seed);
      windows.addTo(pio, mmio);
      Recorder neighbour = new Recorder(0x55);
      mmio.add("below", LOW - 0x1000, 0x1000, neighbour);
      mmio.add("above", LOW + 0x1_0000, 0x1000, neighbour);
      PciRoot root = PciRoot.builder(windows).build();
      PciFunction[] functions = {make(0), make(1)};
      for (PciFunction function : functions) {
        root.rootBus().add(function);
      }
      for (int f = 0; f < 2; f++) {
        for (int i = 0; i < 24; i++) {
          registers[f][i] = (byte) flag(f, i);
        }
      }
      for (int i = 0; i < 300; i++) {
        int f = random.nextInt(2);
        step(functions[f], f, random);
        compare(functions, random);
      }
      assertEquals(List.of(), neighbour.accesses);
      root.rootBus().remove(1);
      root.rootBus().remove(2);
      assertEquals(Map.of(), listened);
    }

    private PciFunction make(int f) {
      PciFunction.Builder builder =
          PciFunction.builder("f" + f, 0x1234, f)
              .powerManagement()
              .barListener(
                  new BarListener() {
                    @Override
                    public void mapped(PciBar bar, long address) {
                      assertEquals(null, listened.put(bar, address));
                    }

                    @Override
                    public void unmapped(PciBar bar, long address) {
                      assertEquals(address, listened.remove(bar));
                    }
                  });
      for (ModelBar bar : BARS) {
        if (bar.function == f) {
          Recorder device = new Recorder(BARS.indexOf(bar) + 1);
          devices.put(bar, device);
          builder.bar(bar.index, bar.spec, device);
        }
      }
      return builder.build();
    }

    /** The read-only bits of a byte of the registers. */
    private static int flag(int f, int at) {
      for (ModelBar bar : BARS) {
        if (bar.function == f && bar.index * 4 == at) {
          return bar.isIo()
              ? 1
              : (bar.spec.type() == BarSpec.Type.MEMORY_64 ? 4 : 0)
                  + (bar.spec.prefetchable() ? 8 : 0);
        }
      }
      return 0;
    }

    /** The writable bits of a byte of the registers: address bits at or above the size. */
    private static int writable(int f, int at) {
      for (ModelBar bar : BARS) {
        int width = bar.spec.type() == BarSpec.Type.MEMORY_64 ? 8 : 4;
        if (bar.function == f && at >= bar.index * 4 && at < bar.index * 4 + width) {
          int bits = 0;
          for (int b = 0; b < 8; b++) {
            int bit = 8 * (at - bar.index * 4) + b;
            bits |= 1L << bit >= bar.spec.size() || bit == 63 ? 1 << b : 0;
          }
          return bits;
        }
      }
      return 0;
    }

    private void step(PciFunction function, int f, SplittableRandom random) {
      switch (random.nextInt(8)) {
        case 0, 1 -> {
          command[f] = random.nextInt(4);
          function.writeConfig(4, 1, command[f]);
        }
        case 2 -> {
          int state = random.nextInt(4);
          function.writeConfig(0x44, 1 << random.nextInt(3), state);
          power[f] = state == 0 || state == 3 ? state : power[f];
        }
        case 3 -> {
          int size = 1 << random.nextInt(3);
          write(function, f, random.nextInt(24 / size) * size, size, random.nextInt());
        }
        case 4 -> {
          // As a driver sizes it.
          int at = random.nextInt(6) * 4;
          write(function, f, at, 4, -1);
        }
        default -> {
          ModelBar bar = BARS.get(random.nextInt(BARS.size()));
          long base = bar.isIo() ? PORTS : random.nextBoolean() ? LOW : HIGH;
          // From one place before the window to one behind it.
          long at = base + random.nextLong(-1, 0x1_0000 / bar.spec.size() + 1) * bar.spec.size();
          if (random.nextInt(10) == 0) {
            at = 0;
          }
          if (bar.isIo()) {
            at = PORTS + random.nextInt(-1, 6) * bar.spec.size();
          } else if (random.nextBoolean()) {
            at = base + random.nextLong(0, 4) * 0x1000; // crowded
          }
          write(function, f, bar.index * 4, 4, at);
          if (bar.spec.type() == BarSpec.Type.MEMORY_64 && random.nextInt(4) != 0) {
            write(function, f, bar.index * 4 + 4, 4, at >>> 32);
          }
        }
      }
      for (ModelBar bar : BARS) {
        if (bar.function == f) {
          want(bar);
        }
      }
    }

    private void write(PciFunction function, int f, int at, int size, long value) {
      function.writeConfig(0x10 + at, size, value);
      for (int i = 0; i < size; i++) {
        int mask = writable(f, at + i);
        registers[f][at + i] =
            (byte) ((registers[f][at + i] & ~mask) | ((value >>> (8 * i)) & mask));
      }
      for (ModelBar bar : BARS) {
        if (bar.function == f) {
          want(bar);
        }
      }
    }

    private long address(ModelBar bar) {
      int width = bar.spec.type() == BarSpec.Type.MEMORY_64 ? 8 : 4;
      long value = 0;
      for (int i = width - 1; i >= 0; i--) {
        value = value << 8 | (registers[bar.function][bar.index * 4 + i] & 0xff);
      }
      return value & ~(bar.spec.size() - 1);
    }

    /** What the registers say now, as one change of the map. */
    private void want(ModelBar bar) {
      boolean decode = (command[bar.function] & (bar.isIo() ? 1 : 2)) != 0;
      long at = decode && power[bar.function] == 0 ? address(bar) : 0;
      if (at == wanted.getOrDefault(bar, 0L)) {
        return;
      }
      wanted.put(bar, at);
      mapped.remove(bar);
      waiting.remove(bar);
      if (at != 0) {
        if (!tryMap(bar)) {
          refusals++;
          if (inWindow(bar)) {
            waiting.add(bar);
          }
        }
      }
      waiting.removeIf(this::tryMap);
    }

    private boolean inWindow(ModelBar bar) {
      long at = wanted.getOrDefault(bar, 0L);
      long size = bar.spec.size();
      return bar.isIo()
          ? at >= PORTS && at + size <= PORTS + 0x100
          : (at >= LOW && at + size <= LOW + 0x1_0000)
              || (at >= HIGH && at + size <= HIGH + 0x1_0000);
    }

    private boolean tryMap(ModelBar bar) {
      if (!inWindow(bar)) {
        return false;
      }
      long at = wanted.getOrDefault(bar, 0L);
      for (Map.Entry<ModelBar, Long> other : mapped.entrySet()) {
        if (other.getKey().isIo() == bar.isIo()
            && at < other.getValue() + other.getKey().spec.size()
            && other.getValue() < at + bar.spec.size()) {
          return false;
        }
      }
      mapped.put(bar, at);
      return true;
    }

    private void compare(PciFunction[] functions, SplittableRandom random) {
      for (int f = 0; f < 2; f++) {
        for (int i = 0; i < 24; i++) {
          assertEquals(registers[f][i] & 0xff, functions[f].readConfig(0x10 + i, 1));
        }
      }
      assertEquals(refusals, windows.refusals());
      assertEquals(mapped.size(), listened.size());
      for (ModelBar bar : BARS) {
        PciBar real = functions[bar.function].bar(bar.index).orElseThrow();
        assertEquals(mapped.getOrDefault(bar, -1L), real.mappedAt(), real.name());
        assertEquals(mapped.get(bar), listened.get(real), real.name());
        long at = mapped.getOrDefault(bar, bar.isIo() ? (long) PORTS : LOW);
        access(bar.isIo(), at + random.nextLong(-8, bar.spec.size() + 8), random);
      }
    }

    private void access(boolean io, long address, SplittableRandom random) {
      int size = 1 << random.nextInt(4);
      ModelBar hit = null;
      for (Map.Entry<ModelBar, Long> e : mapped.entrySet()) {
        if (e.getKey().isIo() == io
            && address >= e.getValue()
            && address + size <= e.getValue() + e.getKey().spec.size()) {
          hit = e.getKey();
        }
      }
      if (!io && (address < LOW || address + size > LOW + 0x1_0000) && address < HIGH) {
        return; // the neighbours'
      }
      for (Recorder device : devices.values()) {
        device.accesses.clear();
      }
      Bus bus = io ? pio : mmio;
      String expected;
      if (random.nextBoolean()) {
        long ones = size == 8 ? -1 : (1L << (8 * size)) - 1;
        assertEquals(hit == null ? ones : BARS.indexOf(hit) + 1, bus.read(address, size));
        expected = "read %x/" + size;
      } else {
        bus.write(address, size, 0x5a);
        expected = "write %x/" + size + "=5a";
      }
      for (Map.Entry<ModelBar, Recorder> e : devices.entrySet()) {
        assertEquals(
            e.getKey().equals(hit)
                ? List.of(expected.formatted(address - mapped.getOrDefault(hit, 0L)))
                : List.of(),
            e.getValue().accesses);
      }
    }
  }
}

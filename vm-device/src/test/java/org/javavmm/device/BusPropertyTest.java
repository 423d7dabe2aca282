// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** Any sequence of adds and accesses against a list that is searched from front to back. */
class BusPropertyTest {
  private record Entry(String name, long start, long last, RecordingDevice device) {
    boolean has(long address) {
      return Long.compareUnsigned(start, address) <= 0 && Long.compareUnsigned(address, last) <= 0;
    }
  }

  private static final int[] WIDTHS = {1, 2, 4, 8};

  @Property(tries = 300)
  void mmioAgreesWithAList(@ForAll long seed) {
    // Around both ends of the address space, of the signed numbers, and of 32 bits.
    run(Bus.mmio(), "MMIO", -1L, new long[] {0, -1L, Long.MAX_VALUE, 0xffff_ffffL}, seed);
  }

  @Property(tries = 300)
  void portsAgreeWithAList(@ForAll long seed) {
    run(Bus.pio(), "port", 0xffff, new long[] {0, 0xffff, 0x8000}, seed);
  }

  private static void run(Bus bus, String busName, long limit, long[] centres, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<Entry> model = new ArrayList<>();
    long unclaimed = 0;
    for (int i = 0; i < 200; i++) {
      long address = centres[random.nextInt(centres.length)] + random.nextInt(-64, 64);
      if (random.nextInt(4) == 0) {
        add(bus, busName, limit, model, "d" + i, address, random.nextInt(-1, 24));
      } else if (!model.isEmpty() && random.nextInt(8) == 0) {
        Entry e = model.remove(random.nextInt(model.size()));
        assertEquals(new BusRange(e.name, e.start, e.last, e.device), bus.remove(e.start));
      } else if (!model.isEmpty() && random.nextInt(8) == 0) {
        move(bus, limit, model, random.nextInt(model.size()), address);
      } else {
        unclaimed += access(bus, model, address, random) ? 0 : 1;
      }
    }
    assertEquals(unclaimed, bus.unclaimedAccesses());
    model.sort((a, b) -> Long.compareUnsigned(a.start, b.start));
    assertEquals(
        model.stream().map(e -> new BusRange(e.name, e.start, e.last, e.device)).toList(),
        bus.ranges());
    for (Entry e : model) {
      assertEquals(e.name, bus.find(e.last).orElseThrow().name());
    }
  }

  /** It may move over itself, but not over another or beyond the bus. */
  private static void move(Bus bus, long limit, List<Entry> model, int which, long to) {
    Entry e = model.get(which);
    long last = to + (e.last - e.start);
    boolean fits = Long.compareUnsigned(last, to) >= 0 && Long.compareUnsigned(last, limit) <= 0;
    for (Entry other : model) {
      fits &=
          other.equals(e)
              || Long.compareUnsigned(other.last, to) < 0
              || Long.compareUnsigned(last, other.start) < 0;
    }
    if (fits) {
      bus.move(e.start, to);
      model.set(which, new Entry(e.name, to, last, e.device));
    } else {
      assertThrows(IllegalArgumentException.class, () -> bus.move(e.start, to));
    }
  }

  private static void add(
      Bus bus, String busName, long limit, List<Entry> model, String name, long start, long size) {
    long last = start + (size - 1);
    RecordingDevice device = new RecordingDevice(name.hashCode());
    String range = name + " [0x" + Long.toHexString(start) + "..0x" + Long.toHexString(last) + "]";
    if (size <= 0
        || Long.compareUnsigned(last, start) < 0
        || Long.compareUnsigned(last, limit) > 0) {
      assertEquals(
          range
              + " does not fit on the "
              + busName
              + " bus (size="
              + size
              + ", last address 0x"
              + Long.toHexString(limit)
              + ")",
          assertThrows(IllegalArgumentException.class, () -> bus.add(name, start, size, device))
              .getMessage());
      return;
    }
    List<String> overlaps = new ArrayList<>();
    for (Entry e : model) {
      if (e.has(start)
          || e.has(last)
          || (Long.compareUnsigned(start, e.start) < 0 && Long.compareUnsigned(e.last, last) < 0)) {
        overlaps.add(
            range
                + " overlaps "
                + e.name
                + " [0x"
                + Long.toHexString(e.start)
                + "..0x"
                + Long.toHexString(e.last)
                + "]");
      }
    }
    if (overlaps.isEmpty()) {
      bus.add(name, start, size, device);
      model.add(new Entry(name, start, last, device));
    } else {
      String message =
          assertThrows(IllegalArgumentException.class, () -> bus.add(name, start, size, device))
              .getMessage();
      assertEquals(true, overlaps.contains(message), message);
    }
  }

  /** Whether somebody claimed the access. */
  private static boolean access(Bus bus, List<Entry> model, long address, SplittableRandom random) {
    int size = WIDTHS[random.nextInt(WIDTHS.length)];
    long mask = -1L >>> (64 - 8 * size);
    long last = address + (size - 1);
    Entry claimant = null;
    for (Entry e : model) {
      e.device.accesses.clear();
      if (e.has(address) && e.has(last) && Long.compareUnsigned(address, last) <= 0) {
        claimant = e;
      }
    }
    String offset = claimant == null ? "" : Long.toHexString(address - claimant.start);
    List<String> expected;
    if (random.nextBoolean()) {
      long value = bus.read(address, size);
      assertEquals(claimant == null ? mask : claimant.name.hashCode() & mask, value);
      expected = List.of("read " + offset + "/" + size);
    } else {
      long value = random.nextLong();
      bus.write(address, size, value);
      expected = List.of("write " + offset + "/" + size + "=" + Long.toHexString(value & mask));
    }
    for (Entry e : model) {
      assertEquals(e.equals(claimant) ? expected : List.of(), e.device.accesses, e.name);
    }
    return claimant != null;
  }
}

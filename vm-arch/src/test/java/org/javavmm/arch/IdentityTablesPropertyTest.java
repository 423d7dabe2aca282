// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.javavmm.device.AddressRange;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestMemoryException;
import org.javavmm.sys.SystemCallException;

/**
 * Tables of any ranges against a walker (Intel SDM vol. 3, 4.5) and against the ranges themselves.
 */
class IdentityTablesPropertyTest {
  private static final long LIMIT = 1L << 47;
  private static final long MIB2 = 2L << 20;
  private static final long GIB = 1L << 30;
  private static final long TABLES = 0x3000;
  private static final long ROOM = 4L << 20;

  /** Ranges from a byte to some GiB, near one another and at both ends of what can be mapped. */
  @Provide
  Arbitrary<List<AddressRange>> ranges() {
    Arbitrary<Long> bases =
        Arbitraries.of(0L, 3 * GIB, 4 * GIB, 511 * GIB, 40L << 40, LIMIT - 9 * GIB);
    Arbitrary<Long> offsets = Arbitraries.longs().between(0, 3 * GIB);
    Arbitrary<Long> sizes =
        Arbitraries.oneOf(
            Arbitraries.longs().between(1, 4 * MIB2),
            Arbitraries.longs().between(1, 5 * GIB),
            Arbitraries.of(GIB, 2 * GIB, MIB2));
    Arbitrary<AddressRange> range =
        Combinators.combine(bases, Arbitraries.oneOf(offsets, Arbitraries.just(0L)), sizes)
            .as((base, offset, size) ->
                new AddressRange("x", base + offset, base + offset + size - 1));
    return range.list().ofMinSize(1).ofMaxSize(5);
  }

  /** The address and, in the low bit of the size, nothing: what a walk finds. */
  private record Hit(OptionalLong physical, long page, Set<Long> tables) {}

  private static Hit walk(GuestMemory memory, long linear) {
    Set<Long> tables = new HashSet<>();
    long table = TABLES;
    for (int level = 4; level > 0; level--) {
      tables.add(table);
      int shift = 12 + 9 * (level - 1);
      long entry = memory.getLong(table + 8 * (linear >>> shift & 511));
      if ((entry & 1) == 0) {
        return new Hit(OptionalLong.empty(), 0, tables);
      }
      assertEquals(3, entry & 0x7f, "present and writable, and nothing else");
      assertEquals(0, entry >>> 52, "no bits above the address");
      long mask = (1L << shift) - 1;
      if ((entry & 0x80) != 0) {
        assertTrue(level == 2 || level == 3, "a page of 2 MiB or 1 GiB");
        assertEquals(0, entry & mask & ~0xfffL, "an address that is a multiple of the page size");
        return new Hit(
            OptionalLong.of((entry & ~0xfffL & ~mask) | (linear & mask)), mask + 1, tables);
      }
      table = entry & ~0xfffL;
    }
    throw new AssertionError("the tables have no 4 KiB pages");
  }

  /** Whether one of the ranges has a byte in the 2 MiB around an address. */
  private static boolean wanted(List<AddressRange> ranges, long linear) {
    long first = linear & -MIB2;
    return ranges.stream().anyMatch(r -> r.start() < first + MIB2 && r.last() >= first);
  }

  private static boolean wholeGigabyte(List<AddressRange> ranges, long linear) {
    long first = linear & -GIB;
    for (long at = first; at < first + GIB; at += MIB2) {
      if (!wanted(ranges, at)) {
        return false;
      }
    }
    return true;
  }

  @Property(tries = 80)
  void mapsWhatIsAskedAndNothingElse(
      @ForAll("ranges") List<AddressRange> ranges, @ForAll boolean gigabytePages)
      throws SystemCallException {
    PageTables plan = PageTables.identity(ranges, gigabytePages);
    assertEquals(0, plan.size() & 0xfff);
    try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, ROOM).build()) {
      memory.fill(0, ROOM, (byte) 0xee);
      plan.write(memory, TABLES);
      assertEquals((byte) 0xee, memory.getByte(TABLES - 1));
      assertEquals((byte) 0xee, memory.getByte(TABLES + plan.size()));

      List<Long> probes = new ArrayList<>(List.of(0L, GIB, 4 * GIB, LIMIT - 1));
      for (AddressRange r : ranges) {
        for (long edge : new long[] {r.start(), r.last(), (r.start() + r.last()) / 2}) {
          for (long d : new long[] {0, 1, -1, MIB2, -MIB2, GIB, -GIB}) {
            probes.add(edge + d);
          }
        }
      }
      Set<Long> tables = new HashSet<>();
      for (long linear : probes) {
        if (linear < 0 || linear >= LIMIT) {
          continue;
        }
        Hit hit = walk(memory, linear);
        tables.addAll(hit.tables());
        if (!wanted(ranges, linear)) {
          assertEquals(OptionalLong.empty(), hit.physical(), () -> Long.toHexString(linear));
          continue;
        }
        assertEquals(OptionalLong.of(linear), hit.physical());
        boolean large = gigabytePages && wholeGigabyte(ranges, linear);
        assertEquals(large ? GIB : MIB2, hit.page());
      }
      for (AddressRange r : ranges) {
        for (long at = r.start() & -GIB; at <= r.last(); at += GIB) {
          tables.addAll(walk(memory, at).tables());
        }
      }
      assertEquals(plan.size(), 4096L * tables.size(), "each table is used");
      for (long table : tables) {
        assertTrue(table >= TABLES && table < TABLES + plan.size());
      }
    }
  }

  @Example
  void theFirstFourGibAreTheTablesOfWriteIdentity() throws SystemCallException {
    PageTables plan = PageTables.identity(List.of(new AddressRange("low", 0, 4 * GIB - 1)), false);
    assertEquals(PageTables.SIZE, plan.size());
    try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 128 << 10).build()) {
      plan.write(memory, 0);
      byte[] planned = new byte[PageTables.SIZE];
      memory.read(0, planned);
      PageTables.writeIdentity(memory, 0);
      byte[] fixed = new byte[PageTables.SIZE];
      memory.read(0, fixed);
      assertArrayEquals(fixed, planned);
    }
  }

  @Example
  void sizes() {
    AddressRange low = new AddressRange("low", 0, 4 * GIB - 1);
    AddressRange high = new AddressRange("kernel", 5 * GIB + 1, 5 * GIB + 2);
    assertEquals(7 * 4096, PageTables.identity(List.of(low, high), false).size());
    assertEquals(3 * 4096, PageTables.identity(List.of(low, high), true).size());
    assertEquals(2 * 4096, PageTables.identity(List.of(low), true).size());
  }

  @Example
  void misuse() throws SystemCallException {
    refused("there is no range to map", List.of());
    refused("x [0x5..0x4] ends before it starts", List.of(new AddressRange("x", 5, 4)));
    refused(
        "x [0x0..0x800000000000] is not below 0x800000000000, the end of what can be mapped",
        List.of(new AddressRange("x", 0, LIMIT)));
    refused(
        "x [0x0..0xffffffffffffffff] is not below 0x800000000000, the end of what can be mapped",
        List.of(new AddressRange("x", 0, -1)));
    PageTables plan = PageTables.identity(List.of(new AddressRange("x", 0, 0)), false);
    assertEquals(3 * 4096, plan.size());
    try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 16 << 10).build()) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> plan.write(memory, 0x1008));
      assertEquals("gpa=0x1008 is not a multiple of 4096", e.getMessage());
      e = assertThrows(IllegalArgumentException.class, () -> plan.write(memory, -4096));
      assertEquals(
          "gpa=0xfffffffffffff000: tables of 0x3000 bytes do not end below 0x800000000000",
          e.getMessage());
      assertThrows(GuestMemoryException.class, () -> plan.write(memory, 0x2000));
      for (int i = 0; i < 16 << 10; i++) {
        assertFalse(memory.getByte(i) != 0, "nothing is written");
      }
    }
  }

  private static void refused(String message, List<AddressRange> ranges) {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> PageTables.identity(ranges, false));
    assertEquals(message, e.getMessage());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.javavmm.device.AddressRange;
import org.javavmm.kvm.Msrs;
import org.junit.jupiter.api.function.Executable;

/** The registers against an evaluator that follows Intel SDM vol. 3, 13.11.4 for each address. */
class MtrrPropertyTest {
  private static final int UNCACHED = 0;
  private static final int WRITE_BACK = 6;
  private static final int BITS = 40;
  private static final long GIB = 1L << 30;
  private static final AddressRange HOLE = new AddressRange("hole", 3 * GIB, 4 * GIB - 1);

  /** The type that a processor with these registers gives an address. */
  private static int type(Map<Integer, Long> msrs, long address) {
    long def = msrs.getOrDefault(0x2ff, 0L);
    if ((def & 0x800) == 0) {
      return UNCACHED;
    }
    if ((def & 0x400) != 0 && address < 0x10_0000) {
      int msr;
      long index;
      if (address < 0x8_0000) {
        msr = 0x250;
        index = address / 0x1_0000;
      } else if (address < 0xc_0000) {
        msr = address < 0xa_0000 ? 0x258 : 0x259;
        index = (address - 0x8_0000) / 0x4000 % 8;
      } else {
        msr = 0x268 + (int) ((address - 0xc_0000) / 0x8000);
        index = (address - 0xc_0000) / 0x1000 % 8;
      }
      return (int) (msrs.getOrDefault(msr, 0L) >>> (8 * index) & 0xff);
    }
    int found = -1;
    for (int i = 0; i < 8; i++) {
      long base = msrs.getOrDefault(0x200 + 2 * i, 0L);
      long mask = msrs.getOrDefault(0x201 + 2 * i, 0L);
      long bits = mask & ((1L << BITS) - 1) & ~0xfffL;
      if ((mask & 0x800) != 0 && (base & bits) == (address & bits)) {
        int type = (int) (base & 0xff);
        found = found == -1 ? type : Math.min(found, type); // uncached wins
      }
    }
    return found == -1 ? (int) (def & 0xff) : found;
  }

  private static Map<Integer, Long> registers(Mtrr mtrr) {
    Map<Integer, Long> registers = new HashMap<>();
    for (Msrs.Entry e : mtrr.msrs().entries()) {
      assertEquals(null, registers.put(e.index(), e.data()));
    }
    return registers;
  }

  @Provide
  Arbitrary<List<AddressRange>> ranges() {
    Arbitrary<Long> bases =
        Arbitraries.of(1L << 20, 2 * GIB, 3 * GIB, 4 * GIB, 6 * GIB, (1L << BITS) - 4 * GIB);
    Arbitrary<Long> offsets = Arbitraries.longs().between(0, 64).map(n -> n * 4096);
    Arbitrary<Long> sizes =
        Arbitraries.oneOf(
            Arbitraries.longs().between(1, 40).map(n -> n * 4096),
            Arbitraries.longs().between(12, 31).map(n -> 1L << n));
    return Combinators.combine(bases, offsets, sizes)
        .as((base, offset, size) -> new AddressRange("x", base + offset, base + offset + size - 1))
        .list()
        .ofMaxSize(3);
  }

  @Property
  void everyAddressHasItsType(@ForAll("ranges") List<AddressRange> ranges) {
    Mtrr mtrr;
    try {
      mtrr = Mtrr.uncached(BITS, ranges);
    } catch (IllegalArgumentException e) {
      String message = String.valueOf(e.getMessage());
      assertTrue(
          message.matches("uncached ranges need (9|[1-9][0-9]+) registers, more than 8: .*"),
          message);
      return;
    }
    Map<Integer, Long> registers = registers(mtrr);
    List<Long> probes = new ArrayList<>(List.of(0L, 0x10_0000L, GIB, (1L << BITS) - 1));
    for (AddressRange r : ranges) {
      for (long edge : new long[] {r.start(), r.last(), (r.start() + r.last()) / 2}) {
        for (long d : new long[] {0, 1, -1, 4096, -4096, 1 << 20, -(1 << 20), GIB, -GIB}) {
          probes.add(edge + d);
        }
      }
    }
    for (long address : probes) {
      if (address < 0 || address >= 1L << BITS) {
        continue;
      }
      boolean fixed = address < 0x10_0000;
      boolean uncached =
          fixed
              ? address >= 0xa_0000 && address < 0xc_0000
              : ranges.stream().anyMatch(r -> r.contains(address));
      assertEquals(
          uncached ? UNCACHED : WRITE_BACK,
          type(registers, address),
          () -> "0x" + Long.toHexString(address) + " with " + mtrr);
    }
    for (Mtrr.Range r : mtrr.variable()) {
      assertEquals(1, Long.bitCount(r.size()));
      assertEquals(0, r.base() % r.size());
    }
  }

  @Example
  void theHoleTakesOneRegister() {
    Mtrr mtrr = Mtrr.uncached(BITS, List.of(HOLE));
    Map<Integer, Long> registers = registers(mtrr);
    assertEquals(0xc000_0000L, registers.get(0x200));
    assertEquals(0xff_c000_0800L, registers.get(0x201));
    assertEquals(0L, registers.get(0x203));
    assertEquals(0xc06L, registers.get(0x2ff));
    assertEquals(0x2ff, mtrr.msrs().entries().getLast().index(), "enabled when all is set");
    assertEquals(
        "reg00: base=0x0c0000000 ( 3072MB), size= 1024MB, count=1: uncachable\n", mtrr.procMtrr());
  }

  @Example
  void splitsAtPowersOfTwo() {
    Mtrr mtrr =
        Mtrr.uncached(
            BITS,
            List.of(
                HOLE,
                new AddressRange("rom", 0x10_1000, 0x10_1fff),
                new AddressRange("window", 0xa000_0000L, 0xbfff_ffffL)));
    assertEquals(
        """
        reg00: base=0x000101000 (    1MB), size=    4KB, count=1: uncachable
        reg01: base=0x0a0000000 ( 2560MB), size=  512MB, count=1: uncachable
        reg02: base=0x0c0000000 ( 3072MB), size= 1024MB, count=1: uncachable
        """,
        mtrr.procMtrr());
    assertEquals("", Mtrr.uncached(BITS, List.of()).procMtrr());
  }

  @Example
  void misuse() {
    refused("addressBits=35 is not in 36..52", () -> Mtrr.uncached(35, List.of()));
    refused("addressBits=53 is not in 36..52", () -> Mtrr.uncached(53, List.of()));
    one("x [0x100001..0x100fff] does not start and end at multiples of 4096", 0x10_0001, 0x10_0fff);
    one("x [0x100000..0x100ffe] does not start and end at multiples of 4096", 0x10_0000, 0x10_0ffe);
    one("x [0x200000..0x1fffff] ends before it starts", 0x20_0000, 0x1f_ffff);
    one(
        "x [0xff000..0x100fff] starts below 1 MiB, where the fixed registers hold",
        0xf_f000,
        0x10_0fff);
    one("x [0x100000..0x10000000fff] exceeds addresses of 40 bits", 0x10_0000, (1L << 40) + 0xfff);
    one("x [0x100000..0xffffffffffffffff] exceeds addresses of 40 bits", 0x10_0000, -1);
    one(
        "uncached ranges need 17 registers, more than 8: [x [0x101000..0x3fffffff]]",
        0x10_1000,
        GIB - 1);
  }

  private static void one(String message, long start, long last) {
    refused(message, () -> Mtrr.uncached(BITS, List.of(new AddressRange("x", start, last))));
  }

  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }
}

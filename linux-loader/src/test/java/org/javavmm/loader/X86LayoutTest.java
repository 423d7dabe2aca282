// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.javavmm.memory.GuestMemory;
import org.junit.jupiter.api.Test;

class X86LayoutTest {
  @Test
  void splitsMemoryAroundTheHole() throws Exception {
    assertEquals(List.of(new MemoryRange(0, 4096)), X86Layout.splitRam(4096));
    assertEquals(List.of(new MemoryRange(0, 0xc000_0000L)), X86Layout.splitRam(0xc000_0000L));
    assertEquals(
        List.of(new MemoryRange(0, 0xc000_0000L), new MemoryRange(0x1_0000_0000L, 4096)),
        X86Layout.splitRam(0xc000_1000L));
    assertEquals(
        List.of(
            new MemoryRange(0, 0xc000_0000L),
            new MemoryRange(0x1_0000_0000L, (1L << 52) - 0x1_0000_0000L)),
        X86Layout.splitRam((1L << 52) - 0x4000_0000L));
  }

  @Test
  void refusesOddSizes() {
    for (long size : new long[] {0, -4096, 1, 4095, Long.MIN_VALUE}) {
      assertEquals(
          "memory of " + size + " bytes: size is not a positive multiple of 4096",
          assertThrows(IllegalArgumentException.class, () -> X86Layout.splitRam(size))
              .getMessage());
    }
    assertThrows(IllegalArgumentException.class, () -> X86Layout.splitRam(Long.MAX_VALUE - 4095));
    assertThrows(
        IllegalArgumentException.class, () -> X86Layout.splitRam((1L << 52) - 0x3fff_f000L));
  }

  @Test
  void rangesAreNeverEmptyAndNeverWrap() {
    assertEquals(
        "range(gpa=0x1000, size=0): size is not positive",
        assertThrows(IllegalArgumentException.class, () -> new MemoryRange(0x1000, 0))
            .getMessage());
    assertEquals(
        "range(gpa=0x1, size=4503599627370496): end is above 0x10000000000000",
        assertThrows(IllegalArgumentException.class, () -> new MemoryRange(1, 1L << 52))
            .getMessage());
    assertThrows(IllegalArgumentException.class, () -> new MemoryRange(-1, 1));
    assertThrows(IllegalArgumentException.class, () -> new MemoryRange(-1, Long.MAX_VALUE));
    assertEquals(1L << 52, new MemoryRange(0, 1L << 52).end());
  }

  @Test
  void rangesKnowTheirNeighbours() {
    MemoryRange range = MemoryRange.between(0x1000, 0x2000);
    assertTrue(range.overlaps(MemoryRange.between(0x1fff, 0x3000)));
    assertFalse(range.overlaps(MemoryRange.between(0x2000, 0x3000)));
    assertFalse(range.overlaps(MemoryRange.between(0, 0x1000)));
    assertTrue(range.contains(range));
    assertFalse(range.contains(MemoryRange.between(0x1000, 0x2001)));
    assertFalse(range.contains(MemoryRange.between(0xfff, 0x2000)));
  }

  @Test
  void rangesOfAMemoryAreItsRegions() throws Exception {
    try (GuestMemory memory =
        GuestMemory.builder().anonymous("b", 0x10000, 4096).anonymous("a", 0, 8192).build()) {
      assertEquals(
          List.of(new MemoryRange(0, 8192), new MemoryRange(0x10000, 4096)),
          MemoryRange.of(memory));
    }
  }
}

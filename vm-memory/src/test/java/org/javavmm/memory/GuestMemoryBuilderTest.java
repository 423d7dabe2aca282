// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.javavmm.sys.SystemCallException;
import org.junit.jupiter.api.Test;

class GuestMemoryBuilderTest {
  private static void assertRefused(String message, long gpa, long size) {
    GuestMemory.Builder builder = GuestMemory.builder().anonymous("low", 0x1000, 0x2000);
    assertEquals(
        message,
        assertThrows(IllegalArgumentException.class, () -> builder.anonymous("x", gpa, size))
            .getMessage());
  }

  @Test
  void sizesAndAddressesAreChecked() {
    assertRefused("region x(gpa=0x1, size=0): size is not a positive multiple of 4096 bytes", 1, 0);
    assertRefused(
        "region x(gpa=0x10000, size=4097): size is not a positive multiple of 4096 bytes",
        0x10000,
        4097);
    assertRefused(
        "region x(gpa=0x10000, size=-4096): size is not a positive multiple of 4096 bytes",
        0x10000,
        -4096);
    assertRefused("region x(gpa=0x10001, size=4096): gpa is not a multiple of 4096", 0x10001, 4096);
    assertRefused("region x(gpa=0xfffffffffffff000, size=8192): end exceeds 2^64", -4096, 8192);
  }

  @Test
  void overlapsNameBoth() {
    String both = "): overlaps region low(gpa=0x1000, size=8192)";
    assertRefused("region x(gpa=0x1000, size=8192" + both, 0x1000, 0x2000);
    assertRefused("region x(gpa=0x2000, size=4096" + both, 0x2000, 0x1000);
    assertRefused("region x(gpa=0x0, size=8192" + both, 0, 0x2000);
    assertRefused("region x(gpa=0x0, size=16384" + both, 0, 0x4000);
  }

  @Test
  void neighboursAreNoOverlap() throws Exception {
    try (GuestMemory memory =
        GuestMemory.builder()
            .anonymous("b", 0x1000, 0x1000)
            .anonymous("a", 0, 0x1000)
            .anonymous("c", 0x2000, 0x1000)
            .anonymous("top", -4096, 4096)
            .build()) {
      assertEquals(4, memory.regions().size());
    }
  }

  @Test
  void anEmptyMemoryIsRefused() {
    assertEquals(
        "a guest memory needs at least one region",
        assertThrows(IllegalStateException.class, () -> GuestMemory.builder().build())
            .getMessage());
  }

  @Test
  void aBuilderMakesAsManyMemoriesAsAskedFor() throws Exception {
    GuestMemory.Builder builder = GuestMemory.builder().anonymous("a", 0, 4096);
    try (GuestMemory one = builder.build();
        GuestMemory two = builder.build()) {
      one.putByte(0, (byte) 1);
      assertEquals(0, two.getByte(0));
      assertInstanceOf(SingleRegionMemory.class, one);
    }
  }

  @Test
  void aHostWithoutRoomIsNamed() {
    SystemCallException e =
        assertThrows(
            SystemCallException.class,
            () ->
                GuestMemory.builder()
                    .anonymous("small", 0, 4096)
                    .anonymous("huge", 1L << 62, 1L << 62)
                    .build());
    assertEquals(
        "region huge(gpa=0x4000000000000000, size=4611686018427387904): "
            + "mmap(anonymous, offset=0, size=4611686018427387904): ENOMEM (out of memory)",
        e.getMessage());
  }
}

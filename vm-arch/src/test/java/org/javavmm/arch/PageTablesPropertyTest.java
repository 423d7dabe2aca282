// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.OptionalLong;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestMemoryException;
import org.javavmm.sys.SystemCallException;
import org.jspecify.annotations.Nullable;

/** The tables against a walker that follows them bit by bit (Intel SDM vol. 3, 4.5). */
class PageTablesPropertyTest {
  private static final long TABLES = 0x9000;
  private static final long FOUR_GIB = 1L << 32;

  private static @Nullable GuestMemory shared;

  @BeforeContainer
  static void write() throws SystemCallException {
    GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 128 << 10).build();
    memory.fill(0, 128 << 10, (byte) 0xee);
    PageTables.writeIdentity(memory, TABLES);
    shared = memory;
  }

  @AfterContainer
  static void close() {
    memory().close();
  }

  private static GuestMemory memory() {
    GuestMemory memory = shared;
    if (memory == null) {
      throw new IllegalStateException("the memory is made before the first test");
    }
    return memory;
  }

  private static OptionalLong walk(long linear) {
    long table = TABLES;
    for (int level = 4; level > 0; level--) {
      int shift = 12 + 9 * (level - 1);
      long entry = memory().getLong(table + 8 * (linear >>> shift & 511));
      if ((entry & 1) == 0) {
        return OptionalLong.empty();
      }
      assertEquals(3, entry & 0x7f, "present and writable, and nothing else");
      assertEquals(0, entry >>> 52, "no bits above the address");
      if (level < 4 && (entry & 0x80) != 0) {
        long mask = (1L << shift) - 1;
        assertEquals(0, entry & mask & ~0xfffL, "an address that is a multiple of the page size");
        return OptionalLong.of((entry & ~0xfffL & ~mask) | (linear & mask));
      }
      table = entry & ~0xfffL;
      assertTrue(table >= TABLES && table + 4096 <= TABLES + PageTables.SIZE);
    }
    throw new AssertionError("the tables have no 4 KiB pages");
  }

  @Property
  void identityBelowFourGib(@ForAll @LongRange(max = FOUR_GIB - 1) long linear) {
    assertEquals(OptionalLong.of(linear), walk(linear));
  }

  @Property
  void nothingAbove(@ForAll @LongRange(min = FOUR_GIB, max = (1L << 47) - 1) long linear) {
    assertEquals(OptionalLong.empty(), walk(linear));
    assertEquals(OptionalLong.empty(), walk(-linear));
  }

  @Example
  void edges() {
    assertEquals(OptionalLong.of(0), walk(0));
    assertEquals(OptionalLong.of(FOUR_GIB - 1), walk(FOUR_GIB - 1));
    assertEquals(OptionalLong.empty(), walk(FOUR_GIB));
    assertEquals(OptionalLong.empty(), walk(-1));
    assertEquals((byte) 0xee, memory().getByte(TABLES - 1));
    assertEquals((byte) 0xee, memory().getByte(TABLES + PageTables.SIZE));
  }

  @Example
  void misuse() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class, () -> PageTables.writeIdentity(memory(), 0x1008));
    assertEquals("gpa=0x1008 is not a multiple of 4096", e.getMessage());
    assertThrows(GuestMemoryException.class, () -> PageTables.writeIdentity(memory(), 124 << 10));
  }
}

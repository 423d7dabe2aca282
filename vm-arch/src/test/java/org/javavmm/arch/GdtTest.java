// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.javavmm.kvm.Segment;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestMemoryException;
import org.junit.jupiter.api.Test;

/** The descriptors against the values that the manuals give, and the hidden parts against them. */
class GdtTest {
  private static final long CODE = 0x00af_9b00_0000_ffffL;
  private static final long DATA = 0x00cf_9300_0000_ffffL;
  private static final long TSS = 0x008f_8b00_0000_ffffL;
  private static final long CODE32 = 0x00cf_9b00_0000_ffffL;
  private static final long TSS32 = 0x0000_8b00_0000_0067L;

  @Test
  void table() throws Exception {
    try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 4096).build()) {
      memory.fill(0, 4096, (byte) 0xee);
      Gdt.write(memory, 0x500);
      long[] expected = {0, 0, CODE, DATA, TSS};
      assertEquals(Gdt.SIZE, 8 * expected.length);
      for (int i = 0; i < expected.length; i++) {
        assertEquals(
            Long.toHexString(expected[i]), Long.toHexString(memory.getLong(0x500 + 8L * i)));
      }
      assertEquals((byte) 0xee, memory.getByte(0x4ff));
      assertEquals((byte) 0xee, memory.getByte(0x500 + Gdt.SIZE));
      assertThrows(GuestMemoryException.class, () -> Gdt.write(memory, 4096));
    }
  }

  @Test
  void tableOf32Bits() throws Exception {
    try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 4096).build()) {
      memory.fill(0, 4096, (byte) 0xee);
      Gdt.write32(memory, 0x500);
      long[] expected = {0, 0, CODE32, DATA, TSS32};
      for (int i = 0; i < expected.length; i++) {
        assertEquals(
            Long.toHexString(expected[i]), Long.toHexString(memory.getLong(0x500 + 8L * i)));
      }
      assertEquals((byte) 0xee, memory.getByte(0x4ff));
      assertEquals((byte) 0xee, memory.getByte(0x500 + Gdt.SIZE));
      assertThrows(GuestMemoryException.class, () -> Gdt.write32(memory, 4096 - Gdt.SIZE + 8));
      assertEquals((byte) 0xee, memory.getByte(4095), "nothing is written");
    }
  }

  @Test
  void selectorsAreThoseOfTheBootProtocol() {
    assertEquals(0x10, Gdt.CODE_SELECTOR);
    assertEquals(0x18, Gdt.DATA_SELECTOR);
    assertEquals(Gdt.CODE_SELECTOR, Gdt.code().selector());
    assertEquals(Gdt.DATA_SELECTOR, Gdt.data().selector());
    assertEquals(Gdt.TSS_SELECTOR, Gdt.tss().selector());
  }

  @Test
  void hiddenPartsAreTheDescriptors() {
    assertEquals(loaded(CODE, Gdt.CODE_SELECTOR), Gdt.code());
    assertEquals(loaded(DATA, Gdt.DATA_SELECTOR), Gdt.data());
    assertEquals(loaded(TSS, Gdt.TSS_SELECTOR), Gdt.tss());
    assertEquals(loaded(CODE32, Gdt.CODE_SELECTOR), Gdt.code32());
    assertEquals(loaded(TSS32, Gdt.TSS_SELECTOR), Gdt.tss32());
    assertEquals(0x67, Gdt.tss32().limit());
  }

  /** What a processor makes of a descriptor when it loads it (Intel SDM vol. 3, 3.4.5). */
  private static Segment loaded(long d, int selector) {
    boolean pages = bit(d, 55);
    int limit = (int) ((d & 0xffff) | ((d >>> 32) & 0xf_0000));
    return new Segment(
        ((d >>> 16) & 0xff_ffff) | ((d >>> 32) & 0xff00_0000L),
        pages ? limit << 12 | 0xfff : limit,
        selector,
        (int) (d >>> 40) & 0xf,
        bit(d, 47),
        (int) (d >>> 45) & 3,
        bit(d, 54),
        bit(d, 44),
        bit(d, 53),
        pages,
        bit(d, 52),
        false);
  }

  private static boolean bit(long value, int number) {
    return (value >>> number & 1) != 0;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.javavmm.device.DoorbellAddress.Space;
import org.junit.jupiter.api.Test;

class DoorbellAddressTest {
  private static String refused(Space space, long address, int size, boolean matched, long value) {
    return String.valueOf(
        assertThrows(
                IllegalArgumentException.class,
                () -> new DoorbellAddress(space, address, size, matched, value))
            .getMessage());
  }

  @Test
  void numbersAreChecked() {
    for (int size : new int[] {-1, 3, 5, 6, 7, 9, 16, Integer.MIN_VALUE}) {
      assertEquals(
          "size=" + size + ", must be 0, 1, 2, 4 or 8", refused(Space.MMIO, 0, size, false, 0));
    }
    assertEquals(
        "port=0x10000, size=1, must be 0x0 to 0xffff and at most 4 bytes",
        refused(Space.PIO, 0x1_0000, 1, false, 0));
    assertEquals(
        "port=0xffffffffffffffff, size=0, must be 0x0 to 0xffff and at most 4 bytes",
        refused(Space.PIO, -1, 0, false, 0));
    assertEquals(
        "port=0x50, size=8, must be 0x0 to 0xffff and at most 4 bytes",
        refused(Space.PIO, 0x50, 8, false, 0));
    assertEquals(
        "size=0, must be 1, 2, 4 or 8 where a value is matched",
        refused(Space.MMIO, 0, 0, true, 0));
    assertEquals(
        "value=0x100 does not fit size=1, matched=true", refused(Space.MMIO, 0, 1, true, 0x100));
    assertEquals(
        "value=0x1 does not fit size=4, matched=false", refused(Space.MMIO, 0, 4, false, 1));
  }

  @Test
  void textsNameWhatMatters() {
    assertEquals("MMIO 0xfffffffffffffff8", DoorbellAddress.mmio(-8, 0).toString());
    assertEquals("MMIO 0x1000 size=2", DoorbellAddress.mmio(0x1000, 2).toString());
    assertEquals(
        "MMIO 0x1000 size=8 value=0xffffffffffffffff",
        DoorbellAddress.mmio(0x1000, 8, -1).toString());
    assertEquals("port 0xffff size=4", DoorbellAddress.pio(0xffff, 4).toString());
  }
}

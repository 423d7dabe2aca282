// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.javavmm.memory.GuestMemoryException.Reason;
import org.junit.jupiter.api.Test;

class SingleRegionMemoryTest extends GuestMemoryTestCase {
  @Override
  GuestMemory build() throws Exception {
    return GuestMemory.builder().anonymous("low", START, END - START).build();
  }

  @Override
  Class<? extends GuestMemory> implementation() {
    return SingleRegionMemory.class;
  }

  @Test
  void atTheTopOfTheAddressSpace() throws Exception {
    try (GuestMemory memory = GuestMemory.builder().anonymous("top", -4096, 4096).build()) {
      memory.putByte(-1, (byte) 3);
      assertEquals(0x0300_0000, memory.getInt(-4));
      assertFault(
          Reason.OVERFLOW,
          "guest memory read(gpa=0xfffffffffffffffd, length=4): address + length exceeds 2^64",
          () -> memory.getInt(-3));
      assertFault(
          Reason.HOLE,
          "guest memory read(gpa=0x0, length=1): no memory there (hole)",
          () -> memory.getByte(0));
      memory.fill(-4096, 4096, (byte) 1);
      assertEquals(0x0101_0101_0101_0101L, memory.getLong(-8));
      assertEquals(true, memory.contains(-4096, 4096));
      assertEquals(false, memory.contains(-4096, 4097));
      assertEquals(-1, memory.regions().getFirst().lastGpa());
    }
  }
}

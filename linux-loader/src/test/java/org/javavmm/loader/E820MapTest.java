// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;

class E820MapTest {
  @Test
  void typesHaveTheirNumbers() {
    assertEquals(
        List.of(1, 2, 3, 4, 5, 7),
        List.of(E820Map.Type.values()).stream().map(E820Map.Type::number).toList());
  }

  @Test
  void reservedEntriesComeBeforeMemory() {
    E820Map map =
        E820Map.x86(
            X86Layout.splitRam(0x200000),
            List.of(
                new E820Map.Entry(MemoryRange.between(0x1f0000, 0x210000), E820Map.Type.NVS),
                new E820Map.Entry(MemoryRange.between(0x1e0000, 0x1f0000), E820Map.Type.NVS)));
    assertEquals(
        "[0x0..0x9fc00 RAM, 0x9fc00..0x100000 RESERVED, 0x100000..0x1e0000 RAM,"
            + " 0x1e0000..0x210000 NVS]",
        map.entries().toString());
  }

  @Test
  void refusesContradictions() {
    List<MemoryRange> ram = X86Layout.splitRam(0x200000);
    E820Map.Entry acpi =
        new E820Map.Entry(MemoryRange.between(0x100000, 0x102000), E820Map.Type.ACPI);
    E820Map.Entry nvs =
        new E820Map.Entry(MemoryRange.between(0x101fff, 0x103000), E820Map.Type.NVS);
    assertEquals(
        "reserved entry 0x101fff..0x103000 NVS overlaps 0x100000..0x102000 ACPI",
        assertThrows(IllegalArgumentException.class, () -> E820Map.x86(ram, List.of(acpi, nvs)))
            .getMessage());
    assertEquals(
        "reserved entry 0x0..0x1 RAM is of type RAM",
        assertThrows(
                IllegalArgumentException.class,
                () ->
                    E820Map.x86(
                        ram, List.of(new E820Map.Entry(new MemoryRange(0, 1), E820Map.Type.RAM))))
            .getMessage());
    assertEquals(
        "memory 0x1fffff..0x200001 overlaps memory 0x0..0x200000",
        assertThrows(
                IllegalArgumentException.class,
                () -> E820Map.x86(List.of(ram.getFirst(), new MemoryRange(0x1fffff, 2)), List.of()))
            .getMessage());
  }

  @Test
  void refusesEntriesOutOfOrder() {
    E820Map.Entry high = new E820Map.Entry(new MemoryRange(0x1000, 0x1000), E820Map.Type.RAM);
    E820Map.Entry low = new E820Map.Entry(new MemoryRange(0, 0x1001), E820Map.Type.RESERVED);
    assertEquals(
        "e820 entry 0x1000..0x2000 RAM does not follow 0x0..0x1001 RESERVED",
        assertThrows(IllegalArgumentException.class, () -> new E820Map(List.of(low, high)))
            .getMessage());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class AcpiTablesPropertyTest {

  @Property
  void anyTableSumsToZeroAndKnowsItsLength(
      @ForAll byte[] body, @ForAll @IntRange(max = 255) int revision) {
    byte[] table = Sdt.builder("TEST", revision).bytes(body).build().toBytes();
    assertEquals(0, TableReader.sum(table));
    assertEquals(table.length, TableReader.little(table).getInt(4));
    assertEquals((byte) revision, table[8]);
    assertArrayEquals(body, Arrays.copyOfRange(table, 36, table.length));
  }

  @Property
  void anySetIsReachedWherePlacedAndOverlapsNowhere(
      @ForAll @Size(max = 20) List<byte[]> bodies, @ForAll long page) {
    AcpiTables.Builder builder =
        AcpiTables.builder().add(TestMachines.fadt().build()).add(Dsdt.of());
    for (int i = 0; i < bodies.size(); i++) {
      builder.add(
          Sdt.builder("T%03d".formatted(i), 1)
              .pointer("DSDT")
              .bytes(bodies.get(i))
              .pointer("T%03d".formatted(i + 1))
              .build());
    }
    long gpa = page & ~0xf_ffffL;
    PlacedTables placed = builder.build().place(gpa, 0x10_0000);
    List<PlacedTables.Entry> entries = placed.entries();
    for (int i = 0; i < entries.size(); i++) {
      assertEquals(0, entries.get(i).gpa() % 16);
      if (i > 0) {
        PlacedTables.Entry before = entries.get(i - 1);
        assertTrue(before.gpa() + before.length() <= entries.get(i).gpa(), placed.toString());
      }
    }
    TableReader reader = new TableReader(placed);
    assertEquals(entries.size() - 1, reader.walk(gpa).size());
    long dsdt = entries.get(3).gpa();
    for (int i = 0; i < bodies.size(); i++) {
      byte[] table = reader.sdt(entries.get(4 + i).gpa());
      assertEquals(dsdt, TableReader.little(table).getLong(36));
      long next = i + 1 < bodies.size() ? entries.get(5 + i).gpa() : 0;
      assertEquals(next, TableReader.little(table).getLong(table.length - 8));
      assertArrayEquals(bodies.get(i), Arrays.copyOfRange(table, 44, table.length - 8));
    }
  }
}

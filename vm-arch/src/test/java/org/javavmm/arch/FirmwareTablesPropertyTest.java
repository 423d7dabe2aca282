// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.From;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.UniqueElements;
import org.javavmm.arch.SmbiosReader.Structure;

/** MP table and SMBIOS against readers that search memory as a guest does. */
class FirmwareTablesPropertyTest {
  private static byte[] memory(byte[] bytes, long gpa) {
    byte[] memory = new byte[1 << 20];
    System.arraycopy(bytes, 0, memory, (int) gpa, bytes.length);
    return memory;
  }

  @Property(tries = 200)
  void mpTable(
      @ForAll @Size(min = 2, max = 60) @UniqueElements List<@IntRange(max = 254) Integer> ids,
      @ForAll int signature,
      @ForAll int features,
      @ForAll @Size(max = 40) List<@IntRange(max = 0xffff) Integer> interrupts,
      @ForAll @IntRange(max = 0xd00) int place) {
    List<Integer> cpus = ids.subList(1, ids.size());
    int ioApic = ids.getFirst();
    MpTable.Builder table = MpTable.builder().cpu(signature, features).bus(9, "PCI");
    List<String> expected = new ArrayList<>();
    expected.add("JAVVMM  /JAVAVMM      local APICs at 0xfee00000");
    for (int id : cpus) {
      boolean boot = id == cpus.getFirst();
      table.processor(id, boot);
      expected.add(
          "processor %d version 0x14 flags %d signature 0x%x features 0x%x"
              .formatted(id, boot ? 3 : 1, signature, features));
    }
    table.ioApic(ioApic, 0xfec0_1000L);
    expected.add("bus 9 PCI   ");
    expected.add("I/O APIC %d version 0x11 flags 1 at 0xfec01000".formatted(ioApic));
    Set<Integer> seen = new LinkedHashSet<>();
    for (int interrupt : interrupts) {
      int source = interrupt & 0x7f;
      int pin = interrupt >>> 8 & 0x7f;
      if (seen.add(source)) {
        table.pciInterrupt(9, source >>> 2, source & 3, ioApic, pin);
        expected.add(
            "interrupt type 0 flags 0xf bus 9 irq %d to %d pin %d".formatted(source, ioApic, pin));
      }
    }
    long gpa = MpTable.BIOS_AREA + 16L * place;
    assertEquals(expected, MpTableReader.find(memory(table.build().toBytes(gpa), gpa)));
  }

  @Provide
  Arbitrary<Structure> structures() {
    Arbitrary<String> texts =
        Arbitraries.strings().withCharRange(' ', '~').ofMinLength(1).ofMaxLength(255);
    return Combinators.combine(
            Arbitraries.integers().between(128, 255),
            Arbitraries.bytes().array(byte[].class).ofMaxSize(251),
            texts.list().ofMaxSize(6))
        .as((type, body, strings) ->
            new Structure(type, 0, HexFormat.of().formatHex(body), strings));
  }

  @Property(tries = 200)
  void smbios(
      @ForAll @Size(max = 12) List<@From("structures") Structure> structures,
      @ForAll @IntRange(max = 0x800) int place) {
    Smbios.Builder tables = Smbios.builder();
    List<Structure> expected = new ArrayList<>();
    for (Structure structure : structures) {
      tables.add(structure.type(), HexFormat.of().parseHex(structure.body()), structure.texts());
      expected.add(
          new Structure(structure.type(), expected.size(), structure.body(), structure.texts()));
    }
    long gpa = Smbios.AREA + 16L * place;
    assertEquals(expected, SmbiosReader.find(memory(tables.build().toBytes(gpa), gpa)));
  }
}

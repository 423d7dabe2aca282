// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class AcpiTablesTest {
  private static final Sdt FADT = TestMachines.fadt().build();
  private static final Sdt DSDT = Dsdt.of(Aml.sleepState(5, 5));

  private static AcpiTables.Builder least() {
    return AcpiTables.builder().add(DSDT).add(FADT);
  }

  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  private static void impossible(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalStateException.class, call).getMessage());
  }

  @ParameterizedTest
  @EnumSource
  void aGuestReachesEveryTable(TestMachines machine) {
    PlacedTables placed = machine.placed();
    assertEquals(0xe_0000, placed.gpa());
    assertEquals(0xe_0000, placed.rsdpAddress());
    List<Long> reached =
        new TableReader(placed).walk(placed.rsdpAddress()).keySet().stream().sorted().toList();
    List<Long> listed =
        placed.entries().stream().skip(1).map(PlacedTables.Entry::gpa).sorted().toList();
    assertEquals(listed, reached);
  }

  @Test
  void theXsdtBeginsWithTheFadt() {
    PlacedTables placed =
        AcpiTables.builder()
            .add(Ssdt.of("ONE"))
            .add(DSDT)
            .add(Ssdt.of("TWO"))
            .add(FADT)
            .build()
            .place(0x1000, 0x1000);
    List<String> signatures =
        new TableReader(placed).walk(0x1000).values().stream().map(TableReader::signature).toList();
    assertEquals(List.of("XSDT", "FACP", "DSDT", "SSDT", "SSDT"), signatures);
  }

  @Test
  void idsStandInEveryTable() {
    OemIds ids = new OemIds("A", "B", 0xffff_fffeL, "C", 3);
    PlacedTables placed = least().add(Ssdt.of("OWN")).ids(ids).build().place(0x1000, 0x1000);
    TableReader reader = new TableReader(placed);
    assertEquals("A     ", new String(reader.read(0x1000, 36), 9, 6, StandardCharsets.ISO_8859_1));
    for (byte[] table : reader.walk(0x1000).values()) {
      boolean own = TableReader.signature(table).equals("SSDT");
      assertArrayEquals(
          ("A     " + (own ? "OWN" : "B  ") + "     \u00fe\u00ff\u00ff\u00ffC   \3\0\0\0")
              .getBytes(StandardCharsets.ISO_8859_1),
          Arrays.copyOfRange(table, 10, 36));
    }
  }

  @Test
  void tablesThatDoNotFitAreNamedWithTheirSizes() {
    AcpiTables tables = least().build();
    PlacedTables placed = tables.place(0x1000, 0x1000);
    int needed = placed.length();
    assertEquals(436, needed);
    assertArrayEquals(placed.bytes(), tables.place(0x1000, needed).bytes());
    String sizes = "RSD PTR  36, XSDT 44, DSDT 51, FACP 276";
    refused(
        "tables need 436 bytes at 0x1000, there are 435: " + sizes,
        () -> tables.place(0x1000, needed - 1));
    refused(
        "tables need 436 bytes at 0x1000, there are 0: " + sizes, () -> tables.place(0x1000, 0));
  }

  @Test
  void placesThatAreNone() {
    AcpiTables tables = least().build();
    refused("base 0xe0008 is not a multiple of 16", () -> tables.place(0xe_0008, 0x1000));
    refused("size -1 is negative", () -> tables.place(0, -1));
    refused(
        "range of 4097 bytes at 0xfffffffffffff000 passes 2^64",
        () -> tables.place(-0x1000, 0x1001));
    // The last page of the address space is a place like any other.
    PlacedTables placed = tables.place(-0x1000, 0x1000);
    assertEquals(3, new TableReader(placed).walk(-0x1000).size());
    refused(
        "tables need 436 bytes at 0xffffffffffffff00, there are 256: "
            + "RSD PTR  36, XSDT 44, DSDT 51, FACP 276",
        () -> tables.place(-0x100, 0x100));
  }

  @Test
  void incompleteSets() {
    impossible("no FACP among the tables [DSDT]", () -> AcpiTables.builder().add(DSDT).build());
    impossible("no DSDT among the tables [FACP]", () -> AcpiTables.builder().add(FADT).build());
    impossible("no FACP among the tables []", () -> AcpiTables.builder().build());
  }

  @Test
  void repeatedTables() {
    impossible("two tables FACP", () -> least().add(FADT).build());
    impossible("two tables DSDT", () -> least().add(DSDT).build());
    impossible(
        "two tables SSDT with OEM table id \"X       \"",
        () -> least().add(Ssdt.of("X")).add(Ssdt.of("X")).build());
    assertEquals(
        6, least().add(Ssdt.of("X")).add(Ssdt.of("Y")).build().place(0, 999).entries().size());
  }

  @Test
  void tablesThatTheSetRefuses() {
    AcpiTables.Builder builder = least();
    refused(
        "XSDT is made by the set, not added to it",
        () -> builder.add(Sdt.builder("XSDT", 1).build()));
    refused(
        "RSDT is made by the set, not added to it",
        () -> builder.add(Sdt.builder("RSDT", 1).build()));
    refused("alignment 24 of FAKE is not a power of two", () -> builder.add(new Fake(24)));
    refused("alignment 0 of FAKE is not a power of two", () -> builder.add(new Fake(0)));
    refused(
        "alignment -2147483648 of FAKE is not a power of two",
        () -> builder.add(new Fake(Integer.MIN_VALUE)));
  }

  /** A table without header or checksum, at its own alignment. */
  private record Fake(int alignment) implements AcpiTable {
    @Override
    public String signature() {
      return "FAKE";
    }

    @Override
    public byte[] toBytes(TableContext context) {
      return new byte[] {1, 2, 3, (byte) (context.addressOf("FAKE") >> 12)};
    }
  }

  @Test
  void tablesThatAreNoSdtKeepTheirAlignment() {
    PlacedTables placed =
        least().add(new Fake(0x1000)).add(Ssdt.of("X")).build().place(0xf10, 0x2000);
    PlacedTables.Entry fake = placed.entries().get(4);
    assertEquals(new PlacedTables.Entry("FAKE", 0x2000, 4), fake);
    assertArrayEquals(new byte[] {1, 2, 3, 2}, new TableReader(placed).read(0x2000, 4));
    assertEquals(new PlacedTables.Entry("SSDT", 0x2010, 36), placed.entries().get(5));
  }

  @Test
  void tablesMustNotChangeTheirLength() {
    AcpiTable grows =
        new AcpiTable() {
          @Override
          public String signature() {
            return "GROW";
          }

          @Override
          public byte[] toBytes(TableContext context) {
            return new byte[context.addressOf("DSDT") == 0 ? 8 : 12];
          }
        };
    AcpiTables tables = least().add(grows).build();
    impossible(
        "table GROW has 12 bytes when placed and 8 before", () -> tables.place(0x1000, 0x1000));
  }

  @Test
  void aFacsIsReachedByTheFadtAlone() {
    PlacedTables placed = least().add(Facs.of(0xdead_beefL)).build().place(0x1010, 0x1000);
    TableReader reader = new TableReader(placed);
    PlacedTables.Entry entry = placed.entries().getLast();
    assertEquals(0, entry.gpa() % 64);
    byte[] fadt = reader.only(placed.rsdpAddress(), "FACP");
    assertEquals(entry.gpa(), TableReader.little(fadt).getLong(132));
    List<String> reached =
        reader.walk(placed.rsdpAddress()).values().stream().map(TableReader::signature).toList();
    assertEquals(List.of("XSDT", "FACP", "DSDT", "FACS"), reached);
    byte[] facs = reader.read(entry.gpa(), 64);
    assertEquals(
        "46414353" + "40000000" + "efbeadde" + "00".repeat(20) + "02" + "00".repeat(31),
        HexFormat.of().formatHex(facs));
    assertEquals("FACS version 2, 64 bytes", Facs.of(1).toString());
    refused("hardware signature -1 (-1) is outside 0x0..0xffffffff", () -> Facs.of(-1));
  }

  @Test
  void fixedRegistersNeedAFacs() {
    Sdt fixed = Fadt.fixedHardware(9, 0x600, 0x604, 0x608).build();
    impossible(
        "no FACS among the tables [FACP, DSDT], and the FADT is not hardware-reduced",
        () -> AcpiTables.builder().add(DSDT).add(fixed).build());
    assertEquals(
        5,
        AcpiTables.builder()
            .add(DSDT)
            .add(fixed)
            .add(Facs.of(0))
            .build()
            .place(0, 999)
            .entries()
            .size());
  }

  @Test
  void bytesAreCopies() {
    PlacedTables placed = least().build().place(0x1000, 0x1000);
    byte[] before = placed.bytes();
    Arrays.fill(placed.bytes(), (byte) 0xff);
    assertArrayEquals(before, placed.bytes());
    assertThrows(UnsupportedOperationException.class, () -> placed.entries().removeFirst());
  }

  @Test
  void setsAndTablesDescribeThemselves() {
    assertEquals(
        "RSD PTR 0x1000+36, XSDT 0x1030+44, DSDT 0x1060+51, FACP 0x10a0+276",
        least().build().place(0x1000, 0x1000).toString());
    assertEquals("FACP rev 6, 276 bytes", FADT.toString());
    assertEquals("FACP", FADT.signature());
    assertEquals(6, FADT.revision());
  }

  @Test
  void idsAreChecked() {
    refused("OEM id \"\" has 0 characters, not 1..6", () -> new OemIds("", "B", 1, "C", 1));
    refused(
        "OEM table id \"123456789\" has 9 characters, not 1..8",
        () -> new OemIds("A", "123456789", 1, "C", 1));
    refused(
        "OEM revision 0x100000000 (4294967296) is outside 0x0..0xffffffff",
        () -> new OemIds("A", "B", 1L << 32, "C", 1));
    refused(
        "creator id: character 1 (0xe4) is not printable ASCII",
        () -> new OemIds("A", "B", 1, "Cä", 1));
    refused(
        "creator revision -1 (-1) is outside 0x0..0xffffffff",
        () -> new OemIds("A", "B", 1, "C", -1));
  }

  @Test
  void theTableBuilderChecksWidths() {
    Sdt.Builder table = Sdt.builder("TEST", 255);
    refused("signature \"ABC\" has 3 characters, not 4", () -> Sdt.builder("ABC", 1));
    refused("signature \"ABCDE\" has 5 characters, not 1..4", () -> Sdt.builder("ABCDE", 1));
    refused("revision 0x100 (256) is outside 0x0..0xff", () -> Sdt.builder("TEST", 256));
    refused("8-bit value 0x100 (256) is outside 0x0..0xff", () -> table.u8(256));
    refused("16-bit value -1 (-1) is outside 0x0..0xffff", () -> table.u16(-1));
    refused(
        "32-bit value 0x100000000 (4294967296) is outside 0x0..0xffffffff",
        () -> table.u32(1L << 32));
    refused("count of zero bytes -1 (-1) is outside 0x0..0x7fffffff", () -> table.zeros(-1));
    refused("signature \"X\" has 1 characters, not 4", () -> table.pointer("X"));
    assertEquals(36, table.length());
    byte[] bytes =
        table
            .u8(1)
            .u16(0x203)
            .u32(0x4050607)
            .u64(0x8090a0b0c0d0e0fL)
            .bytes(new byte[] {9})
            .zeros(2)
            .build()
            .toBytes();
    int[] expected = {1, 3, 2, 7, 6, 5, 4, 15, 14, 13, 12, 11, 10, 9, 8, 9, 0, 0};
    assertArrayEquals(
        expected, IntStream.range(36, bytes.length).map(i -> bytes[i] & 0xff).toArray());
  }
}

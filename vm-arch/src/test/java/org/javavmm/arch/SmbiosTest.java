// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.javavmm.arch.SmbiosReader.Structure;
import org.javavmm.device.AddressRange;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestMemoryException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

class SmbiosTest {
  private static final UUID ID = UUID.fromString("00112233-4455-6677-8899-aabbccddeeff");
  private static final long GIB = 1L << 30;

  @TempDir Path directory;

  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  private static void impossible(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalStateException.class, call).getMessage());
  }

  private static AddressRange ram(long start, long length) {
    return new AddressRange("ram", start, start + length - 1);
  }

  private static byte[] placed(Smbios tables, long gpa) {
    byte[] memory = new byte[1 << 20];
    byte[] bytes = tables.toBytes(gpa);
    assertEquals(tables.size(), bytes.length);
    System.arraycopy(bytes, 0, memory, (int) gpa, bytes.length);
    return memory;
  }

  private static List<Structure> structures(Smbios.Builder builder) {
    return SmbiosReader.find(placed(builder.build(), 0xf_4560));
  }

  private static Smbios.Builder machine() {
    return Smbios.builder()
        .bios("vendor", "version 1", "12/31/2026")
        .system(
            new Smbios.SystemInformation("maker", "product", "2", "serial", "sku", "family", ID))
        .chassis(new Smbios.Chassis(0x17, "maker", "3", "chassis serial", "tag", "chassis sku"))
        .processor(new Smbios.Processor("CPU 0", "maker", "brand", 0x806f8, -1, 300, 600, 2400))
        .oemStrings(List.of("first", "second"))
        .memory(List.of(ram(0, 3 * GIB), ram(4 * GIB, 61 * GIB)))
        .bootInformation()
        .add(200, new byte[] {1, 2}, List.of("own"));
  }

  @Test
  void everyByteOfEveryStructure() {
    List<Structure> expected =
        List.of(
            new Structure(
                0,
                0,
                "01020000" + "0300" + "0800000000000000" + "0010" + "ffffffff" + "0000",
                List.of("vendor", "version 1", "12/31/2026")),
            new Structure(
                1,
                1,
                "01020304" + "33221100554477668899aabbccddeeff" + "060506",
                List.of("maker", "product", "2", "serial", "sku", "family")),
            new Structure(
                3,
                2,
                "0117020304" + "03030302" + "00000000" + "00000000" + "05",
                List.of("maker", "3", "chassis serial", "tag", "chassis sku")),
            new Structure(
                4,
                3,
                "01030102"
                    + "f8060800ffffffff"
                    + "03"
                    + "00"
                    + "0000"
                    + "6009"
                    + "6009"
                    + "4101"
                    + "ffffffffffff"
                    + "000000"
                    + "ffffff"
                    + "0400"
                    + "0100"
                    + "2c01"
                    + "2c01"
                    + "5802",
                List.of("CPU 0", "maker", "brand")),
            new Structure(11, 4, "02", List.of("first", "second")),
            new Structure(
                16, 5, "010302" + "00000004" + "feff" + "0100" + "0000000000000000", List.of()),
            new Structure(
                17,
                6,
                "0500"
                    + "feff"
                    + "ffffffff"
                    + "ff7f"
                    + "0900"
                    + "0100"
                    + "07"
                    + "0200"
                    + "0000"
                    + "00000000"
                    + "00"
                    + "00000100"
                    + "0000"
                    + "000000000000",
                List.of("DIMM 0")),
            new Structure(19, 7, "00000000ffff2f00" + "0500" + "01" + "00".repeat(16), List.of()),
            new Structure(19, 8, "00004000ffff0f04" + "0500" + "01" + "00".repeat(16), List.of()),
            new Structure(32, 9, "00000000000000", List.of()),
            new Structure(200, 10, "0102", List.of("own")));
    assertEquals(expected, structures(machine()));
  }

  @Test
  void textsMayBeLeftOut() {
    assertEquals(
        List.of(
            new Structure(
                1, 0, "00010000" + "00".repeat(16) + "060002", List.of("product", "family"))),
        structures(
            Smbios.builder()
                .system(
                    new Smbios.SystemInformation(
                        "", "product", "", "", "", "family", new UUID(0, 0)))));
    assertEquals(List.of(), structures(Smbios.builder()));
    String longest = "x".repeat(255);
    assertEquals(
        List.of(new Structure(11, 0, "ff", Collections.nCopies(255, longest))),
        SmbiosReader.find(
            placed(
                Smbios.builder().oemStrings(Collections.nCopies(255, longest)).build(),
                Smbios.AREA)));
  }

  @Test
  void memoryOfEverySize() {
    // 128 MiB; 31.99 GiB and 32 GiB: where the size moves; beyond 4 TiB: where addresses move.
    assertEquals("8000", memory(ram(0, 128 << 20)).get(1).body().substring(16, 20));
    Structure below = memory(ram(0, 0x7ffeL << 20)).get(1);
    assertEquals("fe7f", below.body().substring(16, 20));
    assertEquals("00000000", below.body().substring(48, 56));
    Structure above = memory(ram(0, 0x7fffL << 20)).get(1);
    assertEquals("ff7f", above.body().substring(16, 20));
    assertEquals("ff7f0000", above.body().substring(48, 56));
    long tib = 1L << 40;
    List<Structure> huge = memory(ram(0, 2 * tib), ram(4 * tib - 1024, 1 << 20));
    assertEquals(
        "00000080" + "feff" + "0100" + "0000100000020000", huge.get(0).body().substring(6));
    assertEquals("00000000ffffff7f" + "0000" + "01" + "00".repeat(16), huge.get(2).body());
    assertEquals(
        "ffffffffffffffff" + "0000" + "01" + "00fcffffff030000" + "fffb0f0000040000",
        huge.get(3).body());
  }

  private static List<Structure> memory(AddressRange... ranges) {
    return structures(Smbios.builder().memory(List.of(ranges)));
  }

  @Test
  void memoryThatIsRefused() {
    refused("no range of memory", () -> memory());
    refused("memory 0x1..0x400 is not made of whole KiB", () -> memory(ram(1, 1024)));
    refused("memory 0x0..0x3fe is not made of whole KiB", () -> memory(ram(0, 1023)));
    refused(
        "memory 0x400..0x3ff is not made of whole KiB",
        () -> memory(new AddressRange("x", 0x400, 0x3ff)));
    refused("memory of 0x400 bytes is not made of whole MiB", () -> memory(ram(0, 1024)));
    refused(
        "memory 0x80000..0x17ffff overlaps 0x0..0xfffff",
        () -> memory(ram(0, 1 << 20), ram(0x8_0000, 1 << 20)));
    refused(
        "size of memory in MiB 0x80000000 (2147483648) is outside 0x1..0x7fffffff",
        () -> memory(ram(0, 1L << 51)));
    refused(
        "size of memory in MiB 0x0 (0) is outside 0x1..0x7fffffff",
        () -> memory(new AddressRange("all", 0, -1)));
    impossible("memory was given before", () -> machine().memory(List.of(ram(0, 1 << 20))));
  }

  @Test
  void refusals() {
    Smbios.Builder tables = machine();
    refused("BIOS date \"13/01/2026\" is not mm/dd/yyyy", () -> bios("13/01/2026"));
    refused("BIOS date \"1/1/26\" is not mm/dd/yyyy", () -> bios("1/1/26"));
    refused("BIOS date \"12/32/2026\" is not mm/dd/yyyy", () -> bios("12/32/2026"));
    impossible("BIOS information was given before", () -> tables.bios("v", "1", "01/01/2026"));
    impossible(
        "system information was given before",
        () -> tables.system(new Smbios.SystemInformation("", "", "", "", "", "", ID)));
    impossible("boot information was given before", tables::bootInformation);
    refused(
        "serial number: character 1 (0xa) is not printable ASCII",
        () -> Smbios.builder().system(new Smbios.SystemInformation("", "", "", "a\n", "", "", ID)));
    refused(
        "manufacturer \"%s\" has 256 characters, not 1..255".formatted("x".repeat(256)),
        () -> tables.chassis(new Smbios.Chassis(1, "x".repeat(256), "", "", "", "")));
    refused(
        "type of chassis 0x25 (37) is outside 0x1..0x24",
        () -> tables.chassis(new Smbios.Chassis(0x25, "", "", "", "", "")));
    refused("number of cores 0x0 (0) is outside 0x1..0xfffe", () -> processor(0, 1, 0));
    refused("number of threads 0x1 (1) is outside 0x2..0xfffe", () -> processor(2, 1, 0));
    refused("speed in MHz 0x10000 (65536) is outside 0x0..0xffff", () -> processor(1, 1, 65536));
    refused(
        "number of OEM strings 0x0 (0) is outside 0x1..0xff", () -> tables.oemStrings(List.of()));
    refused(
        "text 2 of type 11 \"\" has 0 characters, not 1..255",
        () -> tables.oemStrings(List.of("a", "")));
    refused(
        "type of structure 0x100 (256) is outside 0x0..0xff",
        () -> tables.add(256, new byte[0], List.of()));
    refused(
        "type 127 is made by the table, not added to it",
        () -> tables.add(127, new byte[0], List.of()));
    refused(
        "length of the body 0xfc (252) is outside 0x0..0xfb",
        () -> tables.add(128, new byte[252], List.of()));
    refused(
        "number of texts 0x100 (256) is outside 0x0..0xff",
        () -> tables.add(128, new byte[0], Collections.nCopies(256, "a")));
    // What was refused left nothing behind.
    assertEquals(structures(machine()), structures(tables));
  }

  private static void bios(String date) {
    Smbios.builder().bios("v", "1", date);
  }

  private static void processor(int cores, int threads, int speed) {
    Smbios.builder().processor(new Smbios.Processor("", "", "", 0, 0, cores, threads, speed));
  }

  @Test
  void places() throws Exception {
    Smbios tables = machine().build();
    refused(
        "address 0xf0008 of the SMBIOS entry point is not a multiple of 16",
        () -> tables.toBytes(0xf_0008));
    refused(
        "address of the SMBIOS entry point 0xefff0 (983024) is outside 0xf0000..0xfffff",
        () -> tables.toBytes(0xe_fff0));
    refused(
        "address of the SMBIOS entry point 0x100000 (1048576) is outside 0xf0000..0xfffff",
        () -> tables.toBytes(0x10_0000));
    refused(
        "SMBIOS tables of %d bytes do not fit into the 32 bytes at 0xfffe0"
            .formatted(tables.size()),
        () -> tables.toBytes(0xf_ffe0));
    try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 1 << 20).build()) {
      tables.writeTo(memory, Smbios.AREA);
      byte[] copy = new byte[1 << 20];
      memory.read(0, copy);
      assertArrayEquals(placed(tables, Smbios.AREA), copy);
    }
    try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 0x9_f000).build()) {
      assertThrows(GuestMemoryException.class, () -> tables.writeTo(memory, Smbios.AREA));
    }
  }

  /** Another's reader: dmidecode. */
  @Test
  void dmidecodeReadsThem() throws Exception {
    Optional<Path> dmidecode =
        Stream.concat(
                Arrays.stream(
                    System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1)),
                Stream.of("/usr/sbin"))
            .filter(name -> !name.isEmpty())
            .map(name -> Path.of(name, "dmidecode"))
            .filter(Files::isExecutable)
            .findFirst();
    assumeTrue(dmidecode.isPresent(), "capability dmidecode: install dmidecode");
    // A dump is what lies at the entry point, with the offset in the file as the table's address.
    byte[] dump = machine().build().toBytes(Smbios.AREA);
    ByteBuffer.wrap(dump).order(ByteOrder.LITTLE_ENDIAN).putLong(16, 32);
    dump[5] = 0;
    int sum = 0;
    for (int i = 0; i < 24; i++) {
      sum += dump[i];
    }
    dump[5] = (byte) -sum;
    Path file = Files.write(directory.resolve("dump"), dump);
    Process process =
        new ProcessBuilder(dmidecode.orElseThrow().toString(), "--from-dump", file.toString())
            .redirectErrorStream(true)
            .start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    assertEquals(0, process.waitFor(), output);
    for (String line :
        List.of(
            "SMBIOS 3.1.0 present.",
            "Vendor: vendor",
            "Version: version 1",
            "Release Date: 12/31/2026",
            "System is a virtual machine",
            "Manufacturer: maker",
            "Product Name: product",
            "Serial Number: serial",
            "UUID: 00112233-4455-6677-8899-aabbccddeeff",
            "SKU Number: sku",
            "Family: family",
            "Type: Rack Mount Chassis",
            "Asset Tag: tag",
            "Socket Designation: CPU 0",
            "Version: brand",
            "Core Count: 300",
            "Core Enabled: 300",
            "Thread Count: 600",
            "Current Speed: 2400 MHz",
            "String 1: first",
            "String 2: second",
            "Maximum Capacity: 64 GB",
            "Size: 64 GB",
            "Locator: DIMM 0",
            "Starting Address: 0x00000000000",
            "Ending Address: 0x000BFFFFFFF",
            "Starting Address: 0x00100000000",
            "Ending Address: 0x0103FFFFFFF",
            "Status: No errors detected",
            "End Of Table")) {
      assertTrue(output.lines().map(String::strip).anyMatch(line::equals), line + "\n" + output);
    }
    String lower = output.toLowerCase(java.util.Locale.ROOT);
    for (String complaint : List.of("broken", "truncated", "wrong", "invalid", "bad index")) {
      assertFalse(lower.contains(complaint), output);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.javavmm.arch.MpTable.InterruptType;
import org.javavmm.arch.MpTable.Signal;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestMemoryException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class MpTableTest {
  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  private static byte[] placed(MpTable table, long gpa) {
    byte[] memory = new byte[1 << 20];
    byte[] bytes = table.toBytes(gpa);
    assertEquals(table.size(), bytes.length);
    System.arraycopy(bytes, 0, memory, (int) gpa, bytes.length);
    return memory;
  }

  @Test
  void everyByteOfASmallTable() {
    MpTable table =
        MpTable.builder()
            .ids("OEM", "PRODUCT")
            .cpu(0x0102_0304, 0xa0b0_c0d0)
            .bus(7, "ISA")
            .processor(3, true)
            .ioApic(9, 0xfec0_0000L)
            .interrupt(InterruptType.INT, Signal.LEVEL_LOW, 7, 5, 9, 20)
            .localInterrupt(InterruptType.NMI, 7, 1)
            .build();
    String expected =
        "5f4d505f"
            + "10fc0900"
            + "01"
            + "04"
            + "CC"
            + "0000000000"
            // signature, length, revision, checksum
            + "50434d50"
            + "6000"
            + "04"
            + "DD"
            + HexFormat.of()
                .formatHex(
                    "OEM     PRODUCT     ".getBytes(java.nio.charset.StandardCharsets.US_ASCII))
            // OEM table, its size, entries, local APICs, extended length, checksum, reserved
            + "00000000"
            + "0000"
            + "0500"
            + "0000e0fe"
            + "0000"
            + "00"
            + "00"
            + "00"
            + "03"
            + "14"
            + "03"
            + "04030201"
            + "d0c0b0a0"
            + "0000000000000000"
            + "01"
            + "07"
            + "495341202020"
            + "02"
            + "09"
            + "11"
            + "01"
            + "0000c0fe"
            + "03"
            + "00"
            + "0f00"
            + "07"
            + "05"
            + "09"
            + "14"
            + "04"
            + "01"
            + "0000"
            + "07"
            + "00"
            + "ff"
            + "01";
    byte[] bytes = table.toBytes(MpTable.BASE_MEMORY);
    String actual = HexFormat.of().formatHex(bytes);
    // The checksums are whatever makes the sums zero, which the reader checks.
    MpTableReader.find(placed(table, MpTable.BASE_MEMORY));
    assertEquals(
        expected
            .replace("CC", "%02x".formatted(bytes[10]))
            .replace("DD", "%02x".formatted(bytes[16 + 7])),
        actual);
  }

  @Test
  void whatAPcHas() {
    List<String> expected = new ArrayList<>();
    expected.add("JAVVMM  /JAVAVMM      local APICs at 0xfee00000");
    expected.add("processor 0 version 0x14 flags 3 signature 0x806f8 features 0x1f8bfbff");
    expected.add("processor 1 version 0x14 flags 1 signature 0x806f8 features 0x1f8bfbff");
    expected.add("bus 1 ISA   ");
    expected.add("I/O APIC 2 version 0x11 flags 1 at 0xfec00000");
    for (int irq : new int[] {0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}) {
      expected.add("interrupt type 0 flags 0x0 bus 1 irq %d to 2 pin %d".formatted(irq, irq));
    }
    expected.add("local interrupt type 3 flags 0x0 bus 1 irq 0 to 255 pin 0");
    expected.add("local interrupt type 1 flags 0x0 bus 1 irq 0 to 255 pin 1");
    MpTable.Builder pc = MpTable.pc(2, MpTable.TIMER_PIN_0).cpu(0x806f8, 0x1f8b_fbff);
    assertEquals(expected, MpTableReader.find(placed(pc.build(), MpTable.BASE_MEMORY)));
    assertEquals(expected, MpTableReader.find(placed(pc.build(), 0xf_1230)));

    MpTable.Builder pin2 = MpTable.pc(2, MpTable.TIMER_PIN_2).cpu(0x806f8, 0x1f8b_fbff);
    pin2.bus(0, "PCI").pciInterrupt(0, 31, 3, 2, 23);
    expected.set(5, "interrupt type 0 flags 0x0 bus 1 irq 0 to 2 pin 2");
    expected.add(4, "bus 0 PCI   ");
    expected.add(expected.size() - 2, "interrupt type 0 flags 0xf bus 0 irq 127 to 2 pin 23");
    assertEquals(expected, MpTableReader.find(placed(pin2.build(), MpTable.BASE_MEMORY)));
  }

  @Test
  void aBuiltTableDoesNotChange() {
    MpTable.Builder builder = MpTable.pc(1, MpTable.TIMER_PIN_0);
    MpTable table = builder.build();
    byte[] before = table.toBytes(MpTable.BIOS_AREA);
    builder.processor(9, false).ids("X", "Y").cpu(1, 1).localApicAddress(0);
    assertArrayEquals(before, table.toBytes(MpTable.BIOS_AREA));
  }

  @Test
  void placesWhereNoGuestLooks() {
    MpTable table = MpTable.pc(40, MpTable.TIMER_PIN_0).build();
    assertEquals(1012, table.size());
    assertEquals(40 + 20, MpTableReader.find(placed(table, 0x9_fc00)).size());
    refused(
        "address 0x9fc08 of the MP floating pointer is not a multiple of 16",
        () -> table.toBytes(0x9_fc08));
    String elsewhere =
        " of the MP floating pointer is not in 0x9fc00..0x9ffff or 0xf0000..0xfffff, where a"
            + " guest looks for it";
    for (long gpa : new long[] {0, 0x9_fbf0, 0xa_0000, 0xe_fff0, 0x10_0000, -16}) {
      refused("address 0x%x".formatted(gpa) + elsewhere, () -> table.toBytes(gpa));
    }
    refused(
        "MP table of 1012 bytes with 40 processors does not fit into the 1008 bytes at 0x9fc10",
        () -> table.toBytes(0x9_fc10));
    refused(
        "MP table of 1012 bytes with 40 processors does not fit into the 16 bytes at 0xffff0",
        () -> table.toBytes(0xf_fff0));
    assertEquals(1012, table.toBytes(0xf_fc00).length);
    MpTable most = MpTable.pc(254, MpTable.TIMER_PIN_2).build();
    assertEquals(254 + 20, MpTableReader.find(placed(most, MpTable.BIOS_AREA)).size());
  }

  @Test
  void guestMemory() throws Exception {
    MpTable table = MpTable.pc(2, MpTable.TIMER_PIN_0).build();
    try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 1 << 20).build()) {
      table.writeTo(memory, MpTable.BASE_MEMORY);
      byte[] copy = new byte[1 << 20];
      memory.read(0, copy);
      assertArrayEquals(placed(table, MpTable.BASE_MEMORY), copy);
    }
    try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 0x9_f000).build()) {
      assertThrows(GuestMemoryException.class, () -> table.writeTo(memory, MpTable.BASE_MEMORY));
    }
  }

  @Test
  void refusals() {
    MpTable.Builder table =
        MpTable.builder()
            .processor(0, true)
            .bus(1, "ISA")
            .bus(0, "PCI")
            .ioApic(1, 0)
            .interrupt(InterruptType.INT, Signal.BUS, 1, 4, 1, 4)
            .localInterrupt(InterruptType.NMI, 1, 1);
    refused("number of processors 0x0 (0) is outside 0x1..0xfe", () -> MpTable.pc(0, 0));
    refused("number of processors 0xff (255) is outside 0x1..0xfe", () -> MpTable.pc(255, 0));
    refused("timer pin 1 is neither 0 nor 2", () -> MpTable.pc(1, 1));
    refused("APIC id 0xff (255) is outside 0x0..0xfe", () -> table.processor(255, false));
    refused("APIC id 0 was given before", () -> table.processor(0, false));
    refused("APIC id 1 was given before", () -> table.processor(1, false));
    refused("APIC id 0 was given before", () -> table.ioApic(0, 0));
    refused("I/O APIC id 0xff (255) is outside 0x0..0xfe", () -> table.ioApic(255, 0));
    refused(
        "I/O APIC address 0x100000000 (4294967296) is outside 0x0..0xffffffff",
        () -> table.ioApic(2, 1L << 32));
    refused("bus 0x100 (256) is outside 0x0..0xff", () -> table.bus(256, "PCI"));
    refused("bus 1 was given before", () -> table.bus(1, "PCI"));
    refused("type of bus 2 \"\" has 0 characters, not 1..6", () -> table.bus(2, ""));
    refused("type of bus 2 \"ABCDEFG\" has 7 characters, not 1..6", () -> table.bus(2, "ABCDEFG"));
    refused("OEM id \"123456789\" has 9 characters, not 1..8", () -> table.ids("123456789", "X"));
    refused("product id: character 0 (0xe4) is not printable ASCII", () -> table.ids("X", "ä"));
    refused(
        "local APIC address 0xffffffffffffffff (-1) is outside 0x0..0xffffffff",
        () -> table.localApicAddress(-1));
    refused("no bus 3", () -> interrupt(table, 3, 4, 1, 4));
    refused(
        "interrupt of bus 1 0x10 (16) is outside 0x0..0xf", () -> interrupt(table, 1, 16, 1, 4));
    refused(
        "interrupt of bus 0 0x100 (256) is outside 0x0..0xff",
        () -> interrupt(table, 0, 256, 1, 4));
    refused("no I/O APIC 2", () -> interrupt(table, 1, 5, 2, 4));
    refused(
        "pin of I/O APIC 1 0xf0 (240) is outside 0x0..0xef", () -> interrupt(table, 1, 5, 1, 240));
    refused("INT interrupt 4 of bus 1 was given before", () -> interrupt(table, 1, 4, 1, 6));
    refused("PCI device 0x20 (32) is outside 0x0..0x1f", () -> table.pciInterrupt(0, 32, 0, 1, 4));
    refused("PCI pin 0x4 (4) is outside 0x0..0x3", () -> table.pciInterrupt(0, 0, 4, 1, 4));
    refused("no bus 2", () -> table.localInterrupt(InterruptType.EXT_INT, 2, 0));
    refused(
        "LINT pin 0x2 (2) is outside 0x0..0x1",
        () -> table.localInterrupt(InterruptType.EXT_INT, 1, 2));
    refused("LINT pin 1 was given before", () -> table.localInterrupt(InterruptType.EXT_INT, 1, 1));
    // What was refused left nothing behind.
    assertEquals(16 + 44 + 20 + 2 * 8 + 8 + 8 + 8, table.build().size());
  }

  private static void interrupt(MpTable.Builder table, int bus, int irq, int ioApic, int pin) {
    table.interrupt(InterruptType.INT, Signal.BUS, bus, irq, ioApic, pin);
  }

  @Test
  void oneBootProcessor() {
    assertEquals(
        "0 boot processors [], not 1",
        assertThrows(
                IllegalStateException.class, () -> MpTable.builder().processor(0, false).build())
            .getMessage());
    assertEquals(
        "2 boot processors [4, 5], not 1",
        assertThrows(
                IllegalStateException.class,
                () -> MpTable.builder().processor(4, true).processor(5, true).build())
            .getMessage());
  }
}

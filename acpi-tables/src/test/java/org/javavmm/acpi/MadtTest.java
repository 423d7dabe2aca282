// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HexFormat;
import org.javavmm.acpi.Madt.ProcessorState;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class MadtTest {

  private static String body(Madt.Builder builder) {
    byte[] table = builder.build().toBytes();
    assertEquals("APIC", TableReader.signature(table));
    assertEquals(6, table[8]);
    assertEquals(0, TableReader.sum(table));
    return HexFormat.of().formatHex(table, Sdt.HEADER_LENGTH, table.length);
  }

  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @Test
  void head() {
    assertEquals("0000e0fe" + "00000000", body(Madt.builder()));
    assertEquals(
        "00f0ffff" + "01000000", body(Madt.builder().localApicAddress(0xffff_f000L).pcatCompat()));
    refused(
        "local APIC address 0x100000000 (4294967296) is outside 0x0..0xffffffff",
        () -> Madt.builder().localApicAddress(1L << 32));
  }

  @Test
  void processorsBelow255AreLocalApics() {
    assertEquals(
        "0000e0fe" + "00000000" + "0008000001000000" + "0008010202000000" + "0008fefe00000000",
        body(
            Madt.builder()
                .processor(0, 0, ProcessorState.ENABLED)
                .processor(1, 2, ProcessorState.ONLINE_CAPABLE)
                .processor(254, 254, ProcessorState.DISABLED)));
  }

  @Test
  void processorsFrom255OnAreX2Apics() {
    assertEquals(
        "0000e0fe"
            + "00000000"
            + ("09100000" + "ff000000" + "01000000" + "03000000")
            + ("09100000" + "feffffff" + "02000000" + "fdffffff"),
        body(
            Madt.builder()
                .processor(3, 255, ProcessorState.ENABLED)
                .processor(0xffff_fffdL, 0xffff_fffeL, ProcessorState.ONLINE_CAPABLE)));
  }

  @Test
  void processorsAreNumbered() {
    StringBuilder expected = new StringBuilder("0000e0fe" + "00000000");
    for (int id = 0; id < 288; id++) {
      expected.append(
          id < 255
              ? "0008%02x%02x01000000".formatted(id, id)
              : "09100000%02x%02x000001000000%02x%02x0000"
                  .formatted(id & 0xff, id >> 8, id & 0xff, id >> 8));
    }
    assertEquals(expected.toString(), body(Madt.builder().processors(288)));
    refused(
        "number of processors 0x0 (0) is outside 0x1..0x8000", () -> Madt.builder().processors(0));
    refused(
        "number of processors 0x8001 (32769) is outside 0x1..0x8000",
        () -> Madt.builder().processors(32769));
    refused("processor uid 0 was given before", () -> Madt.builder().processors(1).processors(1));
  }

  @Test
  void controllersAndOverrides() {
    assertEquals(
        "0000e0fe"
            + "00000000"
            + ("010c0100" + "0010c0fe" + "18000000")
            + ("020a0000" + "02000000" + "0000")
            + ("020a0009" + "09000000" + "0d00")
            + ("020a000f" + "ffffffff" + "0700"),
        body(
            Madt.builder()
                .ioApic(1, 0xfec0_1000L, 24)
                .interruptSourceOverride(0, 2)
                .interruptSourceOverride(9, 9, Trigger.LEVEL, Polarity.ACTIVE_HIGH)
                .interruptSourceOverride(15, 0xffff_ffffL, Trigger.EDGE, Polarity.ACTIVE_LOW)));
  }

  @Test
  void nmiIsForAllProcessorsOfBothKinds() {
    assertEquals(
        "0000e0fe" + "00000000" + "0008000001000000" + "0406ff000001",
        body(Madt.builder().localApicNmi(1).processor(0, 0, ProcessorState.ENABLED)));
    assertEquals(
        "0000e0fe"
            + "00000000"
            + ("09100000" + "00010000" + "01000000" + "00000000")
            + "0406ff000000"
            + "0a0c0000ffffffff00000000",
        body(Madt.builder().localApicNmi(0).processor(0, 256, ProcessorState.ENABLED)));
  }

  @Test
  void refusals() {
    Madt.Builder madt =
        Madt.builder()
            .processor(1, 1, ProcessorState.ENABLED)
            .ioApic(1, 0, 0)
            .interruptSourceOverride(4, 4);
    refused("processor uid 1 was given before", () -> madt.processor(1, 2, ProcessorState.ENABLED));
    refused("APIC id 1 was given before", () -> madt.processor(2, 1, ProcessorState.ENABLED));
    refused(
        "processor uid for APIC id 3 0xff (255) is outside 0x0..0xfe",
        () -> madt.processor(255, 3, ProcessorState.ENABLED));
    refused(
        "APIC id 0xffffffff (4294967295) is outside 0x0..0xfffffffe",
        () -> madt.processor(4, 0xffff_ffffL, ProcessorState.ENABLED));
    refused(
        "processor uid for APIC id 256 0xffffffff (4294967295) is outside 0x0..0xfffffffe",
        () -> madt.processor(0xffff_ffffL, 256, ProcessorState.ENABLED));
    refused("I/O APIC id 1 was given before", () -> madt.ioApic(1, 0, 24));
    refused("I/O APIC id 0x100 (256) is outside 0x0..0xff", () -> madt.ioApic(256, 0, 24));
    refused("I/O APIC address -1 (-1) is outside 0x0..0xffffffff", () -> madt.ioApic(2, -1, 24));
    refused("GSI base -1 (-1) is outside 0x0..0xffffffff", () -> madt.ioApic(2, 0, -1));
    refused(
        "override of ISA interrupt 4 was given before", () -> madt.interruptSourceOverride(4, 5));
    refused(
        "ISA interrupt 0x10 (16) is outside 0x0..0xf", () -> madt.interruptSourceOverride(16, 5));
    refused("GSI -1 (-1) is outside 0x0..0xffffffff", () -> madt.interruptSourceOverride(5, -1));
    refused("LINT pin 0x2 (2) is outside 0x0..0x1", () -> madt.localApicNmi(2));
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** SRAT and SLIT, byte by byte, and what is refused. */
class NumaTest {
  private static String body(Sdt table) {
    byte[] bytes = table.toBytes();
    return HexFormat.of().formatHex(bytes, Sdt.HEADER_LENGTH, bytes.length);
  }

  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @Test
  void srat() {
    Sdt table =
        Srat.builder()
            .processor(254, 0x0403_0201L)
            .processor(255, 0xffff_ffffL)
            .memory(0x1_0000_0000L, 0x20_0000, 3)
            .memory(-0x1000, 0x1000, 4, Srat.MemoryFlag.NON_VOLATILE, Srat.MemoryFlag.NON_VOLATILE)
            .memory(0, 1, 5, Srat.MemoryFlag.values())
            .build();
    assertEquals(3, table.revision());
    assertEquals("SRAT", table.signature());
    assertEquals(
        "01000000"
            + "0000000000000000"
            // type, length, domain 7:0, APIC id, flags, SAPIC EID, domain 31:8, clock domain
            + "001001fe"
            + "01000000"
            + "00"
            + "020304"
            + "00000000"
            // type, length, reserved, domain, x2APIC id, flags, clock domain, reserved
            + "02180000"
            + "ffffffff"
            + "ff000000"
            + "01000000"
            + "00000000"
            + "00000000"
            // type, length, domain, reserved, base, length, reserved, flags, reserved
            + "0128"
            + "03000000"
            + "0000"
            + "0000000001000000"
            + "0000200000000000"
            + "00000000"
            + "01000000"
            + "0000000000000000"
            + "0128"
            + "04000000"
            + "0000"
            + "00f0ffffffffffff"
            + "0010000000000000"
            + "00000000"
            + "05000000"
            + "0000000000000000"
            + "0128"
            + "05000000"
            + "0000"
            + "0000000000000000"
            + "0100000000000000"
            + "00000000"
            + "07000000"
            + "0000000000000000",
        body(table));
  }

  @Test
  void whatSratRefuses() {
    Srat.Builder srat = Srat.builder().processor(1, 0).memory(0x1000, 0x1000, 0);
    refused("APIC id 1 was given before", () -> srat.processor(1, 1));
    refused(
        "APIC id 0xffffffff (4294967295) is outside 0x0..0xfffffffe",
        () -> srat.processor(0xffff_ffffL, 0));
    refused("APIC id -1 (-1) is outside 0x0..0xfffffffe", () -> srat.processor(-1, 0));
    refused(
        "proximity domain 0x100000000 (4294967296) is outside 0x0..0xffffffff",
        () -> srat.processor(2, 1L << 32));
    refused("proximity domain -1 (-1) is outside 0x0..0xffffffff", () -> srat.memory(0, 1, -1));
    refused("memory length 0x0 (0) is outside 0x1..0x7fffffffffffffff", () -> srat.memory(0, 0, 0));
    refused("memory of 0x2 bytes at 0xffffffffffffffff passes 2^64", () -> srat.memory(-1, 2, 0));
    refused("memory 0x0..0x1000 overlaps 0x1000..0x1fff", () -> srat.memory(0, 0x1001, 0));
    refused("memory 0x1fff..0x1fff overlaps 0x1000..0x1fff", () -> srat.memory(0x1fff, 1, 1));
    // What was refused left nothing behind, and neighbours are no overlap.
    srat.processor(2, 0).memory(0, 0x1000, 0).memory(0x2000, 1, 1);
    assertEquals(36 + 12 + 2 * 16 + 3 * 40, srat.build().length());
  }

  @Test
  void slit() {
    Sdt table = Slit.of(new int[][] {{10, 11}, {255, 10}});
    assertEquals(1, table.revision());
    assertEquals("SLIT", table.signature());
    assertEquals("0200000000000000" + "0a0b" + "ff0a", body(table));
    assertEquals("0300000000000000" + "0a1414" + "140a14" + "14140a", body(Slit.uniform(3, 20)));
    assertEquals("0100000000000000" + "0a", body(Slit.uniform(1, 20)));
    assertEquals(36 + 8 + 1024 * 1024, Slit.uniform(1024, 255).length());
  }

  @Test
  void whatSlitRefuses() {
    refused("number of domains 0x0 (0) is outside 0x1..0x400", () -> Slit.of(new int[0][]));
    refused("number of domains 0x401 (1025) is outside 0x1..0x400", () -> Slit.uniform(1025, 20));
    refused("row 1 has 1 distances, not 2", () -> Slit.of(new int[][] {{10, 20}, {20}}));
    refused(
        "distance from domain 1 to 1 0xb (11) is outside 0xa..0xa",
        () -> Slit.of(new int[][] {{10, 20}, {20, 11}}));
    refused(
        "distance from domain 0 to 1 0xa (10) is outside 0xb..0xff",
        () -> Slit.of(new int[][] {{10, 10}, {20, 10}}));
    refused(
        "distance from domain 1 to 0 0x100 (256) is outside 0xb..0xff",
        () -> Slit.of(new int[][] {{10, 20}, {256, 10}}));
    refused("distance 0xa (10) is outside 0xb..0xff", () -> Slit.uniform(2, 10));
  }

  @Test
  void spcr() {
    Sdt table = Spcr.of(ComPort.COM1, 4);
    assertEquals("SPCR rev 2, 80 bytes", table.toString());
    assertEquals(
        "00000000"
            + "01080001f803000000000000"
            + "03"
            + "04"
            + "04000000"
            + "00"
            + "00"
            + "01"
            + "00"
            + "03"
            + "00"
            + "ffffffff"
            + "000000"
            + "00000000"
            + "00"
            + "00000000",
        body(table));
    assertEquals(
        "00000000" + "01080001e802000000000000" + "02" + "00" + "10000000",
        body(Spcr.of(ComPort.COM4, 16)).substring(0, 44));
    refused("GSI -1 (-1) is outside 0x0..0xffffffff", () -> Spcr.of(ComPort.COM1, -1));
    assertEquals("SPCR", new String(table.toBytes(), 0, 4, StandardCharsets.US_ASCII));
  }
}

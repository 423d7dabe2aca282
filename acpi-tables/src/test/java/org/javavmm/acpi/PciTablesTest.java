// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** What describes a PCI root, byte by byte, and what is refused. */
class PciTablesTest {
  private static byte[] hex(String text) {
    return HexFormat.of().parseHex(text.replace(" ", ""));
  }

  private static void assertRefused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @Test
  void windowsOfAHostBridge() {
    // Tag, length, type, general flags, type's flags; granularity, min, max, translation, length.
    assertArrayEquals(
        hex("88 0d00 02 0c 00 0000 0000 0300 0000 0400"), AmlResource.busNumbers(0, 3).toBytes());
    assertArrayEquals(
        hex("88 0d00 01 0c 03 0000 0010 ffff 0000 00f0"),
        AmlResource.ioWindow(0x1000, 0xffff).toBytes());
    assertArrayEquals(
        hex("87 1700 00 0c 01 00000000 000000c0 ffffffdf 00000000 00000020"),
        AmlResource.memoryWindow(0xc000_0000L, 0xdfff_ffffL).toBytes());
    assertArrayEquals(
        hex(
            "8a 2b00 00 0c 01 0000000000000000 0000000001000000 ffffffffff000000"
                + " 0000000000000000 00000000ff000000"),
        AmlResource.memoryWindow(0x1_0000_0000L, 0xff_ffff_ffffL).toBytes());
    // 4 GiB do not fit into 32 bits.
    assertEquals((byte) 0x8a, AmlResource.memoryWindow(0, 0xffff_ffffL).toBytes()[0]);
  }

  @Test
  void whatIsNoWindowIsRefused() {
    assertRefused(
        "last bus 0x100 (256) is outside 0x0..0xff", () -> AmlResource.busNumbers(0, 256));
    assertRefused("last bus 0x1 (1) is outside 0x2..0xff", () -> AmlResource.busNumbers(2, 1));
    assertRefused(
        "number of ports 0x10000 (65536) is outside 0x1..0xffff",
        () -> AmlResource.ioWindow(0, 0xffff));
    assertRefused("last port 0x1 (1) is outside 0x2..0xffff", () -> AmlResource.ioWindow(2, 1));
    assertRefused(
        "memory window 0x2..0x1 ends before it starts", () -> AmlResource.memoryWindow(2, 1));
    assertRefused(
        "memory window 0x0..0xffffffffffffffff has 2^64 bytes",
        () -> AmlResource.memoryWindow(0, -1));
  }

  @Test
  void mcfg() {
    byte[] table = Mcfg.of(0xe000_0000L, 2, 5).toBytes();
    assertEquals("MCFG", new String(table, 0, 4, java.nio.charset.StandardCharsets.US_ASCII));
    assertArrayEquals(
        hex("0000000000000000 000000e000000000 0000 02 05 00000000"),
        Arrays.copyOfRange(table, Sdt.HEADER_LENGTH, table.length));
    assertRefused(
        "base 0xe0001000 of ECAM is not a multiple of 0x100000", () -> Mcfg.of(0xe000_1000L, 0, 0));
    assertRefused("last bus 0x0 (0) is outside 0x1..0xff", () -> Mcfg.of(0, 1, 0));
    assertRefused(
        "ECAM at 0xfffffffffff00000 passes 2^64 with bus 1", () -> Mcfg.of(-0x10_0000L, 0, 1));
  }

  @Test
  void routesOfPins() {
    // PackageOp, length, 4 elements: device and all functions, pin, source 0, GSI.
    assertArrayEquals(
        hex("12 0c 04 0c ffff1f00 0a 03 00 0a 17"), AmlDevices.pciRoute(31, 3, 23).toBytes());
    assertRefused("PCI device 0x20 (32) is outside 0x0..0x1f", () -> AmlDevices.pciRoute(32, 0, 0));
    assertRefused("PCI pin 0x4 (4) is outside 0x0..0x3", () -> AmlDevices.pciRoute(0, 4, 0));
    assertRefused(
        "root bus 0x100 (256) is outside 0x0..0xff",
        () -> AmlDevices.pciRoot("PCI0", 256, List.of(), List.of()));
  }
}

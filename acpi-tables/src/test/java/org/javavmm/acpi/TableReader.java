// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Finds tables as a guest does: from the RSDP's address by way of the XSDT and the FADT, checking
 * every checksum. Shares no code with the writer.
 */
final class TableReader {
  private final long base;
  private final byte[] memory;

  TableReader(PlacedTables placed) {
    this.base = placed.gpa();
    this.memory = placed.bytes();
  }

  static int sum(byte[] bytes) {
    int sum = 0;
    for (byte b : bytes) {
      sum += b & 0xff;
    }
    return sum & 0xff;
  }

  static ByteBuffer little(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  static String signature(byte[] table) {
    return new String(table, 0, 4, StandardCharsets.US_ASCII);
  }

  byte[] read(long gpa, int length) {
    int from = Math.toIntExact(gpa - base);
    return Arrays.copyOfRange(memory, from, from + length);
  }

  /** A table by its address: its length is read from its header. */
  byte[] sdt(long gpa) {
    int length = little(read(gpa, 8)).getInt(4);
    byte[] table = read(gpa, length);
    assertEquals(0, sum(table), "checksum of " + signature(table));
    return table;
  }

  /** Every table that a guest reaches, by address, in the order in which it meets them. */
  Map<Long, byte[]> walk(long rsdpAddress) {
    byte[] rsdp = read(rsdpAddress, 36);
    assertEquals("RSD PTR ", new String(rsdp, 0, 8, StandardCharsets.US_ASCII));
    assertEquals(0, sum(Arrays.copyOf(rsdp, 20)), "RSDP checksum");
    assertEquals(0, sum(rsdp), "RSDP extended checksum");
    assertEquals(2, rsdp[15], "RSDP revision");
    assertEquals(0, little(rsdp).getInt(16), "RSDT address");
    assertEquals(36, little(rsdp).getInt(20), "RSDP length");
    Map<Long, byte[]> found = new LinkedHashMap<>();
    long xsdtAddress = little(rsdp).getLong(24);
    byte[] xsdt = sdt(xsdtAddress);
    assertEquals("XSDT", signature(xsdt));
    found.put(xsdtAddress, xsdt);
    for (int i = 36; i < xsdt.length; i += 8) {
      long address = little(xsdt).getLong(i);
      byte[] table = sdt(address);
      found.put(address, table);
      if (signature(table).equals("FACP")) {
        long dsdt = little(table).getLong(140);
        found.put(dsdt, sdt(dsdt));
        long facs = little(table).getLong(132);
        if (facs != 0) {
          found.put(facs, read(facs, little(read(facs, 8)).getInt(4)));
        }
      }
    }
    return found;
  }

  byte[] only(long rsdpAddress, String signature) {
    return walk(rsdpAddress).values().stream()
        .filter(t -> signature(t).equals(signature))
        .reduce((a, b) -> {
          throw new AssertionError("two tables " + signature);
        })
        .orElseThrow();
  }
}

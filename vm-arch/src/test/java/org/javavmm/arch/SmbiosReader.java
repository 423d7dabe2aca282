// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * Finds SMBIOS tables in the first MiB of a guest's memory as a guest does. Written from the
 * specification; shares no code with the writer.
 */
final class SmbiosReader {
  /** A structure: its body is what follows the header. */
  record Structure(int type, int handle, String body, List<String> texts) {}

  private SmbiosReader() {}

  static List<Structure> find(byte[] memory) {
    for (int at = 0xf0000; at < 0x100000; at += 16) {
      if (new String(memory, at, 5, StandardCharsets.US_ASCII).equals("_SM3_")) {
        return read(memory, at);
      }
    }
    return List.of();
  }

  private static long little(byte[] memory, int at, int width) {
    long value = 0;
    for (int i = width - 1; i >= 0; i--) {
      value = value << 8 | (memory[at + i] & 0xff);
    }
    return value;
  }

  private static List<Structure> read(byte[] memory, int entry) {
    int length = memory[entry + 6];
    assertEquals(24, length);
    int sum = 0;
    for (int i = 0; i < length; i++) {
      sum += memory[entry + i];
    }
    assertEquals(0, sum & 0xff, "checksum of the entry point");
    assertEquals("030100" + "01" + "00", HexFormat.of().formatHex(memory, entry + 7, entry + 12));
    int at = (int) little(memory, entry + 16, 8);
    int end = at + (int) little(memory, entry + 12, 4);
    List<Structure> found = new ArrayList<>();
    while (true) {
      int type = memory[at] & 0xff;
      int size = memory[at + 1] & 0xff;
      int handle = (int) little(memory, at + 2, 2);
      String body = HexFormat.of().formatHex(Arrays.copyOfRange(memory, at + 4, at + size));
      at += size;
      List<String> texts = new ArrayList<>();
      while (memory[at] != 0) {
        int from = at;
        while (memory[at] != 0) {
          at++;
        }
        texts.add(new String(memory, from, at - from, StandardCharsets.US_ASCII));
        at++;
      }
      at++;
      if (texts.isEmpty()) {
        assertEquals(0, memory[at++], "two zeros where there are no texts");
      }
      if (type == 127) {
        assertEquals(end, at, "end of the table");
        assertEquals("", body);
        return found;
      }
      found.add(new Structure(type, handle, body, texts));
    }
  }
}

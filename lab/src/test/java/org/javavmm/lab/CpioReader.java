// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Reads the files of a cpio archive back. */
final class CpioReader {
  private CpioReader() {}

  static Map<String, byte[]> read(byte[] archive) {
    Map<String, byte[]> files = new LinkedHashMap<>();
    int at = 0;
    while (true) {
      assertEquals("070701", ascii(archive, at, 6));
      int size = Integer.parseInt(ascii(archive, at + 6 + 6 * 8, 8), 16);
      int nameSize = Integer.parseInt(ascii(archive, at + 6 + 11 * 8, 8), 16);
      String name = ascii(archive, at + 110, nameSize - 1);
      assertEquals(0, archive[at + 110 + nameSize - 1], "the name's end");
      int content = (at + 110 + nameSize + 3) / 4 * 4;
      if (name.equals("TRAILER!!!")) {
        assertEquals(archive.length, content, "nothing after the trailer");
        return files;
      }
      files.put(name, Arrays.copyOfRange(archive, content, content + size));
      at = (content + size + 3) / 4 * 4;
    }
  }

  private static String ascii(byte[] bytes, int at, int length) {
    return new String(bytes, at, length, StandardCharsets.ISO_8859_1);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.StringLength;

class CpioPropertyTest {
  @Property(tries = 200)
  void everyFileIsReadBack(
      @ForAll @Size(max = 8)
          Map<@StringLength(min = 1, max = 40) @net.jqwik.api.constraints.AlphaChars String, byte[]>
              files) {
    Cpio cpio = new Cpio();
    files.forEach((name, content) -> cpio.file(name, 0644, content));
    byte[] archive = cpio.finish();
    assertEquals(0, archive.length % 4, "a further archive may follow");
    Map<String, byte[]> read = read(archive);
    assertEquals(List.copyOf(files.keySet()), List.copyOf(read.keySet()));
    files.forEach((name, content) -> assertArrayEquals(content, read.get(name), name));
  }

  /** A reader of the format, as the kernel's documentation of initramfs buffers states it. */
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

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Reads a newc archive back, straight from the format's description. */
final class CpioReader {
  record Entry(
      String name,
      int ino,
      int mode,
      int nlink,
      int major,
      int minor,
      Content content,
      int uid,
      int gid) {
    String describe() {
      return name + " " + Integer.toOctalString(mode) + " " + nlink + " " + content.size();
    }
  }

  /** What a file holds. */
  static final class Content {
    private final byte[] bytes;

    Content(byte[] bytes) {
      this.bytes = bytes;
    }

    int size() {
      return bytes.length;
    }

    byte[] bytes() {
      return bytes.clone();
    }
  }

  private CpioReader() {}

  static List<Entry> read(byte[] archive) {
    List<Entry> entries = new ArrayList<>();
    int at = 0;
    while (true) {
      if (at % 4 != 0) {
        throw new AssertionError("header at " + at);
      }
      String magic = ascii(archive, at, 6);
      if (!magic.equals("070701")) {
        throw new AssertionError("magic " + magic + " at " + at);
      }
      int[] fields = new int[13];
      for (int i = 0; i < 13; i++) {
        fields[i] = Integer.parseUnsignedInt(ascii(archive, at + 6 + 8 * i, 8), 16);
      }
      for (int zero : new int[] {5, 7, 8, 12}) { // mtime devmajor devminor check
        if (fields[zero] != 0) {
          throw new AssertionError("field " + zero + " is " + fields[zero]);
        }
      }
      int nameSize = fields[11];
      byte[] name = Arrays.copyOfRange(archive, at + 110, at + 110 + nameSize);
      if (name[nameSize - 1] != 0) {
        throw new AssertionError("name without end at " + at);
      }
      String text = new String(name, 0, nameSize - 1, StandardCharsets.UTF_8);
      int data = at + 110 + nameSize;
      data += zeros(archive, data);
      int end = data + fields[6];
      if (text.equals("TRAILER!!!")) {
        if (data != archive.length || fields[6] != 0) {
          throw new AssertionError("trailer is not the end");
        }
        return entries;
      }
      byte[] content = Arrays.copyOfRange(archive, data, end);
      entries.add(
          new Entry(
              text,
              fields[0],
              fields[1],
              fields[4],
              fields[9],
              fields[10],
              new Content(content),
              fields[2],
              fields[3]));
      at = end + zeros(archive, end);
    }
  }

  private static int zeros(byte[] archive, int at) {
    int count = 0;
    while ((at + count) % 4 != 0) {
      if (archive[at + count] != 0) {
        throw new AssertionError("padding at " + (at + count));
      }
      count++;
    }
    return count;
  }

  private static String ascii(byte[] bytes, int offset, int length) {
    return new String(bytes, offset, length, StandardCharsets.US_ASCII);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Little-endian fields of firmware tables, each checked against its width. */
final class LittleEndian {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  LittleEndian u8(int value) {
    return put(range("8-bit value", value, 0, 0xff), 1);
  }

  LittleEndian u16(int value) {
    return put(range("16-bit value", value, 0, 0xffff), 2);
  }

  LittleEndian u32(long value) {
    return put(range("32-bit value", value, 0, 0xffff_ffffL), 4);
  }

  LittleEndian u64(long value) {
    return put(value, 8);
  }

  LittleEndian zeros(int count) {
    return bytes(new byte[count]);
  }

  LittleEndian bytes(byte[] bytes) {
    out.writeBytes(bytes);
    return this;
  }

  /** Text that was checked before, padded with spaces. */
  LittleEndian ascii(String text, int width) {
    return bytes((text + " ".repeat(width - text.length())).getBytes(StandardCharsets.US_ASCII));
  }

  int size() {
    return out.size();
  }

  byte[] toByteArray() {
    return out.toByteArray();
  }

  private LittleEndian put(long value, int width) {
    for (int i = 0; i < width; i++) {
      out.write((int) (value >>> (8 * i)) & 0xff);
    }
    return this;
  }

  /** The byte that makes the sum of all bytes zero when added to it. */
  static byte checksum(byte[] bytes) {
    int sum = 0;
    for (byte b : bytes) {
      sum += b;
    }
    return (byte) -sum;
  }

  /** Returns {@code value} if it lies in {@code min..max}, both inclusive and signed. */
  static long range(String what, long value, long min, long max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          "%s 0x%x (%d) is outside 0x%x..0x%x".formatted(what, value, value, min, max));
    }
    return value;
  }

  /** Printable ASCII of 1 to {@code max} characters. */
  static String checkText(String what, String text, int max) {
    if (text.isEmpty() || text.length() > max) {
      throw new IllegalArgumentException(
          "%s \"%s\" has %d characters, not 1..%d".formatted(what, text, text.length(), max));
    }
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c < 0x20 || c > 0x7e) {
        throw new IllegalArgumentException(
            "%s: character %d (0x%x) is not printable ASCII".formatted(what, i, (int) c));
      }
    }
    return text;
  }
}

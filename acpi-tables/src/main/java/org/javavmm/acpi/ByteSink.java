// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import java.util.Arrays;

/** A growing array of bytes with little-endian writers; every writer checks its value's width. */
final class ByteSink {
  private byte[] bytes = new byte[64];
  private int size;

  ByteSink u8(int value) {
    return little(Check.range("8-bit value", value, 0, 0xff), 1);
  }

  ByteSink u16(int value) {
    return little(Check.range("16-bit value", value, 0, 0xffff), 2);
  }

  ByteSink u32(long value) {
    return little(Check.range("32-bit value", value, 0, 0xffff_ffffL), 4);
  }

  ByteSink u64(long value) {
    return little(value, 8);
  }

  ByteSink bytes(byte[] source) {
    reserve(source.length);
    System.arraycopy(source, 0, bytes, size, source.length);
    size += source.length;
    return this;
  }

  ByteSink zeros(int count) {
    reserve(Check.range("count of zero bytes", count, 0, Integer.MAX_VALUE));
    size += count; // the array is zero beyond size: nothing is ever taken back
    return this;
  }

  /** Printable ASCII, padded with spaces to {@code width} bytes. */
  ByteSink ascii(String what, String text, int width) {
    Check.printable(what, text, width);
    reserve(width);
    for (int i = 0; i < width; i++) {
      bytes[size++] = (byte) (i < text.length() ? text.charAt(i) : ' ');
    }
    return this;
  }

  int size() {
    return size;
  }

  byte[] toByteArray() {
    return Arrays.copyOf(bytes, size);
  }

  private ByteSink little(long value, int width) {
    reserve(width);
    for (int i = 0; i < width; i++) {
      bytes[size++] = (byte) (value >>> (8 * i));
    }
    return this;
  }

  private void reserve(int count) {
    int needed = Math.addExact(size, count);
    if (needed > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(needed, (int) Math.min(2L * size, Integer.MAX_VALUE)));
    }
  }

  /** Writes {@code value} at {@code offset} of {@code target}, little endian, 64 bits. */
  static void putU64(byte[] target, int offset, long value) {
    for (int i = 0; i < 8; i++) {
      target[offset + i] = (byte) (value >>> (8 * i));
    }
  }

  /** The byte that makes the bytes {@code from..to-1} sum to zero when added to them. */
  static byte checksum(byte[] source, int from, int to) {
    int sum = 0;
    for (int i = from; i < to; i++) {
      sum += source[i];
    }
    return (byte) -sum;
  }
}

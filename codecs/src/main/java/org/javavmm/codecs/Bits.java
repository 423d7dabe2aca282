// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codecs;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.javavmm.codec.DecompressionException;

/**
 * A bit stream of zstd that is read backwards (RFC 8878 §4.1): its last byte's highest set bit ends
 * it. The array has at least {@link #PADDING} bytes behind the stream.
 *
 * <p>Reading beyond the beginning gives zero bits and a negative {@link #left}, which the caller
 * checks.
 */
final class Bits {
  static final int PADDING = 8;

  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private final byte[] bytes;
  private final int begin;

  /** The number of bits left; negative if more were read than there were. */
  int left;

  Bits(Input in, byte[] bytes, int begin, int length) throws DecompressionException {
    this.bytes = bytes;
    this.begin = begin;
    if (length < 1 || bytes[begin + length - 1] == 0) {
      throw in.corrupt(
          "last byte of a bit stream", length < 1 ? "missing" : "0", "must not be zero");
    }
    int last = Byte.toUnsignedInt(bytes[begin + length - 1]);
    left = 8 * (length - 1) + 31 - Integer.numberOfLeadingZeros(last);
  }

  /**
   * The bits that {@code count} next reads give, at most 56, of a stream with {@code left} bits.
   */
  static long peek(byte[] bytes, int begin, int left, int count) {
    int from = left - count;
    if (from >= 0) {
      long word = (long) LONGS.get(bytes, begin + (from >> 3));
      return (word >>> (from & 7)) & ((1L << count) - 1);
    }
    if (left <= 0) {
      return 0;
    }
    return ((long) LONGS.get(bytes, begin) & ((1L << left) - 1)) << -from;
  }

  int read(int count) {
    int value = (int) peek(bytes, begin, left, count);
    left -= count;
    return value;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codecs;

import org.javavmm.codec.DecompressionException;

/** A decoding table of finite state entropy (RFC 8878 §4.1). */
final class Fse {
  final int accuracy;

  /** Of each state: the symbol, the number of bits to read, and the base of the next state. */
  final byte[] symbols;

  final byte[] bits;
  final short[] bases;

  /** A table of one state. */
  Fse(int symbol) {
    accuracy = 0;
    symbols = new byte[] {(byte) symbol};
    bits = new byte[1];
    bases = new short[1];
  }

  /**
   * A table of a distribution.
   *
   * @param counts of each symbol, how many states it has; -1 for less than one. The sum of their
   *     magnitudes is 2^accuracy
   */
  Fse(int accuracy, int[] counts, int length) {
    this.accuracy = accuracy;
    int size = 1 << accuracy;
    symbols = new byte[size];
    bits = new byte[size];
    bases = new short[size];
    int[] next = new int[length];
    int high = size;
    for (int symbol = 0; symbol < length; symbol++) {
      if (counts[symbol] == -1) {
        symbols[--high] = (byte) symbol;
        next[symbol] = 1;
      } else {
        next[symbol] = counts[symbol];
      }
    }
    int step = (size >> 1) + (size >> 3) + 3;
    int at = 0;
    for (int symbol = 0; symbol < length; symbol++) {
      for (int i = 0; i < counts[symbol]; i++) {
        symbols[at] = (byte) symbol;
        do {
          at = (at + step) & (size - 1);
        } while (at >= high);
      }
    }
    for (int state = 0; state < size; state++) {
      int count = next[symbols[state]]++;
      int width = accuracy - (31 - Integer.numberOfLeadingZeros(count));
      bits[state] = (byte) width;
      bases[state] = (short) ((count << width) - size);
    }
  }

  static Fse of(int accuracy, int... counts) {
    return new Fse(accuracy, counts, counts.length);
  }

  /** What a description of a table took, and the table. */
  record Read(Fse table, int end) {}

  /**
   * Reads the description of a table (RFC 8878 §4.1.1).
   *
   * @param bytes where it is, with at least eight bytes behind its end
   * @param maxAccuracy the largest accuracy
   * @param maxSymbol the largest symbol
   */
  static Read read(Input in, byte[] bytes, int begin, int end, int maxAccuracy, int maxSymbol)
      throws DecompressionException {
    int at = begin * 8;
    int limit = end * 8;
    int accuracy = forward(bytes, at, 4) + 5;
    at += 4;
    if (begin >= end || accuracy > maxAccuracy) {
      throw in.corrupt("accuracy log of an FSE table", accuracy, "must be at most " + maxAccuracy);
    }
    int[] counts = new int[maxSymbol + 1];
    int remaining = 1 << accuracy;
    int symbol = 0;
    while (remaining > 0 && at <= limit) {
      if (symbol > maxSymbol) {
        throw in.corrupt("symbol of an FSE table", symbol, "must be at most " + maxSymbol);
      }
      int width = 32 - Integer.numberOfLeadingZeros(remaining + 1);
      int value = forward(bytes, at, width);
      int half = (1 << (width - 1)) - 1;
      int threshold = (1 << width) - 1 - (remaining + 1);
      if ((value & half) < threshold) {
        value &= half;
        at += width - 1;
      } else {
        if (value > half) {
          value -= threshold;
        }
        at += width;
      }
      int count = value - 1;
      remaining -= Math.abs(count);
      counts[symbol++] = count;
      if (count == 0) {
        int repeat;
        do {
          repeat = forward(bytes, at, 2);
          at += 2;
          symbol += repeat;
        } while (repeat == 3 && at <= limit && symbol <= maxSymbol);
      }
    }
    if (at > limit || remaining != 0 || symbol > maxSymbol + 1) {
      throw in.corrupt("description of an FSE table", "damaged", "must be complete");
    }
    return new Read(new Fse(accuracy, counts, symbol), (at + 7) >> 3);
  }

  private static int forward(byte[] bytes, int at, int count) {
    int byteAt = at >> 3;
    int word =
        Byte.toUnsignedInt(bytes[byteAt])
            | (Byte.toUnsignedInt(bytes[byteAt + 1]) << 8)
            | (Byte.toUnsignedInt(bytes[byteAt + 2]) << 16);
    return (word >>> (at & 7)) & ((1 << count) - 1);
  }
}

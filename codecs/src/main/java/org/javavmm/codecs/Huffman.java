// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codecs;

import org.javavmm.codec.DecompressionException;

/** A Huffman code of zstd's literals (RFC 8878 §4.2). */
final class Huffman {
  private static final int MAX_BITS = 11;

  private final int maxBits;

  /** Of the next {@code maxBits} bits: symbol and length of the code they begin with. */
  private final short[] table;

  /** Where its description ends. */
  final int end;

  /**
   * Reads the description.
   *
   * @param bytes where it is, with at least eight bytes behind its end
   */
  Huffman(Input in, byte[] bytes, int begin, int limit) throws DecompressionException {
    byte[] weights = new byte[256];
    int count;
    if (begin >= limit) {
      throw in.corrupt("Huffman tree description", "missing", "must be complete");
    }
    int header = Byte.toUnsignedInt(bytes[begin]);
    if (header < 128) {
      end = begin + 1 + header;
      checkEnd(in, limit);
      count = compressedWeights(in, bytes, begin + 1, weights);
    } else {
      count = header - 127;
      end = begin + 1 + (count + 1) / 2;
      checkEnd(in, limit);
      for (int i = 0; i < count; i++) {
        int pair = bytes[begin + 1 + i / 2];
        weights[i] = (byte) (i % 2 == 0 ? (pair >> 4) & 15 : pair & 15);
      }
    }
    int sum = 0;
    for (int i = 0; i < count; i++) {
      if (weights[i] > MAX_BITS) {
        throw in.corrupt("Huffman weight", weights[i], "must be at most " + MAX_BITS);
      }
      sum += weights[i] == 0 ? 0 : 1 << (weights[i] - 1);
    }
    maxBits = 32 - Integer.numberOfLeadingZeros(sum);
    int left = (1 << maxBits) - sum;
    if (sum == 0 || maxBits > MAX_BITS || Integer.bitCount(left) != 1) {
      throw in.corrupt(
          "sum of the Huffman weights", sum, "must be a power of two short of at most 2048");
    }
    weights[count++] = (byte) (32 - Integer.numberOfLeadingZeros(left));
    table = new short[1 << maxBits];
    int at = 0;
    for (int weight = 1; weight <= maxBits; weight++) {
      for (int symbol = 0; symbol < count; symbol++) {
        if (weights[symbol] == weight) {
          short entry = (short) ((symbol << 4) | (maxBits + 1 - weight));
          int to = at + (1 << (weight - 1));
          while (at < to) {
            table[at++] = entry;
          }
        }
      }
    }
  }

  private void checkEnd(Input in, int limit) throws DecompressionException {
    if (end > limit) {
      throw in.corrupt("Huffman tree description", "cut off", "must be complete");
    }
  }

  private int compressedWeights(Input in, byte[] bytes, int begin, byte[] weights)
      throws DecompressionException {
    Fse.Read read = Fse.read(in, bytes, begin, end, 6, 15);
    Fse fse = read.table();
    Bits stream = new Bits(in, bytes, read.end(), end - read.end());
    int first = stream.read(fse.accuracy);
    int second = stream.read(fse.accuracy);
    int count = 0;
    while (stream.left >= 0) {
      if (count > 252) {
        throw in.corrupt("number of Huffman weights", count, "must be at most 255");
      }
      weights[count++] = fse.symbols[first];
      first = fse.bases[first] + stream.read(fse.bits[first]);
      if (stream.left < 0) {
        weights[count++] = fse.symbols[second];
        return count;
      }
      weights[count++] = fse.symbols[second];
      second = fse.bases[second] + stream.read(fse.bits[second]);
      if (stream.left < 0) {
        weights[count++] = fse.symbols[first];
        return count;
      }
    }
    throw in.corrupt("Huffman weights", "cut off", "must be complete");
  }

  /** Decodes one stream. */
  void one(Input in, byte[] bytes, int begin, int length, byte[] to, int at, int count)
      throws DecompressionException {
    int left = decode(bytes, begin, new Bits(in, bytes, begin, length).left, to, at, at + count);
    checkLeft(in, left);
  }

  /** Decodes four streams, whose lengths stand before them (RFC 8878 §3.1.1.3.1.6). */
  void four(Input in, byte[] bytes, int begin, int end, byte[] to, int count)
      throws DecompressionException {
    if (end - begin < 6) {
      throw in.corrupt("jump table", (end - begin) + " bytes", "must be 6");
    }
    int quarter = (count + 3) / 4;
    int a = begin + 6;
    int b = a + u16(bytes, begin);
    int c = b + u16(bytes, begin + 2);
    int d = c + u16(bytes, begin + 4);
    if (d >= end || 3 * quarter > count) {
      throw in.corrupt("jump table", "wrong", "must leave something for each stream");
    }
    int leftA = new Bits(in, bytes, a, b - a).left;
    int leftB = new Bits(in, bytes, b, c - b).left;
    int leftC = new Bits(in, bytes, c, d - c).left;
    int leftD = new Bits(in, bytes, d, end - d).left;
    int toA = 0;
    int toB = quarter;
    int toC = 2 * quarter;
    int toD = 3 * quarter;
    short[] codes = table;
    int width = maxBits;
    // All four at once, four symbols each from one word, while no stream is near its beginning.
    int four = 4 * width;
    while (leftA >= four && leftB >= four && leftC >= four && leftD >= four && toD + 4 <= count) {
      long wordA = Bits.peek(bytes, a, leftA, four);
      long wordB = Bits.peek(bytes, b, leftB, four);
      long wordC = Bits.peek(bytes, c, leftC, four);
      long wordD = Bits.peek(bytes, d, leftD, four);
      int mask = (1 << width) - 1;
      int usedA = 0;
      int usedB = 0;
      int usedC = 0;
      int usedD = 0;
      int top = four - width;
      for (int i = 0; i < 4; i++) {
        int entryA = codes[(int) (wordA >>> (top - usedA)) & mask];
        int entryB = codes[(int) (wordB >>> (top - usedB)) & mask];
        int entryC = codes[(int) (wordC >>> (top - usedC)) & mask];
        int entryD = codes[(int) (wordD >>> (top - usedD)) & mask];
        to[toA + i] = (byte) (entryA >> 4);
        to[toB + i] = (byte) (entryB >> 4);
        to[toC + i] = (byte) (entryC >> 4);
        to[toD + i] = (byte) (entryD >> 4);
        usedA += entryA & 15;
        usedB += entryB & 15;
        usedC += entryC & 15;
        usedD += entryD & 15;
      }
      leftA -= usedA;
      leftB -= usedB;
      leftC -= usedC;
      leftD -= usedD;
      toA += 4;
      toB += 4;
      toC += 4;
      toD += 4;
    }
    checkLeft(in, decode(bytes, a, leftA, to, toA, quarter));
    checkLeft(in, decode(bytes, b, leftB, to, toB, 2 * quarter));
    checkLeft(in, decode(bytes, c, leftC, to, toC, 3 * quarter));
    checkLeft(in, decode(bytes, d, leftD, to, toD, count));
  }

  private int decode(byte[] bytes, int begin, int left, byte[] to, int at, int end) {
    while (at < end) {
      int entry = table[(int) Bits.peek(bytes, begin, left, maxBits)];
      to[at++] = (byte) (entry >> 4);
      left -= entry & 15;
    }
    return left;
  }

  private static void checkLeft(Input in, int left) throws DecompressionException {
    if (left != 0) {
      throw in.corrupt("bits left in a Huffman stream", left, "must be 0");
    }
  }

  private static int u16(byte[] bytes, int at) {
    return Byte.toUnsignedInt(bytes[at]) | (Byte.toUnsignedInt(bytes[at + 1]) << 8);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codecs;

import java.lang.foreign.MemorySegment;
import org.javavmm.codec.CompressionFormat;
import org.javavmm.codec.DecompressionException;

/** Decodes what bzip2 1.0 writes. */
final class Bzip2 {
  private static final long BLOCK_MAGIC = 0x314159265359L;
  private static final long END_MAGIC = 0x177245385090L;
  private static final int MAX_LENGTH = 20;
  private static final int GROUP = 50;
  private static final int MAX_SELECTORS = 18002;

  /** CRC-32 with the polynomial 0x04c11db7, most significant bit first. */
  private static final int[] CRC = new int[256];

  static {
    for (int i = 0; i < CRC.length; i++) {
      int crc = i << 24;
      for (int bit = 0; bit < 8; bit++) {
        crc = (crc << 1) ^ (crc < 0 ? 0x04c11db7 : 0);
      }
      CRC[i] = crc;
    }
  }

  private final Input in;
  private final Output out;
  private long bits;
  private int bitCount;

  private int[] chain = new int[0];
  private final byte[] selectors = new byte[MAX_SELECTORS];
  private final byte[] buffer = new byte[8192];
  private int buffered;

  private Bzip2(Input in, Output out) {
    this.in = in;
    this.out = out;
  }

  static long decompress(MemorySegment input, MemorySegment output) throws DecompressionException {
    Output out = new Output(CompressionFormat.BZIP2, output);
    new Bzip2(new Input(CompressionFormat.BZIP2, input), out).streams();
    return out.position();
  }

  private int read(String field, int count) throws DecompressionException {
    while (bitCount < count) {
      bits = (bits << 8) | in.u8(field);
      bitCount += 8;
    }
    bitCount -= count;
    return (int) (bits >>> bitCount) & (int) ((1L << count) - 1);
  }

  private long read48(String field) throws DecompressionException {
    return ((long) read(field, 24) << 24) | read(field, 24);
  }

  private void streams() throws DecompressionException {
    stream(true);
    while (in.remaining() > 0) {
      stream(false);
    }
  }

  private void stream(boolean first) throws DecompressionException {
    if (!first && in.remaining() < 4) {
      throw in.trailing();
    }
    int magic = read("magic number", 24);
    if (magic != 0x425a68) {
      throw in.corrupt(
          first ? "magic number" : "magic number of a further stream",
          String.format("0x%06x", magic),
          "must be 0x425a68");
    }
    int level = read("block size", 8) - '0';
    if (level < 1 || level > 9) {
      throw in.corrupt("block size", level, "must be between 1 and 9");
    }
    int combined = 0;
    while (true) {
      long kind = read48("block header");
      if (kind == END_MAGIC) {
        break;
      }
      if (kind != BLOCK_MAGIC) {
        throw in.corrupt(
            "block header",
            String.format("0x%012x", kind),
            String.format("must be 0x%012x or 0x%012x", BLOCK_MAGIC, END_MAGIC));
      }
      int found = read("block CRC", 32);
      int computed = block(level * 100_000);
      in.checkHash("block CRC", found, computed);
      combined = Integer.rotateLeft(combined, 1) ^ computed;
    }
    in.checkHash("stream CRC", read("stream CRC", 32), combined);
    // Up to the next byte.
    bitCount = 0;
  }

  private int block(int capacity) throws DecompressionException {
    if (read("randomised", 1) != 0) {
      throw in.corrupt("randomised", 1, "must be 0, for such old blocks are not supported");
    }
    int origin = read("origPtr", 24);
    byte[] symbols = new byte[256];
    int used = 0;
    int ranges = read("symbol map", 16);
    for (int i = 0; i < 16; i++) {
      if ((ranges & (0x8000 >> i)) != 0) {
        int map = read("symbol map", 16);
        for (int j = 0; j < 16; j++) {
          if ((map & (0x8000 >> j)) != 0) {
            symbols[used++] = (byte) (i * 16 + j);
          }
        }
      }
    }
    if (used == 0) {
      throw in.corrupt("number of symbols", 0, "must be at least 1");
    }
    Code[] codes = codes(used + 2);
    if (chain.length < capacity) {
      chain = new int[capacity];
    }
    int[] counts = new int[256];
    int length = moveToFront(codes, symbols, used, capacity, counts);
    if (origin >= length) {
      throw in.corrupt("origPtr", origin, "must be less than " + length);
    }
    return unsort(length, origin, counts);
  }

  /** Reads the selectors and the tables of the codes. */
  private Code[] codes(int alphabet) throws DecompressionException {
    int groups = read("number of codes", 3);
    if (groups < 2 || groups > 6) {
      throw in.corrupt("number of codes", groups, "must be between 2 and 6");
    }
    int count = read("number of selectors", 15);
    if (count == 0) {
      throw in.corrupt("number of selectors", 0, "must be at least 1");
    }
    byte[] order = {0, 1, 2, 3, 4, 5};
    for (int i = 0; i < count; i++) {
      int index = 0;
      while (read("selector", 1) != 0) {
        if (++index >= groups) {
          throw in.corrupt("selector", index, "must be less than " + groups);
        }
      }
      byte value = order[index];
      System.arraycopy(order, 0, order, 1, index);
      order[0] = value;
      // Some encoders write more than a block can use; bzip2 1.0.8 ignores these.
      if (i < MAX_SELECTORS) {
        selectors[i] = value;
      }
    }
    selectorCount = Math.min(count, MAX_SELECTORS);
    Code[] codes = new Code[groups];
    byte[] lengths = new byte[alphabet];
    for (int i = 0; i < groups; i++) {
      int length = read("code length", 5);
      for (int j = 0; j < alphabet; j++) {
        while (true) {
          if (length < 1 || length > MAX_LENGTH) {
            throw in.corrupt("code length", length, "must be between 1 and " + MAX_LENGTH);
          }
          if (read("code length", 1) == 0) {
            break;
          }
          length += read("code length", 1) == 0 ? 1 : -1;
        }
        lengths[j] = (byte) length;
      }
      codes[i] = new Code(lengths);
    }
    return codes;
  }

  private int selectorCount;

  /** A prefix code: by a table for short codes, by the limits of each length for long ones. */
  private static final class Code {
    static final int FAST = 10;

    final int[] limit = new int[MAX_LENGTH + 2];
    final int[] base = new int[MAX_LENGTH + 2];
    final short[] permutation;

    /** Symbol and length of the code that these bits begin with; 0 if it is longer. */
    final short[] fast = new short[1 << FAST];

    Code(byte[] lengths) {
      permutation = new short[lengths.length];
      int[] counts = new int[MAX_LENGTH + 2];
      for (byte length : lengths) {
        counts[length]++;
      }
      int index = 0;
      int code = 0;
      for (int length = 1; length <= MAX_LENGTH; length++) {
        base[length] = index - code;
        for (int symbol = 0; symbol < lengths.length; symbol++) {
          if (lengths[symbol] == length) {
            if (length <= FAST) {
              for (int i = 0; i < 1 << (FAST - length); i++) {
                int entry = (code << (FAST - length)) + i;
                if (entry < fast.length) {
                  fast[entry] = (short) ((symbol << 5) | length);
                }
              }
            }
            permutation[index++] = (short) symbol;
            code++;
          }
        }
        // The first value that is no code of this length.
        limit[length] = code;
        code <<= 1;
      }
    }
  }

  private int symbol(Code code) throws DecompressionException {
    while (bitCount < MAX_LENGTH && in.remaining() > 0) {
      bits = (bits << 8) | in.u8("compressed data");
      bitCount += 8;
    }
    if (bitCount >= Code.FAST) {
      int entry = code.fast[(int) (bits >>> (bitCount - Code.FAST)) & ((1 << Code.FAST) - 1)];
      if (entry != 0) {
        bitCount -= entry & 31;
        return entry >> 5;
      }
    }
    int value = 0;
    for (int length = 1; length <= MAX_LENGTH; length++) {
      value = (value << 1) | read("compressed data", 1);
      if (value < code.limit[length]) {
        int index = value + code.base[length];
        if (index >= 0 && index < code.permutation.length) {
          return code.permutation[index];
        }
        break;
      }
    }
    throw in.corrupt("code", String.format("0x%x", value), "must be one of the table");
  }

  private int moveToFront(Code[] codes, byte[] order, int used, int capacity, int[] counts)
      throws DecompressionException {
    int end = used + 1;
    int length = 0;
    int run = 0;
    int weight = 1;
    int group = 0;
    int left = 0;
    Code code = codes[0];
    while (true) {
      if (left == 0) {
        if (group >= selectorCount) {
          throw in.corrupt("number of selectors", selectorCount, "must be enough for all symbols");
        }
        code = codes[selectors[group++]];
        left = GROUP;
      }
      left--;
      int symbol = symbol(code);
      if (symbol <= 1) {
        run += weight << symbol;
        weight <<= 1;
        if (run > capacity - length) {
          throw in.corrupt("block length", length + (long) run, "must be at most " + capacity);
        }
        continue;
      }
      if (run > 0) {
        int value = Byte.toUnsignedInt(order[0]);
        counts[value] += run;
        for (; run > 0; run--) {
          chain[length++] = value;
        }
      }
      weight = 1;
      if (symbol == end) {
        break;
      }
      if (length >= capacity) {
        throw in.corrupt("block length", length + 1L, "must be at most " + capacity);
      }
      int index = symbol - 1;
      byte value = order[index];
      System.arraycopy(order, 0, order, 1, index);
      order[0] = value;
      counts[Byte.toUnsignedInt(value)]++;
      chain[length++] = Byte.toUnsignedInt(value);
    }
    return length;
  }

  /** Undoes the Burrows-Wheeler transform and the runs, and gives the data's CRC. */
  private int unsort(int length, int origin, int[] counts) throws DecompressionException {
    int[] next = chain;
    int sum = 0;
    for (int i = 0; i < 256; i++) {
      int count = counts[i];
      counts[i] = sum;
      sum += count;
    }
    for (int i = 0; i < length; i++) {
      next[counts[next[i] & 0xff]++] |= i << 8;
    }
    int crc = -1;
    int at = next[origin] >>> 8;
    int previous = -1;
    int same = 0;
    for (int i = 0; i < length; i++) {
      int entry = next[at];
      at = entry >>> 8;
      int value = entry & 0xff;
      if (same == 4) {
        // After four equal bytes, how many more there are.
        for (int j = 0; j < value; j++) {
          crc = put(previous, crc);
        }
        same = 0;
        previous = -1;
        continue;
      }
      same = value == previous ? same + 1 : 1;
      previous = value;
      crc = put(value, crc);
    }
    out.write(buffer, 0, buffered);
    buffered = 0;
    return ~crc;
  }

  private int put(int value, int crc) throws DecompressionException {
    if (buffered == buffer.length) {
      out.write(buffer, 0, buffered);
      buffered = 0;
    }
    buffer[buffered++] = (byte) value;
    return (crc << 8) ^ CRC[(crc >>> 24) ^ value];
  }
}

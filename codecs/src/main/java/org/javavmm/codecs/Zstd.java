// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codecs;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.OptionalLong;
import org.javavmm.codec.CompressionFormat;
import org.javavmm.codec.DecompressionException;
import org.jspecify.annotations.Nullable;

/** Decodes zstd frames (RFC 8878), without dictionaries. */
final class Zstd {
  private static final int MAGIC = 0xfd2fb528;

  /** What a block holds at most, compressed or not (RFC 8878 §3.1.1.2.4). */
  private static final int MAX_BLOCK = 128 << 10;

  /** Room behind the literals, so that short copies can be made in longs. */
  private static final int SLACK = 80;

  private static final int MAX_LITERALS_LENGTH = 35;
  private static final int MAX_OFFSET = 31;
  private static final int MAX_MATCH_LENGTH = 52;

  // RFC 8878 §3.1.1.3.2.1.1
  private static final int[] LITERALS_BASE = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28, 32, 40, 48, 64,
    128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536
  };
  private static final byte[] LITERALS_BITS = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11,
    12, 13, 14, 15, 16
  };
  private static final int[] MATCH_BASE = {
    3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
    29, 30, 31, 32, 33, 34, 35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051,
    4099, 8195, 16387, 32771, 65539
  };
  private static final byte[] MATCH_BITS = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
  };

  // RFC 8878 §3.1.1.3.2.2
  private static final Fse LITERALS_DEFAULT =
      Fse.of(
          6, 4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1,
          1, 1, 1, -1, -1, -1, -1);
  private static final Fse MATCH_DEFAULT =
      Fse.of(
          6, 1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
          1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1);
  private static final Fse OFFSET_DEFAULT =
      Fse.of(
          5, 1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1,
          -1);

  private final Input in;
  private final Output out;
  private final byte[] block = new byte[MAX_BLOCK + Bits.PADDING];
  private final byte[] literals = new byte[MAX_BLOCK + SLACK];
  private int literalsLength;

  // What a frame's blocks hand on to the next.
  private @Nullable Huffman huffman;
  private @Nullable Fse literalsTable;
  private @Nullable Fse offsetTable;
  private @Nullable Fse matchTable;
  private long offset1;
  private long offset2;
  private long offset3;

  private Zstd(Input in, Output out) {
    this.in = in;
    this.out = out;
  }

  static long decompress(MemorySegment input, MemorySegment output) throws DecompressionException {
    Output out = new Output(CompressionFormat.ZSTD, output);
    new Zstd(new Input(CompressionFormat.ZSTD, input), out).frames();
    return out.position();
  }

  /** A frame's header; a size of -1 is unknown. */
  private record Header(long windowSize, long contentSize, boolean checksum) {}

  /** The content size of the first frame's header. */
  static OptionalLong contentSize(MemorySegment input) {
    try {
      Input in = new Input(CompressionFormat.ZSTD, input);
      if (in.i32("magic number") != MAGIC) {
        return OptionalLong.empty();
      }
      long size = header(in).contentSize();
      return size >= 0 ? OptionalLong.of(size) : OptionalLong.empty();
    } catch (DecompressionException e) {
      return OptionalLong.empty();
    }
  }

  private void frames() throws DecompressionException {
    boolean first = true;
    while (first || in.remaining() > 0) {
      if (!first && in.remaining() < Integer.BYTES) {
        throw in.trailing();
      }
      int magic = in.i32("magic number");
      if (magic == MAGIC) {
        frame();
      } else if (!in.skippedFrame(magic)) {
        throw in.corrupt(
            first ? "magic number" : "magic number of a further frame",
            String.format("0x%08x", magic),
            String.format("must be 0x%08x", MAGIC));
      }
      first = false;
    }
  }

  /** RFC 8878 §3.1.1.1. */
  private static Header header(Input in) throws DecompressionException {
    int descriptor = in.u8("Frame_Header_Descriptor");
    if ((descriptor & 8) != 0) {
      throw in.corrupt(
          "Frame_Header_Descriptor",
          String.format("0x%02x", descriptor),
          "must not have the reserved bit 3");
    }
    boolean single = (descriptor & 0x20) != 0;
    long window = 0;
    if (!single) {
      int value = in.u8("Window_Descriptor");
      long base = 1L << (10 + (value >> 3));
      window = base + base / 8 * (value & 7);
    }
    int dictionary =
        switch (descriptor & 3) {
          case 0 -> 0;
          case 1 -> in.u8("Dictionary_ID");
          case 2 -> in.u16("Dictionary_ID");
          default -> in.i32("Dictionary_ID");
        };
    if (dictionary != 0) {
      throw in.corrupt(
          "Dictionary_ID",
          Integer.toUnsignedString(dictionary),
          "must be 0, for dictionaries are not supported");
    }
    long size =
        switch (descriptor >> 6) {
          case 0 -> single ? in.u8("Frame_Content_Size") : -1;
          case 1 -> in.u16("Frame_Content_Size") + 256;
          case 2 -> Integer.toUnsignedLong(in.i32("Frame_Content_Size"));
          default -> {
            long value = in.i64("Frame_Content_Size");
            if (value < 0) {
              throw in.corrupt(
                  "Frame_Content_Size", Long.toUnsignedString(value), "must be less than 2^63");
            }
            yield value;
          }
        };
    return new Header(single ? size : window, size, (descriptor & 4) != 0);
  }

  private void frame() throws DecompressionException {
    Header header = header(in);
    int maximum = (int) Math.min(header.windowSize(), MAX_BLOCK);
    huffman = null;
    literalsTable = null;
    offsetTable = null;
    matchTable = null;
    offset1 = 1;
    offset2 = 4;
    offset3 = 8;
    long begin = out.position();
    boolean last;
    do {
      int blockHeader = in.u24("Block_Header");
      last = (blockHeader & 1) != 0;
      int size = blockHeader >> 3;
      if (size > maximum) {
        throw in.corrupt("Block_Size", size, "must be at most " + maximum);
      }
      switch ((blockHeader >> 1) & 3) {
        case 0 -> out.write(in.segment("Raw_Block", size));
        case 1 -> out.fill((byte) in.u8("RLE_Block"), size);
        case 2 -> {
          in.read("Compressed_Block", block, size);
          Arrays.fill(block, size, size + Bits.PADDING, (byte) 0);
          compressed(size, maximum, begin);
        }
        default -> throw in.corrupt("Block_Type", 3, "must be at most 2");
      }
    } while (!last);
    long size = out.position() - begin;
    if (header.contentSize() >= 0 && header.contentSize() != size) {
      throw in.corrupt("Frame_Content_Size", header.contentSize(), "must be " + size);
    }
    if (header.checksum()) {
      in.checkHash(
          "Content_Checksum", in.i32("Content_Checksum"), (int) XxHash.hash64(out.since(begin)));
    }
  }

  private DecompressionException cutOff(String field) {
    return in.corrupt(field, "cut off", "must lie within its block");
  }

  private int byteAt(int at) {
    return Byte.toUnsignedInt(block[at]);
  }

  private void compressed(int size, int maximum, long begin) throws DecompressionException {
    int at = literals(size, maximum);
    if (at >= size) {
      throw cutOff("Number_of_Sequences");
    }
    int count = byteAt(at++);
    if (count >= 128) {
      if (count == 255) {
        count = 0x7f00 + byteAt(at) + (byteAt(at + 1) << 8);
        at += 2;
      } else {
        count = ((count - 128) << 8) + byteAt(at++);
      }
    }
    if (at > size) {
      throw cutOff("Number_of_Sequences");
    }
    if (count == 0) {
      if (at != size) {
        throw in.corrupt("bytes behind the literals", size - at, "must be 0");
      }
      out.write(literals, 0, literalsLength);
      return;
    }
    if (at >= size) {
      throw cutOff("Symbol_Compression_Modes");
    }
    int modes = byteAt(at++);
    if ((modes & 3) != 0) {
      throw in.corrupt(
          "Symbol_Compression_Modes", String.format("0x%02x", modes), "must not have bits 0 and 1");
    }
    Table table =
        table(modes >> 6, literalsTable, LITERALS_DEFAULT, at, size, 9, MAX_LITERALS_LENGTH);
    Fse literalsCodes = table.fse();
    table = table((modes >> 4) & 3, offsetTable, OFFSET_DEFAULT, table.end(), size, 8, MAX_OFFSET);
    Fse offsetCodes = table.fse();
    table =
        table((modes >> 2) & 3, matchTable, MATCH_DEFAULT, table.end(), size, 9, MAX_MATCH_LENGTH);
    Fse matchCodes = table.fse();
    literalsTable = literalsCodes;
    offsetTable = offsetCodes;
    matchTable = matchCodes;
    Bits bits = new Bits(in, block, table.end(), size - table.end());
    sequences(bits, count, literalsCodes, offsetCodes, matchCodes, maximum, begin);
  }

  /** A table and where its description ends. */
  private record Table(Fse fse, int end) {}

  private Table table(
      int mode, @Nullable Fse last, Fse predefined, int at, int size, int accuracy, int maxSymbol)
      throws DecompressionException {
    return switch (mode) {
      case 0 -> new Table(predefined, at);
      case 1 -> {
        if (at >= size) {
          throw cutOff("RLE_Mode symbol");
        }
        if (byteAt(at) > maxSymbol) {
          throw in.corrupt("RLE_Mode symbol", byteAt(at), "must be at most " + maxSymbol);
        }
        yield new Table(new Fse(byteAt(at)), at + 1);
      }
      case 2 -> {
        Fse.Read read = Fse.read(in, block, at, size, accuracy, maxSymbol);
        yield new Table(read.table(), read.end());
      }
      default -> {
        if (last == null) {
          throw in.corrupt("Repeat_Mode", "without a table", "must follow a block with one");
        }
        yield new Table(last, at);
      }
    };
  }

  /** RFC 8878 §3.1.1.3.1. Gives where the section ends. */
  private int literals(int size, int maximum) throws DecompressionException {
    if (size < 1) {
      throw cutOff("Literals_Section_Header");
    }
    // Behind a short block are zeros.
    long word = 0;
    for (int i = 0; i < 5; i++) {
      word |= (long) byteAt(i) << (8 * i);
    }
    int type = (int) word & 3;
    int format = ((int) word >> 2) & 3;
    int header;
    int regenerated;
    if (type < 2) {
      header = format == 1 ? 2 : format == 3 ? 3 : 1;
      regenerated =
          switch (format) {
            case 1 -> (int) (word >> 4) & 0xfff;
            case 3 -> (int) (word >> 4) & 0xfffff;
            default -> (int) (word >> 3) & 0x1f;
          };
    } else {
      int width = format == 3 ? 18 : format == 2 ? 14 : 10;
      header = format == 3 ? 5 : format == 2 ? 4 : 3;
      regenerated = (int) (word >> 4) & ((1 << width) - 1);
    }
    if (regenerated > maximum) {
      throw in.corrupt("Regenerated_Size", regenerated, "must be at most " + maximum);
    }
    literalsLength = regenerated;
    int end;
    switch (type) {
      case 0 -> {
        end = header + regenerated;
        if (end > size) {
          throw cutOff("Raw_Literals_Block");
        }
        System.arraycopy(block, header, literals, 0, regenerated);
      }
      case 1 -> {
        end = header + 1;
        if (end > size) {
          throw cutOff("RLE_Literals_Block");
        }
        Arrays.fill(literals, 0, regenerated, block[header]);
      }
      default -> {
        int width = format == 3 ? 18 : format == 2 ? 14 : 10;
        int compressed = (int) (word >> (4 + width)) & ((1 << width) - 1);
        end = header + compressed;
        if (end > size) {
          throw cutOff("Compressed_Literals_Block");
        }
        int at = header;
        if (type == 2) {
          huffman = new Huffman(in, block, at, end);
          at = huffman.end;
        }
        Huffman code = huffman;
        if (code == null) {
          throw in.corrupt(
              "Treeless_Literals_Block", "without a table", "must follow a block with one");
        }
        if (format == 0) {
          code.one(in, block, at, end - at, literals, 0, regenerated);
        } else {
          code.four(in, block, at, end, literals, regenerated);
        }
      }
    }
    return end;
  }

  /** RFC 8878 §3.1.1.3.2 and §3.1.1.4. */
  private void sequences(
      Bits bits,
      int count,
      Fse literalsCodes,
      Fse offsetCodes,
      Fse matchCodes,
      int maximum,
      long begin)
      throws DecompressionException {
    long blockBegin = out.position();
    int literalsAt = 0;
    int literalsState = bits.read(literalsCodes.accuracy);
    int offsetState = bits.read(offsetCodes.accuracy);
    int matchState = bits.read(matchCodes.accuracy);
    for (int i = 0; i < count; i++) {
      int offsetCode = offsetCodes.symbols[offsetState];
      long value = (1L << offsetCode) + Integer.toUnsignedLong(bits.read(offsetCode));
      int matchCode = matchCodes.symbols[matchState];
      int matchLength = MATCH_BASE[matchCode] + bits.read(MATCH_BITS[matchCode]);
      int literalsCode = literalsCodes.symbols[literalsState];
      int length = LITERALS_BASE[literalsCode] + bits.read(LITERALS_BITS[literalsCode]);
      if (i + 1 < count) {
        literalsState =
            literalsCodes.bases[literalsState] + bits.read(literalsCodes.bits[literalsState]);
        matchState = matchCodes.bases[matchState] + bits.read(matchCodes.bits[matchState]);
        offsetState = offsetCodes.bases[offsetState] + bits.read(offsetCodes.bits[offsetState]);
      }
      if (bits.left < 0) {
        throw in.corrupt("sequences", "cut off", "must lie within their block");
      }
      long distance;
      if (value > 3) {
        distance = value - 3;
        offset3 = offset2;
        offset2 = offset1;
        offset1 = distance;
      } else {
        int which = (int) value + (length == 0 ? 1 : 0);
        if (which == 1) {
          distance = offset1;
        } else {
          if (which == 2) {
            distance = offset2;
          } else {
            distance = which == 3 ? offset3 : offset1 - 1;
            offset3 = offset2;
          }
          offset2 = offset1;
          offset1 = distance;
        }
      }
      if (length > literalsLength - literalsAt) {
        throw in.corrupt(
            "Literals_Length", length, "must be at most " + (literalsLength - literalsAt));
      }
      long blockSize = out.position() - blockBegin + length + matchLength;
      if (blockSize > maximum) {
        throw in.corrupt("decompressed block", blockSize + " bytes", "must be at most " + maximum);
      }
      out.write(literals, literalsAt, length);
      literalsAt += length;
      if (distance < 1 || distance > out.position() - begin) {
        throw in.corrupt("Offset", distance, "must be between 1 and " + (out.position() - begin));
      }
      out.repeat(distance, matchLength);
    }
    if (bits.left != 0) {
      throw in.corrupt("bits left behind the sequences", bits.left, "must be 0");
    }
    int rest = literalsLength - literalsAt;
    if (out.position() - blockBegin + rest > maximum) {
      throw in.corrupt(
          "decompressed block",
          (out.position() - blockBegin + rest) + " bytes",
          "must be at most " + maximum);
    }
    out.write(literals, literalsAt, rest);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codecs;

import java.lang.foreign.MemorySegment;
import java.util.OptionalLong;
import org.javavmm.codec.CompressionFormat;
import org.javavmm.codec.DecompressionException;

/**
 * LZ4 blocks (Block Format Description), in frames (Frame Format 1.6.4) or in the legacy format.
 */
final class Lz4 {
  private static final int LEGACY_MAGIC = 0x184c2102;
  private static final int FRAME_MAGIC = 0x184d2204;

  /** What a legacy block holds at most. */
  private static final int LEGACY_BLOCK = 8 << 20;

  /** What a legacy block that cannot be compressed takes. */
  private static final int LEGACY_BOUND = LEGACY_BLOCK + LEGACY_BLOCK / 255 + 16;

  // FLG of a frame
  private static final int INDEPENDENT = 0x20;
  private static final int BLOCK_CHECKSUM = 0x10;
  private static final int CONTENT_SIZE = 0x08;
  private static final int CONTENT_CHECKSUM = 0x04;
  private static final int DICTIONARY = 0x01;

  private final Input in;
  private final Output out;
  private byte[] block = new byte[0];

  private Lz4(Input in, Output out) {
    this.in = in;
    this.out = out;
  }

  static long legacy(MemorySegment input, MemorySegment output) throws DecompressionException {
    Output out = new Output(CompressionFormat.LZ4_LEGACY, output);
    new Lz4(new Input(CompressionFormat.LZ4_LEGACY, input), out).legacy();
    return out.position();
  }

  static long frames(MemorySegment input, MemorySegment output) throws DecompressionException {
    Output out = new Output(CompressionFormat.LZ4, output);
    new Lz4(new Input(CompressionFormat.LZ4, input), out).frames();
    return out.position();
  }

  /** The content size of the first frame's header. */
  static OptionalLong contentSize(MemorySegment input) {
    try {
      Input in = new Input(CompressionFormat.LZ4, input);
      if (in.i32("magic number") != FRAME_MAGIC || (in.u16("FLG") & CONTENT_SIZE) == 0) {
        return OptionalLong.empty();
      }
      long size = in.i64("content size");
      return size >= 0 ? OptionalLong.of(size) : OptionalLong.empty();
    } catch (DecompressionException e) {
      return OptionalLong.empty();
    }
  }

  private void legacy() throws DecompressionException {
    checkMagic(in.i32("magic number"), LEGACY_MAGIC);
    while (in.remaining() > 0) {
      int size = in.i32("block size");
      if (size == LEGACY_MAGIC) {
        continue;
      }
      if (size < 1 || size > LEGACY_BOUND) {
        throw in.corrupt(
            "block size", Integer.toUnsignedString(size), "must be between 1 and " + LEGACY_BOUND);
      }
      read("block", size);
      block(size, out.position(), LEGACY_BLOCK);
    }
  }

  private void checkMagic(int magic, int right) throws DecompressionException {
    if (magic != right) {
      throw in.corrupt(
          "magic number", String.format("0x%08x", magic), String.format("must be 0x%08x", right));
    }
  }

  private void frames() throws DecompressionException {
    boolean first = true;
    while (first || in.remaining() > 0) {
      if (!first && in.remaining() < Integer.BYTES) {
        throw in.trailing();
      }
      int magic = in.i32("magic number");
      if (in.skippedFrame(magic)) {
        // The next begins where it ends.
      } else if (!first && magic != FRAME_MAGIC) {
        throw in.corrupt(
            "magic number of a further frame",
            String.format("0x%08x", magic),
            String.format("must be 0x%08x", FRAME_MAGIC));
      } else {
        checkMagic(magic, FRAME_MAGIC);
        frame();
      }
      first = false;
    }
  }

  private void frame() throws DecompressionException {
    long descriptor = in.position();
    int flags = in.u8("FLG");
    if (flags >> 6 != 1) {
      throw in.corrupt("version", flags >> 6, "must be 1");
    }
    if ((flags & 2) != 0) {
      throw in.corrupt("FLG", String.format("0x%02x", flags), "must not have the reserved bit 1");
    }
    if ((flags & DICTIONARY) != 0) {
      throw in.corrupt("DictID flag", 1, "must be 0, for dictionaries are not supported");
    }
    int bd = in.u8("BD");
    int sizeCode = bd >> 4;
    if ((bd & 0x8f) != 0 || sizeCode < 4) {
      throw in.corrupt("BD", String.format("0x%02x", bd), "must be 0x40, 0x50, 0x60 or 0x70");
    }
    int maximum = 1 << (8 + 2 * sizeCode);
    long contentSize = (flags & CONTENT_SIZE) != 0 ? in.i64("content size") : -1;
    int headerHash = (XxHash.hash32(in.since(descriptor)) >>> 8) & 0xff;
    int check = in.u8("HC");
    if (check != headerHash) {
      throw in.corrupt(
          "HC", String.format("0x%02x", check), String.format("must be 0x%02x", headerHash));
    }
    long begin = out.position();
    while (true) {
      int field = in.i32("block size");
      if (field == 0) {
        break;
      }
      int size = field & 0x7fff_ffff;
      if (size > maximum) {
        throw in.corrupt("block size", size, "must be at most " + maximum);
      }
      read("block", size);
      if ((flags & BLOCK_CHECKSUM) != 0) {
        in.checkHash(
            "block checksum",
            in.i32("block checksum"),
            XxHash.hash32(MemorySegment.ofArray(block).asSlice(0, size)));
      }
      if (field < 0) {
        out.write(block, 0, size);
      } else {
        block(size, (flags & INDEPENDENT) != 0 ? out.position() : begin, maximum);
      }
    }
    long size = out.position() - begin;
    if ((flags & CONTENT_SIZE) != 0 && contentSize != size) {
      throw in.corrupt("content size", Long.toUnsignedString(contentSize), "must be " + size);
    }
    if ((flags & CONTENT_CHECKSUM) != 0) {
      in.checkHash("content checksum", in.i32("content checksum"), XxHash.hash32(out.since(begin)));
    }
  }

  /** Reads a block's bytes; they are there, or nothing is allocated. */
  private void read(String field, int size) throws DecompressionException {
    if (block.length < size && in.remaining() >= size) {
      block = new byte[size];
    }
    in.read(field, block, in.remaining() >= size ? size : Integer.MAX_VALUE);
  }

  /**
   * Decodes a block.
   *
   * @param end its length
   * @param window where in the output the data begins that it may repeat
   * @param maximum what it may hold
   */
  private void block(int end, long window, int maximum) throws DecompressionException {
    byte[] bytes = block;
    long begin = out.position();
    int at = 0;
    while (true) {
      if (at >= end) {
        throw in.corrupt("block", "cut off at byte " + at, "must end with literals");
      }
      int token = Byte.toUnsignedInt(bytes[at++]);
      long literals = token >> 4;
      if (literals == 15) {
        int more;
        do {
          if (at >= end) {
            throw in.corrupt("block", "cut off at byte " + at, "must end with literals");
          }
          more = Byte.toUnsignedInt(bytes[at++]);
          literals += more;
        } while (more == 255);
      }
      if (literals > end - at) {
        throw in.corrupt("literal length", literals, "must be at most " + (end - at));
      }
      checkSize(out.position() - begin + literals, maximum);
      out.write(bytes, at, (int) literals);
      at += (int) literals;
      if (at == end) {
        return;
      }
      if (end - at < 2) {
        throw in.corrupt("block", "cut off at byte " + at, "must end with literals");
      }
      int offset = Byte.toUnsignedInt(bytes[at]) | (Byte.toUnsignedInt(bytes[at + 1]) << 8);
      at += 2;
      if (offset == 0 || offset > out.position() - window) {
        throw in.corrupt("offset", offset, "must be between 1 and " + (out.position() - window));
      }
      long length = token & 15;
      if (length == 15) {
        int more;
        do {
          if (at >= end) {
            throw in.corrupt("block", "cut off at byte " + at, "must end with literals");
          }
          more = Byte.toUnsignedInt(bytes[at++]);
          length += more;
        } while (more == 255);
      }
      length += 4;
      checkSize(out.position() - begin + length, maximum);
      out.repeat(offset, length);
    }
  }

  private void checkSize(long size, int maximum) throws DecompressionException {
    if (size > maximum) {
      throw in.corrupt("uncompressed block size", size, "must be at most " + maximum);
    }
  }
}

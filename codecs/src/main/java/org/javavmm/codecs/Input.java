// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codecs;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.javavmm.codec.CompressionFormat;
import org.javavmm.codec.DecompressionException;

/** Reads an input once, from front to back; what is missing is an error that names the field. */
final class Input {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final CompressionFormat format;
  private final MemorySegment data;
  private long at;

  Input(CompressionFormat format, MemorySegment data) {
    this.format = format;
    this.data = data;
  }

  long position() {
    return at;
  }

  long remaining() {
    return data.byteSize() - at;
  }

  /** Moves on, and says where the field begins. */
  private long take(String field, long length) throws DecompressionException {
    if (length > data.byteSize() - at) {
      throw DecompressionException.truncated(format, field, data.byteSize());
    }
    long begin = at;
    at += length;
    return begin;
  }

  int u8(String field) throws DecompressionException {
    return Byte.toUnsignedInt(data.get(ValueLayout.JAVA_BYTE, take(field, 1)));
  }

  int u16(String field) throws DecompressionException {
    return u8(field) | (u8(field) << 8);
  }

  int u24(String field) throws DecompressionException {
    return u16(field) | (u8(field) << 16);
  }

  int i32(String field) throws DecompressionException {
    return data.get(INT, take(field, Integer.BYTES));
  }

  long i64(String field) throws DecompressionException {
    return data.get(LONG, take(field, Long.BYTES));
  }

  /** The next bytes as a segment; it is the input itself, so read it once. */
  MemorySegment segment(String field, long length) throws DecompressionException {
    return data.asSlice(take(field, length), length);
  }

  /**
   * Skips a frame that lz4 and zstd alike leave to others, behind its magic number.
   *
   * @return whether the magic number is of one
   */
  boolean skippedFrame(int magic) throws DecompressionException {
    if ((magic & ~0xf) != 0x184d2a50) {
      return false;
    }
    var _ = take("skippable frame", Integer.toUnsignedLong(i32("skippable frame's size")));
    return true;
  }

  void read(String field, byte[] to, int length) throws DecompressionException {
    MemorySegment.copy(data, ValueLayout.JAVA_BYTE, take(field, length), to, 0, length);
  }

  /** What has been read since a position. */
  MemorySegment since(long position) {
    return data.asSlice(position, at - position);
  }

  DecompressionException corrupt(String field, String value, String limit) {
    return DecompressionException.corrupt(format, field, value, limit);
  }

  DecompressionException corrupt(String field, long value, String limit) {
    return corrupt(field, Long.toString(value), limit);
  }

  DecompressionException trailing() {
    return corrupt("length behind the compressed data", remaining() + " bytes", "must be 0");
  }

  void checkHash(String field, int found, int computed) throws DecompressionException {
    if (found != computed) {
      throw corrupt(
          field, String.format("0x%08x", found), String.format("must be 0x%08x", computed));
    }
  }
}

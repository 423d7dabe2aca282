// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codecs;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.javavmm.codec.CompressionFormat;
import org.javavmm.codec.DecompressionException;

/** Writes an output from front to back, with copies of what was written before. */
final class Output {
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  /** Copies up to this length are made in longs; for longer ones a call is cheaper. */
  private static final int SHORT = 64;

  private final CompressionFormat format;
  private final MemorySegment data;
  private final long size;
  private long at;

  Output(CompressionFormat format, MemorySegment data) {
    this.format = format;
    this.data = data;
    this.size = data.byteSize();
  }

  long position() {
    return at;
  }

  MemorySegment since(long position) {
    return data.asSlice(position, at - position);
  }

  private void need(long length) throws DecompressionException {
    if (length > size - at) {
      throw DecompressionException.tooLarge(format, size);
    }
  }

  void write(byte[] from, int offset, int length) throws DecompressionException {
    need(length);
    // Whole longs write up to seven bytes more, which lie within the output and are written again.
    if (length <= SHORT && at + length + 7 <= size && offset + length + 7 <= from.length) {
      for (int i = 0; i < length; i += Long.BYTES) {
        data.set(LONG, at + i, (long) LONGS.get(from, offset + i));
      }
    } else {
      MemorySegment.copy(from, offset, data, ValueLayout.JAVA_BYTE, at, length);
    }
    at += length;
  }

  void write(MemorySegment from) throws DecompressionException {
    need(from.byteSize());
    MemorySegment.copy(from, 0, data, at, from.byteSize());
    at += from.byteSize();
  }

  void fill(byte value, long length) throws DecompressionException {
    need(length);
    data.asSlice(at, length).fill(value);
    at += length;
  }

  /**
   * Repeats what was written before.
   *
   * @param distance how far back it begins, at least 1 and at most what was written: the caller
   *     checks that
   * @param length how many bytes; may be more than the distance, which repeats these bytes
   */
  void repeat(long distance, long length) throws DecompressionException {
    need(length);
    long to = at;
    long from = to - distance;
    long end = to + length;
    if (distance >= length && length > SHORT) {
      MemorySegment.copy(data, from, data, to, length);
    } else if (distance >= Long.BYTES && end + 7 <= size) {
      for (; to < end; to += Long.BYTES, from += Long.BYTES) {
        data.set(LONG, to, data.get(LONG, from));
      }
    } else if (distance == 1) {
      data.asSlice(to, length).fill(data.get(ValueLayout.JAVA_BYTE, from));
    } else {
      // Bytes until a multiple of the distance is at least a long, then longs over that.
      long period = distance;
      while (period < Long.BYTES) {
        period += distance;
      }
      long bytes = Math.min(length, period);
      for (long i = 0; i < bytes; i++) {
        data.set(ValueLayout.JAVA_BYTE, to + i, data.get(ValueLayout.JAVA_BYTE, from + i));
      }
      long i = bytes;
      for (; i + Long.BYTES <= length; i += Long.BYTES) {
        data.set(LONG, to + i, data.get(LONG, to + i - period));
      }
      for (; i < length; i++) {
        data.set(ValueLayout.JAVA_BYTE, to + i, data.get(ValueLayout.JAVA_BYTE, to + i - period));
      }
    }
    at = end;
  }
}

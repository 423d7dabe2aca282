// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** The layouts of values in guest memory. */
final class LittleEndian {
  static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
  static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private LittleEndian() {}

  /** Apart, so that a monitor without queues does not pay for linking these at start-up. */
  static final class Ordered {
    private static final VarHandle BYTE = ValueLayout.JAVA_BYTE.varHandle();
    private static final VarHandle SHORT =
        ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    private static final VarHandle INT =
        ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    private static final VarHandle LONG =
        ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

    private Ordered() {}

    static byte getByte(MemorySegment segment, long offset) {
      return (byte) BYTE.getAcquire(segment, offset);
    }

    static void putByte(MemorySegment segment, long offset, byte value) {
      BYTE.setRelease(segment, offset, value);
    }

    static short getShort(MemorySegment segment, long offset) {
      return (short) SHORT.getAcquire(segment, offset);
    }

    static void putShort(MemorySegment segment, long offset, short value) {
      SHORT.setRelease(segment, offset, value);
    }

    static int getInt(MemorySegment segment, long offset) {
      return (int) INT.getAcquire(segment, offset);
    }

    static void putInt(MemorySegment segment, long offset, int value) {
      INT.setRelease(segment, offset, value);
    }

    static long getLong(MemorySegment segment, long offset) {
      return (long) LONG.getAcquire(segment, offset);
    }

    static void putLong(MemorySegment segment, long offset, long value) {
      LONG.setRelease(segment, offset, value);
    }

    static boolean compareAndSetByte(
        MemorySegment segment, long offset, byte expected, byte value) {
      return narrow(segment, offset, 0xff, expected, value);
    }

    static boolean compareAndSetShort(
        MemorySegment segment, long offset, short expected, short value) {
      return narrow(segment, offset, 0xffff, expected, value);
    }

    // Reads first: of a page that the host has lost the JDK reports the read; by an interpreted
    // compare-and-set it dies.

    static boolean compareAndSetInt(MemorySegment segment, long offset, int expected, int value) {
      checkWritable(segment);
      return (int) INT.getVolatile(segment, offset) == expected
          && INT.compareAndSet(segment, offset, expected, value);
    }

    static boolean compareAndSetLong(
        MemorySegment segment, long offset, long expected, long value) {
      checkWritable(segment);
      return (long) LONG.getVolatile(segment, offset) == expected
          && LONG.compareAndSet(segment, offset, expected, value);
    }

    private static void checkWritable(MemorySegment segment) {
      if (segment.isReadOnly()) {
        throw new IllegalArgumentException("read-only");
      }
    }

    /**
     * The JDK has no narrow compare-and-set on segments: this one works on the aligned word around
     * the value, of a segment that is made of whole words.
     */
    private static boolean narrow(
        MemorySegment segment, long offset, int ones, int expected, int value) {
      checkWritable(segment);
      long word = offset & ~3L;
      int shift = (int) (offset & 3) * 8;
      int mask = ones << shift;
      while (true) {
        int before = (int) INT.getVolatile(segment, word);
        if ((before & mask) != (expected & ones) << shift) {
          return false;
        }
        if (INT.compareAndSet(
            segment, word, before, (before & ~mask) | ((value & ones) << shift))) {
          return true;
        }
      }
    }
  }
}

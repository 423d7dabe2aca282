// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codecs;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** XXH32 and XXH64 with seed 0 (the xxHash specification, 0.1.1). */
final class XxHash {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final int A1 = 0x9e3779b1;
  private static final int A2 = 0x85ebca77;
  private static final int A3 = 0xc2b2ae3d;
  private static final int A4 = 0x27d4eb2f;
  private static final int A5 = 0x165667b1;

  private static final long B1 = 0x9e3779b185ebca87L;
  private static final long B2 = 0xc2b2ae3d27d4eb4fL;
  private static final long B3 = 0x165667b19e3779f9L;
  private static final long B4 = 0x85ebca77c2b2ae63L;
  private static final long B5 = 0x27d4eb2f165667c5L;

  private XxHash() {}

  static int hash32(MemorySegment data) {
    long size = data.byteSize();
    long at = 0;
    int hash = A5;
    if (size >= 16) {
      int a = 0x24234428; // A1 + A2
      int b = A2;
      int c = 0;
      int d = -A1;
      for (; at + 16 <= size; at += 16) {
        a = Integer.rotateLeft(a + data.get(INT, at) * A2, 13) * A1;
        b = Integer.rotateLeft(b + data.get(INT, at + 4) * A2, 13) * A1;
        c = Integer.rotateLeft(c + data.get(INT, at + 8) * A2, 13) * A1;
        d = Integer.rotateLeft(d + data.get(INT, at + 12) * A2, 13) * A1;
      }
      hash =
          Integer.rotateLeft(a, 1)
              + Integer.rotateLeft(b, 7)
              + Integer.rotateLeft(c, 12)
              + Integer.rotateLeft(d, 18);
    }
    hash += (int) size;
    for (; at + 4 <= size; at += 4) {
      hash = Integer.rotateLeft(hash + data.get(INT, at) * A3, 17) * A4;
    }
    for (; at < size; at++) {
      int value = Byte.toUnsignedInt(data.get(ValueLayout.JAVA_BYTE, at));
      hash = Integer.rotateLeft(hash + value * A5, 11) * A1;
    }
    hash = (hash ^ (hash >>> 15)) * A2;
    hash = (hash ^ (hash >>> 13)) * A3;
    return hash ^ (hash >>> 16);
  }

  static long hash64(MemorySegment data) {
    long size = data.byteSize();
    long at = 0;
    long hash = B5;
    if (size >= 32) {
      long a = 0x60ea27eeadc0b5d6L; // B1 + B2
      long b = B2;
      long c = 0;
      long d = -B1;
      for (; at + 32 <= size; at += 32) {
        a = round(a, data.get(LONG, at));
        b = round(b, data.get(LONG, at + 8));
        c = round(c, data.get(LONG, at + 16));
        d = round(d, data.get(LONG, at + 24));
      }
      hash =
          Long.rotateLeft(a, 1)
              + Long.rotateLeft(b, 7)
              + Long.rotateLeft(c, 12)
              + Long.rotateLeft(d, 18);
      hash = (hash ^ round(0, a)) * B1 + B4;
      hash = (hash ^ round(0, b)) * B1 + B4;
      hash = (hash ^ round(0, c)) * B1 + B4;
      hash = (hash ^ round(0, d)) * B1 + B4;
    }
    hash += size;
    for (; at + 8 <= size; at += 8) {
      hash = Long.rotateLeft(hash ^ round(0, data.get(LONG, at)), 27) * B1 + B4;
    }
    if (at + 4 <= size) {
      hash ^= Integer.toUnsignedLong(data.get(INT, at)) * B1;
      hash = Long.rotateLeft(hash, 23) * B2 + B3;
      at += 4;
    }
    for (; at < size; at++) {
      hash ^= Byte.toUnsignedLong(data.get(ValueLayout.JAVA_BYTE, at)) * B5;
      hash = Long.rotateLeft(hash, 11) * B1;
    }
    hash = (hash ^ (hash >>> 33)) * B2;
    hash = (hash ^ (hash >>> 29)) * B3;
    return hash ^ (hash >>> 32);
  }

  private static long round(long lane, long value) {
    return Long.rotateLeft(lane + value * B2, 31) * B1;
  }
}

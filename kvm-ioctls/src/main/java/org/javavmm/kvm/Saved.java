// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Saved structures that come back: a count and as many entries. */
final class Saved {
  private Saved() {}

  /**
   * {@return the structure, aligned}
   *
   * @param bytes what was saved: the count in the first four bytes, entries after the header
   * @throws IllegalArgumentException if the length is not that of the count
   */
  static MemorySegment struct(byte[] bytes, int header, int entry) {
    if (bytes.length < header) {
      throw new IllegalArgumentException("length=" + bytes.length + ", must be at least " + header);
    }
    // An array of longs, for the alignment.
    MemorySegment struct = MemorySegment.ofArray(new long[(bytes.length + 7) / 8]);
    MemorySegment.copy(bytes, 0, struct, ValueLayout.JAVA_BYTE, 0, bytes.length);
    long count = Integer.toUnsignedLong(struct.get(ValueLayout.JAVA_INT, 0));
    if (header + count * entry != bytes.length) {
      throw new IllegalArgumentException("count=" + count + " does not fit length=" + bytes.length);
    }
    return struct;
  }
}

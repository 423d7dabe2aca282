// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Which pages of a memory slot were written, as {@link Vm#getDirtyLog} found it. A copy, as large
 * as the slot. Immutable.
 */
public final class DirtyLog {
  private final int slot;
  private final long pages;
  private final long[] words;

  DirtyLog(int slot, long pages, MemorySegment bitmap) {
    this.slot = slot;
    this.pages = pages;
    this.words = bitmap.toArray(ValueLayout.JAVA_LONG);
  }

  /** The size in bytes of the bitmap that KVM writes for a number of pages. */
  static long bitmapSize(long pages) {
    return Math.ceilDiv(pages, Long.SIZE) * Long.BYTES;
  }

  /** {@return the slot's number} */
  public int slot() {
    return slot;
  }

  /** {@return the number of pages of the slot} */
  public long pages() {
    return pages;
  }

  /**
   * {@return whether a page was written}
   *
   * @param page the page, counted from the start of the slot
   * @throws IndexOutOfBoundsException if the slot has no such page
   */
  public boolean isDirty(long page) {
    if (page < 0 || page >= pages) {
      throw new IndexOutOfBoundsException("page=" + page + ", pages=" + pages);
    }
    return (words[(int) (page / Long.SIZE)] & (1L << page)) != 0;
  }

  /** {@return the number of pages that were written} */
  public long count() {
    long count = 0;
    for (long word : words) {
      count += Long.bitCount(word);
    }
    return count;
  }

  /** {@return a copy of the bitmap: bit n of element i is page {@code 64 * i + n}} */
  public long[] words() {
    return words.clone();
  }

  /** A copy of a part. */
  long[] words(int from, int count) {
    return Arrays.copyOfRange(words, from, from + count);
  }

  @Override
  public String toString() {
    return "dirty log of slot " + slot + ": " + count() + " of " + pages + " pages";
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * Which pages of a range were written, marked by many threads at once. All methods may be called by
 * any thread and, but for {@link #fetchAndClear}, allocate and lock nothing.
 *
 * <p>A page is a byte, not a bit: marking is then a store, where setting a bit needs a locked
 * instruction. 256 KiB watch over a GiB of 4 KiB pages.
 *
 * <p>The order that makes it safe to copy pages while they are written: a writer stores its data,
 * then marks; a reader clears the mark, then copies. A store that the copy missed is marked after
 * the clearing, so the next round finds it.
 */
public final class DirtyLog {
  private static final VarHandle BYTE = ValueLayout.JAVA_BYTE.varHandle();

  /** Byte {@code i} of eight is bits {@code 8 * i} and up. */
  private static final VarHandle LONG =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

  private final long size;
  private final long pageSize;
  private final int shift;
  private final long pages;
  private final MemorySegment marks;

  /**
   * Creates a log without marks.
   *
   * @param size the size of the range in bytes, positive
   * @param pageSize the size of a page in bytes, a power of two from 64 to 2^30
   * @throws IllegalArgumentException if a size is not as said, or if there are more than 2^31 - 1
   *     pages
   */
  public DirtyLog(long size, long pageSize) {
    DirtyBitmap.checkSizes(size, pageSize);
    this.size = size;
    this.pageSize = pageSize;
    this.shift = Long.numberOfTrailingZeros(pageSize);
    this.pages = ((size - 1) >>> shift) + 1;
    // Longs, so that eight marks can be fetched at once.
    this.marks = MemorySegment.ofArray(new long[Math.toIntExact((pages + 7) >>> 3)]);
  }

  /** {@return the size of the range in bytes} */
  public long size() {
    return size;
  }

  /** {@return the size of a page in bytes} */
  public long pageSize() {
    return pageSize;
  }

  /**
   * Marks the pages that a range touches, after what was stored there by this thread.
   *
   * @param offset the first byte, from the start of the log's range
   * @param length the length in bytes; 0 marks nothing
   * @throws IndexOutOfBoundsException if the range is not in the log's
   */
  public void mark(long offset, long length) {
    Objects.checkFromIndexSize(offset, /* size= */ length, /* length= */ size);
    if (length != 0) {
      markChecked(offset, length);
    }
  }

  void markChecked(long offset, long length) {
    long page = offset >>> shift;
    long last = (offset + length - 1) >>> shift;
    BYTE.setRelease(marks, page, (byte) 1);
    while (page < last) {
      page++;
      BYTE.setRelease(marks, page, (byte) 1);
    }
  }

  /**
   * {@return whether the page of a byte is marked}
   *
   * @param offset the byte, from the start of the log's range
   * @throws IndexOutOfBoundsException if it is not in the range
   */
  public boolean isDirty(long offset) {
    Objects.checkIndex(offset, size);
    return (byte) BYTE.getAcquire(marks, offset >>> shift) != 0;
  }

  /**
   * Moves the marks into a bitmap: what was marked is set there beside what was set before, and is
   * no longer marked here. Each mark is moved once, however many threads mark or fetch.
   *
   * @param into the bitmap
   * @return the number of pages that were marked
   * @throws IllegalArgumentException if the bitmap is of another size or page size
   */
  public long fetchAndClear(DirtyBitmap into) {
    into.checkLike(size, pageSize);
    long count = 0;
    long words = (pages + 7) >>> 3;
    for (long word = 0; word < words; word++) {
      if ((long) LONG.getOpaque(marks, word << 3) == 0) {
        continue;
      }
      long eight = (long) LONG.getAndSet(marks, word << 3, 0L);
      for (int i = 0; i < 8; i++) {
        if (((eight >>> (8 * i)) & 0xff) != 0) {
          into.setPage((word << 3) + i);
          count++;
        }
      }
    }
    return count;
  }

  /** Marks every page, as before the first round of a migration. */
  public void markAll() {
    markChecked(0, size);
  }

  /** Removes all marks. */
  public void clear() {
    for (long at = 0; at < marks.byteSize(); at += Long.BYTES) {
      LONG.setOpaque(marks, at, 0L);
    }
    // Before the caller copies: else a store of now could be marked before its mark is removed.
    VarHandle.fullFence();
  }

  @Override
  public String toString() {
    return "dirty log of " + pages + " pages of " + pageSize + " bytes";
  }
}

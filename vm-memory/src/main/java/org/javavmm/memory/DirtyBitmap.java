// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import java.util.Arrays;
import java.util.Objects;

/**
 * A set of pages, a bit to a page, in the form of KVM's dirty log: bit {@code n % 64} of word
 * {@code n / 64} is page {@code n}. It collects what was fetched from a {@link DirtyLog} and from
 * KVM. For one thread at a time.
 */
public final class DirtyBitmap {
  private static final long MIN_PAGE = 64;
  private static final long MAX_PAGE = 1L << 30;

  private final long size;
  private final long pageSize;
  private final int shift;
  private final int pages;
  private final long[] words;

  /**
   * Creates a bitmap without a page.
   *
   * @param size the size of the range in bytes, positive
   * @param pageSize the size of a page in bytes, a power of two from 64 to 2^30
   * @throws IllegalArgumentException if a size is not as said, or if there are more than 2^31 - 1
   *     pages
   */
  public DirtyBitmap(long size, long pageSize) {
    checkSizes(size, pageSize);
    this.size = size;
    this.pageSize = pageSize;
    this.shift = Long.numberOfTrailingZeros(pageSize);
    this.pages = (int) (((size - 1) >>> shift) + 1);
    this.words = new long[wordsFor(pages)];
  }

  private static int wordsFor(int pages) {
    return (int) (((long) pages + 63) >>> 6);
  }

  static void checkSizes(long size, long pageSize) {
    if (size <= 0) {
      throw new IllegalArgumentException("size=" + size + " is not positive");
    }
    if (pageSize < MIN_PAGE || pageSize > MAX_PAGE || Long.bitCount(pageSize) != 1) {
      throw new IllegalArgumentException(
          "pageSize=" + pageSize + " is not a power of two from " + MIN_PAGE + " to " + MAX_PAGE);
    }
    long pages = (size - 1) / pageSize + 1;
    if (pages > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "size="
              + size
              + " has "
              + pages
              + " pages; at most "
              + Integer.MAX_VALUE
              + " are possible");
    }
  }

  void checkLike(long otherSize, long otherPageSize) {
    if (size != otherSize || pageSize != otherPageSize) {
      throw new IllegalArgumentException(
          "bitmap of "
              + size
              + " bytes in pages of "
              + pageSize
              + ", but the other is of "
              + otherSize
              + " bytes in pages of "
              + otherPageSize);
    }
  }

  /** {@return the size of the range in bytes} */
  public long size() {
    return size;
  }

  /** {@return the size of a page in bytes} */
  public long pageSize() {
    return pageSize;
  }

  void setPage(long page) {
    words[(int) (page >>> 6)] |= 1L << page;
  }

  /**
   * Adds the pages that a range touches.
   *
   * @param offset the first byte
   * @param length the length in bytes; 0 adds nothing
   * @throws IndexOutOfBoundsException if the range is not in the bitmap's
   */
  public void set(long offset, long length) {
    Objects.checkFromIndexSize(offset, /* size= */ length, /* length= */ size);
    if (length != 0) {
      long last = (offset + length - 1) >>> shift;
      for (long page = offset >>> shift; page <= last; page++) {
        setPage(page);
      }
    }
  }

  /**
   * {@return whether the page of a byte is in the set}
   *
   * @param offset the byte
   * @throws IndexOutOfBoundsException if it is not in the range
   */
  public boolean get(long offset) {
    Objects.checkIndex(offset, size);
    long page = offset >>> shift;
    return ((words[(int) (page >>> 6)] >>> page) & 1) != 0;
  }

  /**
   * Adds another bitmap's pages.
   *
   * @param other the other
   * @throws IllegalArgumentException if it is of another size or page size
   */
  public void or(DirtyBitmap other) {
    checkLike(other.size, other.pageSize);
    for (int i = 0; i < words.length; i++) {
      words[i] |= other.words[i];
    }
  }

  /**
   * Adds the pages of a log in KVM's form, such as {@code KVM_GET_DIRTY_LOG} fills. It is
   * untrusted: a bit beyond the last page is refused.
   *
   * @param log the words
   * @throws IllegalArgumentException if there are too few or too many words, or if a bit beyond the
   *     last page is set; then nothing was added
   */
  public void or(long[] log) {
    if (log.length != words.length) {
      throw new IllegalArgumentException(
          "log of " + log.length + " words, but " + pages + " pages need " + words.length);
    }
    int used = pages & 63;
    if (used != 0 && (log[log.length - 1] >>> used) != 0) {
      throw new IllegalArgumentException(
          "log has bits beyond its last page "
              + (pages - 1)
              + ": last word 0x"
              + Long.toHexString(log[log.length - 1]));
    }
    for (int i = 0; i < words.length; i++) {
      words[i] |= log[i];
    }
  }

  /** {@return the words, in KVM's form; a copy} */
  public long[] toLongArray() {
    return words.clone();
  }

  /** {@return the number of pages in the set} */
  public int count() {
    int count = 0;
    for (long word : words) {
      count += Long.bitCount(word);
    }
    return count;
  }

  /** Removes all pages. */
  public void clear() {
    Arrays.fill(words, 0);
  }

  /**
   * {@return the offset of the first page in the set at or after an offset's page, or -1}
   *
   * @param offset where to begin; from the range's size on there is none
   * @throws IndexOutOfBoundsException if it is negative
   */
  public long nextSet(long offset) {
    return next(offset, 0);
  }

  /**
   * {@return the offset of the first page not in the set at or after an offset's page, or the size
   * of the range}
   *
   * <p>With {@link #nextSet} it walks over the dirty ranges without allocation: {@code for (long
   * from = b.nextSet(0); from >= 0; from = b.nextSet(to)) { to = b.nextClear(from); … }}.
   *
   * @param offset where to begin
   * @throws IndexOutOfBoundsException if it is negative
   */
  public long nextClear(long offset) {
    long found = next(offset, -1);
    return found < 0 ? size : found;
  }

  private long next(long offset, long flip) {
    if (offset < 0) {
      throw new IndexOutOfBoundsException("offset=" + offset + " is negative");
    }
    if (offset >= size) {
      return -1;
    }
    long page = offset >>> shift;
    int i = (int) (page >>> 6);
    long word = (words[i] ^ flip) & (-1L << page);
    while (word == 0) {
      i++;
      if (i == words.length) {
        return -1;
      }
      word = words[i] ^ flip;
    }
    page = ((long) i << 6) + Long.numberOfTrailingZeros(word);
    return page < pages ? page << shift : -1;
  }

  /** Receives ranges; see {@link #forEachRange}. */
  @FunctionalInterface
  public interface RangeConsumer {
    /**
     * Takes a range of pages that are all in the set, with none before and after it.
     *
     * @param offset the first byte
     * @param length the length in bytes; a last page that is cut by the range's end counts only as
     *     far as it goes
     */
    void accept(long offset, long length);
  }

  /**
   * Walks over the ranges of pages in the set, by ascending offset.
   *
   * @param consumer what takes them
   */
  public void forEachRange(RangeConsumer consumer) {
    long to;
    for (long from = nextSet(0); from >= 0; from = nextSet(to)) {
      to = Math.min(size, nextClear(from));
      consumer.accept(from, to - from);
    }
  }

  @Override
  public String toString() {
    return count() + " of " + pages + " pages of " + pageSize + " bytes";
  }
}

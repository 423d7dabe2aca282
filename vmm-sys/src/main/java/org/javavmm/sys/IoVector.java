// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * The pieces of memory of one vectored transfer: a native array of {@code struct iovec} with room
 * for a fixed number, to be filled again and again. Allocates nothing once constructed.
 *
 * <p>Used by one thread at a time.
 */
public final class IoVector {
  /** The most pieces that the kernel takes at once ({@code UIO_MAXIOV}). */
  public static final int MAX_CAPACITY = 1024;

  static final long SIZEOF = 16;
  static final long IOV_BASE = 0;
  static final long IOV_LEN = 8;

  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;

  private final int capacity;
  private final MemorySegment entries;

  /** Keeps the segments of the pieces reachable; null for a piece given by address. */
  private final @Nullable MemorySegment[] held;

  private int first;
  private int end;
  private long byteCount;
  private boolean anyReadOnly;

  /**
   * Creates an empty vector.
   *
   * @param capacity how many pieces fit, 1 to {@value #MAX_CAPACITY}
   * @throws IllegalArgumentException if {@code capacity} is out of range
   */
  public IoVector(int capacity) {
    if (capacity < 1 || capacity > MAX_CAPACITY) {
      throw new IllegalArgumentException("capacity=" + capacity + " is not in 1.." + MAX_CAPACITY);
    }
    this.capacity = capacity;
    this.entries = Arena.ofAuto().allocate(capacity * SIZEOF, 8);
    this.held = new MemorySegment[capacity];
  }

  /** Forgets all pieces. */
  public void clear() {
    for (int i = 0; i < end; i++) {
      held[i] = null;
    }
    first = 0;
    end = 0;
    byteCount = 0;
    anyReadOnly = false;
  }

  /**
   * Adds memory by its address. Nothing checks what is there, and nothing keeps it there: the
   * caller holds a lease on it, or its mapping open, until the vector is cleared.
   *
   * @param address the host virtual address of the first byte
   * @param length the length in bytes
   * @throws IllegalArgumentException if {@code length} is negative, or if all pieces together
   *     exceed {@link Long#MAX_VALUE} bytes
   * @throws IllegalStateException if the vector is full
   */
  public void add(long address, long length) {
    if (length < 0 || length > Long.MAX_VALUE - byteCount) {
      throw new IllegalArgumentException(
          "length=" + length + " after " + byteCount + " bytes is out of range");
    }
    if (end == capacity) {
      throw new IllegalStateException("vector is full: " + capacity + " pieces");
    }
    entries.set(LONG, end * SIZEOF + IOV_BASE, address);
    entries.set(LONG, end * SIZEOF + IOV_LEN, length);
    end++;
    byteCount += length;
  }

  /**
   * Adds memory, which nobody may free before the vector is cleared.
   *
   * @param segment native memory
   * @throws IllegalArgumentException if it is not native memory, or if all pieces together exceed
   *     {@link Long#MAX_VALUE} bytes
   * @throws IllegalStateException if it was freed, or if the vector is full
   */
  public void add(MemorySegment segment) {
    Libc.checkPassable(segment);
    add(segment.address(), segment.byteSize());
    held[end - 1] = segment;
    anyReadOnly |= segment.isReadOnly();
  }

  /** {@return how many pieces there are} */
  public int count() {
    return end - first;
  }

  /** {@return how many bytes the pieces have together} */
  public long byteCount() {
    return byteCount;
  }

  /** {@return how many pieces fit} */
  public int capacity() {
    return capacity;
  }

  /**
   * Drops the first bytes: what a short transfer has done. The room of dropped pieces comes back
   * only with {@link #clear}.
   *
   * @param bytes how many
   * @throws IllegalArgumentException if {@code bytes} is negative or more than there are
   */
  public void advance(long bytes) {
    if (bytes < 0 || bytes > byteCount) {
      throw new IllegalArgumentException("bytes=" + bytes + " is not in 0.." + byteCount);
    }
    byteCount -= bytes;
    long left = bytes;
    while (first < end) {
      long length = entries.get(LONG, first * SIZEOF + IOV_LEN);
      if (left < length) {
        long base = entries.get(LONG, first * SIZEOF + IOV_BASE);
        entries.set(LONG, first * SIZEOF + IOV_BASE, base + left);
        entries.set(LONG, first * SIZEOF + IOV_LEN, length - left);
        return;
      }
      left -= length;
      held[first] = null;
      first++;
    }
  }

  /** {@return the address of the first remaining {@code struct iovec}} */
  public long address() {
    return entries.address() + first * SIZEOF;
  }

  /** Checks all pieces for a transfer that is about to begin. */
  void checkPassable(boolean forReading) {
    if (forReading && anyReadOnly) {
      throw new IllegalArgumentException("a buffer to read into must not be read-only");
    }
    for (int i = first; i < end; i++) {
      MemorySegment segment = held[i];
      if (segment != null) {
        Libc.checkPassable(segment);
      }
    }
  }

  @Override
  public String toString() {
    return count() + " pieces, " + byteCount + " bytes";
  }
}

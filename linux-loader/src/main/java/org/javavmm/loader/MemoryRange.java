// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.util.List;
import org.javavmm.memory.GuestMemory;

/**
 * A piece of guest-physical address space, never empty and below 2^52, the largest physical address
 * of x86-64 and arm64. So ends and sums of ranges do not overflow.
 *
 * @param gpa the guest-physical address of the first byte
 * @param size the size in bytes, at least 1
 */
public record MemoryRange(long gpa, long size) {
  private static final long ADDRESS_END = 1L << 52;

  /**
   * Makes a range.
   *
   * @throws IllegalArgumentException if the size is not positive, or the range does not end at or
   *     below 2^52
   */
  public MemoryRange {
    if (size <= 0) {
      throw new IllegalArgumentException(
          "range(gpa=" + hex(gpa) + ", size=" + size + "): size is not positive");
    }
    if (gpa < 0 || gpa > ADDRESS_END - size) {
      throw new IllegalArgumentException(
          "range(gpa=" + hex(gpa) + ", size=" + size + "): end is above " + hex(ADDRESS_END));
    }
  }

  /**
   * {@return the range between two addresses}
   *
   * @param gpa the first address
   * @param end the address after the last
   * @throws IllegalArgumentException as the constructor
   */
  public static MemoryRange between(long gpa, long end) {
    return new MemoryRange(gpa, end - gpa);
  }

  /**
   * {@return the regions of a memory, by ascending address}
   *
   * @param memory the memory
   * @throws IllegalArgumentException if a region does not end at or below 2^52
   */
  public static List<MemoryRange> of(GuestMemory memory) {
    return memory.regions().stream().map(r -> new MemoryRange(r.gpa(), r.size())).toList();
  }

  /** {@return the address after the last byte} */
  public long end() {
    return gpa + size;
  }

  /**
   * {@return whether this range and another have a byte in common}
   *
   * @param other the other range
   */
  public boolean overlaps(MemoryRange other) {
    return gpa < other.end() && other.gpa < end();
  }

  /**
   * {@return whether another range lies in this one as a whole}
   *
   * @param other the other range
   */
  public boolean contains(MemoryRange other) {
    return gpa <= other.gpa && other.end() <= end();
  }

  static String hex(long value) {
    return "0x" + Long.toHexString(value);
  }

  /** {@return first address and end in hexadecimal, the end excluded: {@code 0x7000..0x8000}} */
  @Override
  public String toString() {
    return hex(gpa) + ".." + hex(end());
  }

  /** {@return the first multiple of a power of two at or above a value} */
  static long alignUp(long value, long alignment) {
    return (value + alignment - 1) & -alignment;
  }
}

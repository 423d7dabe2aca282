// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.util.List;
import java.util.OptionalLong;

/** The memory above 1 MiB in which a kernel and an initrd look for their place. */
final class RamMap {
  private static final MemoryRange LOW = MemoryRange.between(0, X86Layout.HIGH_MEMORY_START);

  private final long totalSize;
  private final FreeRanges free;

  /** Takes ranges that do not overlap, in any order. */
  RamMap(List<MemoryRange> ram) {
    totalSize = ram.stream().mapToLong(MemoryRange::size).sum();
    free = new FreeRanges(ram);
    free.take(LOW);
  }

  /** {@return the size of all memory in bytes, also of what is not free} */
  long totalSize() {
    return totalSize;
  }

  /** Takes a range away. */
  void take(MemoryRange taken) {
    free.take(taken);
  }

  boolean isFree(MemoryRange wanted) {
    return free.ranges().stream().anyMatch(range -> range.contains(wanted));
  }

  /**
   * {@return the lowest aligned address, at or above another, from which so much is free and ends
   * by the limit}
   */
  OptionalLong lowest(long from, long endLimit, long size, long alignment) {
    for (MemoryRange range : free.ranges()) {
      long gpa = MemoryRange.alignUp(Math.max(range.gpa(), from), alignment);
      if (gpa + size <= Math.min(range.end(), endLimit)) {
        return OptionalLong.of(gpa);
      }
    }
    return OptionalLong.empty();
  }

  /** {@return the highest aligned address from which so much is free and ends by the limit} */
  OptionalLong highest(long endLimit, long size, long alignment) {
    return free.highest(0, endLimit, size, alignment);
  }

  /** {@return the size of the largest free range that ends by the limit, cut to whole pages} */
  long largest(long endLimit) {
    long largest = 0;
    for (MemoryRange range : free.ranges()) {
      long gpa = MemoryRange.alignUp(range.gpa(), 4096);
      largest = Math.max(largest, Math.min(range.end(), endLimit) - gpa);
    }
    return largest;
  }

  /** {@return the error for a kernel that finds no place} */
  LoaderException noRoom(String kernel, MemoryRange wanted, String why) {
    String takes = "the kernel takes " + wanted + " (" + why + ")";
    return LoaderException.of(
        LoaderException.Reason.MEMORY,
        kernel,
        "memory",
        totalSize + " bytes",
        totalSize < wanted.end() && wanted.end() <= X86Layout.HOLE_START
            ? "must be at least " + wanted.end() + ": " + takes
            : "must be free where " + takes);
  }
}

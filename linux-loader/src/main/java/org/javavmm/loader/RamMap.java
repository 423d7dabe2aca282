// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalLong;

/** The memory above 1 MiB in which a kernel and an initrd look for their place. */
final class RamMap {
  private final long totalSize;

  /** By ascending address, never adjacent. */
  private final List<MemoryRange> free = new ArrayList<>();

  /** Takes ranges that do not overlap, in any order. */
  RamMap(List<MemoryRange> ram) {
    totalSize = ram.stream().mapToLong(MemoryRange::size).sum();
    List<MemoryRange> sorted = new ArrayList<>(ram);
    sorted.sort(Comparator.comparingLong(MemoryRange::gpa));
    for (MemoryRange range : sorted) {
      long gpa = Math.max(range.gpa(), X86Layout.HIGH_MEMORY_START);
      long end = range.end();
      if (end <= gpa) {
        continue;
      }
      if (!free.isEmpty() && free.getLast().end() == gpa) {
        gpa = free.removeLast().gpa();
      }
      free.add(MemoryRange.between(gpa, end));
    }
  }

  /** {@return the size of all memory in bytes, also of what is not free} */
  long totalSize() {
    return totalSize;
  }

  /** Takes a range away. */
  void take(MemoryRange taken) {
    List<MemoryRange> rest = new ArrayList<>();
    for (MemoryRange range : free) {
      if (!range.overlaps(taken)) {
        rest.add(range);
        continue;
      }
      if (range.gpa() < taken.gpa()) {
        rest.add(MemoryRange.between(range.gpa(), taken.gpa()));
      }
      if (taken.end() < range.end()) {
        rest.add(MemoryRange.between(taken.end(), range.end()));
      }
    }
    free.clear();
    free.addAll(rest);
  }

  boolean isFree(MemoryRange wanted) {
    return free.stream().anyMatch(range -> range.contains(wanted));
  }

  /**
   * {@return the lowest aligned address, at or above another, from which so much is free and ends
   * by the limit}
   */
  OptionalLong lowest(long from, long endLimit, long size, long alignment) {
    for (MemoryRange range : free) {
      long gpa = alignUp(Math.max(range.gpa(), from), alignment);
      if (gpa + size <= Math.min(range.end(), endLimit)) {
        return OptionalLong.of(gpa);
      }
    }
    return OptionalLong.empty();
  }

  /** {@return the highest aligned address from which so much is free and ends by the limit} */
  OptionalLong highest(long endLimit, long size, long alignment) {
    for (MemoryRange range : free.reversed()) {
      long gpa = (Math.min(range.end(), endLimit) - size) & -alignment;
      if (gpa >= range.gpa()) {
        return OptionalLong.of(gpa);
      }
    }
    return OptionalLong.empty();
  }

  /** {@return the size of the largest free range that ends by the limit, cut to whole pages} */
  long largest(long endLimit) {
    long largest = 0;
    for (MemoryRange range : free) {
      long gpa = alignUp(range.gpa(), 4096);
      largest = Math.max(largest, Math.min(range.end(), endLimit) - gpa);
    }
    return largest;
  }

  static long alignUp(long value, long alignment) {
    return (value + alignment - 1) & -alignment;
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

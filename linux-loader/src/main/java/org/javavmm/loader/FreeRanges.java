// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalLong;

/** Memory that nothing lies in yet, at any address. */
final class FreeRanges {
  /** By ascending address, never adjacent. */
  private final List<MemoryRange> free = new ArrayList<>();

  /** Takes ranges in any order. */
  FreeRanges(List<MemoryRange> ram) {
    List<MemoryRange> sorted = new ArrayList<>(ram);
    sorted.sort(Comparator.comparingLong(MemoryRange::gpa));
    for (MemoryRange range : sorted) {
      if (!free.isEmpty() && range.overlaps(free.getLast())) {
        throw new IllegalArgumentException("memory " + range + " overlaps " + free.getLast());
      }
      if (!free.isEmpty() && free.getLast().end() == range.gpa()) {
        range = MemoryRange.between(free.removeLast().gpa(), range.end());
      }
      free.add(range);
    }
  }

  /** {@return the ranges, by ascending address, never adjacent} */
  List<MemoryRange> ranges() {
    return List.copyOf(free);
  }

  /** Takes a range away, of which any part may be free. */
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

  /**
   * {@return the lowest address that is {@code offset} above a multiple of {@code alignment} which
   * lies in memory, and from which so much is free; what lies below it need not be free}
   */
  OptionalLong lowest(List<MemoryRange> ram, long size, long alignment, long offset) {
    long lowest = Long.MAX_VALUE;
    for (MemoryRange range : free) {
      for (MemoryRange around : ram) {
        long base = MemoryRange.alignUp(Math.max(range.gpa() - offset, around.gpa()), alignment);
        if (base < around.end() && base + offset <= range.end() - size) {
          lowest = Math.min(lowest, base + offset);
        }
      }
    }
    return lowest == Long.MAX_VALUE ? OptionalLong.empty() : OptionalLong.of(lowest);
  }

  /** {@return the highest aligned address at or above {@code from} that has room up to the end} */
  OptionalLong highest(long from, long end, long size, long alignment) {
    for (MemoryRange range : free.reversed()) {
      long gpa = (Math.min(range.end(), end) - size) & -alignment;
      if (gpa >= Math.max(range.gpa(), from)) {
        return OptionalLong.of(gpa);
      }
    }
    return OptionalLong.empty();
  }
}

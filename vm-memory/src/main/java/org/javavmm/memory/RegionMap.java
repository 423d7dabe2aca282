// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The regions of a memory at one moment; never changes.
 *
 * <p>An address is found by a table of equal buckets that span the memory: a bucket names the
 * regions that begin in it or reach into it, of which there is one or two in a common map.
 */
final class RegionMap {
  /** Buckets per region: few are shared, and the table of a common map is a cache line or two. */
  private static final int BUCKETS_PER_REGION = 8;

  private static final int MAX_BUCKETS = 1 << 16;

  private final List<GuestRegion> list;

  /** By ascending address; one that holds nothing if there is none. */
  private final GuestRegion[] regions;

  private final long[] starts;
  private final long first;
  private final int shift;
  private final int buckets;

  /** For each bucket the last region that begins at or before the bucket's first address. */
  private final int[] index;

  RegionMap(List<GuestRegion> unordered) {
    List<GuestRegion> sorted = new ArrayList<>(unordered);
    sorted.sort((a, b) -> Long.compareUnsigned(a.gpa, b.gpa));
    list = Collections.unmodifiableList(sorted);
    regions =
        sorted.isEmpty()
            ? new GuestRegion[] {GuestRegion.NOTHING}
            : sorted.toArray(GuestRegion[]::new);
    int n = regions.length;
    starts = new long[n];
    for (int i = 0; i < n; i++) {
      starts[i] = regions[i].gpa;
    }
    first = starts[0];
    long span = (sorted.isEmpty() ? first : regions[n - 1].lastGpa()) - first;
    int wanted = Math.min(MAX_BUCKETS, n * BUCKETS_PER_REGION);
    int bits = Long.SIZE - Long.numberOfLeadingZeros(span);
    shift = Math.min(63, Math.max(0, bits - (Integer.SIZE - Integer.numberOfLeadingZeros(wanted))));
    buckets = (int) (span >>> shift) + 1;
    index = new int[buckets + 1];
    int region = 0;
    for (int b = 0; b < buckets; b++) {
      long start = first + ((long) b << shift);
      while (region + 1 < n && Long.compareUnsigned(starts[region + 1], start) <= 0) {
        region++;
      }
      index[b] = region;
    }
    index[buckets] = n - 1;
  }

  List<GuestRegion> list() {
    return list;
  }

  boolean isEmpty() {
    return list.isEmpty();
  }

  /** The last address; -1 if there is no region. */
  long lastGpa() {
    return list.isEmpty() ? -1 : regions[regions.length - 1].lastGpa();
  }

  /**
   * The region that holds an address, or any other if none does: who asks checks the offset from
   * that region's start against its size.
   */
  GuestRegion find(long gpa) {
    return regions[indexOf(gpa)];
  }

  /** The place of {@link #find}'s region among the regions; those that follow it come after. */
  int indexOf(long gpa) {
    long bucket = (gpa - first) >>> shift;
    if (Long.compareUnsigned(bucket, buckets) >= 0) {
      return regions.length - 1;
    }
    int low = index[(int) bucket];
    int high = index[(int) bucket + 1];
    while (low < high) {
      int middle = (low + high + 1) >>> 1;
      if (Long.compareUnsigned(starts[middle], gpa) <= 0) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  GuestRegion at(int i) {
    return regions[i];
  }

  /** Whether a range lies in memory without a gap, and permits an access if one is named. */
  boolean allows(long gpa, long length, @Nullable Access access) {
    if (length == 0) {
      return true;
    }
    if (Long.compareUnsigned(gpa + (length - 1), gpa) < 0) {
      return false;
    }
    int i = indexOf(gpa);
    GuestRegion r = regions[i];
    if (!r.holds(gpa, 1)) {
      return false;
    }
    long done = 0;
    while (access == null || r.permits(access)) {
      done += r.atMost(gpa + done, length - done);
      if (done == length) {
        return true;
      }
      i++;
      if (i == regions.length || starts[i] != gpa + done) {
        return false;
      }
      r = regions[i];
    }
    return false;
  }

  /** Whether a region that a range touches is unmapped. */
  boolean isUnmapped(long gpa, long length) {
    for (GuestRegion region : list) {
      if (region.touches(gpa, length) && region.isUnmapped()) {
        return true;
      }
    }
    return false;
  }

  String describe() {
    StringBuilder text = new StringBuilder();
    long next = 0;
    for (GuestRegion region : list) {
      if (region.gpa != next && text.length() > 0) {
        line(text, next, region.gpa - 1, "-");
      }
      line(text, region.gpa, region.lastGpa(), region.name() + "  " + region.describeBacking());
      next = region.lastGpa() + 1;
    }
    return text.length() == 0 ? "no regions\n" : text.toString();
  }

  private static void line(StringBuilder text, long from, long last, String what) {
    text.append(String.format("%016x-%016x  %10s  %s%n", from, last, size(last - from + 1), what));
  }

  static String size(long bytes) {
    String[] units = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    int unit = 0;
    long value = bytes;
    while (unit + 1 < units.length && value != 0 && (value & 1023) == 0) {
      value >>>= 10;
      unit++;
    }
    return Long.toUnsignedString(value) + " " + units[unit];
  }
}

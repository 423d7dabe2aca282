// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import java.util.Arrays;

/**
 * A bounded table of translations from I/O virtual to guest-physical addresses.
 *
 * <p>Looking up takes no lock and allocates nothing: the table is replaced as a whole when it
 * changes. When it is full, the translation inserted longest ago goes. Every method takes every
 * input: empty ranges change nothing, ranges beyond 2^64 are cut there. Thread-safe.
 */
public final class Iotlb {
  private final int capacity;
  private volatile Entries entries = new Entries(0);

  /** Counts the invalidations. */
  private volatile long epoch;

  private long clock;

  /** Disjoint ranges by ascending address; never changes once published. */
  static final class Entries {
    final int count;
    final long[] starts;
    final long[] lasts;
    final long[] gpas;
    final long[] ages;
    final Access[] permitted;

    Entries(int count) {
      this.count = count;
      starts = new long[count];
      lasts = new long[count];
      gpas = new long[count];
      ages = new long[count];
      permitted = new Access[count];
    }

    /** The entry that holds an address, or -1. */
    int find(long iova) {
      int low = 0;
      int high = count - 1;
      while (low <= high) {
        int middle = (low + high) >>> 1;
        if (Long.compareUnsigned(iova, starts[middle]) < 0) {
          high = middle - 1;
        } else if (Long.compareUnsigned(iova, lasts[middle]) > 0) {
          low = middle + 1;
        } else {
          return middle;
        }
      }
      return -1;
    }

    /** The guest-physical address of an address that entry {@code i} holds. */
    long gpa(int i, long iova) {
      return gpas[i] + (iova - starts[i]);
    }

    void set(int i, long start, long last, long gpa, long age, Access access) {
      starts[i] = start;
      lasts[i] = last;
      gpas[i] = gpa;
      ages[i] = age;
      permitted[i] = access;
    }

    Entries first(int n) {
      Entries cut = new Entries(n);
      System.arraycopy(starts, 0, cut.starts, 0, n);
      System.arraycopy(lasts, 0, cut.lasts, 0, n);
      System.arraycopy(gpas, 0, cut.gpas, 0, n);
      System.arraycopy(ages, 0, cut.ages, 0, n);
      System.arraycopy(permitted, 0, cut.permitted, 0, n);
      return cut;
    }
  }

  /**
   * Creates an empty table.
   *
   * @param capacity the most translations it holds, 1 to 65,536
   * @throws IllegalArgumentException if {@code capacity} is out of range
   */
  public Iotlb(int capacity) {
    if (capacity < 1 || capacity > 65_536) {
      throw new IllegalArgumentException("capacity=" + capacity + " is not in 1..65536");
    }
    this.capacity = capacity;
  }

  Entries entries() {
    return entries;
  }

  /** A number that changes with every invalidation. */
  long epoch() {
    return epoch;
  }

  /** {@return the number of translations held} */
  public int size() {
    return entries.count;
  }

  /**
   * Inserts a translation. It takes the place of what was known of its addresses.
   *
   * @param iova the first I/O virtual address
   * @param length the length in bytes, unsigned; cut where an address would exceed 2^64
   * @param gpa the guest-physical address of the first byte
   * @param permitted what it permits
   */
  public synchronized void insert(long iova, long length, long gpa, Access permitted) {
    long n = Translation.cut(length, iova, gpa);
    if (n != 0) {
      put(iova, iova + (n - 1), gpa, permitted);
    }
  }

  /**
   * Inserts a translation that was looked up, unless there was an invalidation since: it may have
   * been of just this translation.
   */
  synchronized void insertIf(long expectedEpoch, Translation found) {
    if (epoch == expectedEpoch) {
      insert(found.iova(), found.length(), found.gpa(), found.permitted());
    }
  }

  private void put(long start, long last, long gpa, Access permitted) {
    Entries without = without(entries, start, last, 1);
    int n = without.count - 1; // the room for the new one is at the end
    int at = 0;
    while (at < n && Long.compareUnsigned(without.starts[at], start) < 0) {
      at++;
    }
    for (int i = n; i > at; i--) {
      copy(without, i - 1, without, i);
    }
    without.set(at, start, last, gpa, clock++, permitted);
    while (without.count > capacity) {
      without = withoutOldest(without);
    }
    entries = without;
  }

  private static void copy(Entries from, int i, Entries to, int j) {
    to.set(j, from.starts[i], from.lasts[i], from.gpas[i], from.ages[i], from.permitted[i]);
  }

  private static Entries withoutOldest(Entries all) {
    int oldest = 0;
    for (int i = 1; i < all.count; i++) {
      if (all.ages[i] < all.ages[oldest]) {
        oldest = i;
      }
    }
    Entries rest = new Entries(all.count - 1);
    for (int i = 0, j = 0; i < all.count; i++) {
      if (i != oldest) {
        copy(all, i, rest, j++);
      }
    }
    return rest;
  }

  /** The entries without a range, cut where they reach into it, and some unused ones at the end. */
  private static Entries without(Entries all, long start, long last, int extra) {
    Entries rest = new Entries(all.count + 1 + extra);
    int n = 0;
    for (int i = 0; i < all.count; i++) {
      boolean apart =
          Long.compareUnsigned(all.lasts[i], start) < 0
              || Long.compareUnsigned(all.starts[i], last) > 0;
      if (apart) {
        copy(all, i, rest, n++);
        continue;
      }
      if (Long.compareUnsigned(all.starts[i], start) < 0) {
        rest.set(n++, all.starts[i], start - 1, all.gpas[i], all.ages[i], all.permitted[i]);
      }
      if (Long.compareUnsigned(all.lasts[i], last) > 0) {
        long skipped = last + 1 - all.starts[i];
        rest.set(n++, last + 1, all.lasts[i], all.gpas[i] + skipped, all.ages[i], all.permitted[i]);
      }
    }
    return rest.first(n + extra);
  }

  /**
   * Forgets what is known of a range. Look-ups that begin after this returned do not find it.
   *
   * @param iova the first I/O virtual address
   * @param length the length in bytes, unsigned; cut where an address would exceed 2^64
   */
  public synchronized void invalidate(long iova, long length) {
    epoch++;
    long n = Translation.cut(length, iova, 0);
    if (n != 0) {
      Entries rest = without(entries, iova, iova + (n - 1), 0);
      while (rest.count > capacity) {
        rest = withoutOldest(rest);
      }
      entries = rest;
    }
  }

  /** Forgets everything. */
  public synchronized void invalidateAll() {
    epoch++;
    entries = new Entries(0);
  }

  /**
   * Looks an address up.
   *
   * @param iova the address
   * @param found receives the translation of the range around it
   * @return whether there is one
   */
  public boolean lookup(long iova, Translation found) {
    Entries now = entries;
    int i = now.find(iova);
    if (i < 0) {
      return false;
    }
    found.set(now.starts[i], now.lasts[i] - now.starts[i] + 1, now.gpas[i], now.permitted[i]);
    return true;
  }

  @Override
  public String toString() {
    Entries now = entries;
    return "IOTLB " + now.count + " of " + capacity + " " + Arrays.toString(now.starts);
  }
}

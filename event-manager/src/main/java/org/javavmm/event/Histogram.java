// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * A histogram of values from 0 to 2<sup>63</sup> - 1 in 8 KiB: exact below 32, above that in 16
 * steps per power of two. What {@link #percentile} returns is never too small and at most 1/16
 * (6.25 %) too large.
 *
 * <p>One thread records at a time; any thread may read meanwhile and may miss the last values.
 * Recording allocates nothing and takes no lock.
 */
public final class Histogram {
  /** 2^4 steps per power of two. */
  private static final int STEP_BITS = 4;

  private static final int STEPS = 1 << STEP_BITS;

  /** Exact values below 2 * STEPS, then STEPS for each of the powers 5 to 62. */
  private static final int BUCKETS = 2 * STEPS + (62 - STEP_BITS) * STEPS;

  private static final int SUM = BUCKETS;
  private static final int MAX = BUCKETS + 1;

  private final AtomicLongArray cells = new AtomicLongArray(BUCKETS + 2);

  /** Creates an empty histogram. */
  public Histogram() {}

  private static int bucket(long value) {
    if (value < 2 * STEPS) {
      return (int) value;
    }
    int shift = 63 - Long.numberOfLeadingZeros(value) - STEP_BITS;
    return shift * STEPS + (int) (value >>> shift);
  }

  /** The largest value of a bucket. */
  private static long upper(int bucket) {
    if (bucket < 2 * STEPS) {
      return bucket;
    }
    int shift = bucket / STEPS - 1;
    return ((long) (bucket % STEPS + STEPS + 1) << shift) - 1;
  }

  /**
   * Adds a value.
   *
   * @param value the value; a negative one counts as 0
   */
  public void record(long value) {
    long v = Math.max(value, 0);
    add(bucket(v), 1);
    add(SUM, v);
    if (v > cells.getPlain(MAX)) {
      cells.setRelease(MAX, v);
    }
  }

  private void add(int cell, long amount) {
    cells.setRelease(cell, cells.getPlain(cell) + amount);
  }

  /** {@return how many values were recorded} */
  public long count() {
    long count = 0;
    for (int i = 0; i < BUCKETS; i++) {
      count += cells.getAcquire(i);
    }
    return count;
  }

  /** {@return the sum of the values, exact until it exceeds 2<sup>63</sup> - 1} */
  public long sum() {
    return cells.getAcquire(SUM);
  }

  /** {@return the largest value, exact; 0 if there is none} */
  public long max() {
    return cells.getAcquire(MAX);
  }

  /**
   * The value that so many percent of the values do not exceed.
   *
   * @param percent 0 (the smallest value) to 100 (the largest)
   * @return the value, at most 1/16 too large; 0 if there is none
   * @throws IllegalArgumentException if {@code percent} is out of range
   */
  public long percentile(double percent) {
    if (!(percent >= 0 && percent <= 100)) {
      throw new IllegalArgumentException("percent=" + percent + " is not in 0..100");
    }
    long count = count();
    long rank = Math.max(1, (long) Math.ceil(count * percent / 100));
    long seen = 0;
    for (int i = 0; i < BUCKETS; i++) {
      seen += cells.getAcquire(i);
      if (seen >= rank) {
        return Math.min(upper(i), max());
      }
    }
    return max();
  }

  /** {@return a copy, which later values do not change} */
  Histogram copy() {
    Histogram copy = new Histogram();
    for (int i = 0; i < BUCKETS + 2; i++) {
      copy.cells.setPlain(i, cells.getAcquire(i));
    }
    return copy;
  }

  @Override
  public String toString() {
    return count()
        + " values, 50 % up to "
        + percentile(50)
        + ", 99 % up to "
        + percentile(99)
        + ", largest "
        + max();
  }
}

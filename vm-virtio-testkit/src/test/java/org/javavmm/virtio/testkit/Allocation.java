// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.TimeUnit;

/** Measures what the calling thread allocates on the heap. */
final class Allocation {
  /** Something done again and again. */
  interface Step {
    void run(int i) throws Exception;
  }

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private Allocation() {}

  /** The bytes that the calling thread has allocated so far. */
  static long now() {
    return THREADS.getCurrentThreadAllocatedBytes();
  }

  /**
   * The bytes that {@code n} steps allocate once the compilers have seen them. They work in the
   * background and may be late on a busy host, so this is the least of several rounds.
   */
  static long bytes(int n, Step step) throws Exception {
    long least = Long.MAX_VALUE;
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    for (int round = 0; least > n / 100 && (round < 30 || System.nanoTime() < end); round++) {
      long before = THREADS.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < n; i++) {
        step.run(i);
      }
      least = Math.min(least, THREADS.getCurrentThreadAllocatedBytes() - before);
    }
    return least;
  }
}

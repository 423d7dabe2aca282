// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/** Measures what the calling thread allocates on the heap. */
final class Allocation {
  /** Something done again and again. */
  interface Step {
    void run(int i) throws Exception;
  }

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private Allocation() {}

  /** The bytes that {@code n} steps allocate once the compilers have seen them. */
  static long bytes(int n, Step step) throws Exception {
    for (int i = 0; i < 50_000; i++) {
      step.run(i);
    }
    long before = THREADS.getCurrentThreadAllocatedBytes();
    for (int i = 0; i < n; i++) {
      step.run(i);
    }
    return THREADS.getCurrentThreadAllocatedBytes() - before;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;

/**
 * On which processors a thread may run. Threads are named by their numbers in the kernel ({@link
 * KickSignal#currentThreadId}), 0 being the calling one; of a virtual thread that is its carrier.
 * Any number of processors. Thread-safe.
 */
public final class CpuAffinity {
  private static final MemorySegment GET = Libc.function("sched_getaffinity");
  private static final MemorySegment SET = Libc.function("sched_setaffinity");

  /** The kernel's largest configuration has 8192 processors. */
  private static final int MAX_BYTES = 1 << 16;

  private CpuAffinity() {}

  /**
   * {@return the processors that a thread may run on, by number}
   *
   * @param thread the thread's number in the kernel; 0 for the calling one
   * @throws SystemCallException {@code ESRCH} if there is no such thread
   */
  public static BitSet get(int thread) throws SystemCallException {
    return get(thread, 128);
  }

  /** The kernel refuses a mask shorter than its own, so this begins short and grows. */
  static BitSet get(int thread, int firstBytes) throws SystemCallException {
    for (int bytes = firstBytes; ; bytes *= 2) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment mask = arena.allocate(bytes, 8);
        int result = Libc.callInt(GET, thread, bytes, mask.address());
        if (result >= 0) {
          return BitSet.valueOf(mask.toArray(ValueLayout.JAVA_BYTE));
        }
        if (result != -Errno.EINVAL || bytes >= MAX_BYTES) {
          throw new SystemCallException("sched_getaffinity(thread " + thread + ")", -result);
        }
      }
    }
  }

  /**
   * Says on which processors a thread may run.
   *
   * @param thread the thread's number in the kernel; 0 for the calling one
   * @param processors their numbers; those that do not exist are ignored
   * @throws SystemCallException {@code EINVAL} if none of them exists or is allowed to this
   *     process, {@code ESRCH} if there is no such thread, {@code EPERM} if it is another user's
   */
  public static void set(int thread, BitSet processors) throws SystemCallException {
    try (Arena arena = Arena.ofConfined()) {
      // The kernel reads what it has room for, and takes the rest for zero.
      long[] words = processors.toLongArray();
      MemorySegment mask =
          arena.allocateFrom(ValueLayout.JAVA_LONG, words.length == 0 ? new long[1] : words);
      int result = Libc.callInt(SET, thread, mask.byteSize(), mask.address());
      if (result < 0) {
        throw new SystemCallException(
            "sched_setaffinity(thread " + thread + ", " + processors + ")", -result);
      }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A real-time signal that does nothing but end a blocking system call with {@code EINTR}: how a
 * vCPU thread is fetched out of {@code KVM_RUN}.
 *
 * <p>The handler is a function of libc that may run at any time and changes nothing ({@code
 * getpid}). A Java method as the handler would run Java code in a signal handler, which the JVM
 * does not survive.
 */
public final class KickSignal {
  private static final MemorySegment SIGACTION = Libc.function("sigaction");
  private static final MemorySegment SIGEMPTYSET = Libc.function("sigemptyset");
  private static final MemorySegment GETPID = Libc.function("getpid");
  private static final MemorySegment GETTID = Libc.function("gettid");
  private static final MemorySegment TGKILL = Libc.function("tgkill");

  /** SIGRTMIN is 34 in glibc; the JVM uses none of the real-time signals. */
  private static final int SIGNAL = 34 + 6;

  /** {@code struct sigaction}: handler, mask (128 bytes), flags, restorer. */
  static final long SIGACTION_SIZE = 152;

  static final long SA_HANDLER = 0;
  static final long SA_MASK = 8;

  private static final int PID = installed();

  private KickSignal() {}

  private static int installed() {
    try (Arena arena = Arena.ofConfined()) {
      // All zero but the handler: above all no SA_RESTART, which would hide the signal.
      MemorySegment action = arena.allocate(SIGACTION_SIZE, 8);
      action.set(ValueLayout.JAVA_LONG, SA_HANDLER, GETPID.address());
      var _ = Libc.callInt(SIGEMPTYSET, action.address() + SA_MASK);
      int result = Libc.callInt(SIGACTION, SIGNAL, action.address(), 0);
      if (result < 0) {
        throw new IllegalStateException(
            "sigaction(" + SIGNAL + "): " + Errno.name(-result) + " while installing the kick");
      }
    }
    return Libc.callInt(GETPID, 0);
  }

  /**
   * Installs the handler, once per process, and names the calling thread.
   *
   * @return the calling thread's id in the kernel, for {@link #send}
   * @throws IllegalStateException if the calling thread is virtual: it has no kernel thread of its
   *     own
   */
  public static int currentThreadId() {
    if (Thread.currentThread().isVirtual()) {
      throw new IllegalStateException("a virtual thread cannot be kicked; use a platform thread");
    }
    return Libc.callInt(GETTID, 0);
  }

  /**
   * Sends the signal to a thread of this process.
   *
   * @param threadId from {@link #currentThreadId}; the caller makes sure that this thread has not
   *     ended, for its id may be another's by then
   * @return 0, or {@code -errno}: {@code ESRCH} if no such thread is left
   */
  public static int send(int threadId) {
    return Libc.callInt(TGKILL, PID, threadId, SIGNAL);
  }
}

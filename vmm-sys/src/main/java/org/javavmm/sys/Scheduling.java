// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * How the kernel schedules a thread; see {@code sched(7)}. Threads are named by their numbers in
 * the kernel ({@link KickSignal#currentThreadId}), 0 being the calling one.
 *
 * <p>A real-time thread that never waits starves all others of its processor. In a JVM it can even
 * stop itself: a garbage collection waits for threads that it does not let run.
 *
 * @param policy the class
 * @param nice for {@link Policy#OTHER} and {@link Policy#BATCH}: -20, the most favoured, to 19
 * @param priority for {@link Policy#FIFO} and {@link Policy#ROUND_ROBIN}: 1 to 99, the most urgent
 * @param runtimeNanos for {@link Policy#DEADLINE}: the time guaranteed in each period
 * @param deadlineNanos for {@link Policy#DEADLINE}: within which time of the period's begin
 * @param periodNanos for {@link Policy#DEADLINE}: the length of the period
 */
public record Scheduling(
    Policy policy,
    int nice,
    int priority,
    long runtimeNanos,
    long deadlineNanos,
    long periodNanos) {
  /** The classes of scheduling. */
  public enum Policy {
    /** By turns. */
    OTHER(0),
    /** Real-time: until it waits or a more urgent one comes. */
    FIFO(1),
    /** Real-time: by turns among the equally urgent. */
    ROUND_ROBIN(2),
    /** By turns, taken for busy. */
    BATCH(3),
    /** When nobody else wants to. */
    IDLE(5),
    /** Real-time: so much time in each period. */
    DEADLINE(6);

    private final int number;

    Policy(int number) {
      this.number = number;
    }

    private static Policy of(int number) {
      for (Policy policy : values()) {
        if (policy.number == number) {
          return policy;
        }
      }
      throw new IllegalStateException("unknown scheduling policy " + number);
    }
  }

  private static final long SETATTR = Libc.syscallNumber("sched_setattr", 314, 274);
  private static final long GETATTR = Libc.syscallNumber("sched_getattr", 315, 275);

  /** {@code struct sched_attr} in its first version. */
  static final int SIZEOF = 48;

  static final int POLICY = 4;
  static final int NICE = 16;
  static final int PRIORITY = 20;
  static final int RUNTIME = 24;
  static final int DEADLINE = 32;
  static final int PERIOD = 40;

  /**
   * {@return the usual scheduling}
   *
   * @param nice -20, the most favoured, to 19
   */
  public static Scheduling other(int nice) {
    return new Scheduling(Policy.OTHER, nice, 0, 0, 0, 0);
  }

  /**
   * {@return scheduling for work that is always busy}
   *
   * @param nice -20, the most favoured, to 19
   */
  public static Scheduling batch(int nice) {
    return new Scheduling(Policy.BATCH, nice, 0, 0, 0, 0);
  }

  /** {@return scheduling for what only uses idle processors} */
  public static Scheduling idle() {
    return new Scheduling(Policy.IDLE, 0, 0, 0, 0, 0);
  }

  /**
   * {@return real-time scheduling without turns}
   *
   * @param priority 1 to 99, the most urgent
   */
  public static Scheduling fifo(int priority) {
    return new Scheduling(Policy.FIFO, 0, priority, 0, 0, 0);
  }

  /**
   * {@return real-time scheduling by turns among the equally urgent}
   *
   * @param priority 1 to 99, the most urgent
   */
  public static Scheduling roundRobin(int priority) {
    return new Scheduling(Policy.ROUND_ROBIN, 0, priority, 0, 0, 0);
  }

  /**
   * {@return real-time scheduling of so much time in each period}
   *
   * @param runtimeNanos the time guaranteed
   * @param deadlineNanos within which time of the period's begin
   * @param periodNanos the length of the period
   */
  public static Scheduling deadline(long runtimeNanos, long deadlineNanos, long periodNanos) {
    return new Scheduling(Policy.DEADLINE, 0, 0, runtimeNanos, deadlineNanos, periodNanos);
  }

  /**
   * {@return how a thread is scheduled}
   *
   * @param thread the thread's number in the kernel; 0 for the calling one
   * @throws SystemCallException {@code ESRCH} if there is no such thread
   */
  public static Scheduling of(int thread) throws SystemCallException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment a = arena.allocate(SIZEOF, 8);
      int result = Libc.syscall(GETATTR, thread, a.address(), SIZEOF, 0, 0, 0);
      if (result < 0) {
        throw new SystemCallException("sched_getattr(thread " + thread + ")", -result);
      }
      Policy policy = Policy.of(a.get(ValueLayout.JAVA_INT, POLICY));
      // Newer kernels tell the time slice of other classes in the fields of the deadline.
      boolean times = policy == Policy.DEADLINE;
      return new Scheduling(
          policy,
          a.get(ValueLayout.JAVA_INT, NICE),
          a.get(ValueLayout.JAVA_INT, PRIORITY),
          times ? a.get(ValueLayout.JAVA_LONG, RUNTIME) : 0,
          times ? a.get(ValueLayout.JAVA_LONG, DEADLINE) : 0,
          times ? a.get(ValueLayout.JAVA_LONG, PERIOD) : 0);
    }
  }

  /**
   * Schedules a thread so.
   *
   * @param thread the thread's number in the kernel; 0 for the calling one
   * @throws SystemCallException {@code EINVAL} if a number is out of its range, {@code EPERM} if
   *     this process may not, {@code ESRCH} if there is no such thread, {@code EBUSY} if the
   *     processors have not that much time left
   */
  public void applyTo(int thread) throws SystemCallException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment a = arena.allocate(SIZEOF, 8);
      a.set(ValueLayout.JAVA_INT, 0, SIZEOF);
      a.set(ValueLayout.JAVA_INT, POLICY, policy.number);
      a.set(ValueLayout.JAVA_INT, NICE, nice);
      a.set(ValueLayout.JAVA_INT, PRIORITY, priority);
      a.set(ValueLayout.JAVA_LONG, RUNTIME, runtimeNanos);
      a.set(ValueLayout.JAVA_LONG, DEADLINE, deadlineNanos);
      a.set(ValueLayout.JAVA_LONG, PERIOD, periodNanos);
      int result = Libc.syscall(SETATTR, thread, a.address(), 0, 0, 0, 0);
      if (result < 0) {
        throw new SystemCallException(
            "sched_setattr(thread " + thread + ", " + this + ")", -result);
      }
    }
  }
}

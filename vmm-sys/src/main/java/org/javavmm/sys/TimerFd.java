// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A {@code timerfd(2)}: a timer of the kernel that becomes readable when it expires. Non-blocking.
 *
 * <p>All times are nanoseconds. A timer that was armed counts its expirations until {@link
 * #expirations} reads them; arming and disarming forgets those not yet read. Arming, reading and
 * asking allocate nothing. Thread-safe.
 */
public final class TimerFd implements AutoCloseable {
  /** The clock that a timer goes by. */
  public enum Clock {
    /** Time since some start, never set; stands still while the host is suspended. */
    MONOTONIC(1),
    /** Like {@link #MONOTONIC}, but goes on while the host is suspended. */
    BOOTTIME(7),
    /** The time of day, since 1970-01-01 UTC; may be set. */
    REALTIME(0);

    final int id;

    Clock(int id) {
      this.id = id;
    }
  }

  private static final MemorySegment TIMERFD_CREATE = Libc.function("timerfd_create");
  private static final MemorySegment TIMERFD_SETTIME = Libc.function("timerfd_settime");
  private static final MemorySegment TIMERFD_GETTIME = Libc.function("timerfd_gettime");
  private static final MemorySegment CLOCK_GETTIME = Libc.function("clock_gettime");

  static final int TFD_NONBLOCK = 0x800;
  static final int TFD_CLOEXEC = 0x80000;
  static final int TFD_TIMER_ABSTIME = 1;

  private static final long SECOND = 1_000_000_000L;

  private final OwnedFd fd;
  private final Clock clock;

  /** Guarded by this. */
  private final MemorySegment spec = Arena.ofAuto().allocate(ItimerspecLayout.SIZEOF, 8);

  /** Guarded by this. */
  private final MemorySegment count = Arena.ofAuto().allocate(ValueLayout.JAVA_LONG);

  private TimerFd(OwnedFd fd, Clock clock) {
    this.fd = fd;
    this.clock = clock;
  }

  /**
   * Creates a timer that is not armed.
   *
   * @param name what it is for, for messages
   * @param clock the clock it goes by
   * @return the timer
   * @throws SystemCallException if the process has no descriptor left
   */
  public static TimerFd create(String name, Clock clock) throws SystemCallException {
    int fd = Libc.callInt(TIMERFD_CREATE, clock.id, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0) {
      throw new SystemCallException(
          "timerfd_create(CLOCK_" + clock + ", TFD_NONBLOCK | TFD_CLOEXEC)", -fd);
    }
    return new TimerFd(OwnedFd.adopt(fd, name), clock);
  }

  /**
   * The present time of a clock, to compute the times of {@link #armAt} from.
   *
   * @param clock the clock
   * @return nanoseconds since the clock's start
   * @throws SystemCallException if the kernel refuses
   */
  public static long now(Clock clock) throws SystemCallException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment time = arena.allocate(16, 8);
      int result = Libc.callInt(CLOCK_GETTIME, clock.id, time.address());
      if (result < 0) {
        throw new SystemCallException("clock_gettime(CLOCK_" + clock + ")", -result);
      }
      return nanos(time, 0);
    }
  }

  /** {@return the descriptor, for epoll: readable after an expiration} */
  public OwnedFd fd() {
    return fd;
  }

  /** {@return the clock it goes by} */
  public Clock clock() {
    return clock;
  }

  /**
   * Arms the timer to expire once.
   *
   * @param delay nanoseconds from now; 0 expires at once
   * @throws IllegalArgumentException if {@code delay} is negative
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public void armOnce(long delay) throws SystemCallException {
    set(0, check("delay", delay, 0), 0);
  }

  /**
   * Arms the timer to expire again and again.
   *
   * @param delay nanoseconds from now to the first expiration; 0 expires at once
   * @param period nanoseconds between two expirations, at least 1
   * @throws IllegalArgumentException if {@code delay} is negative or {@code period} less than 1
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public void armPeriodic(long delay, long period) throws SystemCallException {
    set(0, check("delay", delay, 0), check("period", period, 1));
  }

  /**
   * Arms the timer to expire at a time of its clock. A time that has passed expires at once. The
   * time is the clock's: when {@link Clock#REALTIME} is set, the expiration moves with it.
   *
   * @param time nanoseconds of the clock, see {@link #now}
   * @param period nanoseconds between further expirations, 0 for none; those that have passed too
   *     are counted
   * @throws IllegalArgumentException if {@code time} or {@code period} is negative
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public void armAt(long time, long period) throws SystemCallException {
    set(TFD_TIMER_ABSTIME, check("time", time, 0), check("period", period, 0));
  }

  /**
   * Stops the timer and forgets expirations not yet read.
   *
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public void disarm() throws SystemCallException {
    settime(0, 0, 0);
  }

  private static long check(String field, long value, long least) {
    if (value < least) {
      throw new IllegalArgumentException(field + "=" + value + " ns is less than " + least);
    }
    return value;
  }

  private void set(int flags, long value, long period) throws SystemCallException {
    // To the kernel 0 means disarm.
    settime(flags, Math.max(value, 1), period);
  }

  private synchronized void settime(int flags, long value, long period) throws SystemCallException {
    spec.set(ValueLayout.JAVA_LONG, ItimerspecLayout.INTERVAL_SEC, period / SECOND);
    spec.set(ValueLayout.JAVA_LONG, ItimerspecLayout.INTERVAL_NSEC, period % SECOND);
    spec.set(ValueLayout.JAVA_LONG, ItimerspecLayout.VALUE_SEC, value / SECOND);
    spec.set(ValueLayout.JAVA_LONG, ItimerspecLayout.VALUE_NSEC, value % SECOND);
    int number = fd.acquire();
    int result;
    try {
      result = Libc.callInt(TIMERFD_SETTIME, number, flags, spec.address(), 0);
    } finally {
      fd.release();
    }
    if (result < 0) {
      throw new SystemCallException(
          "timerfd_settime("
              + fd
              + (flags == 0 ? ", value=" : ", TFD_TIMER_ABSTIME, value=")
              + value
              + " ns, interval="
              + period
              + " ns)",
          -result);
    }
  }

  /**
   * Reads how often the timer expired and sets the count to 0. Does not wait.
   *
   * @return the expirations since it was armed or last read; 0 if none
   * @throws IllegalStateException if closed
   */
  public synchronized long expirations() {
    // Fewer bytes can only be EAGAIN: it has not expired.
    return fd.read(count) == Long.BYTES ? count.get(ValueLayout.JAVA_LONG, 0) : 0;
  }

  /**
   * Asks how long it is to the next expiration.
   *
   * @return nanoseconds; 0 if none is to come
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public synchronized long remaining() throws SystemCallException {
    gettime();
    return nanos(spec, ItimerspecLayout.VALUE_SEC);
  }

  /**
   * Asks for the time between two expirations.
   *
   * @return nanoseconds; 0 if it expires once or is not armed
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public synchronized long period() throws SystemCallException {
    gettime();
    return nanos(spec, ItimerspecLayout.INTERVAL_SEC);
  }

  private void gettime() throws SystemCallException {
    int number = fd.acquire();
    int result;
    try {
      result = Libc.callInt(TIMERFD_GETTIME, number, spec.address());
    } finally {
      fd.release();
    }
    if (result < 0) {
      throw new SystemCallException("timerfd_gettime(" + fd + ")", -result);
    }
  }

  private static long nanos(MemorySegment memory, long offset) {
    return memory.get(ValueLayout.JAVA_LONG, offset) * SECOND
        + memory.get(ValueLayout.JAVA_LONG, offset + 8);
  }

  /** Closes the descriptor. Closing twice is safe. */
  @Override
  public void close() {
    fd.close();
  }

  @Override
  public String toString() {
    return "timerfd " + fd + ", CLOCK_" + clock;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import org.jspecify.annotations.Nullable;

/**
 * A timer of an {@link EventLoop}, on the clock of {@link System#nanoTime}. All timers of a loop
 * share one timerfd. Arming and cancelling allocate nothing in steady state. Thread-safe.
 *
 * <p>A timer never expires early. Timers that are due together expire in the order of their
 * deadlines, those with the same deadline in the order in which they were armed.
 */
public final class LoopTimer implements AutoCloseable {
  private final EventLoop loop;
  final @Nullable SubscriberContext owner;
  private final String name;
  final TimerHandler handler;

  // Guarded by the queue's lock.

  /** The index in the heap; negative if not armed. */
  int position = -1;

  long deadline;

  /** When it was armed, as a number: decides between equal deadlines. */
  long sequence;

  /** In nanoseconds; 0 if it expires once. */
  long period;

  volatile boolean closed;

  /** Written by the loop's thread alone. */
  volatile long failures;

  LoopTimer(EventLoop loop, @Nullable SubscriberContext owner, String name, TimerHandler handler) {
    this.loop = loop;
    this.owner = owner;
    this.name = name;
    this.handler = handler;
  }

  /** {@return its name, for messages} */
  public String name() {
    return name;
  }

  /**
   * Arms the timer to expire once; what it was armed for before is forgotten.
   *
   * @param delayNanos nanoseconds from now, 0 to 2<sup>62</sup>; 0 expires as soon as the loop has
   *     handled the events at hand
   * @throws IllegalArgumentException if {@code delayNanos} is out of range
   * @throws IllegalStateException if the timer or the loop is closed
   */
  public void armOnce(long delayNanos) {
    check("delayNanos", delayNanos, 0);
    loop.timers().arm(this, System.nanoTime() + delayNanos, 0);
  }

  /**
   * Arms the timer to expire again and again. The deadlines do not drift: each is the one before
   * plus the period.
   *
   * @param delayNanos nanoseconds from now to the first expiration, 0 to 2<sup>62</sup>
   * @param periodNanos nanoseconds between two expirations, 1 to 2<sup>62</sup>
   * @throws IllegalArgumentException if one is out of range
   * @throws IllegalStateException if the timer or the loop is closed
   */
  public void armPeriodic(long delayNanos, long periodNanos) {
    check("delayNanos", delayNanos, 0);
    check("periodNanos", periodNanos, 1);
    loop.timers().arm(this, System.nanoTime() + delayNanos, periodNanos);
  }

  /**
   * Arms the timer to expire once at a time, or as soon as possible if that has passed.
   *
   * @param nanoTime the time as {@link System#nanoTime} will say it, at most 2<sup>62</sup> from
   *     now
   * @throws IllegalArgumentException if it is farther away
   * @throws IllegalStateException if the timer or the loop is closed
   */
  public void armAt(long nanoTime) {
    check("nanoTime - now", Math.max(0, nanoTime - System.nanoTime()), 0);
    loop.timers().arm(this, nanoTime, 0);
  }

  private static void check(String field, long value, long least) {
    if (value < least || value > TimerQueue.LONGEST) {
      throw new IllegalArgumentException(field + "=" + value + " is not in " + least + "..2^62");
    }
  }

  /**
   * Disarms the timer. On the loop's thread the handler is not called afterwards; on another thread
   * one call may be under way.
   *
   * @return whether it was armed
   */
  public boolean cancel() {
    return loop.timers().cancel(this);
  }

  /** {@return whether an expiration is to come} */
  public boolean isArmed() {
    return loop.timers().isArmed(this);
  }

  /** {@return nanoseconds until it expires, 0 if it is due or not armed} */
  public long remainingNanos() {
    return loop.timers().remaining(this);
  }

  /** {@return whether {@link #close} was called, or the subscriber or the loop was closed} */
  public boolean isClosed() {
    return closed;
  }

  /** {@return how often the handler threw} */
  public long failures() {
    return failures;
  }

  /** Cancels the timer for good. Closing twice is safe. */
  @Override
  public void close() {
    loop.closeTimer(this);
  }

  @Override
  public String toString() {
    return SubscriberContext.qualified(owner, name) + (closed ? " (timer, closed)" : " (timer)");
  }
}

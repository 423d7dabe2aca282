// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The armed timers of a loop: a binary heap by deadline.
 *
 * <p>Deadlines are compared by difference, because {@link System#nanoTime} may overflow; they lie
 * less than 2^63 apart because none is more than 2^62 ahead.
 */
final class TimerQueue {
  static final long LONGEST = 1L << 62;

  private final EventLoop loop;
  private @Nullable LoopTimer[] heap = new LoopTimer[16];
  private int size;
  private long sequence;

  /** When the round under way, or the last one, began; nothing is ordered before it. */
  private long roundStart = System.nanoTime();

  /** The last timer of the round under way by the order of arming. */
  private long roundSequence;

  /** How many expirations the timer taken last has seen. */
  private long expirations;

  private boolean ended;

  TimerQueue(EventLoop loop) {
    this.loop = loop;
  }

  void arm(LoopTimer t, long deadline, long period) {
    boolean first;
    synchronized (this) {
      if (t.closed || ended) {
        throw new IllegalStateException(
            t.closed ? "timer is closed: " + t.name() : "event loop has ended: " + loop.name());
      }
      unlink(t);
      // Never before what the loop has begun to run: who arms itself in the past must not starve
      // the others that are due.
      t.deadline = deadline - roundStart < 0 ? roundStart : deadline;
      t.period = period;
      insert(t);
      first = t.position == 0;
    }
    if (first) {
      loop.timersChanged();
    }
  }

  synchronized boolean cancel(LoopTimer t) {
    boolean armed = t.position >= 0;
    // If it was the first, the timerfd fires for nothing and is armed anew.
    unlink(t);
    return armed;
  }

  synchronized boolean isArmed(LoopTimer t) {
    return t.position >= 0;
  }

  synchronized long remaining(LoopTimer t) {
    return t.position < 0 ? 0 : Math.max(0, t.deadline - System.nanoTime());
  }

  synchronized void close(LoopTimer t) {
    t.closed = true;
    unlink(t);
  }

  synchronized void end() {
    ended = true;
  }

  /** Begins a round: only what was armed before and is due by now will be taken. */
  synchronized void beginRound() {
    roundStart = System.nanoTime();
    roundSequence = sequence;
  }

  /**
   * {@return the next timer that is due, armed again if it is periodic; null at the round's end}
   */
  synchronized @Nullable LoopTimer takeDue() {
    if (size == 0) {
      return null;
    }
    LoopTimer t = at(0);
    long late = roundStart - t.deadline;
    if (late < 0 || t.sequence > roundSequence) {
      return null;
    }
    unlink(t);
    expirations = 1;
    if (t.period > 0) {
      expirations += late / t.period;
      t.deadline += expirations * t.period;
      insert(t);
    }
    return t;
  }

  /** {@return the expirations of the timer taken last} Only the loop's thread takes. */
  synchronized long expirations() {
    return expirations;
  }

  /** {@return nanoseconds to the first deadline, at least 1; -1 if nothing is armed} */
  synchronized long untilFirst() {
    return size == 0 ? -1 : Math.max(1, at(0).deadline - System.nanoTime());
  }

  // ---- the heap ----------------------------------------------------------------------------

  private LoopTimer at(int i) {
    return Objects.requireNonNull(heap[i]);
  }

  private static boolean before(LoopTimer a, LoopTimer b) {
    long d = a.deadline - b.deadline;
    return d < 0 || (d == 0 && a.sequence < b.sequence);
  }

  private void put(int i, LoopTimer t) {
    heap[i] = t;
    t.position = i;
  }

  private void insert(LoopTimer t) {
    t.sequence = ++sequence;
    if (size == heap.length) {
      heap = Arrays.copyOf(heap, 2 * size);
    }
    put(size++, t);
    up(t);
  }

  private void unlink(LoopTimer t) {
    int hole = t.position;
    if (hole < 0) {
      return;
    }
    t.position = -1;
    LoopTimer last = at(--size);
    heap[size] = null;
    if (last != t) {
      put(hole, last);
      up(last);
      down(last);
    }
  }

  private void up(LoopTimer t) {
    int i = t.position;
    while (i > 0) {
      LoopTimer parent = at((i - 1) / 2);
      if (!before(t, parent)) {
        break;
      }
      put(i, parent);
      i = (i - 1) / 2;
    }
    put(i, t);
  }

  private void down(LoopTimer t) {
    int i = t.position;
    while (2 * i + 1 < size) {
      int child = 2 * i + 1;
      if (child + 1 < size && before(at(child + 1), at(child))) {
        child++;
      }
      if (!before(at(child), t)) {
        break;
      }
      put(i, at(child));
      i = child;
    }
    put(i, t);
  }
}

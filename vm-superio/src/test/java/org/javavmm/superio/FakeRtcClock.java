// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import java.util.ArrayList;
import java.util.List;

/** Clocks, timer and line of a {@link CmosRtc} under a test's control. */
final class FakeRtcClock {
  /** In nanoseconds since 1970; the monotonic clock is the same less an odd number. */
  long now;

  private static final long ODD = 987_654_321_098_765L;
  private static final long NEVER = Long.MAX_VALUE;

  private long deadline = NEVER;
  private Runnable handler = () -> {};
  int armed;
  boolean closed;
  boolean level;
  final List<Boolean> levels = new ArrayList<>();

  FakeRtcClock(long epochMillis) {
    now = epochMillis * 1_000_000;
  }

  CmosRtc build(CmosRtc.Builder builder) {
    try {
      return builder.build(
          () -> Math.floorDiv(now, 1_000_000L),
          () -> now - ODD,
          l -> {
            level = l;
            levels.add(l);
          },
          expired -> {
            handler = expired;
            return new DeadlineTimer() {
              @Override
              public void armAt(long nanoTime) {
                deadline = nanoTime + ODD;
                armed++;
              }

              @Override
              public void cancel() {
                deadline = NEVER;
              }

              @Override
              public void close() {
                closed = true;
              }
            };
          });
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  boolean isArmed() {
    return deadline != NEVER;
  }

  /** Lets time pass; the timer calls at its deadlines. */
  void advance(long nanos) {
    long end = now + nanos;
    while (deadline <= end) {
      now = Math.max(now, deadline);
      deadline = NEVER;
      handler.run();
    }
    now = end;
  }

  void advanceMillis(long millis) {
    advance(millis * 1_000_000);
  }

  /** Sets the host's wall clock; here the monotonic one jumps with it, without a call. */
  void step(long nanos) {
    now += nanos;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import org.javavmm.sys.SystemCallException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LoopTimerTest {
  private static final long HOUR = 3_600_000_000_000L;

  private EventLoop loop;

  @BeforeEach
  void createLoop() throws SystemCallException {
    loop = EventLoop.create("timers");
  }

  @AfterEach
  void closeLoop() {
    loop.close();
  }

  private static void spinUntil(long nanoTime) {
    while (System.nanoTime() - nanoTime < 0) {
      Thread.onSpinWait();
    }
  }

  @Test
  void expiresOnceAndNotEarly() throws Exception {
    Semaphore calls = new Semaphore(0);
    AtomicLong at = new AtomicLong();
    AtomicLong expirations = new AtomicLong();
    LoopTimer t =
        loop.timer(
            "t",
            n -> {
              at.set(System.nanoTime());
              expirations.addAndGet(n);
              calls.release();
            });
    assertFalse(t.isArmed());
    assertEquals(0, t.remainingNanos());
    loop.start();
    long begun = System.nanoTime();
    t.armOnce(2_000_000);
    calls.acquire();
    assertTrue(at.get() - begun >= 2_000_000, "early");
    assertEquals(1, expirations.get());
    assertFalse(loop.call(t::isArmed));
    t.armOnce(0); // again, and as soon as possible
    calls.acquire();
    assertEquals("t (timer)", t.toString());
  }

  @Test
  void theOrderIsThatOfTheDeadlinesThenOfArming() throws Exception {
    loop.start();
    List<String> seen = new ArrayList<>();
    loop.call(() -> {
      long base = System.nanoTime() + 1_000_000;
      for (String name : new String[] {"30", "10a", "20", "10b", "40", "10c"}) {
        long offset = Long.parseLong(name.substring(0, 2)) * 1000;
        loop.timer(name, n -> seen.add(name)).armAt(base + offset);
      }
      spinUntil(base + 50_000);
      return 0;
    });
    awaitCount(seen, 6);
    assertEquals(List.of("10a", "10b", "10c", "20", "30", "40"), loop.call(() -> seen));
  }

  private void awaitCount(List<?> list, int count) throws Exception {
    while (loop.call(list::size) < count) {
      Thread.onSpinWait();
    }
  }

  @Test
  void missedPeriodsAreCounted() throws Exception {
    loop.start();
    List<Long> counts = new ArrayList<>();
    LoopTimer[] t = new LoopTimer[1];
    loop.call(() -> {
      t[0] =
          loop.timer(
              "periodic",
              n -> {
                counts.add(n);
                if (counts.size() == 1) {
                  // The deadlines stay in step: the next is less than a period away.
                  counts.add(t[0].remainingNanos() <= 10_000_000 ? 0L : -1L);
                  t[0].cancel();
                }
              });
      t[0].armPeriodic(1, 10_000_000);
      spinUntil(System.nanoTime() + 35_000_000);
      return 0;
    });
    awaitCount(counts, 2);
    assertTrue(counts.get(0) >= 4, () -> counts + ": at 0, 10, 20 and 30 ms");
    assertEquals(0, counts.get(1));
    assertEquals(2, loop.call(counts::size), "cancelled from inside its handler");
  }

  @Test
  void aPeriodGoesOnUntilCancelled() throws Exception {
    Semaphore calls = new Semaphore(0);
    LoopTimer t = loop.timer("p", n -> calls.release());
    t.armPeriodic(1, 1000);
    loop.start();
    calls.acquire(100);
    assertTrue(loop.call(t::cancel));
    assertFalse(t.cancel());
    calls.drainPermits();
    loop.call(() -> 0);
    assertEquals(0, calls.availablePermits());
  }

  @Test
  void anEarlierTimerOvertakesFromAnyThread() throws Exception {
    loop.start();
    Semaphore calls = new Semaphore(0);
    LoopTimer late = loop.timer("late", n -> {});
    LoopTimer early = loop.timer("early", n -> calls.release());
    late.armOnce(HOUR);
    loop.call(() -> 0); // the loop sleeps for an hour now
    early.armOnce(1);
    calls.acquire();
    assertTrue(late.isArmed());
    assertTrue(late.remainingNanos() > HOUR / 2);
    // And what was far away comes near.
    loop.call(() -> {
      early.armOnce(2 * HOUR);
      return 0;
    });
    early.armOnce(1);
    calls.acquire();
  }

  @Test
  void whoArmsItselfForThePastDoesNotStarveOthers() throws Exception {
    loop.start();
    Semaphore done = new Semaphore(0);
    LoopTimer[] greedy = new LoopTimer[1];
    loop.call(() -> {
      long past = System.nanoTime() - HOUR;
      greedy[0] = loop.timer("greedy", n -> greedy[0].armAt(past));
      greedy[0].armAt(past);
      loop.timer("patient", n -> done.release()).armOnce(0);
      return 0;
    });
    done.acquire();
    greedy[0].close();
    greedy[0].close();
    assertTrue(greedy[0].isClosed());
    assertEquals("greedy (timer, closed)", greedy[0].toString());
  }

  @Test
  void aTimerThatAnotherOneClosesDoesNotExpire() throws Exception {
    loop.start();
    List<String> seen = new ArrayList<>();
    loop.call(() -> {
      long base = System.nanoTime();
      LoopTimer victim = loop.timer("victim", n -> seen.add("victim"));
      victim.armAt(base + 2);
      loop.timer(
              "closer",
              n -> {
                seen.add("closer");
                victim.close();
              })
          .armAt(base + 1);
      loop.timer("last", n -> seen.add("last")).armAt(base + 3);
      spinUntil(base + 1000);
      return 0;
    });
    awaitCount(seen, 2);
    assertEquals(List.of("closer", "last"), loop.call(() -> seen));
  }

  @Test
  void aThousandTimersShareOneDescriptor() throws Exception {
    loop.start();
    List<Integer> seen = new ArrayList<>();
    loop.timer("first", n -> {}); // opens it
    long before = openTimerFds();
    loop.call(() -> {
      long base = System.nanoTime();
      for (int i = 0; i < 1000; i++) {
        int number = (i * 7919) % 1000;
        loop.timer("t" + number, n -> seen.add(number)).armAt(base + number);
      }
      return 0;
    });
    awaitCount(seen, 1000);
    assertEquals(before, openTimerFds());
    assertEquals(1000, seen.stream().distinct().count());
  }

  private static long openTimerFds() throws java.io.IOException {
    try (var fds = java.nio.file.Files.list(java.nio.file.Path.of("/proc/self/fd"))) {
      return fds.filter(
              fd -> {
                try {
                  return java.nio.file.Files.readSymbolicLink(fd).toString().contains("[timerfd]");
                } catch (java.io.IOException e) {
                  return false;
                }
              })
          .count();
    }
  }

  @Test
  void aFailingTimerGoesOn() throws Exception {
    loop.start();
    Semaphore calls = new Semaphore(0);
    List<String> reports = new ArrayList<>();
    loop.onFailure((who, failure) -> reports.add(who + ": " + failure.getMessage()));
    LoopTimer t =
        loop.timer(
            "t",
            n -> {
              calls.release();
              throw new IllegalStateException("no");
            });
    t.armPeriodic(0, 1000);
    calls.acquire(3);
    t.close();
    loop.call(() -> 0);
    assertTrue(t.failures() >= 3);
    assertEquals(t.failures(), loop.failures());
    assertEquals("t: no", reports.getFirst());
  }

  @Test
  void mistakesAreNamed() throws Exception {
    LoopTimer t = loop.timer("t", n -> {});
    assertEquals("t", t.name());
    assertEquals(
        "delayNanos=-1 is not in 0..2^62",
        assertThrows(IllegalArgumentException.class, () -> t.armOnce(-1)).getMessage());
    assertEquals(
        "periodNanos=0 is not in 1..2^62",
        assertThrows(IllegalArgumentException.class, () -> t.armPeriodic(0, 0)).getMessage());
    assertThrows(IllegalArgumentException.class, () -> t.armOnce(Long.MAX_VALUE));
    long far = System.nanoTime() + (1L << 62) + HOUR;
    assertThrows(IllegalArgumentException.class, () -> t.armAt(far));
    t.armOnce(1L << 62);
    assertTrue(t.isArmed());
    t.close();
    assertEquals(
        "timer is closed: t",
        assertThrows(IllegalStateException.class, () -> t.armOnce(1)).getMessage());
    LoopTimer orphan = loop.timer("orphan", n -> {});
    orphan.armOnce(HOUR);
    loop.close();
    assertTrue(orphan.isClosed());
    assertFalse(orphan.isArmed());
    assertThrows(IllegalStateException.class, () -> orphan.armOnce(1));
    assertThrows(IllegalStateException.class, () -> loop.timer("late", n -> {}));
  }

  @Test
  void reArmingAllocatesNothing() throws Exception {
    AllocatedBytes allocated = new AllocatedBytes();
    int window = 10_000;
    int[] count = {0};
    long[] least = {Long.MAX_VALUE};
    long[] last = {0};
    LoopTimer[] t = new LoopTimer[2];
    t[1] = loop.timer("other", n -> {});
    t[1].armOnce(HOUR);
    t[0] =
        loop.timer(
            "hot",
            n -> {
              t[0].armOnce(0);
              if (++count[0] % window == 0) {
                long now = allocated.get();
                least[0] = Math.min(least[0], now - last[0]);
                last[0] = allocated.get();
                if (least[0] < window / 10 || count[0] >= 2_000_000) {
                  loop.stop();
                }
              }
            });
    t[0].armOnce(0);
    loop.run();
    assertTrue(least[0] < window / 10, () -> least[0] + " bytes in " + window + " expirations");
  }
}

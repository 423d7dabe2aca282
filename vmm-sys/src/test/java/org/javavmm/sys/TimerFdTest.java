// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.javavmm.bindings.linux.itimerspec;
import org.javavmm.bindings.linux.linux_h;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(60)
class TimerFdTest {
  private static final long HOUR = 3_600_000_000_000L;

  /** Waits for the timer as a loop does. */
  private static void await(TimerFd timer) throws SystemCallException {
    try (Epoll epoll = Epoll.create(1)) {
      epoll.add(timer.fd(), Epoll.EPOLLIN, 1);
      while (epoll.await(-1) == 0) {
        Thread.onSpinWait();
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void expiresOnceOnEachClock(TimerFd.Clock clock) throws Exception {
    try (TimerFd timer = TimerFd.create("once", clock)) {
      assertEquals(0, timer.expirations());
      assertEquals(0, timer.remaining());
      timer.armOnce(1000);
      await(timer);
      assertEquals(1, timer.expirations());
      assertEquals(0, timer.expirations(), "read");
      assertEquals(0, timer.remaining(), "once");
      assertEquals(clock, timer.clock());
      // The kernel's word for which clock it is.
      String info = Files.readString(Path.of("/proc/self/fdinfo/" + timer.fd().number()));
      assertTrue(info.contains("clockid: " + clock.id), info);
      int flags = Integer.parseInt(info.replaceFirst("(?s).*?flags:\\s*(\\d+).*", "$1"), 8);
      assertEquals(linux_h.O_NONBLOCK(), flags & linux_h.O_NONBLOCK());
      assertEquals(linux_h.O_CLOEXEC(), flags & linux_h.O_CLOEXEC());
    }
  }

  @Test
  void aDelayOfZeroExpiresAtOnce() throws Exception {
    try (TimerFd timer = TimerFd.create("zero", TimerFd.Clock.MONOTONIC)) {
      timer.armOnce(0);
      await(timer);
      assertEquals(1, timer.expirations());
      timer.armAt(0, 0);
      await(timer);
      assertEquals(1, timer.expirations());
    }
  }

  @Test
  void aPeriodCountsWhatNobodyRead() throws Exception {
    try (TimerFd timer = TimerFd.create("period", TimerFd.Clock.MONOTONIC)) {
      long now = TimerFd.now(TimerFd.Clock.MONOTONIC);
      // A second and five hundredths ago, every tenth of a second: at least 11 have passed.
      timer.armAt(Math.max(0, now - 1_050_000_000L), 100_000_000L);
      await(timer);
      assertTrue(timer.expirations() >= 11);
      assertEquals(100_000_000L, timer.period());
      timer.armPeriodic(1, 1000);
      await(timer);
      assertTrue(timer.expirations() >= 1);
      await(timer);
      assertTrue(timer.expirations() >= 1, "again");
      timer.armPeriodic(HOUR, 2 * HOUR + 1);
      assertEquals(2 * HOUR + 1, timer.period());
    }
  }

  @Test
  void disarmForgets() throws Exception {
    try (TimerFd timer = TimerFd.create("disarm", TimerFd.Clock.MONOTONIC)) {
      timer.armOnce(HOUR);
      long remaining = timer.remaining();
      assertTrue(remaining > 0 && remaining <= HOUR, () -> remaining + " ns");
      timer.disarm();
      assertEquals(0, timer.remaining());
      timer.armOnce(1);
      await(timer);
      timer.disarm();
      assertEquals(0, timer.expirations(), "expired, and forgotten");
    }
  }

  @Test
  void anAbsoluteTimeIsTheClocks() throws Exception {
    try (TimerFd timer = TimerFd.create("absolute", TimerFd.Clock.REALTIME)) {
      long now = TimerFd.now(TimerFd.Clock.REALTIME);
      timer.armAt(now + HOUR, 0);
      assertTrue(timer.remaining() <= HOUR);
      assertEquals(0, timer.expirations());
      timer.armAt(now, 0);
      await(timer);
      assertEquals(1, timer.expirations());
    }
    long before = System.nanoTime();
    long now = TimerFd.now(TimerFd.Clock.MONOTONIC);
    assertTrue(before <= now && now <= System.nanoTime(), "the JVM's clock is the same");
    assertTrue(TimerFd.now(TimerFd.Clock.BOOTTIME) >= now);
  }

  @Test
  void mistakesAreNamed() throws Exception {
    TimerFd timer = TimerFd.create("gone", TimerFd.Clock.MONOTONIC);
    int number = timer.fd().number();
    assertEquals("timerfd fd " + number + " (gone), CLOCK_MONOTONIC", timer.toString());
    assertEquals(
        "delay=-1 ns is less than 0",
        assertThrows(IllegalArgumentException.class, () -> timer.armOnce(-1)).getMessage());
    assertEquals(
        "period=0 ns is less than 1",
        assertThrows(IllegalArgumentException.class, () -> timer.armPeriodic(1, 0)).getMessage());
    assertThrows(IllegalArgumentException.class, () -> timer.armAt(-1, 0));
    assertThrows(IllegalArgumentException.class, () -> timer.armAt(0, -1));
    timer.close();
    timer.close();
    assertThrows(IllegalStateException.class, () -> timer.armOnce(1));
    assertThrows(IllegalStateException.class, timer::expirations);
    assertThrows(IllegalStateException.class, timer::remaining);
  }

  @Test
  void refusalsOfTheKernelNameTheCall() throws Exception {
    try (Descriptors.Pipe pipe = Descriptors.pipe();
        TimerFd timer = TimerFd.create("victim", TimerFd.Clock.MONOTONIC)) {
      // Another file in the timer's place: the kernel says EINVAL.
      int number = timer.fd().number();
      var _ = Libc.callInt(Libc.function("dup2"), pipe.reader().number(), number);
      String shown = "fd " + number + " (victim)";
      SystemCallException arm = assertThrows(SystemCallException.class, () -> timer.armAt(5, 7));
      assertEquals(
          "timerfd_settime(" + shown + ", TFD_TIMER_ABSTIME, value=5 ns, interval=7 ns)",
          arm.call());
      assertEquals(Errno.EINVAL, arm.errno());
      assertEquals(
          "timerfd_settime(" + shown + ", value=0 ns, interval=0 ns)",
          assertThrows(SystemCallException.class, timer::disarm).call());
      assertEquals(
          "timerfd_gettime(" + shown + ")",
          assertThrows(SystemCallException.class, timer::period).call());
    }
  }

  @Test
  void armingAndReadingAllocateNothing() throws Exception {
    try (TimerFd timer = TimerFd.create("hot", TimerFd.Clock.MONOTONIC)) {
      long bytes =
          Allocation.bytes(
              100_000,
              i -> {
                timer.armOnce(HOUR);
                assertTrue(timer.expirations() == 0 && timer.remaining() > 0);
              });
      assertTrue(bytes < 10_000, bytes + " bytes for 100,000 rounds");
    }
  }

  @Test
  void layout() {
    assertEquals(itimerspec.layout().byteSize(), ItimerspecLayout.SIZEOF);
    assertEquals(itimerspec.it_interval$offset(), ItimerspecLayout.INTERVAL_SEC);
    assertEquals(itimerspec.it_interval$offset() + 8, ItimerspecLayout.INTERVAL_NSEC);
    assertEquals(itimerspec.it_value$offset(), ItimerspecLayout.VALUE_SEC);
    assertEquals(itimerspec.it_value$offset() + 8, ItimerspecLayout.VALUE_NSEC);
    assertEquals(linux_h.TFD_NONBLOCK(), TimerFd.TFD_NONBLOCK);
    assertEquals(linux_h.TFD_CLOEXEC(), TimerFd.TFD_CLOEXEC);
    assertEquals(linux_h.TFD_TIMER_ABSTIME(), TimerFd.TFD_TIMER_ABSTIME);
  }
}

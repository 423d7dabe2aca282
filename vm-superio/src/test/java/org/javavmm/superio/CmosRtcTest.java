// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.javavmm.device.Bus;
import org.javavmm.device.InterruptLine;
import org.javavmm.event.EventLoop;
import org.junit.jupiter.api.Test;

class CmosRtcTest {
  private static final long START = Instant.parse("2024-02-28T23:59:57.250Z").toEpochMilli();

  private final FakeRtcClock clock = new FakeRtcClock(START);
  private final CmosRtc rtc = clock.build(CmosRtc.builder());
  private final Bus bus = Bus.pio();

  CmosRtcTest() {
    rtc.addTo(bus);
  }

  private int read(int register) {
    bus.write(0x70, 1, register);
    return (int) bus.read(0x71, 1) & 0xff;
  }

  private void write(int register, int value) {
    bus.write(0x70, 1, register);
    bus.write(0x71, 1, value);
  }

  private List<Integer> time() {
    return List.of(read(0x32), read(9), read(8), read(7), read(6), read(4), read(2), read(0));
  }

  @Test
  void startsWithTheHostsTimeInBcdAnd24Hours() {
    assertEquals(List.of(0x20, 0x24, 0x02, 0x28, 4, 0x23, 0x59, 0x57), time());
    assertEquals(0x26, read(10));
    assertEquals(0x02, read(11));
    assertEquals(0x00, read(12));
    assertEquals(0x80, read(13));
    clock.advanceMillis(2750);
    assertEquals(List.of(0x20, 0x24, 0x02, 0x29, 5, 0x00, 0x00, 0x00), time());
    clock.advanceMillis(86_400_000);
    assertEquals(List.of(0x20, 0x24, 0x03, 0x01, 6, 0x00, 0x00, 0x00), time());
  }

  @Test
  void formsOfTheData() {
    write(11, 0x00);
    assertEquals(0x91, read(4), "12 hours: 11 in the afternoon and its bit, in BCD");
    write(11, 0x04);
    assertEquals(0x8b, read(4));
    assertEquals(List.of(20, 24, 2, 28), time().subList(0, 4));
    clock.advanceMillis(3000);
    assertEquals(12, read(4), "midnight is 12 in the morning");
    write(11, 0x06);
    assertEquals(0, read(4));
  }

  /** As Linux reads: not while UIP is 1, which it is shortly before each update. */
  @Test
  void updateInProgress() {
    clock.advanceMillis(747);
    assertEquals(0x26, read(10));
    clock.advanceMillis(1);
    assertEquals(0xa6, read(10));
    assertEquals(0x57, read(0));
    clock.advanceMillis(1);
    assertEquals(0xa6, read(10));
    clock.advanceMillis(1);
    assertEquals(0x26, read(10));
    assertEquals(0x58, read(0));
    assertEquals(0x10, read(12) & ~0x40);
    clock.advanceMillis(999);
    write(11, 0x82);
    assertEquals(0x26, read(10), "SET aborts the update");
  }

  /** As Linux sets: SET, divider reset, time, SET off, divider on. */
  @Test
  void settingTheTimeKeepsAnOffset() {
    write(11, 0x92);
    assertEquals(0x82, read(11), "SET clears UIE");
    write(10, 0x76);
    for (int[] w :
        new int[][] {
          {9, 0x99}, {8, 0x12}, {7, 0x31}, {4, 0x23}, {2, 0x59}, {0, 0x59}, {0x32, 0x19}
        }) {
      write(w[0], w[1]);
    }
    clock.advanceMillis(5000);
    assertEquals(0x59, read(0), "the clock stands");
    write(11, 0x02);
    clock.advanceMillis(5000);
    assertEquals(0x59, read(0), "the divider is held in reset");
    assertEquals(0x76, read(10));
    write(10, 0x26);
    clock.advanceMillis(499);
    assertEquals(0x59, read(0));
    clock.advanceMillis(1);
    assertEquals(List.of(0x20, 0x00, 0x01, 0x01, 7, 0x00, 0x00, 0x00), time());
    assertEquals(LocalDateTime.parse("2000-01-01T00:00:00"), rtc.time());

    Duration offset = rtc.clockOffset();
    FakeRtcClock later = new FakeRtcClock(clock.now / 1_000_000 + 60_000);
    CmosRtc next = later.build(CmosRtc.builder().clockOffset(offset));
    assertEquals(LocalDateTime.parse("2000-01-01T00:01:00"), next.time());
    assertEquals(offset, next.clockOffset());
  }

  @Test
  void aWriteWithoutSetChangesTheTimeToo() {
    write(0, 0x10);
    clock.advanceMillis(750);
    assertEquals(0x11, read(0));
    write(8, 0x00);
    write(7, 0x31);
    write(9, 0xff);
    clock.advanceMillis(1000);
    assertEquals(
        LocalDateTime.parse("2165-01-31T23:59:12"), rtc.time(), "the sum of what is there");
    assertEquals(List.of(0x21, 0x65, 0x01, 0x31), time().subList(0, 4));
  }

  @Test
  void updateEndedInterrupt() {
    write(11, 0x12);
    clock.advanceMillis(749);
    assertFalse(clock.level);
    clock.advanceMillis(1);
    assertTrue(clock.level);
    assertFalse(clock.isArmed(), "until register C is read nothing can happen");
    clock.advanceMillis(5000);
    assertEquals(List.of(true), clock.levels);
    assertEquals(0x90, read(12) & ~0x60, "the alarm of midnight was there too");
    assertEquals(List.of(true, false), clock.levels);
    clock.advanceMillis(1000);
    assertTrue(clock.level);
    write(11, 0x02);
    assertFalse(clock.level, "disabling takes the request back");
    assertEquals(0x10, read(12) & ~0x40);
    assertFalse(clock.isArmed());
  }

  @Test
  void alarm() {
    write(1, 0x02);
    write(3, 0x00);
    write(5, 0x00);
    write(11, 0x22);
    clock.advanceMillis(4749);
    assertFalse(clock.level);
    clock.advanceMillis(1);
    assertTrue(clock.level);
    assertEquals(0xb0, read(12) & ~0x40);
    clock.advanceMillis(86_399_999);
    assertFalse(clock.level, "every day");
    clock.advanceMillis(1);
    assertTrue(clock.level);
    var _ = read(12);
    write(5, 0xff); // every hour
    clock.advanceMillis(3_600_000);
    assertTrue(clock.level);
    var _ = read(12);
    write(3, 0xc0); // every minute
    clock.advanceMillis(60_000);
    assertTrue(clock.level);
    var _ = read(12);
    write(1, 0xc0); // every second
    clock.advanceMillis(1000);
    assertTrue(clock.level);
    var _ = read(12);
    write(5, 0x24); // never
    clock.advanceMillis(3 * 86_400_000L);
    assertFalse(clock.level);
    assertFalse(clock.isArmed());
  }

  @Test
  void alarmOfTwelveHoursAndBinary() {
    write(11, 0x24);
    write(1, 0);
    write(3, 0);
    write(5, 12 | 0x80); // noon
    clock.advanceMillis(2750 + 12 * 3_600_000L - 1);
    assertFalse(clock.level);
    clock.advanceMillis(1);
    assertTrue(clock.level);
  }

  @Test
  void anAlarmSeesThatTheHostsClockWasSet() {
    write(1, 0x00);
    write(3, 0x00);
    write(5, 0x12);
    write(11, 0x22);
    clock.advanceMillis(1);
    clock.step(12 * 3_600_000_000_000L);
    clock.advanceMillis(60_000);
    assertTrue(clock.level);
    var _ = read(12);
    clock.step(-3_600_000_000_000L);
    assertEquals(0x00, read(12) & 0x30, "a step back is no update");
  }

  @Test
  void periodicInterruptsDoNotDrift() {
    write(10, 0x2f);
    write(11, 0x42);
    clock.advanceMillis(499);
    assertFalse(clock.level);
    clock.advanceMillis(1);
    assertTrue(clock.level);
    assertEquals(0xc0, read(12));
    for (int rate = 1; rate < 16; rate++) {
      int hertz = rate < 3 ? 256 >> (rate - 1) : 32_768 >> (rate - 1);
      write(11, 0x02);
      write(10, 0x70);
      write(10, 0x20 | rate);
      write(11, 0x42);
      var _ = read(12);
      long end = clock.now + 10_000_000_000L;
      int seen = 0;
      clock.levels.clear();
      while (clock.now < end) {
        clock.advance(10_000);
        if (clock.level) {
          seen++;
          var _ = read(12);
        }
      }
      assertEquals(10 * hertz, seen, "rate " + rate);
    }
    write(10, 0x20);
    assertFalse(clock.isArmed(), "no rate");
  }

  @Test
  void ram() {
    for (int i = 0x0e; i < 128; i++) {
      if (i != 0x32) {
        write(i, i ^ 0x5a);
      }
    }
    for (int i = 0x0e; i < 128; i++) {
      if (i != 0x32) {
        assertEquals(i ^ 0x5a, read(i | 0x80), "bit 7 is the NMI mask");
        assertEquals(i ^ 0x5a, rtc.ram(i));
      }
    }
    write(0x0f, 0x0a);
    assertEquals(0x0a, rtc.shutdownStatus());
    assertFalse(rtc.isNmiMasked());
    bus.write(0x70, 1, 0x8f);
    assertTrue(rtc.isNmiMasked());
    assertEquals(0xff, bus.read(0x70, 1) & 0xff);
    assertEquals(0x0aff, bus.read(0x70, 2) & 0xffff);
    bus.write(0x70, 2, 0x7741);
    assertEquals(0x77, rtc.ram(0x41));
    write(12, 0xff);
    write(13, 0xff);
    assertEquals(0x80, read(13));
    assertEquals(0, read(12) & 0x0f);
  }

  @Test
  void memorySizesAsFirmwareTellsThem() {
    CmosRtc full = clock.build(CmosRtc.builder().memory(0xc000_0000L, 5L << 30).processors(4));
    assertEquals(640, full.ram(0x15) | full.ram(0x16) << 8);
    assertEquals(0xffff, full.ram(0x17) | full.ram(0x18) << 8);
    assertEquals(0xffff, full.ram(0x30) | full.ram(0x31) << 8);
    assertEquals((0xc000_0000L >> 16) - 256, full.ram(0x34) | full.ram(0x35) << 8);
    assertEquals(5 << 14, full.ram(0x5b) | full.ram(0x5c) << 8 | full.ram(0x5d) << 16);
    assertEquals(3, full.ram(0x5f));
    int sum = 0;
    for (int i = 0x10; i <= 0x2d; i++) {
      sum += full.ram(i);
    }
    assertEquals(sum, full.ram(0x2e) << 8 | full.ram(0x2f));
    CmosRtc small = clock.build(CmosRtc.builder().memory(8 << 20, 0).ram(0x3f, 0x77));
    assertEquals(7 << 10, small.ram(0x17) | small.ram(0x18) << 8);
    assertEquals(0, small.ram(0x34) | small.ram(0x35) << 8);
    assertEquals(0x77, small.ram(0x3f));
  }

  @Test
  void localTime() {
    CmosRtc local = clock.build(CmosRtc.builder().localTime(ZoneId.of("Asia/Kolkata")));
    assertEquals(LocalDateTime.parse("2024-02-29T05:29:57"), local.time());
    assertEquals(Duration.ZERO, local.clockOffset());
  }

  @Test
  void reset() {
    write(11, 0x7a);
    clock.advanceMillis(1000);
    assertTrue(clock.level);
    rtc.reset();
    assertFalse(clock.level);
    assertEquals(0x02, read(11));
    assertEquals(0, read(12));
    assertEquals("CMOS RTC A=26 B=02 flags=00 index=0c", rtc.toString());
    rtc.close();
    assertTrue(clock.closed);
  }

  @Test
  void errors() {
    CmosRtc.Builder b = CmosRtc.builder();
    assertMessage("below4G=-1 is not in 0..4294967296", () -> b.memory(-1, 0));
    assertMessage("below4G=4294967297 is not in 0..4294967296", () -> b.memory(4294967297L, 0));
    assertMessage("above4G=-1 is negative", () -> b.memory(0, -1));
    assertMessage("cpus=0 is not in 1..256", () -> b.processors(0));
    assertMessage("cpus=257 is not in 1..256", () -> b.processors(257));
    assertMessage("address=0xd is not RAM: 0x0e..0x7f but 0x32", () -> b.ram(13, 0));
    assertMessage("address=0x32 is not RAM: 0x0e..0x7f but 0x32", () -> b.ram(0x32, 0));
    assertMessage("value=256 is not in 0..255", () -> b.ram(14, 256));
    assertMessage(
        "ahead=PT87658224H exceeds 3652425 days", () -> b.clockOffset(Duration.ofDays(3652426)));
    assertMessage("address=0xd is not in 0xe..0x7f", () -> rtc.ram(13));
    assertMessage("address=0x80 is not in 0xe..0x7f", () -> rtc.ram(128));
  }

  private static void assertMessage(String message, Runnable action) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, action::run).getMessage());
  }

  /**
   * On the real clocks and a real loop: ten periods come; then the loop ends, and no access fails.
   */
  @Test
  void interruptsThroughAnEventLoop() throws Exception {
    CountDownLatch edges = new CountDownLatch(10);
    EventLoop loop = EventLoop.create("rtc");
    CmosRtc[] made = new CmosRtc[1];
    InterruptLine line =
        () -> {
          edges.countDown();
          // as a vCPU in its interrupt handler would
          made[0].write(0, 1, 12);
          var _ = made[0].read(1, 1);
        };
    try (CmosRtc real = CmosRtc.builder().interrupt(loop, line).build()) {
      made[0] = real;
      loop.start();
      real.write(0, 1, 11);
      real.write(1, 1, 0x42);
      assertTrue(edges.await(60, TimeUnit.SECONDS));
      loop.close();
      real.write(1, 1, 0x02);
      real.write(0, 1, 11);
      real.write(1, 1, 0x72);
    }
  }

  @Test
  void accessesAllocateNothing() throws Exception {
    AllocatedBytes allocated = new AllocatedBytes();
    write(11, 0x72);
    clock.levels.clear();
    CmosRtc quiet = CmosRtc.builder().build();
    long least = Long.MAX_VALUE;
    for (int window = 0; window < 200 && least > 0; window++) {
      long before = allocated.get();
      for (int i = 0; i < 1000; i++) {
        for (int r = 0; r < 14; r++) {
          quiet.write(0, 1, r);
          var _ = quiet.read(1, 1);
        }
        quiet.write(0, 1, 11);
        quiet.write(1, 1, 0x72 | (i & 4));
      }
      least = Math.min(least, allocated.get() - before);
    }
    assertTrue(least < 8_000, least + " bytes");
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.Size;

class CmosRtcPropertyTest {
  private static final int[] TIME = {0, 2, 4, 6, 7, 8, 9, 0x32};

  private static void write(CmosRtc rtc, int register, int value) {
    rtc.write(0, 1, register);
    rtc.write(1, 1, value);
  }

  private static int read(CmosRtc rtc, int register) {
    rtc.write(0, 1, register);
    return (int) rtc.read(1, 1);
  }

  /** Registers, line and time as the model has them, whatever happens in which order. */
  @Property(tries = 1000)
  void behavesLikeTheModel(
      @ForAll long seed, @ForAll @LongRange(max = 4_102_444_800_000L) long epochMillis) {
    SplittableRandom random = new SplittableRandom(seed);
    FakeRtcClock clock = new FakeRtcClock(epochMillis);
    CmosRtc rtc = clock.build(CmosRtc.builder());
    RtcModel model =
        new RtcModel(
            LocalDateTime.ofEpochSecond(
                epochMillis / 1000, (int) (epochMillis % 1000) * 1_000_000, ZoneOffset.UTC));
    for (int step = 0; step < 60; step++) {
      String where = "step " + step;
      switch (random.nextInt(10)) {
        case 0 -> { // a rate, sometimes a reset of the divider and back
          int dividers = random.nextInt(4) == 0 ? 0x60 + (random.nextInt(2) << 4) : 0x20;
          writeBoth(rtc, model, 10, dividers | random.nextInt(16) | random.nextInt(2) << 7);
        }
        case 1 -> // enables; the form of the data only where the guest then sets the time
            writeBoth(rtc, model, 11, random.nextInt(8) << 4 | (read(rtc, 11) & 0x06));
        case 2 -> setTime(rtc, model, random);
        case 3 -> { // an alarm that may well come
          LocalDateTime at = model.time.plusSeconds(random.nextInt(4));
          writeBoth(rtc, model, 1, random.nextInt(3) == 0 ? 0xc0 : code(model, at.getSecond()));
          writeBoth(rtc, model, 3, random.nextInt(2) == 0 ? 0xff : code(model, at.getMinute()));
          writeBoth(rtc, model, 5, random.nextInt(9) == 0 ? 0x99 : 0xe0);
        }
        case 4 -> writeBoth(rtc, model, 0x0e + random.nextInt(0x24), random.nextInt(256));
        case 5, 6 -> {
          int register = random.nextInt(14);
          assertEquals(model.read(register), read(rtc, register), where + " register " + register);
          assertEquals(model.read(10), read(rtc, 10), where + " register A");
        }
        case 7 -> assertEquals(model.read(12), read(rtc, 12), where + " register C");
        default -> {
          long nanos =
              random.nextInt(4) == 0
                  ? model.nanosToUpdate() + random.nextLong(-3_000_000, 3_000_000)
                  : random.nextLong(1L << (random.nextInt(3) == 0 ? 32 : 10 + random.nextInt(18)));
          nanos = Math.max(0, nanos);
          clock.advance(nanos / 64 * 64);
          model.advance(nanos / 64 * 64);
        }
      }
      if (model.line() && !clock.level && model.justUpdated()) {
        var _ = read(rtc, 13); // the timer counts whole milliseconds: an access may be the first
      }
      assertEquals(model.line(), clock.level, where + " line " + rtc);
      assertTrue(!model.line() || !clock.isArmed(), where + " a timer for a line that is high");
    }
    for (int register : TIME) {
      assertEquals(model.read(register), read(rtc, register), "time register " + register);
    }
    assertEquals(model.time, rtc.time());
  }

  private static int code(RtcModel model, int value) {
    return (model.b & 4) != 0 ? value : value / 10 * 16 + value % 10;
  }

  private static void writeBoth(CmosRtc rtc, RtcModel model, int register, int value) {
    model.write(register, value);
    write(rtc, register, value);
  }

  /** As drivers do: SET, perhaps another form, all registers, SET off. */
  private static void setTime(CmosRtc rtc, RtcModel model, SplittableRandom random) {
    int b = (read(rtc, 11) & 0x70) | random.nextInt(4) << 1;
    writeBoth(rtc, model, 11, b | 0x80);
    LocalDateTime time =
        LocalDateTime.ofEpochSecond(random.nextLong(250_000_000_000L), 0, ZoneOffset.UTC);
    model.setTime(time);
    for (int register : TIME) {
      write(rtc, register, model.read(register));
    }
    writeBoth(rtc, model, 11, b);
  }

  /** Whatever a guest writes, nothing throws, and after the next update the time is a time. */
  @Property(tries = 1000)
  void survivesAnything(
      @ForAll @Size(max = 200) List<@IntRange(max = 0xffffff) Integer> accesses,
      @ForAll long epochMillis) {
    FakeRtcClock clock = new FakeRtcClock(epochMillis % 4_102_444_800_000L);
    CmosRtc rtc = clock.build(CmosRtc.builder());
    for (int access : accesses) {
      switch (access >> 20) {
        case 0, 1, 2, 3, 4 -> write(rtc, access >> 8 & 0x7f, access);
        case 5, 6, 7, 8, 9 -> write(rtc, access >> 8 & 0x0f, access);
        case 10 -> rtc.write(access & 1, 2, access >> 4 & 0xffff);
        case 11, 12 -> clock.advance(access & 0xfffff);
        case 13 -> clock.advanceMillis(access & 0xfff);
        case 14 -> clock.step(((access & 0xfffff) - 0x80000L) << 20);
        default -> {
          var _ = rtc.read(0, 2);
        }
      }
    }
    write(rtc, 11, 0x06);
    write(rtc, 10, 0x26);
    clock.advanceMillis(1000);
    int month = read(rtc, 8);
    int day = read(rtc, 7);
    assertTrue(read(rtc, 0) < 60 && read(rtc, 2) < 60 && read(rtc, 4) < 24, rtc.toString());
    assertTrue(month >= 1 && month <= 12 && day >= 1 && day <= 31 && read(rtc, 9) < 100);
    LocalDateTime time = rtc.time();
    assertEquals(time.getDayOfWeek().getValue() % 7 + 1, read(rtc, 6));
    assertEquals(time.getDayOfMonth(), day);
    assertEquals(time.getMonthValue(), month);
  }
}

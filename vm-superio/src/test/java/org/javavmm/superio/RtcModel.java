// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import java.time.LocalDateTime;
import java.time.temporal.ChronoField;

/**
 * An MC146818, slow and obvious: stepped from tick to tick of its crystal and from millisecond to
 * millisecond. It counts in 1/64 ns, of which a tick is a whole number.
 */
final class RtcModel {
  private static final long TICK = 1_953_125; // of the crystal, in 1/64 ns
  private static final long MILLI = 64_000_000;

  LocalDateTime time;
  private final int[] alarm = new int[3];
  final int[] ram = new int[128];
  int a = 0x26;
  int b = 0x02;
  int flags;

  /** Of the second. */
  private int millis;

  private long inMilli;
  private long inTick;
  private long tick;

  RtcModel(LocalDateTime time) {
    this.time = time.withNano(0);
    this.millis = time.get(ChronoField.MILLI_OF_SECOND);
  }

  private boolean divides() {
    return (a >> 4) <= 2;
  }

  private boolean runs() {
    return divides() && (b & 0x80) == 0;
  }

  boolean line() {
    return (flags & b & 0x70) != 0;
  }

  /** Whether the last update is less than a millisecond ago. */
  boolean justUpdated() {
    return millis == 0;
  }

  /** How far the next second is, if the clock runs. */
  long nanosToUpdate() {
    return (1000 - millis) * 1_000_000L - inMilli / 64;
  }

  /** Lets nanoseconds pass, stepping to each tick and each millisecond. */
  void advance(long nanos) {
    long left = nanos * 64;
    while (left > 0) {
      long step = Math.min(left, Math.min(TICK - inTick, MILLI - inMilli));
      left -= step;
      inTick += step;
      inMilli += step;
      if (inTick == TICK) {
        inTick = 0;
        tick();
      }
      if (inMilli == MILLI) {
        inMilli = 0;
        milli();
      }
    }
  }

  private void tick() {
    if (!divides()) {
      return;
    }
    tick++;
    int rate = a & 15;
    if (rate != 0) {
      int period = rate == 1 ? 128 : rate == 2 ? 256 : 1 << (rate - 1);
      if (tick % period == 0) {
        flags |= 0x40;
      }
    }
  }

  private void milli() {
    millis = (millis + 1) % 1000;
    if (millis == 0 && runs()) {
      time = time.plusSeconds(1);
      flags |= 0x10;
      if (matches(0, code(time.getSecond()))
          && matches(1, code(time.getMinute()))
          && matches(2, hourCode(time.getHour()))) {
        flags |= 0x20;
      }
    }
  }

  private boolean matches(int which, int value) {
    return alarm[which] >= 0xc0 || alarm[which] == value;
  }

  private int code(int value) {
    return (b & 4) != 0 ? value : Integer.parseInt(Integer.toString(value), 16);
  }

  private int hourCode(int hour) {
    if ((b & 2) != 0) {
      return code(hour);
    }
    int clock = hour % 12;
    return code(clock == 0 ? 12 : clock) + (hour >= 12 ? 0x80 : 0);
  }

  int read(int register) {
    return switch (register) {
      case 0 -> code(time.getSecond());
      case 2 -> code(time.getMinute());
      case 4 -> hourCode(time.getHour());
      case 6 -> time.getDayOfWeek().getValue() % 7 + 1;
      case 7 -> code(time.getDayOfMonth());
      case 8 -> code(time.getMonthValue());
      case 9 -> code(time.getYear() % 100);
      case 0x32 -> code(time.getYear() / 100);
      case 1, 3, 5 -> alarm[register / 2];
      case 10 -> a | (runs() && millis >= 998 ? 0x80 : 0);
      case 11 -> b;
      case 12 -> {
        int value = flags | (line() ? 0x80 : 0);
        flags = 0;
        yield value;
      }
      case 13 -> 0x80;
      default -> ram[register];
    };
  }

  /** Writes anything but the time, which {@link #setTime} sets. */
  void write(int register, int value) {
    switch (register) {
      case 1, 3, 5 -> alarm[register / 2] = value;
      case 10 -> {
        boolean stood = !divides();
        a = value & 0x7f;
        if (stood && divides()) {
          millis = 500; // the host's milliseconds go on: a reset does not move their edges
          tick = 0;
          inTick = 0;
        }
      }
      case 11 -> b = (value & 0x80) != 0 ? value & ~0x10 : value;
      case 12, 13 -> {}
      default -> ram[register] = value;
    }
  }

  void setTime(LocalDateTime newTime) {
    time = newTime;
  }
}

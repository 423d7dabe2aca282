// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

/**
 * Registers and bits of the MC146818 real time clock, under the data sheet's names, and the bytes
 * of the CMOS RAM behind it that firmware fills in.
 */
public final class RtcLayout {
  /** Seconds, 0 to 59. */
  public static final int SECONDS = 0x00;

  /** Seconds of the alarm. */
  public static final int SECONDS_ALARM = 0x01;

  /** Minutes, 0 to 59. */
  public static final int MINUTES = 0x02;

  /** Minutes of the alarm. */
  public static final int MINUTES_ALARM = 0x03;

  /** Hours, 0 to 23, or 1 to 12 with {@link #HOURS_PM}. */
  public static final int HOURS = 0x04;

  /** Hours of the alarm. */
  public static final int HOURS_ALARM = 0x05;

  /** Day of the week, 1 to 7; Sunday is 1. */
  public static final int DAY_OF_WEEK = 0x06;

  /** Day of the month, 1 to 31. */
  public static final int DAY_OF_MONTH = 0x07;

  /** Month, 1 to 12. */
  public static final int MONTH = 0x08;

  /** Year within the century, 0 to 99. */
  public static final int YEAR = 0x09;

  /** Register A. */
  public static final int REG_A = 0x0a;

  /** Register B. */
  public static final int REG_B = 0x0b;

  /** Register C: what interrupts; reading it clears it. */
  public static final int REG_C = 0x0c;

  /** Register D. */
  public static final int REG_D = 0x0d;

  /** The shutdown status byte, with which firmware is told what a reset is for. */
  public static final int SHUTDOWN_STATUS = 0x0f;

  /** The century, where PCs keep it; the FADT's {@code CENTURY} names it. */
  public static final int CENTURY = 0x32;

  /** The afternoon, in hours of the 12-hour form. */
  public static final int HOURS_PM = 0x80;

  /** An alarm byte from here on matches any value. */
  public static final int DONT_CARE = 0xc0;

  /** Register A, UIP: an update is in progress or less than 244 µs away. */
  public static final int A_UIP = 0x80;

  /** Register A, DV2 to DV0: divider control. */
  public static final int A_DV = 0x70;

  /** Register A, DV: a 32.768 kHz crystal, running. */
  public static final int A_DV_32KHZ = 0x20;

  /** Register A, RS3 to RS0: rate selection. */
  public static final int A_RS = 0x0f;

  /** Register B, SET: no updates, for the program sets the time. */
  public static final int B_SET = 0x80;

  /** Register B, PIE: periodic interrupt enable. */
  public static final int B_PIE = 0x40;

  /** Register B, AIE: alarm interrupt enable. */
  public static final int B_AIE = 0x20;

  /** Register B, UIE: update-ended interrupt enable. */
  public static final int B_UIE = 0x10;

  /** Register B, SQWE: square wave enable; stored only. */
  public static final int B_SQWE = 0x08;

  /** Register B, DM: binary data instead of BCD. */
  public static final int B_DM = 0x04;

  /** Register B, 24/12: hours from 0 to 23. */
  public static final int B_24H = 0x02;

  /** Register B, DSE: daylight savings enable; stored only. */
  public static final int B_DSE = 0x01;

  /** Register C, IRQF: the interrupt request. */
  public static final int C_IRQF = 0x80;

  /** Register C, PF: a period has passed. */
  public static final int C_PF = 0x40;

  /** Register C, AF: the time was the alarm's. */
  public static final int C_AF = 0x20;

  /** Register C, UF: an update has ended. */
  public static final int C_UF = 0x10;

  /** Register D, VRT: RAM and time are valid. */
  public static final int D_VRT = 0x80;

  /** KiB of base memory, two bytes. */
  public static final int BASE_MEMORY = 0x15;

  /** KiB from 1 MiB on, at most 0xffff, two bytes; again at {@link #EXTENDED_MEMORY_2}. */
  public static final int EXTENDED_MEMORY = 0x17;

  /** See {@link #EXTENDED_MEMORY}. */
  public static final int EXTENDED_MEMORY_2 = 0x30;

  /** The sum of the bytes 0x10 to 0x2d, high byte first. */
  public static final int CHECKSUM = 0x2e;

  /** Units of 64 KiB from 16 MiB to 4 GiB, two bytes. */
  public static final int MEMORY_ABOVE_16M = 0x34;

  /** Units of 64 KiB from 4 GiB on, three bytes. */
  public static final int MEMORY_ABOVE_4G = 0x5b;

  /** The number of processors less one. */
  public static final int OTHER_PROCESSORS = 0x5f;

  private RtcLayout() {}

  static boolean isTime(int register) {
    return switch (register) {
      case SECONDS, MINUTES, HOURS, DAY_OF_WEEK, DAY_OF_MONTH, MONTH, YEAR, CENTURY -> true;
      default -> false;
    };
  }

  /** {@return the period of a rate in units of 1/32768 s; 0 for none} */
  static int period(int rate) {
    return switch (rate) {
      case 0 -> 0;
      case 1, 2 -> 128 << (rate - 1); // 3.90625 and 7.8125 ms, as those of rates 8 and 9
      default -> 1 << (rate - 1);
    };
  }
}

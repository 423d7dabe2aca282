// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import java.util.Objects;
import org.javavmm.device.Bus;
import org.javavmm.device.BusDevice;
import org.javavmm.device.LevelLine;

/**
 * The PM1a register groups of an ACPI machine with fixed hardware: events (status and enable, ACPI
 * 6.5 §4.8.3.1) and control (§4.8.3.2), with the power and the sleep button.
 *
 * <p>A status bit is cleared by writing 1 to it. The SCI is asserted while SCI_EN is 1 and a status
 * bit is set whose enable bit is set. SCI_EN is 1 from the start: the machine is in ACPI mode, and
 * its FADT has 0 in {@code SMI_CMD}. Writing SLP_EN with the sleep type of S5 switches the machine
 * off; other sleep types do nothing. The timer's status TMR_STS is never set: no system depends on
 * it that reads the timer's 24 or 32 bits often enough.
 *
 * <p>Thread-safe; accesses allocate nothing; line and callback are called without a lock.
 */
public final class AcpiPm1 {
  /** The size in bytes of the event block, the FADT's {@code PM1_EVT_LEN}. */
  public static final int EVENT_SIZE = 4;

  /** The size in bytes of the control block, the FADT's {@code PM1_CNT_LEN}. */
  public static final int CONTROL_SIZE = 2;

  /** The interrupt that firmware gives the SCI, the FADT's {@code SCI_INT}: level-triggered. */
  public static final int SCI = 9;

  /** The sleep type for {@code _S5}. */
  public static final int SLEEP_TYPE_S5 = 5;

  /** Status and enable: the power button. */
  public static final int PWRBTN = 1 << 8;

  /** Status and enable: the sleep button. */
  public static final int SLPBTN = 1 << 9;

  /** Status and enable: the real time clock's alarm. */
  public static final int RTC = 1 << 10;

  /** Enable bits that exist: timer, global lock, power button, sleep button, RTC. */
  private static final int ENABLE_BITS = 1 | 1 << 5 | PWRBTN | SLPBTN | RTC;

  private static final int CNT_SCI_EN = 1;
  private static final int CNT_BM_RLD = 1 << 1;
  private static final int CNT_SLP_TYP = 7 << 10;
  private static final int CNT_SLP_TYP_SHIFT = 10;
  private static final int CNT_SLP_EN = 1 << 13;

  private final IrqOutput sci;
  private final Runnable powerOff;
  private final BusDevice events = new Events();
  private final BusDevice control = new Control();

  /** Guards all fields below. */
  private final Object lock = new Object();

  private int status;
  private int enable;
  private int controls = CNT_SCI_EN;

  /**
   * Creates the registers.
   *
   * @param sci the system control interrupt
   * @param powerOff called on the vCPU's thread each time the guest enters S5; must not block
   */
  public AcpiPm1(LevelLine sci, Runnable powerOff) {
    this.sci = IrqOutput.level(Objects.requireNonNull(sci, "sci"));
    this.powerOff = Objects.requireNonNull(powerOff, "powerOff");
  }

  /** {@return the device of the event block, {@link #EVENT_SIZE} bytes} */
  public BusDevice events() {
    return events;
  }

  /** {@return the device of the control block, {@link #CONTROL_SIZE} bytes} */
  public BusDevice control() {
    return control;
  }

  /**
   * Puts both blocks on a bus.
   *
   * @param bus the bus
   * @param eventBlock the address of the event block, the FADT's {@code PM1a_EVT_BLK}
   * @param controlBlock the address of the control block, the FADT's {@code PM1a_CNT_BLK}
   * @throws IllegalArgumentException if one is occupied
   */
  public void addTo(Bus bus, long eventBlock, long controlBlock) {
    bus.add("ACPI PM1a events", eventBlock, EVENT_SIZE, events);
    bus.add("ACPI PM1a control", controlBlock, CONTROL_SIZE, control);
  }

  /** Presses the power button, from any thread. */
  public void pressPowerButton() {
    raise(PWRBTN);
  }

  /** Presses the sleep button, from any thread. */
  public void pressSleepButton() {
    raise(SLPBTN);
  }

  /**
   * Sets status bits, from any thread.
   *
   * @param bits {@link #PWRBTN}, {@link #SLPBTN}, {@link #RTC}
   * @throws IllegalArgumentException if there are others
   */
  public void raise(int bits) {
    if ((bits & ~(PWRBTN | SLPBTN | RTC)) != 0) {
      throw new IllegalArgumentException("bits=0x%x exceeds 0x700".formatted(bits));
    }
    boolean tell;
    synchronized (lock) {
      status |= bits;
      tell = decide();
    }
    if (tell) {
      sci.tell();
    }
  }

  private boolean decide() {
    return sci.decide((controls & CNT_SCI_EN) != 0 && (status & enable) != 0);
  }

  /** The bytes of a value that an access of a 4-byte block covers. */
  private static long mask(int size) {
    return size >= 4 ? 0xffff_ffffL : (1L << (8 * size)) - 1;
  }

  private final class Events implements BusDevice {
    @Override
    public long read(long offset, int size) {
      synchronized (lock) {
        return ((status | ((long) enable << 16)) >> (8 * (int) offset)) & mask(size);
      }
    }

    @Override
    public void write(long offset, int size, long value) {
      int shift = 8 * (int) offset;
      long touched = mask(size) << shift;
      long written = (value & mask(size)) << shift;
      boolean tell;
      synchronized (lock) {
        status &= (int) ~written;
        int touchedEnable = (int) (touched >> 16) & ENABLE_BITS;
        enable = (enable & ~touchedEnable) | ((int) (written >> 16) & touchedEnable);
        tell = decide();
      }
      if (tell) {
        sci.tell();
      }
    }
  }

  private final class Control implements BusDevice {
    @Override
    public long read(long offset, int size) {
      synchronized (lock) {
        return (controls >> (8 * (int) offset)) & mask(size);
      }
    }

    @Override
    public void write(long offset, int size, long value) {
      int shift = 8 * (int) offset;
      int written = (int) ((value & mask(size)) << shift);
      int stored = (int) (mask(size) << shift) & (CNT_SCI_EN | CNT_BM_RLD | CNT_SLP_TYP);
      boolean tell;
      boolean off;
      synchronized (lock) {
        controls = (controls & ~stored) | (written & stored);
        off =
            (written & CNT_SLP_EN) != 0
                && (controls & CNT_SLP_TYP) >> CNT_SLP_TYP_SHIFT == SLEEP_TYPE_S5;
        tell = decide();
      }
      if (tell) {
        sci.tell();
      }
      if (off) {
        powerOff.run();
      }
    }
  }

  /** {@return the state, for people} */
  @Override
  public String toString() {
    synchronized (lock) {
      return String.format("PM1a sts=%04x en=%04x cnt=%04x", status, enable, controls);
    }
  }
}

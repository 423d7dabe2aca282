// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import org.javavmm.device.BusDevice;

/**
 * The power register of a hardware-reduced ACPI machine: reset register, sleep control and sleep
 * status in one byte (ACPI 6.5 §4.8.3.6 and §4.8.3.7). Other writes do nothing; it reads as 0, for
 * no wake-up is ever pending.
 *
 * <p>Thread-safe; the callbacks run on the vCPU's thread.
 */
public final class AcpiPower implements BusDevice {
  /** The I/O port where monitors put it. */
  public static final int PORT = 0x600;

  /** The number of ports. */
  public static final int SIZE = 1;

  /** The value for the FADT's {@code RESET_VALUE}. */
  public static final int RESET = 1;

  /** The sleep type for {@code _S5}. */
  public static final int SLEEP_TYPE_S5 = 5;

  /** Sleep control: the type in bits 4 to 2, SLP_EN is bit 5. */
  private static final int POWER_OFF = SLEEP_TYPE_S5 << 2 | 1 << 5;

  private final Runnable powerOff;
  private final Runnable reset;

  /**
   * Creates the register.
   *
   * @param powerOff called when the guest switches itself off; must not block
   * @param reset called when the guest asks for a reset; must not block
   */
  public AcpiPower(Runnable powerOff, Runnable reset) {
    this.powerOff = powerOff;
    this.reset = reset;
  }

  @Override
  public long read(long offset, int size) {
    return 0;
  }

  @Override
  public void write(long offset, int size, long value) {
    if (value == POWER_OFF) {
      powerOff.run();
    } else if (value == RESET) {
      reset.run();
    }
  }
}

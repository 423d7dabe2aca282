// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import org.javavmm.device.InterruptLine;

/**
 * The power button of a hardware-reduced ACPI machine: an interrupt of the Generic Event Device
 * (ACPI 6.5 §5.6.9, HID {@code ACPI0013}), whose {@code _EVT} method notifies the power button
 * device ({@code PNP0C0C}) with 0x80. It has no registers: the interrupt is all that the guest
 * sees, so the line must be edge-triggered, and {@code _CRS} must say so.
 *
 * <p>What the guest does then is its own: Linux without a program that listens does nothing.
 * Thread-safe; allocates nothing.
 */
public final class PowerButton {
  private final InterruptLine line;
  private final AtomicLong presses = new AtomicLong();

  /**
   * Creates the button.
   *
   * @param line the interrupt that the event device's {@code _CRS} names
   */
  public PowerButton(InterruptLine line) {
    this.line = Objects.requireNonNull(line, "line");
  }

  /**
   * Presses and releases the button, from any thread. Presses that the guest has not seen merge.
   */
  public void press() {
    presses.incrementAndGet();
    line.trigger();
  }

  /** {@return how often it was pressed} */
  public long presses() {
    return presses.get();
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import java.util.Objects;
import java.util.function.LongSupplier;
import org.javavmm.device.BusDevice;

/**
 * The ACPI power management timer (ACPI 6.5 §4.8.2.1): a counter of 3.579545 MHz, 24 or 32 bits
 * wide, that starts at 0 and only reads. It is computed from a clock of nanoseconds at each read,
 * so it neither drifts against it nor costs anything in between. Thread-safe; allocates nothing.
 */
public final class AcpiPmTimer implements BusDevice {
  /** Ticks in a second. */
  public static final int FREQUENCY = 3_579_545;

  /** The size in bytes, the FADT's {@code PM_TMR_LEN}. */
  public static final int SIZE = 4;

  private static final long SECOND = 1_000_000_000;

  private final LongSupplier nanoTime;
  private final long start;
  private final long mask;

  /**
   * Creates a timer on the clock of {@link System#nanoTime}.
   *
   * @param bits its width: 32 if the FADT has {@code TMR_VAL_EXT}, else 24
   * @throws IllegalArgumentException if {@code bits} is neither
   */
  public AcpiPmTimer(int bits) {
    this(bits, System::nanoTime);
  }

  /**
   * Creates a timer on a clock, such as one that stands while the machine is paused.
   *
   * @param bits its width: 32 if the FADT has {@code TMR_VAL_EXT}, else 24
   * @param nanoTime the clock, in nanoseconds from any time on, which must not go backwards
   * @throws IllegalArgumentException if {@code bits} is neither
   */
  public AcpiPmTimer(int bits, LongSupplier nanoTime) {
    if (bits != 24 && bits != 32) {
      throw new IllegalArgumentException("bits=" + bits + " is not 24 or 32");
    }
    this.nanoTime = Objects.requireNonNull(nanoTime, "nanoTime");
    this.start = nanoTime.getAsLong();
    this.mask = (1L << bits) - 1;
  }

  /** {@return the counter's value} */
  public long value() {
    long elapsed = nanoTime.getAsLong() - start;
    // In two parts: the product of all would overflow after 43 minutes.
    long ticks = elapsed / SECOND * FREQUENCY + elapsed % SECOND * FREQUENCY / SECOND;
    return ticks & mask;
  }

  /** Reads the counter, or bytes of it. */
  @Override
  public long read(long offset, int size) {
    return value() >> (8 * (int) offset);
  }

  /** Does nothing. */
  @Override
  public void write(long offset, int size, long value) {}
}

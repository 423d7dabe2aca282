// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import java.util.Objects;
import java.util.function.IntConsumer;
import org.javavmm.device.BusDevice;

/**
 * The pvpanic device, with which a guest tells that its kernel panicked. One byte, on a port bus
 * ({@link #PORT}, ACPI HID {@code QEMU0001}) or on an MMIO bus ({@link #MMIO_SIZE} bytes, HID
 * {@code QEMU0001} with a memory resource, or compatible {@code qemu,pvpanic-mmio}).
 *
 * <p>It reads as the events that it knows. Writing events calls back; bits that it does not know
 * are ignored, and so is a write of nothing else. Of a wider access the lowest byte counts. It ends
 * nothing: the vCPU goes on. Thread-safe; allocates nothing.
 */
public final class PvPanic implements BusDevice {
  /** The I/O port. */
  public static final int PORT = 0x505;

  /** The number of ports. */
  public static final int PORTS = 1;

  /** The size in bytes on an MMIO bus. */
  public static final int MMIO_SIZE = 2;

  /** Event: the kernel panicked. */
  public static final int PANICKED = 1;

  /** Event: the kernel panicked, and its crash kernel takes over. */
  public static final int CRASH_LOADED = 2;

  /** Event: the guest switches itself off by this device. */
  public static final int SHUTDOWN = 4;

  private static final int ALL = PANICKED | CRASH_LOADED | SHUTDOWN;

  private final int events;
  private final IntConsumer callback;

  /**
   * Creates the device.
   *
   * @param events the events to offer: a sum of {@link #PANICKED}, {@link #CRASH_LOADED}, {@link
   *     #SHUTDOWN}
   * @param callback gets the events that the guest wrote, at least one of {@code events}, on the
   *     vCPU's thread, at each write; must not block
   * @throws IllegalArgumentException if there is no event or an unknown one
   */
  public PvPanic(int events, IntConsumer callback) {
    if (events == 0 || (events & ~ALL) != 0) {
      throw new IllegalArgumentException("events=0x%x is not in 1..7".formatted(events));
    }
    this.events = events;
    this.callback = Objects.requireNonNull(callback, "callback");
  }

  @Override
  public long read(long offset, int size) {
    return offset == 0 ? events : 0;
  }

  @Override
  public void write(long offset, int size, long value) {
    int told = (int) value & events;
    if (offset == 0 && told != 0) {
      callback.accept(told);
    }
  }
}

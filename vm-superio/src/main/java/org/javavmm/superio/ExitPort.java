// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import java.util.Objects;
import java.util.function.IntConsumer;
import org.javavmm.device.BusDevice;

/**
 * A port whose write ends the VM with a status. It reads as all ones.
 *
 * <p>The device itself ends nothing: it hands the byte to its callback and the vCPU goes on.
 */
public final class ExitPort implements BusDevice {
  /** Where guests expect it (QEMU's isa-debug-exit in its usual place). */
  public static final int PORT = 0xf4;

  private final IntConsumer exit;

  /**
   * Creates the port.
   *
   * @param exit gets what the guest wrote, 0 to 255, on the vCPU's thread; each write calls it. Of
   *     a wider write it gets the lowest byte.
   */
  public ExitPort(IntConsumer exit) {
    this.exit = Objects.requireNonNull(exit, "exit");
  }

  @Override
  public long read(long offset, int size) {
    return -1;
  }

  @Override
  public void write(long offset, int size, long value) {
    exit.accept((int) value & 0xff);
  }
}

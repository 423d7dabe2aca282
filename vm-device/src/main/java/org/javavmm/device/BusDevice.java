// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

/**
 * A device on a port or MMIO bus.
 *
 * <p>vCPU threads call these methods, several at a time; a device guards its own state. What a
 * guest does must not make them throw: an access that the device does not know reads as all ones
 * and is ignored when it writes.
 */
public interface BusDevice {
  /**
   * The guest reads.
   *
   * @param offset the offset in bytes from the start of the device's range; the whole access lies
   *     in the range
   * @param size the width in bytes: 1, 2, 4 or 8
   * @return the value, little-endian, in the low {@code size} bytes; the rest is ignored
   */
  long read(long offset, int size);

  /**
   * The guest writes.
   *
   * @param offset the offset in bytes from the start of the device's range; the whole access lies
   *     in the range
   * @param size the width in bytes: 1, 2, 4 or 8
   * @param value the value in the low {@code size} bytes; the rest is zero
   */
  void write(long offset, int size, long value);
}

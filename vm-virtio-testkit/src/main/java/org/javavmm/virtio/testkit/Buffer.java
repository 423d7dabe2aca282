// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

/**
 * A buffer that a driver offers to a device.
 *
 * @param address its address
 * @param length its length in bytes, 0 to 2^32 - 1
 * @param writable whether it is device-writable
 */
public record Buffer(long address, long length, boolean writable) {
  /**
   * {@return a device-readable buffer}
   *
   * @param address its address
   * @param length its length in bytes
   */
  public static Buffer readable(long address, long length) {
    return new Buffer(address, length, false);
  }

  /**
   * {@return a device-writable buffer}
   *
   * @param address its address
   * @param length its length in bytes
   */
  public static Buffer writable(long address, long length) {
    return new Buffer(address, length, true);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/**
 * A shared memory region that a device has (VIRTIO 1.4 §2.10). Where the guest sees it is the
 * transport's affair, what lies there the monitor's: see {@link SharedMemoryMapper}.
 *
 * @param id its identifier, 0 to 255
 * @param length bytes, a positive multiple of 4096
 */
public record SharedMemory(int id, long length) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is out of range
   */
  public SharedMemory {
    if (id < 0 || id > 255) {
      throw new IllegalArgumentException("shared memory id=" + id + " is not in 0..255");
    }
    if (length <= 0 || (length & 4095) != 0) {
      throw new IllegalArgumentException(
          "shared memory length=0x%x is not a positive multiple of 0x1000".formatted(length));
    }
  }
}

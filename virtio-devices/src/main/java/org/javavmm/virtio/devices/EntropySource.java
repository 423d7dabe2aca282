// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.devices;

import java.io.FileInputStream;
import java.io.IOException;

/** Where an {@link Entropy} device has its random bytes from. */
@FunctionalInterface
public interface EntropySource {
  /**
   * Gives random bytes. Called by the device's event loop, one call at a time; it must not block.
   *
   * @param target where they go, from index 0 on
   * @param length how many are wanted, 1 to {@link Entropy#MAX_BYTES}
   * @return how many there are, 1 to {@code length}
   * @throws IOException if there are none; the device needs a reset then
   */
  int fill(byte[] target, int length) throws IOException;

  /**
   * {@return the kernel's generator, {@code /dev/urandom}} It never blocks once the host has
   * booted, and may be shared by devices. The file is closed when nobody has the source any more.
   *
   * @throws IOException if it cannot be opened
   */
  static EntropySource kernel() throws IOException {
    FileInputStream random = new FileInputStream("/dev/urandom");
    return (target, length) -> random.read(target, 0, length);
  }
}

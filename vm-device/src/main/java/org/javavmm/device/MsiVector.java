// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

import org.javavmm.sys.SystemCallException;

/**
 * An interrupt that is a message: a write of {@code data} to {@code address}, which the guest
 * chooses. Thread-safe; {@link #trigger} allocates nothing.
 */
public interface MsiVector extends InterruptLine, AutoCloseable {
  /**
   * Says where the message goes. A trigger that runs at the same time sends the old or the new
   * message, never a mix.
   *
   * @param address the address of the message; 0xfee00000 and above on x86. The guest's choice: not
   *     checked here
   * @param data the data of the message
   * @throws SystemCallException if the host refuses; then the vector leads where it led before
   */
  void route(long address, int data) throws SystemCallException;

  /**
   * Sends the message, or nothing if there is no route yet. Masking is the caller's affair.
   *
   * @throws IllegalStateException if closed
   */
  @Override
  void trigger();

  /** Gives the vector back. Closing twice is safe. */
  @Override
  void close();
}

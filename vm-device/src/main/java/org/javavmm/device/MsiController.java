// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

import org.javavmm.sys.SystemCallException;

/**
 * What turns messages into interrupts. A device takes as many vectors as it has at most; the guest
 * says later where each leads. Thread-safe.
 */
public interface MsiController {
  /**
   * Makes a vector that leads nowhere yet.
   *
   * @param name whose it is, for messages
   * @return the vector, owned by the caller
   * @throws SystemCallException if the host has no vector or descriptor left
   */
  MsiVector allocate(String name) throws SystemCallException;
}

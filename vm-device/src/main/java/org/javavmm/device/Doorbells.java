// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

import org.javavmm.sys.EventFd;
import org.javavmm.sys.SystemCallException;

/**
 * Lets writes of the guest signal an eventfd without a vCPU thread that handles them. Writes that
 * ring a doorbell do not reach the bus. Thread-safe.
 */
public interface Doorbells {
  /** Where there are none: every write reaches the bus. */
  Doorbells NONE = (event, address) -> () -> {};

  /**
   * Connects an eventfd.
   *
   * @param event the eventfd, open for as long as it is connected
   * @param address which writes signal it
   * @return the connection; closing it disconnects, and closing twice is safe
   * @throws SystemCallException if the host refuses, such as an address that is taken
   */
  Connection connect(EventFd event, DoorbellAddress address) throws SystemCallException;

  /** A doorbell that is connected. */
  interface Connection extends AutoCloseable {
    /** Disconnects. */
    @Override
    void close();
  }
}

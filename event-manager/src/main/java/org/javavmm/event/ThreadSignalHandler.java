// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import org.javavmm.sys.SignalFd;

/** Learns of signals sent to the loop's thread. */
@FunctionalInterface
public interface ThreadSignalHandler {
  /**
   * Handles one signal, on the loop's thread.
   *
   * @param signal what its getters describe is the signal; valid during the call
   * @throws Exception if it fails; the loop treats it like an event handler's failure
   */
  void arrived(SignalFd signal) throws Exception;
}

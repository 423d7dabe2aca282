// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import java.util.Set;
import org.javavmm.sys.ProcessSignals;

/** Learns of signals sent to the process. */
@FunctionalInterface
public interface ProcessSignalHandler {
  /**
   * Handles signals, on the loop's thread.
   *
   * @param signals those that arrived since the last call, each once
   * @throws Exception if it fails; the loop treats it like an event handler's failure
   */
  void arrived(Set<ProcessSignals.Kind> signals) throws Exception;
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

/**
 * What an {@link EventLoop} does after a handler or a task threw. An {@link Error} is no exception
 * to it: neither {@link OutOfMemoryError} nor the {@link InternalError} that a SIGBUS in mapped
 * memory becomes. The failure is counted and reported in any case.
 */
public enum FailurePolicy {
  /** Go on as if nothing had happened. What failed is called again at its next event. */
  CONTINUE,

  /**
   * Remove the subscriber that failed with all it has registered. A registration, timer or idle
   * task without a subscriber is closed; a posted task without one is over anyway.
   */
  REMOVE_SUBSCRIBER,

  /** Stop the loop in good order, as {@link EventLoop#stop} does. */
  STOP_LOOP
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

/** Learns of handlers and tasks that threw. */
@FunctionalInterface
public interface FailureListener {
  /**
   * A handler or a task threw. Called on the loop's thread, for every failure.
   *
   * @param name the name of the registration, timer or idle task, or {@link EventLoop#TASK}; with
   *     the subscriber's name and a slash before it if it belongs to one
   * @param failure what it threw
   */
  void failed(String name, Throwable failure);
}

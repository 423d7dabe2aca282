// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

/** What an {@link EventLoop} calls when a watched descriptor has something to say. */
@FunctionalInterface
public interface EventHandler {
  /**
   * Handles the events of one descriptor, on the loop's thread. It may register, modify and close
   * registrations, its own included, and must not block.
   *
   * @param events the events, or-ed: {@link org.javavmm.sys.Epoll#EPOLLIN} and so on; {@code
   *     EPOLLERR} and {@code EPOLLHUP} come whether asked for or not
   * @throws Exception if it fails; the loop counts and reports it and follows its {@link
   *     FailurePolicy}
   */
  void handle(int events) throws Exception;
}

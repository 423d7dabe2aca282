// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

/**
 * A part of a program that handles events: a device, a console, a control socket. It registers all
 * it needs through its {@link SubscriberContext} and is removed as a whole.
 */
public interface Subscriber {
  /** {@return its name, for messages and statistics} */
  String name();

  /**
   * Registers descriptors, timers and idle work. Called once per {@link EventLoop#add}: on the
   * loop's thread if the loop runs, otherwise on the thread that adds it.
   *
   * @param context what registers them in the subscriber's name
   * @throws Exception if it cannot start; all it has registered until then is removed, {@link
   *     #stop} is not called, and {@link EventLoop#add} reports the failure with its name
   */
  void start(SubscriberContext context) throws Exception;

  /**
   * Learns that it was removed, if it had started: its registrations, timers and idle tasks are
   * closed and no handler of it runs any more; what it {@linkplain SubscriberContext#own owns} is
   * closed afterwards. Called once, on the loop's thread, or on the removing thread if the loop has
   * never run.
   *
   * @throws Exception if it fails, which is reported and hinders nothing
   */
  default void stop() throws Exception {}
}

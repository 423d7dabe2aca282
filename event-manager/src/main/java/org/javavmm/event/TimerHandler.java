// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

/** What an {@link EventLoop} calls when a {@link LoopTimer} expires. */
@FunctionalInterface
public interface TimerHandler {
  /**
   * Handles an expiration, on the loop's thread. It may arm and cancel timers, its own included,
   * and must not block.
   *
   * @param expirations how many periods have passed since the last call: 1, or more if the loop was
   *     busy for longer than a period; those beyond the first were missed
   * @throws Exception if it fails; the loop counts and reports it and follows its {@link
   *     FailurePolicy}
   */
  void expired(long expirations) throws Exception;
}

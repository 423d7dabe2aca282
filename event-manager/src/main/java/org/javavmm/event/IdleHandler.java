// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

/** Work for when an {@link EventLoop} has nothing else to do. */
@FunctionalInterface
public interface IdleHandler {
  /**
   * Does one slice of the work, on the loop's thread. The loop looks for events between two slices,
   * so the length of a slice is by how much an event may be late.
   *
   * @param sliceNanos how long a slice should take at most, in nanoseconds: {@link
   *     EventLoop#IDLE_SLICE_NANOS}
   * @return whether there is more to do; if not, the loop sleeps until {@link IdleTask#resume}
   * @throws Exception if it fails; the loop counts and reports it, follows its {@link
   *     FailurePolicy} and lets the work rest until {@link IdleTask#resume}
   */
  boolean run(long sliceNanos) throws Exception;
}

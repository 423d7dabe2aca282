// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/** What a device does with a request. */
@FunctionalInterface
public interface RequestHandler {
  /**
   * Serves a request: completes it by one of {@link Virtqueue}'s methods, at once or later.
   *
   * @param queue the queue it came from
   * @param request the request
   * @throws QueueFaultException if the request's memory is gone
   */
  void handle(Virtqueue queue, Request request);
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/** What becomes of a device whose driver broke a rule of its queues. */
public enum FaultPolicy {
  /** The device sets {@code DEVICE_NEEDS_RESET} and does nothing until the driver resets it. */
  NEEDS_RESET,

  /**
   * The request at fault is returned with nothing written, and the device goes on. Where the ring
   * itself is broken there is no request to return, and the device needs a reset.
   */
  FAIL_REQUEST
}

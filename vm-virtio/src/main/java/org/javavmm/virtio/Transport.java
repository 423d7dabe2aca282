// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/** What {@link DeviceControl} needs of the transport that has it. */
interface Transport {
  /** Sends a used buffer notification. Any thread; no lock, no allocation. */
  void interruptQueue(int queue);

  /** Sends a configuration change notification. Any thread; no lock, no allocation. */
  void interruptConfig();

  /** Lets the queues' notifications signal their events without a vCPU thread. Event loop. */
  void connectDoorbells(Features features);

  /** Undoes {@link #connectDoorbells}; also if nothing is connected. Event loop. */
  void disconnectDoorbells();

  /** Back to the state of a reset, after which nothing notifies any more. */
  void resetInterrupts();

  /** Back to the state of a reset, for one queue. */
  void resetQueueInterrupt(int queue);

  /** What the transport has to keep of its own. */
  byte[] saveTransport();

  /**
   * Takes over what was saved, on a new transport.
   *
   * @throws IllegalArgumentException if it is no such state; then nothing changed
   */
  void restoreTransport(byte[] state);
}

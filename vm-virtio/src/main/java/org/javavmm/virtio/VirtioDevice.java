// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.util.List;

/**
 * A virtio device, as its author writes it. It never knows how it is attached: {@link VirtioMmio}
 * and {@link VirtioPci} do that, and keep registers, features, queues' addresses, interrupts and
 * the order of things.
 *
 * <p><b>Threads.</b> What describes the device ({@link #deviceId} to {@link #sharedMemory}) is
 * called once, when it is attached. {@link #accepts} is called by vCPU threads. All else is called
 * on the thread of the event loop that the device was attached with, one call at a time, so that a
 * device needs no lock for its own state. None of it may block. Before that loop runs and after it
 * has ended, it is called on the thread that restores, pauses, resumes or closes the transport.
 *
 * <p><b>Exceptions.</b> One that escapes from a method of this interface is counted and logged, and
 * the device needs a reset; the loop and the other devices go on.
 *
 * <p><b>Life.</b> {@link #activate}, then {@link #notified} as often as the driver has made
 * something available, then {@link #reset}; and again from {@code activate}, as often as the driver
 * likes. Between them a queue may be {@linkplain #queueReset reset} and {@linkplain #queueEnabled
 * enabled} alone, and the device paused.
 */
public interface VirtioDevice {
  /** {@return its type, 1 to 0x3f for PCI (VIRTIO 1.4 §5); 3 is a console} */
  int deviceId();

  /** {@return its name, for messages} */
  default String name() {
    return "virtio" + deviceId();
  }

  /**
   * {@return the features of its type that it offers: bits 0 to 23 and 50 to 127 (VIRTIO 1.4 §2.2)}
   * Those of rings and transports are offered for it.
   */
  default Features features() {
    return Features.NONE;
  }

  /** {@return the largest size of each of its queues: powers of two, 1 to 32768} */
  int[] queueSizes();

  /** {@return its configuration space; always the same object} */
  default ConfigSpace config() {
    return ConfigSpace.none();
  }

  /** {@return its shared memory regions} */
  default List<SharedMemory> sharedMemory() {
    return List.of();
  }

  /**
   * {@return whether it can work with these features} Which are a subset of those offered, with
   * {@code VIRTIO_F_VERSION_1}. Called by vCPU threads, with the device's registers locked: it must
   * only compute.
   *
   * @param features what the driver accepted
   */
  default boolean accepts(Features features) {
    return true;
  }

  /**
   * The driver is ready: begin to work. {@link #notified} is called for each enabled queue
   * afterwards.
   *
   * @param context what the device needs, until {@link #reset}
   * @throws Exception if it cannot; it needs a reset then
   */
  void activate(DeviceContext context) throws Exception;

  /**
   * The driver has made something available in a queue, or may have: also called without cause.
   * {@link DeviceContext#serve} does what most devices do now.
   *
   * @param queue the queue's index
   * @throws Exception if it fails; the device needs a reset then
   */
  void notified(int queue) throws Exception;

  /**
   * Lets what is in flight at a queue come to its end, and says so: requests that the device handed
   * to threads, to the kernel or to other processes. Called before the device is reset, paused or
   * suspended, and before the queue is reset. From now until {@link #notified} is called the device
   * takes nothing from the queue, also not on a timer or for a descriptor's event ({@link
   * DeviceContext#mayUse} says so); what it took before it completes, and notifies the driver of. A
   * device that completes its requests before {@code notified} returns has none.
   *
   * <p>On return to a suspension or pause the requests that were taken should have been completed
   * (VIRTIO 1.4 §3.4.2); before a reset it is enough that nobody touches their memory any more.
   *
   * @param queue the queue's index
   * @param drained to be run once, by any thread, as soon as nothing is in flight any more; what
   *     follows is done later on the event loop's thread, not inside of {@code drained}
   * @throws Exception if it fails; the queue counts as drained then
   */
  default void drain(int queue, Runnable drained) throws Exception {
    drained.run();
  }

  /**
   * The driver has reset one queue ({@code VIRTIO_F_RING_RESET}): forget what was taken from it.
   *
   * @param queue the queue's index
   * @throws Exception if it fails; the device needs a reset then
   */
  default void queueReset(int queue) throws Exception {}

  /**
   * The driver has enabled a queue again that it had reset. {@link #notified} follows.
   *
   * @param queue the queue's index
   * @throws Exception if it fails; the device needs a reset then
   */
  default void queueEnabled(int queue) throws Exception {}

  /**
   * The driver has reset the device: back to the state before {@link #activate}. The queues are
   * gone; what the driver may write in the configuration space is as at first.
   *
   * @throws Exception if it fails, which is counted; the reset is done all the same
   */
  void reset() throws Exception;

  /**
   * The monitor pauses the machine: stop timers and input, for {@link #save} or not. The queues
   * were drained.
   *
   * @throws Exception if it fails; the device needs a reset then
   */
  default void pause() throws Exception {}

  /**
   * The monitor lets the machine go on. {@link #notified} follows for each enabled queue.
   *
   * @throws Exception if it fails; the device needs a reset then
   */
  default void resume() throws Exception {}

  /**
   * {@return what the device has to keep beside its queues and its configuration space} Called
   * while it is paused.
   *
   * @throws Exception if it cannot
   */
  default byte[] save() throws Exception {
    return new byte[0];
  }

  /**
   * Takes over what {@link #save} gave, before {@link #activate} is called with the queues as they
   * were saved: {@link Virtqueue#held} has the requests that were in flight. Called on a new
   * device.
   *
   * @param state what was saved; not trusted, so it is to be checked whole before it is used
   * @throws Exception if it is no state of such a device; the device stays as it was
   */
  default void restore(byte[] state) throws Exception {
    if (state.length != 0) {
      throw new IllegalArgumentException(
          name() + ": state of " + state.length + " bytes, must be 0");
    }
  }
}

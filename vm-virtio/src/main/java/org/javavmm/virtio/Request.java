// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/**
 * A chain of descriptors that the driver made available, checked wholly when it was taken: the
 * device-readable bytes, then the device-writable ones. Requests belong to their queue and are used
 * again after they were completed; a device may hold several at once, and complete them in any
 * order.
 *
 * <p>A request may be handed to another thread as a whole, with a happens-before edge each way;
 * completing it is for the queue's thread.
 */
@SuppressWarnings("DoNotCallSuggester")
public final class Request {
  Request() {}

  /** {@return the chain's head (split), or the list's first descriptor (packed)} */
  public int head() {
    throw new UnsupportedOperationException();
  }

  /** {@return the buffer identifier (packed), or the head (split): what the driver knows it by} */
  public int id() {
    throw new UnsupportedOperationException();
  }

  /** {@return the number of buffers, those of length 0 left out} */
  public int parts() {
    throw new UnsupportedOperationException();
  }

  /** {@return how many of the {@link #parts} are device-readable; they come first} */
  public int readableParts() {
    throw new UnsupportedOperationException();
  }

  /**
   * {@return the address of a buffer}
   *
   * @param part its index
   * @throws IndexOutOfBoundsException if there is no such
   */
  public long partAddress(int part) {
    throw new UnsupportedOperationException();
  }

  /**
   * {@return the length of a buffer in bytes, 1 to 2^32 - 1}
   *
   * @param part its index
   * @throws IndexOutOfBoundsException if there is no such
   */
  public long partLength(int part) {
    throw new UnsupportedOperationException();
  }

  /** {@return the number of device-readable bytes, 0 to 2^32} */
  public long readable() {
    throw new UnsupportedOperationException();
  }

  /** {@return the number of device-writable bytes, 0 to 2^32} */
  public long writable() {
    throw new UnsupportedOperationException();
  }

  /** {@return what reads the device-readable bytes; always the same object} */
  public RequestReader reader() {
    throw new UnsupportedOperationException();
  }

  /** {@return what writes the device-writable bytes; always the same object} */
  public RequestWriter writer() {
    throw new UnsupportedOperationException();
  }

  /**
   * {@return how many bytes, from the start of the first device-writable buffer, were written
   * without a gap}
   */
  public long written() {
    throw new UnsupportedOperationException();
  }

  /** {@return whether the device has it: it is neither completed nor was its queue reset} */
  public boolean isHeld() {
    throw new UnsupportedOperationException();
  }
}

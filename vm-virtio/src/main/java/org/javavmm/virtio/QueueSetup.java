// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.util.Optional;

/**
 * The registers of a queue that a driver writes before it makes the queue ready, for the
 * transports. While the queue is ready they do not change: such a write is kept as a fault and has
 * no effect. For one thread at a time.
 */
@SuppressWarnings("DoNotCallSuggester")
public final class QueueSetup {
  /**
   * Creates the registers as they are after a reset.
   *
   * @param maxSize the largest size, in descriptors, that the device allows; 1 to 32768, a power of
   *     two if the queue may be split
   * @throws IllegalArgumentException if it is out of range
   */
  public QueueSetup(int maxSize) {
    throw new UnsupportedOperationException("maxSize=" + maxSize);
  }

  /** {@return the largest size} */
  public int maxSize() {
    throw new UnsupportedOperationException();
  }

  /** {@return the size: after a reset the largest} */
  public int size() {
    throw new UnsupportedOperationException();
  }

  /**
   * Sets the size.
   *
   * @param value what the driver wrote, all bits of it
   * @return whether it was taken; not while ready
   */
  public boolean size(int value) {
    throw new UnsupportedOperationException("size=" + value);
  }

  /**
   * {@return the address of an area}
   *
   * @param area the area
   */
  public long address(QueueFault.Area area) {
    throw new UnsupportedOperationException("area=" + area);
  }

  /**
   * Sets the lower half of an area's address.
   *
   * @param area the area
   * @param value bits 0 to 31
   * @return whether it was taken; not while ready
   */
  public boolean addressLow(QueueFault.Area area, int value) {
    throw new UnsupportedOperationException(area + " " + value);
  }

  /**
   * Sets the upper half of an area's address.
   *
   * @param area the area
   * @param value bits 32 to 63
   * @return whether it was taken; not while ready
   */
  public boolean addressHigh(QueueFault.Area area, int value) {
    throw new UnsupportedOperationException(area + " " + value);
  }

  /** {@return whether the queue is ready} */
  public boolean isReady() {
    throw new UnsupportedOperationException();
  }

  /**
   * Makes the queue ready, or not ready.
   *
   * @param ready which
   */
  public void ready(boolean ready) {
    throw new UnsupportedOperationException("ready=" + ready);
  }

  /** {@return the last write that had no effect since the queue is ready} */
  public Optional<QueueFault> fault() {
    throw new UnsupportedOperationException();
  }

  /**
   * {@return what {@link Virtqueue#activate} takes}
   *
   * @param features the features agreed on
   * @throws QueueFaultException if the size exceeds the largest one
   * @throws IllegalStateException if the queue is not ready
   */
  public QueueConfig config(long features) {
    throw new UnsupportedOperationException("features=" + features);
  }

  /** Goes back to the state after a reset. */
  public void reset() {
    throw new UnsupportedOperationException();
  }
}

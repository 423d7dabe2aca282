// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.util.EnumMap;
import java.util.Optional;
import org.javavmm.virtio.QueueFault.Area;
import org.jspecify.annotations.Nullable;

/**
 * The registers of a queue that a driver writes before it makes the queue ready, for the
 * transports. While the queue is ready they do not change: such a write is kept as a fault and has
 * no effect (VIRTIO 1.4 §4.1.4.3.2, §4.2.2.2). For one thread at a time.
 */
public final class QueueSetup {
  private final int maxSize;
  private int size;
  private final EnumMap<Area, Long> addresses = new EnumMap<>(Area.class);
  private boolean ready;
  private @Nullable QueueFault fault;

  /**
   * Creates the registers as they are after a reset.
   *
   * @param maxSize the largest size, in descriptors, that the device allows; 1 to 32768, a power of
   *     two if the queue may be split
   * @throws IllegalArgumentException if it is out of range
   */
  public QueueSetup(int maxSize) {
    this.maxSize = PackedDescriptorLayout.checkQueueSize(maxSize);
    this.size = maxSize;
  }

  /** {@return the largest size} */
  public int maxSize() {
    return maxSize;
  }

  /** {@return the size: after a reset the largest} */
  public int size() {
    return size;
  }

  /**
   * Sets the size.
   *
   * @param value what the driver wrote, all bits of it; checked when the queue is activated
   * @return whether it was taken; not while ready
   */
  public boolean size(int value) {
    if (!changeable("size", value & 0xffff_ffffL)) {
      return false;
    }
    size = value;
    return true;
  }

  /**
   * {@return the address of an area}
   *
   * @param area the area
   */
  public long address(Area area) {
    return addresses.getOrDefault(area, 0L);
  }

  /**
   * Sets the lower half of an area's address.
   *
   * @param area the area
   * @param value bits 0 to 31
   * @return whether it was taken; not while ready
   */
  public boolean addressLow(Area area, int value) {
    if (!changeable(area + " low", value & 0xffff_ffffL)) {
      return false;
    }
    addresses.put(area, (address(area) & ~0xffff_ffffL) | (value & 0xffff_ffffL));
    return true;
  }

  /**
   * Sets the upper half of an area's address.
   *
   * @param area the area
   * @param value bits 32 to 63
   * @return whether it was taken; not while ready
   */
  public boolean addressHigh(Area area, int value) {
    if (!changeable(area + " high", value & 0xffff_ffffL)) {
      return false;
    }
    addresses.put(area, (address(area) & 0xffff_ffffL) | (long) value << 32);
    return true;
  }

  private boolean changeable(String register, long value) {
    if (ready) {
      fault = new QueueFault.ChangedWhileReady(register, value);
    }
    return !ready;
  }

  /** {@return whether the queue is ready} */
  public boolean isReady() {
    return ready;
  }

  /**
   * Makes the queue ready, or not ready.
   *
   * @param newReady which
   */
  public void ready(boolean newReady) {
    if (newReady && !ready) {
      fault = null;
    }
    ready = newReady;
  }

  /** {@return the last write that had no effect since the queue was made ready} */
  public Optional<QueueFault> fault() {
    return Optional.ofNullable(fault);
  }

  /**
   * {@return what {@link Virtqueue#activate} takes}
   *
   * @param features the features agreed on
   * @throws IllegalStateException if the queue is not ready
   * @throws QueueFaultException if the size exceeds the largest one
   */
  public QueueConfig config(long features) {
    if (!ready) {
      throw new IllegalStateException("the queue is not ready");
    }
    if (Integer.compareUnsigned(size, maxSize) > 0) {
      throw new QueueFaultException(new QueueFault.SizeTooLarge(size, maxSize));
    }
    return new QueueConfig(
        size, address(Area.DESCRIPTOR), address(Area.DRIVER), address(Area.DEVICE), features);
  }

  /** Goes back to the state after a reset. */
  public void reset() {
    size = maxSize;
    addresses.clear();
    ready = false;
    fault = null;
  }
}

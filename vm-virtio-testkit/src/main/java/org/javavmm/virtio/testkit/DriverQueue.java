// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import java.util.ArrayList;
import java.util.List;
import org.javavmm.memory.AddressSpace;
import org.javavmm.virtio.AvailRingLayout;
import org.javavmm.virtio.EventSuppressionLayout;
import org.javavmm.virtio.QueueConfig;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.SplitDescriptorLayout;
import org.javavmm.virtio.UsedRingLayout;

/**
 * A queue as a driver sees it: lays out the rings, offers chains, collects what the device
 * returned, and checks everything that a driver can see of a device's rules. What a device does
 * wrong is an {@link AssertionError} that says what.
 *
 * <p>What is not honest is written by the raw methods of {@link SplitDriver} and {@link
 * PackedDriver}. For one thread.
 */
public abstract sealed class DriverQueue permits SplitDriver, PackedDriver {
  final AddressSpace memory;
  final QueueConfig config;
  final int size;
  final boolean eventIdx;
  final boolean inOrder;

  DriverQueue(AddressSpace memory, QueueConfig config) {
    this.memory = memory;
    this.config = config;
    this.size = config.size();
    this.eventIdx = config.has(RingFeatures.EVENT_IDX);
    this.inOrder = config.has(RingFeatures.IN_ORDER);
  }

  /**
   * {@return a queue's configuration, its areas one after the other}
   *
   * @param base where the first area begins, a multiple of 16
   * @param size the queue's size
   * @param features the features agreed on
   */
  public static QueueConfig layout(long base, int size, long features) {
    long driver = base + (long) SplitDescriptorLayout.SIZE * size;
    boolean packed = (features & RingFeatures.RING_PACKED) != 0;
    long driverSize = packed ? EventSuppressionLayout.SIZE : AvailRingLayout.size(size);
    return new QueueConfig(size, base, driver, (driver + driverSize + 3) & -4L, features);
  }

  /**
   * {@return how many bytes {@link #layout} takes}
   *
   * @param size the queue's size
   */
  public static long layoutSize(int size) {
    return (long) SplitDescriptorLayout.SIZE * size
        + AvailRingLayout.size(size)
        + 4
        + UsedRingLayout.size(size);
  }

  /**
   * Zeroes the rings, as a driver does before it makes a queue ready.
   *
   * @param memory where they are
   * @param config the queue
   * @return the driver's side of it
   */
  public static DriverQueue create(AddressSpace memory, QueueConfig config) {
    return config.isPacked() ? new PackedDriver(memory, config) : new SplitDriver(memory, config);
  }

  /** {@return the queue's configuration} */
  public final QueueConfig config() {
    return config;
  }

  // ---- offering ----------------------------------------------------------------------------

  /**
   * Puts a chain of ordinary descriptors into the ring, which {@link #expose} shows.
   *
   * @param buffers the buffers, in order
   * @return the chain's name: its head (split) or buffer identifier (packed)
   * @throws IllegalStateException if there are too few free descriptors
   */
  public abstract int offer(List<Buffer> buffers);

  /**
   * Puts a chain of one indirect descriptor into the ring, which {@link #expose} shows.
   *
   * @param buffers the buffers, in order
   * @param table where the table of descriptors goes
   * @return the chain's name
   * @throws IllegalStateException if there is no free descriptor
   */
  public abstract int offerIndirect(List<Buffer> buffers, long table);

  /**
   * {@return whether a chain of so many descriptors fits}
   *
   * @param descriptors the number of descriptors in the ring
   */
  public abstract boolean fits(int descriptors);

  /**
   * Shows the device what was offered since the last time.
   *
   * @return whether the device wants a notification of it
   */
  public abstract boolean expose();

  /** Puts a chain's buffers as a table into memory. */
  abstract void table(List<Buffer> buffers, long table);

  // ---- collecting --------------------------------------------------------------------------

  /**
   * Takes back what the device has returned, in the order it did, and looks whether all else is as
   * it was ({@link #verify}).
   *
   * @return as {@link #poll}
   * @throws AssertionError if the device broke a rule
   */
  public final List<Used> collect() {
    List<Used> found = poll();
    verify();
    return found;
  }

  /**
   * Takes back what the device has returned, in the order it did; with in-order use, one for each
   * chain of a batch, those left out with all that was writable. The device may be at work.
   *
   * @return what it returned
   * @throws AssertionError if the device broke a rule
   */
  public final List<Used> poll() {
    List<Used> found = new ArrayList<>();
    collect(found);
    return found;
  }

  abstract void collect(List<Used> found);

  /** {@return the number of chains offered and not returned} */
  public abstract int inFlight();

  /**
   * Checks that what belongs to the driver is as the driver wrote it. The device must be at rest,
   * with nothing staged.
   *
   * @throws AssertionError if it is not
   */
  public abstract void verify();

  // ---- notifications -----------------------------------------------------------------------

  /** Asks the device for a notification of every chain returned. */
  public abstract void wantNotifications();

  /** Asks the device for no notification; with an event index a split queue can only ask late. */
  public abstract void refuseNotifications();

  /**
   * Asks for a notification when the device has returned so many more.
   *
   * @param more how many chains (split) or descriptors (packed) after those collected; 1 is the
   *     next
   * @throws IllegalStateException without {@code VIRTIO_F_EVENT_IDX}
   */
  public abstract void wantNotificationAfter(int more);

  /**
   * {@return whether the device has to notify the driver of what was collected since the last time
   * this was asked} Worked out one entry at a time.
   */
  public abstract boolean isNotificationDue();

  static void rule(boolean kept, String what) {
    if (!kept) {
      throw new AssertionError("the device broke a rule: " + what);
    }
  }
}

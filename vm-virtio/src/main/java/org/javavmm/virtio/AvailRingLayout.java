// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/**
 * {@code struct virtq_avail}, a split queue's driver area: what the driver makes available (VIRTIO
 * 1.4 §2.7.6).
 */
public final class AvailRingLayout {
  /** The alignment in bytes. */
  public static final int ALIGNMENT = 2;

  /** {@code le16 flags}. */
  public static final int FLAGS = 0;

  /** {@code le16 idx}: where the driver puts the next entry, before reduction to the size. */
  public static final int IDX = 2;

  /** {@code le16 ring[size]}: heads of descriptor chains. */
  public static final int RING = 4;

  /** The size of an entry in bytes. */
  public static final int ENTRY_SIZE = 2;

  /** {@code VIRTQ_AVAIL_F_NO_INTERRUPT}: the driver wants no notification of used buffers. */
  public static final int F_NO_INTERRUPT = 1;

  private AvailRingLayout() {}

  /**
   * {@return where {@code le16 used_event} is}
   *
   * @param queueSize the queue's size
   */
  public static int usedEvent(int queueSize) {
    return RING + ENTRY_SIZE * queueSize;
  }

  /**
   * {@return the ring's size in bytes, {@code used_event} included}
   *
   * @param queueSize the queue's size
   */
  public static int size(int queueSize) {
    return usedEvent(queueSize) + 2;
  }
}

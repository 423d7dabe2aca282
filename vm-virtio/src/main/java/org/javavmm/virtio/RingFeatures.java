// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/**
 * The feature bits that concern virtqueues, as masks of the 64-bit word of features that driver and
 * device agreed on (VIRTIO 1.4 §6).
 */
public final class RingFeatures {
  /** {@code VIRTIO_F_INDIRECT_DESC} (28): descriptors may refer to tables of descriptors. */
  public static final long INDIRECT_DESC = 1L << 28;

  /** {@code VIRTIO_F_EVENT_IDX} (29): each side says at which entry it wants a notification. */
  public static final long EVENT_IDX = 1L << 29;

  /** {@code VIRTIO_F_VERSION_1} (32): the device is no legacy one. */
  public static final long VERSION_1 = 1L << 32;

  /**
   * {@code VIRTIO_F_ACCESS_PLATFORM} (33): ring and buffer addresses are the platform's, which an
   * IOMMU translates. The queue is then made over an {@link org.javavmm.memory.IommuView}.
   */
  public static final long ACCESS_PLATFORM = 1L << 33;

  /** {@code VIRTIO_F_RING_PACKED} (34): the packed format. */
  public static final long RING_PACKED = 1L << 34;

  /** {@code VIRTIO_F_IN_ORDER} (35): buffers are used in the order they were made available. */
  public static final long IN_ORDER = 1L << 35;

  /**
   * {@code VIRTIO_F_ORDER_PLATFORM} (36): memory is ordered as the platform orders it. The queues
   * of this module order their accesses by acquire, release and full fences in any case.
   */
  public static final long ORDER_PLATFORM = 1L << 36;

  /** {@code VIRTIO_F_NOTIFICATION_DATA} (38): notifications carry {@link NotificationData}. */
  public static final long NOTIFICATION_DATA = 1L << 38;

  /** {@code VIRTIO_F_NOTIF_CONFIG_DATA} (39): notifications carry data the device chose. */
  public static final long NOTIF_CONFIG_DATA = 1L << 39;

  /** {@code VIRTIO_F_RING_RESET} (40): a queue can be reset alone. */
  public static final long RING_RESET = 1L << 40;

  /** What the queues of this module implement, and a transport may offer for them. */
  public static final long SUPPORTED =
      INDIRECT_DESC
          | EVENT_IDX
          | VERSION_1
          | ACCESS_PLATFORM
          | RING_PACKED
          | IN_ORDER
          | ORDER_PLATFORM
          | NOTIFICATION_DATA
          | RING_RESET;

  private RingFeatures() {}
}

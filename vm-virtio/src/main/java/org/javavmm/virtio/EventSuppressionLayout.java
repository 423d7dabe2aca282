// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/**
 * {@code struct pvirtq_event_suppress}, a packed queue's driver area and device area: which
 * notifications the one wants from the other (VIRTIO 1.4 §2.8.14).
 */
public final class EventSuppressionLayout {
  /** The size in bytes. */
  public static final int SIZE = 4;

  /** The alignment in bytes. */
  public static final int ALIGNMENT = 4;

  /** {@code le16 desc}: offset of a descriptor in bits 0 to 14, wrap counter in bit 15. */
  public static final int DESC = 0;

  /** {@code le16 flags}: bits 0 and 1 are one of the {@code FLAGS_} values. */
  public static final int FLAGS = 2;

  /** The bits of {@link #FLAGS} that are used. */
  public static final int FLAGS_MASK = 3;

  /** The bits of {@link #DESC} that hold the offset. */
  public static final int OFFSET_MASK = 0x7fff;

  /** The place of the wrap counter in {@link #DESC}. */
  public static final int WRAP_SHIFT = 15;

  /** {@code RING_EVENT_FLAGS_ENABLE}: a notification for every descriptor. */
  public static final int FLAGS_ENABLE = 0;

  /** {@code RING_EVENT_FLAGS_DISABLE}: none. */
  public static final int FLAGS_DISABLE = 1;

  /** {@code RING_EVENT_FLAGS_DESC}: one for the descriptor that {@link #DESC} names. */
  public static final int FLAGS_DESC = 2;

  private EventSuppressionLayout() {}
}

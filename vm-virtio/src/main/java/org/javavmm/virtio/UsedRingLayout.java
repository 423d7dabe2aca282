// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/**
 * {@code struct virtq_used}, a split queue's device area: what the device returns (VIRTIO 1.4
 * §2.7.8).
 */
public final class UsedRingLayout {
  /** The alignment in bytes. */
  public static final int ALIGNMENT = 4;

  /** {@code le16 flags}. */
  public static final int FLAGS = 0;

  /** {@code le16 idx}: where the device puts the next entry, before reduction to the size. */
  public static final int IDX = 2;

  /** {@code struct virtq_used_elem ring[size]}. */
  public static final int RING = 4;

  /** The size of an entry in bytes. */
  public static final int ENTRY_SIZE = 8;

  /** {@code le32 id} of an entry: the head of the chain that was used. */
  public static final int ENTRY_ID = 0;

  /** {@code le32 len} of an entry: the number of bytes written into the chain. */
  public static final int ENTRY_LEN = 4;

  /** {@code VIRTQ_USED_F_NO_NOTIFY}: the device wants no notification of available buffers. */
  public static final int F_NO_NOTIFY = 1;

  private UsedRingLayout() {}

  /**
   * {@return where {@code le16 avail_event} is}
   *
   * @param queueSize the queue's size
   */
  public static int availEvent(int queueSize) {
    return RING + ENTRY_SIZE * queueSize;
  }

  /**
   * {@return the ring's size in bytes, {@code avail_event} included}
   *
   * @param queueSize the queue's size
   */
  public static int size(int queueSize) {
    return availEvent(queueSize) + 2;
  }
}

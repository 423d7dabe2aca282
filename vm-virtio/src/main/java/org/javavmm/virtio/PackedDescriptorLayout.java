// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/**
 * {@code struct pvirtq_desc}, an entry of a packed queue's descriptor ring and of its indirect
 * tables (VIRTIO 1.4 §2.8.13). All fields are little-endian.
 */
public final class PackedDescriptorLayout {
  /** The size of an entry in bytes. */
  public static final int SIZE = 16;

  /** The alignment of the ring in bytes; indirect tables have none. */
  public static final int ALIGNMENT = 16;

  /** {@code le64 addr}: the address of the buffer. */
  public static final int ADDR = 0;

  /** {@code le32 len}: the buffer's length in bytes; in a used one, the number of bytes written. */
  public static final int LEN = 8;

  /** {@code le16 id}: the buffer's identifier, in the last descriptor of a list. */
  public static final int ID = 12;

  /** {@code le16 flags}. */
  public static final int FLAGS = 14;

  /** {@code VIRTQ_DESC_F_NEXT}: the list goes on in the next descriptor of the ring. */
  public static final int F_NEXT = 1;

  /**
   * {@code VIRTQ_DESC_F_WRITE}: the buffer is device-writable, otherwise device-readable; in a used
   * descriptor, that the device wrote into the buffer.
   */
  public static final int F_WRITE = 2;

  /** {@code VIRTQ_DESC_F_INDIRECT}: the buffer is a table of descriptors. */
  public static final int F_INDIRECT = 4;

  /** {@code VIRTQ_DESC_F_AVAIL}: the driver's wrap counter when it made this one available. */
  public static final int F_AVAIL = 1 << 7;

  /** {@code VIRTQ_DESC_F_USED}: the device's wrap counter when it used this one. */
  public static final int F_USED = 1 << 15;

  /** The largest queue size (VIRTIO 1.4 §2.8). */
  public static final int MAX_QUEUE_SIZE = 32768;

  private PackedDescriptorLayout() {}

  /**
   * Checks a queue size.
   *
   * @param size the size
   * @return {@code size}
   * @throws IllegalArgumentException if it is not in 1..32768
   */
  public static int checkQueueSize(int size) {
    if (size < 1 || size > MAX_QUEUE_SIZE) {
      throw new IllegalArgumentException("size=" + size + " is not in 1..32768");
    }
    return size;
  }
}

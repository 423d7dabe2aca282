// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/**
 * {@code struct virtq_desc}, an entry of a split queue's descriptor table and of its indirect
 * tables (VIRTIO 1.4 §2.7.5). All fields are little-endian.
 */
public final class SplitDescriptorLayout {
  /** The size of an entry in bytes. */
  public static final int SIZE = 16;

  /** The alignment of the table in bytes; indirect tables have none. */
  public static final int ALIGNMENT = 16;

  /** {@code le64 addr}: the address of the buffer. */
  public static final int ADDR = 0;

  /** {@code le32 len}: the buffer's length in bytes. */
  public static final int LEN = 8;

  /** {@code le16 flags}. */
  public static final int FLAGS = 12;

  /** {@code le16 next}: the index of the next descriptor of the chain, with {@link #F_NEXT}. */
  public static final int NEXT = 14;

  /** {@code VIRTQ_DESC_F_NEXT}: the chain goes on at {@link #NEXT}. */
  public static final int F_NEXT = 1;

  /** {@code VIRTQ_DESC_F_WRITE}: the buffer is device-writable, otherwise device-readable. */
  public static final int F_WRITE = 2;

  /** {@code VIRTQ_DESC_F_INDIRECT}: the buffer is a table of descriptors. */
  public static final int F_INDIRECT = 4;

  /** The largest queue size (VIRTIO 1.4 §2.7). */
  public static final int MAX_QUEUE_SIZE = 32768;

  private SplitDescriptorLayout() {}

  /**
   * Checks a queue size.
   *
   * @param size the size
   * @return {@code size}
   * @throws IllegalArgumentException if it is not a power of two in 1..32768
   */
  public static int checkQueueSize(int size) {
    if (size < 1 || size > MAX_QUEUE_SIZE || Integer.bitCount(size) != 1) {
      throw new IllegalArgumentException("size=" + size + " is not a power of two in 1..32768");
    }
    return size;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/**
 * Decodes the value of an available buffer notification when {@code VIRTIO_F_NOTIFICATION_DATA} was
 * agreed on (VIRTIO 1.4 §2.9): the queue's index (or the data the device chose for it) in bits 0 to
 * 15, {@code next_off} in bits 16 to 30 and {@code next_wrap} in bit 31.
 *
 * <p>The value is a hint that the driver may repeat or make up: a queue reads its ring in any case.
 */
public final class NotificationData {
  private NotificationData() {}

  /**
   * {@return the queue's index, or the data chosen for it with {@code VIRTIO_F_NOTIF_CONFIG_DATA}}
   *
   * @param data the value written
   */
  public static int queue(int data) {
    return data & 0xffff;
  }

  /**
   * {@return the split queue's available index, all 16 bits}
   *
   * @param data the value written
   */
  public static int availIndex(int data) {
    return data >>> 16;
  }

  /**
   * {@return the packed queue's next descriptor not yet available, 0 to 32767}
   *
   * @param data the value written
   */
  public static int nextOffset(int data) {
    return (data >>> 16) & 0x7fff;
  }

  /**
   * {@return the packed queue's driver wrap counter, 0 or 1}
   *
   * @param data the value written
   */
  public static int nextWrap(int data) {
    return data >>> 31;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/**
 * What the driver configured of a queue, taken as it stands when the queue is activated; nothing of
 * it is checked yet, {@link Virtqueue#activate} does.
 *
 * @param size the queue's size in descriptors, as written by the driver
 * @param descriptorArea the address of the descriptor table (split) or ring (packed)
 * @param driverArea the address of the available ring or the driver event suppression structure
 * @param deviceArea the address of the used ring or the device event suppression structure
 * @param features the features agreed on, of which those in {@link RingFeatures} are regarded
 */
public record QueueConfig(
    int size, long descriptorArea, long driverArea, long deviceArea, long features) {
  /** {@return whether the packed format was agreed on} */
  public boolean isPacked() {
    return has(RingFeatures.RING_PACKED);
  }

  /**
   * {@return whether a feature was agreed on}
   *
   * @param mask one of the constants of {@link RingFeatures}
   */
  public boolean has(long mask) {
    return (features & mask) != 0;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

/** The formats, by the sizes and numbers of the specification; queues are tested by the testkit. */
class LayoutTest {
  @Test
  void areasHaveTheSizesOfTheSpecification() {
    for (int size : new int[] {1, 2, 128, 32768}) {
      assertEquals(6 + 2 * size, AvailRingLayout.size(size));
      assertEquals(4 + 2 * size, AvailRingLayout.usedEvent(size));
      assertEquals(6 + 8 * size, UsedRingLayout.size(size));
      assertEquals(4 + 8 * size, UsedRingLayout.availEvent(size));
      assertEquals(size, SplitDescriptorLayout.checkQueueSize(size));
      assertEquals(size, PackedDescriptorLayout.checkQueueSize(size));
    }
    assertEquals(5, PackedDescriptorLayout.checkQueueSize(5));
    assertEquals(
        "size=5 is not a power of two in 1..32768",
        assertThrows(IllegalArgumentException.class, () -> SplitDescriptorLayout.checkQueueSize(5))
            .getMessage());
    assertEquals(
        "size=32769 is not in 1..32768",
        assertThrows(
                IllegalArgumentException.class, () -> PackedDescriptorLayout.checkQueueSize(32769))
            .getMessage());
  }

  /** VIRTIO 1.4 §2.9, the project's NDATA-D01 to D03. */
  @Test
  void notificationDataHasItsFields() {
    int data = 0xffff_0000 | 7;
    assertEquals(7, NotificationData.queue(data));
    assertEquals(65535, NotificationData.availIndex(data));
    assertEquals(32767, NotificationData.nextOffset(data));
    assertEquals(1, NotificationData.nextWrap(data));
    data = 0x0003_fffe;
    assertEquals(0xfffe, NotificationData.queue(data));
    assertEquals(3, NotificationData.availIndex(data));
    assertEquals(3, NotificationData.nextOffset(data));
    assertEquals(0, NotificationData.nextWrap(data));
  }
}

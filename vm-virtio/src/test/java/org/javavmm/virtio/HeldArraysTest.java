// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.javavmm.memory.GuestMemory;
import org.junit.jupiter.api.Test;

/** The arrays that long chains make requests grow to, which nobody sees from outside. */
class HeldArraysTest {
  private static final int SIZE = 8192;
  private static final long DESCRIPTORS = 0x10_0000;
  private static final long AVAIL = 0x14_0000;
  private static final long USED = 0x18_0000;
  private static final long TABLE = 0x40_0000;
  private static final long DATA = 0x80_0000;
  private static final int ROUNDS = 10;

  private static void descriptor(GuestMemory memory, long at, long length, int flags, int next) {
    boolean indirect = (flags & SplitDescriptorLayout.F_INDIRECT) != 0;
    memory.putLong(at, indirect ? TABLE : DATA);
    memory.putLong(at + 8, length | (long) flags << 32 | (long) next << 48);
  }

  private static Request take(Virtqueue queue) {
    assertEquals(Taken.REQUEST, queue.take());
    return queue.request();
  }

  @Test
  void arraysOfLongChainsAreNotKeptByEveryRequest() throws Exception {
    try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 0x100_0000).build()) {
      for (int i = 0; i < SIZE; i++) {
        boolean more = i + 1 < SIZE;
        int flags = more ? SplitDescriptorLayout.F_NEXT : 0;
        descriptor(memory, TABLE + 16L * i, 1, flags, more ? i + 1 : 0);
      }
      for (int head = 0; head < 8 * ROUNDS; head++) {
        boolean large = head % 8 < 4;
        descriptor(
            memory,
            DESCRIPTORS + 16L * head,
            large ? 16L * SIZE : 1,
            large ? SplitDescriptorLayout.F_INDIRECT : 0,
            0);
        memory.putShort(AVAIL + 4 + 2L * head, (short) head);
      }
      memory.putShort(AVAIL + 2, (short) (8 * ROUNDS));
      long features = RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC;
      Virtqueue queue =
          Virtqueue.activate(memory, new QueueConfig(SIZE, DESCRIPTORS, AVAIL, USED, features));
      for (int round = 0; round < ROUNDS; round++) {
        Request[] large = new Request[4];
        for (int i = 0; i < large.length; i++) {
          large[i] = take(queue);
        }
        for (Request request : large) {
          assertTrue(queue.complete(request, 0));
        }
        // Short ones are held in the places of the long ones, which come to others next time.
        for (int i = 0; i < large.length; i++) {
          Request _ = take(queue);
        }
        long limit = 2L * (4 * SIZE + SIZE);
        assertTrue(queue.grown <= limit, queue.grown + " parts in round " + round);
      }
    }
  }
}

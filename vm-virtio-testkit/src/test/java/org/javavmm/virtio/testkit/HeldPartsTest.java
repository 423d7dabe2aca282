// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayDeque;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.javavmm.event.EventLoop;
import org.javavmm.memory.GuestMemory;
import org.javavmm.virtio.DeviceContext;
import org.javavmm.virtio.QueueConfig;
import org.javavmm.virtio.Request;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.SplitDescriptorLayout;
import org.javavmm.virtio.Taken;
import org.javavmm.virtio.TransportSetup;
import org.javavmm.virtio.VirtioDevice;
import org.javavmm.virtio.VirtioMmio;
import org.javavmm.virtio.Virtqueue;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a driver can make a device hold through indirect tables is bounded. */
class HeldPartsTest {
  private static final long RINGS = 0x10_0000;
  private static final long TABLE = 0x40_0000;
  private static final long DATA = 0x80_0000;
  private static final long MEMORY = 0x100_0000;
  private static final int LEAST = 16_384;

  /** A split queue whose descriptors all refer to one table of as many entries. */
  private static Virtqueue hostile(GuestMemory memory, int size, int entries) {
    QueueConfig config =
        DriverQueue.layout(RINGS, size, RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC);
    SplitDriver driver = (SplitDriver) DriverQueue.create(memory, config);
    for (int i = 0; i < entries; i++) {
      boolean more = i + 1 < entries;
      driver.descriptorAt(
          TABLE + 16L * i, DATA, 1, more ? SplitDescriptorLayout.F_NEXT : 0, more ? i + 1 : 0);
    }
    for (int i = 0; i < size; i++) {
      driver.descriptor(i, TABLE, 16L * entries, SplitDescriptorLayout.F_INDIRECT, 0);
      driver.availEntry(i, i);
    }
    driver.availIndex(size);
    return Virtqueue.activate(memory, config);
  }

  @ParameterizedTest
  @ValueSource(ints = {256, 4096, 8192})
  void aQueueTakesNoMoreThanItsBudget(int size) throws Exception {
    long limit = Math.max(4L * size, LEAST);
    try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, MEMORY).build()) {
      Virtqueue queue = hostile(memory, size, size);
      ArrayDeque<Request> held = new ArrayDeque<>();
      Taken ended = queue.process((_, request) -> held.add(request));
      long parts = held.stream().mapToLong(Request::parts).sum();
      assertTrue(parts >= limit && parts < limit + size, parts + " parts are held");
      assertEquals(Taken.EMPTY, ended);
      assertTrue(queue.isFull());
      assertFalse(queue.enableNotifications());
      // All of them come, as room is made.
      int done = 0;
      while (!held.isEmpty()) {
        assertTrue(queue.complete(held.remove(), 0));
        done++;
        assertFalse(queue.isFull());
        Taken _ = queue.process((_, request) -> held.add(request));
      }
      assertEquals(size, done);
      assertEquals(Taken.EMPTY, queue.take());
      assertFalse(queue.isFull());
    }
  }

  @Test
  void smallRequestsFillNoQueue() throws Exception {
    try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, MEMORY).build()) {
      int size = 8192;
      Virtqueue queue = hostile(memory, size, 3);
      int[] taken = {0};
      assertEquals(Taken.REQUEST, queue.process((_, _) -> taken[0]++));
      assertEquals(size, taken[0]);
      assertEquals(Taken.EMPTY, queue.take());
      assertFalse(queue.isFull());
    }
  }

  /** Holds all it gets. */
  private static final class Hoarder implements VirtioDevice {
    final ArrayDeque<Request> held = new ArrayDeque<>();
    volatile @Nullable DeviceContext context;

    @Override
    public int deviceId() {
      return 3;
    }

    @Override
    public int[] queueSizes() {
      return new int[] {4096};
    }

    @Override
    public void activate(DeviceContext newContext) {
      context = newContext;
    }

    @Override
    public void notified(int queue) {
      Objects.requireNonNull(context).serve(queue, (_, request) -> held.add(request));
    }

    @Override
    public void reset() {
      held.clear();
    }
  }

  @Test
  void aDeviceIsCalledWhenThereIsRoomAgain() throws Exception {
    int size = 4096;
    Hoarder device = new Hoarder();
    try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, MEMORY).build();
        EventLoop loop = EventLoop.create("devices")) {
      Thread _ = loop.start();
      try (VirtioMmio mmio =
          VirtioMmio.builder(TransportSetup.of(device, memory, loop), 0xd000_0000L)
              .edge(() -> {})
              .build()) {
        Virtqueue shown = hostile(memory, size, size);
        MmioDriver driver = new MmioDriver(mmio);
        assertTrue(driver.negotiate(RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC));
        assertTrue(driver.enable(0, shown.config()));
        driver.ready();
        driver.notify(0);
        // Nobody notifies again, and each round takes as many as it gave back.
        AtomicInteger done = new AtomicInteger();
        TransportDriver.await(
            () -> {
              loop.execute(() -> {
                int count = device.held.size();
                assertTrue(count <= 4, count + " are held");
                Virtqueue queue = Objects.requireNonNull(device.context).queue(0);
                while (!device.held.isEmpty()) {
                  assertTrue(queue.complete(device.held.remove(), 0));
                }
                done.addAndGet(count);
              });
              return done.get() == size;
            },
            "all came");
      }
    }
  }
}

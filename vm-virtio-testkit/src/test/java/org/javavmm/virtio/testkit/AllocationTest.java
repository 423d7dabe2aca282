// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.javavmm.memory.Access;
import org.javavmm.memory.AddressSpace;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.IommuView;
import org.javavmm.virtio.QueueConfig;
import org.javavmm.virtio.Request;
import org.javavmm.virtio.RequestHandler;
import org.javavmm.virtio.RequestReader;
import org.javavmm.virtio.RequestWriter;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.Taken;
import org.javavmm.virtio.Virtqueue;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A round of a queue allocates nothing in steady state. */
class AllocationTest {
  private static final int SIZE = 8;
  private static final int ROUNDS = 20_000;

  @ParameterizedTest
  @CsvSource({
    "split, 0, false",
    "split, 268435456, false",
    "split, 536870912, true",
    "split, 34359738368, false",
    "packed, 0, false",
    "packed, 268435456, false",
    "packed, 536870912, true",
    "packed, 34359738368, false"
  })
  void aRoundAllocatesNothing(String format, long features, boolean iommu) throws Exception {
    boolean packed = format.equals("packed");
    boolean indirect = (features & RingFeatures.INDIRECT_DESC) != 0;
    try (GuestMemory memory = Fixture.memory();
        Arena arena = Arena.ofConfined()) {
      AddressSpace space =
          iommu
              ? new IommuView(
                  memory,
                  (iova, access, found) -> {
                    found.set(0x100_0000, 0x20_0000, 0, Access.READ_WRITE);
                    return iova >= 0x100_0000 && iova < 0x120_0000;
                  },
                  8)
              : memory;
      long base = iommu ? 0x100_0000 : 0;
      QueueConfig config =
          DriverQueue.layout(
              base + Fixture.RINGS, SIZE, features | (packed ? Fixture.PACKED : Fixture.VERSION_1));
      DriverQueue driver = DriverQueue.create(space, config);
      Virtqueue queue = Virtqueue.activate(space, config);
      long data = base + Fixture.DATA;
      MemorySegment segment = arena.allocate(16);
      byte[] array = new byte[32];
      RequestReader readRest = new RequestReader();
      RequestWriter writeRest = new RequestWriter();
      RequestHandler handler =
          (q, r) -> {
            RequestReader reader = r.reader();
            reader.getLong();
            reader.splitAt(8, readRest);
            reader.getInt();
            reader.read(array, 0, 4);
            readRest.read(segment);
            RequestWriter writer = r.writer();
            writer.splitAt(31, writeRest);
            writer.write(segment);
            writer.write(array, 0, 15);
            writeRest.putByte((byte) 1);
            q.complete(r);
          };
      int[] state = {0, 1};
      Allocation.Step step =
          i -> {
            offer(driver, state, data, base + Fixture.TABLES, indirect);
            Taken taken = queue.process(handler);
            if (taken != Taken.EMPTY) {
              throw new AssertionError(taken + " " + queue.fault());
            }
            queue.needsNotification();
          };
      long bytes = Allocation.bytes(ROUNDS, step);
      assertTrue(bytes <= ROUNDS / 100, bytes + " bytes in " + ROUNDS + " rounds");
      assertEquals(0, queue.held().size());
    }
  }

  /** Two readable buffers of 20 and 12 bytes, two writable ones of 16, without a new object. */
  private static void offer(
      DriverQueue driver, int[] state, long data, long table, boolean indirect) {
    if (driver instanceof SplitDriver split) {
      for (int i = 0; i < 4; i++) {
        int flags = (i < 3 ? 1 : 0) | (i < 2 ? 0 : 2);
        long length = i == 0 ? 20 : i == 1 ? 12 : 16;
        if (indirect) {
          split.descriptorAt(table + 16L * i, data + 64L * i, length, flags, i + 1);
        } else {
          split.descriptor(i, data + 64L * i, length, flags, i + 1);
        }
      }
      if (indirect) {
        split.descriptor(0, table, 64, 4, 0);
      }
      split.availEntry(state[0] % SIZE, 0);
      state[0] = (state[0] + 1) & 0xffff;
      split.availIndex(state[0]);
    } else if (driver instanceof PackedDriver packed) {
      int count = indirect ? 1 : 4;
      int first = state[0];
      for (int i = count - 1; i >= 0; i--) {
        int slot = first + i;
        int wrap = slot < SIZE ? state[1] : state[1] ^ 1;
        int flags = PackedDriver.available(wrap) | (i < count - 1 ? 1 : 0);
        long length = i == 0 ? 20 : i == 1 ? 12 : 16;
        if (indirect) {
          for (int k = 0; k < 4; k++) {
            packed.descriptorAt(
                table + 16L * k, data + 64L * k, k == 0 ? 20 : k == 1 ? 12 : 16, 0, k < 2 ? 0 : 2);
          }
          packed.descriptor(slot % SIZE, table, 64, 0, flags | 4);
        } else {
          packed.descriptor(slot % SIZE, data + 64L * i, length, 0, flags | (i < 2 ? 0 : 2));
        }
      }
      state[0] += count;
      if (state[0] >= SIZE) {
        state[0] -= SIZE;
        state[1] ^= 1;
      }
    }
  }

  /** Several held at once, returned in another order: the pool serves them. */
  @ParameterizedTest
  @CsvSource({"split", "packed"})
  void requestsHeldAllocateNothing(String format) throws Exception {
    boolean packed = format.equals("packed");
    try (GuestMemory memory = Fixture.memory()) {
      QueueConfig config =
          DriverQueue.layout(Fixture.RINGS, SIZE, packed ? Fixture.PACKED : Fixture.VERSION_1);
      DriverQueue driver = DriverQueue.create(memory, config);
      Virtqueue queue = Virtqueue.activate(memory, config);
      Request[] held = new Request[SIZE];
      int[] state = {0, 1};
      Allocation.Step step =
          i -> {
            for (int k = 0; k < SIZE; k++) {
              if (driver instanceof SplitDriver split) {
                split.descriptor(k, Fixture.DATA, 8, 0, 0);
                split.availEntry(state[0] % SIZE, k);
                state[0] = (state[0] + 1) & 0xffff;
                split.availIndex(state[0]);
              } else if (driver instanceof PackedDriver p) {
                p.descriptor(k, Fixture.DATA, 8, k, PackedDriver.available(state[1]));
              }
            }
            state[1] ^= 1;
            for (int k = 0; k < SIZE; k++) {
              if (queue.take() != Taken.REQUEST) {
                throw new AssertionError(queue.fault().toString());
              }
              held[k] = queue.request();
            }
            for (int k = SIZE - 1; k >= 0; k--) {
              queue.stage(held[k], 0);
            }
            queue.publish();
            queue.needsNotification();
          };
      long bytes = Allocation.bytes(ROUNDS / 4, step);
      assertTrue(bytes <= ROUNDS / 400, bytes + " bytes");
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import static org.javavmm.virtio.testkit.Buffer.readable;
import static org.javavmm.virtio.testkit.Machine.DATA;
import static org.javavmm.virtio.testkit.Machine.RINGS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.testkit.Machine.Kind;
import org.junit.jupiter.api.Test;

/** What virtio-mmio alone does. */
class VirtioMmioTest {
  private static final long SPLIT = RingFeatures.VERSION_1 | RingFeatures.RING_RESET;

  @Test
  @Clause({"MMIO-01", "MMIO-02", "MMIO-D01"})
  void identifiesItself() throws Exception {
    try (Machine m = new Machine(Kind.MMIO)) {
      assertTrue(m.mmioDriver().isPresent());
      assertEquals(0x7472_6976L, m.bus.read(Machine.MMIO_BASE, 4));
      assertEquals(2, m.bus.read(Machine.MMIO_BASE + 4, 4));
      assertEquals(3, m.bus.read(Machine.MMIO_BASE + 8, 4));
      assertEquals(0x4d4d_564aL, m.bus.read(Machine.MMIO_BASE + 12, 4));
      assertEquals(Machine.MMIO_BASE, m.mmio().address());
    }
  }

  @Test
  @Clause({"MMIO-03", "MMIO-04", "MMIO-05", "MMIO-06", "MMIO-07", "MMIO-D09"})
  void theLineFollowsTheInterruptStatus() throws Exception {
    try (Machine m = new Machine(Kind.MMIO)) {
      DriverQueue[] queues = m.driver.start(m.memory, RINGS, 8, 2, SPLIT);
      m.settle();
      MmioDriver driver = m.mmioDriver();
      assertEquals(0, driver.interruptStatus());
      assertFalse(m.level);
      int _ = queues[0].offer(List.of(readable(DATA, 8)));
      queues[0].expose();
      driver.notify(0);
      TransportDriver.await(() -> driver.interruptStatus() == 1, "used buffers");
      m.settle();
      assertTrue(m.level);
      assertEquals(1, m.edges.get());
      m.device.context().notifyConfig();
      assertEquals(3, driver.interruptStatus());
      assertEquals(2, m.edges.get());
      driver.acknowledge(0);
      driver.acknowledge(0xfffc);
      assertEquals(3, driver.interruptStatus());
      driver.acknowledge(1);
      assertEquals(2, driver.interruptStatus());
      assertTrue(m.level);
      driver.acknowledge(0xff);
      assertEquals(0, driver.interruptStatus());
      assertFalse(m.level);
      // Each notification raises an edge, seen or not.
      m.device.context().notifyQueue(1);
      m.device.context().notifyQueue(0);
      assertEquals(4, m.edges.get());
      assertTrue(m.level);
      driver.reset();
      assertEquals(0, driver.interruptStatus());
      assertFalse(m.level);
    }
  }

  @Test
  @Clause({"MMIO-10", "MMIO-D04"})
  void aQueueThatIsNotReadyIsNotTouched() throws Exception {
    try (Machine m = new Machine(Kind.MMIO)) {
      DriverQueue[] queues = m.driver.start(m.memory, RINGS, 8, 2, SPLIT);
      m.settle();
      m.driver.selectQueue(0);
      assertEquals(1, m.driver.queueReady());
      m.driver.queueReady(0);
      assertEquals(0, m.driver.queueReady());
      int _ = queues[0].offer(List.of(readable(DATA, 8)));
      queues[0].expose();
      MemoryGuard guard = new MemoryGuard(m.memory);
      m.driver.notify(0);
      m.device.context().notifyQueue(0);
      m.settle();
      guard.verify();
      assertEquals(List.of(), queues[0].collect());
      // Ready again, it begins anew where its registers say, which have not changed.
      DriverQueue again = DriverQueue.create(m.memory, queues[0].config());
      m.memory.fill(RINGS, DriverQueue.layoutSize(8), (byte) 0);
      m.driver.queueReady(1);
      assertEquals(1, m.driver.queueReady());
      int id = again.offer(List.of(readable(DATA, 8)));
      again.expose();
      m.driver.notify(0);
      TransportDriver.await(() -> again.poll().equals(List.of(new Used(id, 0))), "used");
    }
  }

  @Test
  @Clause("MMIO-D06")
  void sharedMemoryIsWhereTheMonitorSays() throws Exception {
    try (Machine m = new Machine(Kind.MMIO)) {
      long[][] regions = {{1, 0x3000, Machine.SHM_BASE}, {7, 0x2000, Machine.SHM_BASE + 0x3000}};
      for (long[] region : regions) {
        m.driver.rawWrite(0xac, 4, region[0]);
        assertEquals(region[1], m.driver.rawRead(0xb0, 4));
        assertEquals(0, m.driver.rawRead(0xb4, 4));
        assertEquals(region[2], m.driver.rawRead(0xb8, 4));
        assertEquals(0, m.driver.rawRead(0xbc, 4));
        assertEquals(OptionalLong.of(region[2]), m.mmio().sharedMemoryAddress((int) region[0]));
      }
      for (long id : new long[] {0, 2, 0xffff_ffffL}) {
        m.driver.rawWrite(0xac, 4, id);
        for (int register = 0xb0; register <= 0xbc; register += 4) {
          assertEquals(0xffff_ffffL, m.driver.rawRead(register, 4));
        }
      }
      assertEquals(OptionalLong.empty(), m.mmio().sharedMemoryAddress(0));
    }
  }

  @Test
  void oddAccessesToRegistersDoNothing() throws Exception {
    try (Machine m = new Machine(Kind.MMIO)) {
      assertTrue(m.driver.negotiate(SPLIT));
      SplittableRandom random = new SplittableRandom(1);
      int odd = 0;
      for (int offset = 0; offset < 0x100; offset++) {
        for (int size : new int[] {1, 2, 4, 8}) {
          if (size == 4 && (offset & 3) == 0) {
            continue;
          }
          assertEquals(0, m.driver.rawRead(offset, size));
          m.driver.rawWrite(offset, size, random.nextLong());
          odd += 2;
        }
      }
      assertEquals(odd, m.statistics().oddAccesses());
      assertEquals(11, m.driver.status());
      // Write-only registers read as 0, read-only ones take nothing, nor do those that are none.
      for (int register : new int[] {0x14, 0x20, 0x24, 0x30, 0x38, 0x50, 0x64, 0x80, 0xa4, 0xac}) {
        assertEquals(0, m.driver.rawRead(register, 4));
      }
      long ignored = m.statistics().ignoredWrites();
      for (int register : new int[] {0, 4, 8, 0xc, 0x10, 0x34, 0x60, 0xb0, 0xfc, 0x18, 0xf8}) {
        m.driver.rawWrite(register, 4, 0xffff_ffffL);
      }
      assertEquals(ignored + 11, m.statistics().ignoredWrites());
      assertTrue(m.mmioDriver().isPresent());
    }
  }
}

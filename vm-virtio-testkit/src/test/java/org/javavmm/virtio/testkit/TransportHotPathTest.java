// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import static org.javavmm.virtio.testkit.Buffer.readable;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.javavmm.device.BusDevice;
import org.javavmm.event.EventLoop;
import org.javavmm.memory.Access;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.IommuView;
import org.javavmm.memory.Translation;
import org.javavmm.virtio.DeviceContext;
import org.javavmm.virtio.Request;
import org.javavmm.virtio.RequestHandler;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.TransportSetup;
import org.javavmm.virtio.VirtioDevice;
import org.javavmm.virtio.VirtioMmio;
import org.javavmm.virtio.VirtioPci;
import org.javavmm.virtio.Virtqueue;
import org.javavmm.virtio.testkit.Machine.Kind;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Many notifications in both directions: what they allocate, and that a reset ends them. */
class TransportHotPathTest {
  /** Returns every request at once. */
  private static final class Sink implements VirtioDevice {
    private final RequestHandler handler = this::serve;
    final AtomicInteger served = new AtomicInteger();
    private @Nullable DeviceContext context;

    @Override
    public int deviceId() {
      return 4;
    }

    @Override
    public int[] queueSizes() {
      return new int[] {64};
    }

    @Override
    public void activate(DeviceContext newContext) {
      context = newContext;
    }

    @Override
    public void notified(int queue) {
      DeviceContext now = context;
      if (now != null) {
        now.serve(queue, handler);
      }
    }

    private void serve(Virtqueue queue, Request request) {
      boolean _ = queue.complete(request);
      served.incrementAndGet();
    }

    @Override
    public void reset() {
      context = null;
    }
  }

  @ParameterizedTest
  @EnumSource
  void aRoundFromNotificationToInterruptAllocatesNothing(Kind kind) throws Exception {
    try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 1 << 20).build();
        EventLoop loop = EventLoop.create("devices")) {
      Thread _ = loop.start();
      Sink sink = new Sink();
      AtomicInteger interrupts = new AtomicInteger();
      TransportSetup setup = TransportSetup.of(sink, memory, loop);
      VirtioMmio mmio = null;
      VirtioPci pci = null;
      TransportDriver driver;
      BusDevice bus;
      long notify;
      if (kind == Kind.MMIO) {
        mmio = VirtioMmio.builder(setup, 0xd000_0000L).edge(interrupts::incrementAndGet).build();
        driver = new MmioDriver(mmio);
        bus = mmio;
        notify = 0x50;
      } else {
        pci = VirtioPci.builder(setup).build();
        driver = new PciDriver(pci.function());
        bus = pci.function().bar(0).orElseThrow();
        notify = 0x3000;
      }
      DriverQueue queue = driver.start(memory, 0x1000, 64, 1, RingFeatures.VERSION_1)[0];
      int rounds = 1000;
      long leastOfLoop = Long.MAX_VALUE;
      long leastOfCpu = Long.MAX_VALUE;
      for (int attempt = 0;
          attempt < 40 && (leastOfLoop >= 4000 || leastOfCpu >= 4000);
          attempt++) {
        long loopBytes = loop.call(Allocation::now);
        long cpuBytes = 0;
        for (int i = 0; i < rounds; i++) {
          // Before the request is exposed: a loop that still looks for more may serve it at once.
          int wanted = sink.served.get() + 1;
          int _ = queue.offer(List.of(readable(0x8000, 8)));
          boolean _ = queue.expose();
          long before = Allocation.now();
          bus.write(notify, kind == Kind.MMIO ? 4 : 2, 0);
          cpuBytes += Allocation.now() - before;
          while (sink.served.get() < wanted) {
            Thread.onSpinWait();
          }
          while (queue.poll().isEmpty()) {
            Thread.onSpinWait();
          }
        }
        loopBytes = loop.call(Allocation::now) - loopBytes;
        leastOfLoop = Math.min(leastOfLoop, loopBytes);
        leastOfCpu = Math.min(leastOfCpu, cpuBytes);
      }
      // The two calls that ask the loop's thread allocate a little; an object a round is 16,000.
      assertTrue(leastOfLoop < 4000, "loop: " + leastOfLoop + " bytes in " + rounds);
      assertTrue(leastOfCpu < 4000, "vCPU: " + leastOfCpu + " bytes in " + rounds);
      if (mmio != null) {
        mmio.close();
        assertTrue(interrupts.get() > rounds / 2, "interrupts: " + interrupts);
      }
      if (pci != null) {
        pci.close();
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  @Clause({"RESET-02", "QRESET-02"})
  void nobodyNotifiesOnceStatusReadsZero(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      AtomicBoolean stop = new AtomicBoolean();
      List<Thread> senders = new ArrayList<>();
      for (int round = 0; round < 30; round++) {
        DriverQueue[] _ = m.driver.start(m.memory, Machine.RINGS, 8, 2, RingFeatures.VERSION_1);
        m.settle();
        DeviceContext context = m.device.context();
        for (int i = 0; i < 2; i++) {
          senders.add(
              Thread.ofPlatform()
                  .start(() -> {
                    while (!stop.get()) {
                      context.notifyQueue(0);
                      context.notifyConfig();
                    }
                  }));
        }
        TransportDriver.await(() -> m.driver.takeInterruptStatus() == 3, "notifications");
        m.driver.status(0);
        assertEquals(0, m.driver.status());
        int edges = m.edges.get();
        for (int i = 0; i < 200; i++) {
          assertEquals(0, m.driver.takeInterruptStatus());
        }
        assertEquals(edges, m.edges.get());
        assertFalse(m.level);
        stop.set(true);
        for (Thread sender : senders) {
          sender.join();
        }
        senders.clear();
        stop.set(false);
      }
    }
  }

  @Test
  @Clause({"RESV-03", "RESV-04", "RESV-05"})
  void behindAnIommuThePlatformsAccessIsOfferedAndNeeded() throws Exception {
    try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 1 << 20).build();
        EventLoop loop = EventLoop.create("devices")) {
      Thread _ = loop.start();
      IommuView view = new IommuView(memory, TransportHotPathTest::translate, 16);
      Sink sink = new Sink();
      try (VirtioMmio mmio =
          VirtioMmio.builder(TransportSetup.of(sink, view, loop), 0xd000_0000L).build()) {
        MmioDriver driver = new MmioDriver(mmio);
        long platform = RingFeatures.ACCESS_PLATFORM;
        assertEquals(platform, driver.offered() & platform);
        assertFalse(driver.negotiate(RingFeatures.VERSION_1));
        // Addresses are 1 MiB above where memory is.
        DriverQueue queue =
            driver.start(view, 0x10_1000, 16, 1, RingFeatures.VERSION_1 | platform)[0];
        int id = queue.offer(List.of(readable(0x10_8000, 8)));
        queue.expose();
        driver.notify(0);
        TransportDriver.await(() -> queue.poll().equals(List.of(new Used(id, 0))), "used");
      }
    }
  }

  private static boolean translate(long iova, Access access, Translation found) {
    if (iova < 0x10_0000 || iova >= 0x20_0000) {
      return false;
    }
    found.set(iova & -4096, 4096, (iova & -4096) - 0x10_0000, Access.READ_WRITE);
    return true;
  }
}

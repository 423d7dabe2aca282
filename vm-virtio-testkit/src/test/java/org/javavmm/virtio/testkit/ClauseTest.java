// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import static org.javavmm.virtio.testkit.Buffer.readable;
import static org.javavmm.virtio.testkit.Buffer.writable;
import static org.javavmm.virtio.testkit.Machine.DATA;
import static org.javavmm.virtio.testkit.Machine.RINGS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.javavmm.event.EventLoop;
import org.javavmm.memory.GuestMemory;
import org.javavmm.virtio.DeviceStatus;
import org.javavmm.virtio.Features;
import org.javavmm.virtio.NotificationData;
import org.javavmm.virtio.PackedDescriptorLayout;
import org.javavmm.virtio.Request;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.SplitDescriptorLayout;
import org.javavmm.virtio.TransportSetup;
import org.javavmm.virtio.UsedRingLayout;
import org.javavmm.virtio.VirtioMmio;
import org.javavmm.virtio.VirtioMmioLayout;
import org.javavmm.virtio.VirtioPci;
import org.javavmm.virtio.VirtioPciLayout;
import org.javavmm.virtio.Virtqueue;
import org.javavmm.virtio.testkit.Machine.Kind;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The clauses of rings through both transports, and those that no other test is about. */
class ClauseTest {
  private static final long ALL =
      TransportSetup.DEFAULT_RING_FEATURES
          | RingFeatures.IN_ORDER
          | RingFeatures.ORDER_PLATFORM
          | RingFeatures.NOTIFICATION_DATA;

  /** A transport, the format of the queues, and what else is agreed on. */
  record Way(Kind kind, boolean packed, long more) {
    long features() {
      return RingFeatures.VERSION_1
          | RingFeatures.RING_RESET
          | RingFeatures.INDIRECT_DESC
          | (packed ? RingFeatures.RING_PACKED : 0)
          | more;
    }

    boolean has(long feature) {
      return (more & feature) != 0;
    }

    @Override
    public String toString() {
      return kind
          + (packed ? " packed" : " split")
          + (has(RingFeatures.EVENT_IDX) ? "+event_idx" : "")
          + (has(RingFeatures.IN_ORDER) ? "+in_order" : "");
    }
  }

  private static Stream<Way> ways(long... more) {
    return Stream.of(Kind.values())
        .flatMap(kind ->
            Stream.of(false, true)
                .flatMap(packed ->
                    Stream.of(more)
                        .flatMapToLong(java.util.Arrays::stream)
                        .mapToObj(m -> new Way(kind, packed, m))));
  }

  static Stream<Way> plain() {
    return ways(0);
  }

  static Stream<Way> notifying() {
    return ways(0, RingFeatures.EVENT_IDX);
  }

  static Stream<Way> working() {
    return ways(
        0,
        RingFeatures.EVENT_IDX,
        RingFeatures.IN_ORDER,
        RingFeatures.IN_ORDER | RingFeatures.EVENT_IDX);
  }

  private static Machine machine(Kind kind) throws Exception {
    return new Machine(kind, s -> s.withRingFeatures(ALL));
  }

  private static List<Used> used(Machine m, DriverQueue queue, int count) throws Exception {
    List<Used> used = new ArrayList<>();
    TransportDriver.await(
        () -> {
          used.addAll(queue.poll());
          return used.size() >= count;
        },
        "not used");
    m.settle();
    used.addAll(queue.collect());
    return used;
  }

  /** Eight bytes cut at random. */
  private static void cut(List<Buffer> chain, SplittableRandom random, long at, boolean write) {
    int first = random.nextInt(9);
    if (first > 0) {
      chain.add(write ? writable(at, first) : readable(at, first));
    }
    if (first < 8) {
      chain.add(write ? writable(at + first, 8 - first) : readable(at + first, 8 - first));
    }
  }

  // ---- rings ---------------------------------------------------------------------------------

  /** Requests of any layout complete in the reverse order; the driver checks what it can see. */
  @ParameterizedTest
  @MethodSource("working")
  @Clause({
    "SPLIT-01",
    "SPLIT-03",
    "SPLIT-06",
    "SPLIT-08",
    "SPLIT-16",
    "SPLIT-17",
    "SPLIT-18",
    "SPLIT-22",
    "SPLIT-D02",
    "SPLIT-D03",
    "SPLIT-D04",
    "PACKED-01",
    "PACKED-02",
    "PACKED-04",
    "PACKED-07",
    "PACKED-08",
    "PACKED-D01",
    "PACKED-D02",
    "PACKED-D03",
    "PACKED-D04",
    "PACKED-D05",
    "PACKED-D12",
    "INORD-01"
  })
  void theRingsRulesHold(Way way) throws Exception {
    try (Machine m = machine(way.kind)) {
      DriverQueue[] queues = m.driver.start(m.memory, RINGS, 8, 2, way.features());
      SplittableRandom random = new SplittableRandom(7);
      m.device.holds = true;
      for (int round = 0; round < 60; round++) {
        int index = round & 1;
        DriverQueue queue = queues[index];
        List<Integer> ids = new ArrayList<>();
        List<Long> values = new ArrayList<>();
        int chains = 1 + random.nextInt(2);
        for (int i = 0; i < chains; i++) {
          long at = DATA + 0x100L * i;
          values.add(random.nextLong());
          m.memory.putLong(at, values.get(i));
          m.memory.putLong(at + 16, 0);
          List<Buffer> chain = new ArrayList<>();
          cut(chain, random, at, false);
          cut(chain, random, at + 16, true);
          ids.add(
              random.nextBoolean()
                  ? queue.offer(chain)
                  : queue.offerIndirect(chain, DATA + 0x1000 + 0x100L * i));
        }
        queue.expose();
        m.driver.notify(index);
        TransportDriver.await(() -> held(m) == chains, "not taken");
        MemoryGuard guard = new MemoryGuard(m.memory);
        if (way.packed) {
          guard.allow(queue.config().descriptorArea(), 8L * PackedDescriptorLayout.SIZE);
          guard.allow(queue.config().deviceArea(), 4);
        } else {
          guard.allow(queue.config().deviceArea(), UsedRingLayout.size(8));
        }
        for (int i = 0; i < chains; i++) {
          guard.allow(DATA + 0x100L * i + 16, 8);
        }
        m.onLoop(() -> {
          Collections.reverse(m.device.held);
          m.device.completeAll(index);
          return true;
        });
        List<Used> expected = new ArrayList<>();
        ids.forEach(id -> expected.add(new Used(id, 8)));
        if (!way.has(RingFeatures.IN_ORDER)) {
          Collections.reverse(expected);
        }
        assertEquals(expected, queue.collect());
        guard.verify();
        for (int i = 0; i < chains; i++) {
          assertEquals(values.get(i), m.memory.getLong(DATA + 0x100L * i + 16));
        }
      }
      assertEquals(0, m.statistics().faults());
    }
  }

  private static int held(Machine m) {
    try {
      return m.onLoop(m.device.held::size);
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  @ParameterizedTest
  @MethodSource("notifying")
  @Clause({
    "SPLIT-10",
    "SPLIT-11",
    "SPLIT-12",
    "SPLIT-13",
    "SPLIT-14",
    "SPLIT-15",
    "PACKED-D10",
    "PACKED-D11",
    "PACKED-D12"
  })
  void driversAreNotifiedAsTheyWish(Way way) throws Exception {
    try (Machine m = machine(way.kind)) {
      DriverQueue queue = m.driver.start(m.memory, RINGS, 8, 2, way.features())[0];
      int sent = 0;
      for (int i = 0; i < 40; i++) {
        if (way.has(RingFeatures.EVENT_IDX)) {
          if (i % 4 == 0) {
            queue.wantNotificationAfter(2 + i / 4 % 2);
          }
          if (queue instanceof SplitDriver split) {
            split.availFlags(1); // means nothing
          }
        } else {
          if (queue instanceof SplitDriver split) {
            split.usedEvent(split.usedIndex() + (i & 1)); // means nothing
          }
          if (i % 3 == 0) {
            queue.refuseNotifications();
          } else {
            queue.wantNotifications();
          }
        }
        int id = queue.offer(List.of(readable(DATA, 8), writable(DATA + 8, 8)));
        queue.expose();
        m.driver.notify(0);
        assertEquals(List.of(new Used(id, 8)), used(m, queue, 1));
        boolean due = queue.isNotificationDue();
        sent += due ? 1 : 0;
        assertEquals(due ? 1 : 0, m.driver.takeInterruptStatus(), "round " + i);
      }
      // A packed ring's event names a descriptor, and a chain here is two.
      assertTrue(sent >= 10 && sent < 40, "sent=" + sent);
    }
  }

  @ParameterizedTest
  @MethodSource("plain")
  @Clause({"SPLIT-02", "PACKED-09"})
  void chainsMayBeAsLongAsTheQueueAndNotLonger(Way way) throws Exception {
    try (Machine m = machine(way.kind)) {
      DriverQueue queue = m.driver.start(m.memory, RINGS, 8, 2, way.features())[0];
      int id = queue.offer(Collections.nCopies(8, writable(DATA, 1)));
      queue.expose();
      m.driver.notify(0);
      assertEquals(List.of(new Used(id, 0)), used(m, queue, 1));
      assertEquals(0, m.statistics().faults());
      queue = m.driver.start(m.memory, RINGS, 8, 2, way.features())[0];
      if (queue instanceof PackedDriver packed) {
        for (int i = 7; i >= 0; i--) {
          packed.descriptor(
              i, DATA, 1, 0, PackedDescriptorLayout.F_NEXT | PackedDriver.available(1));
        }
      } else if (queue instanceof SplitDriver split) {
        split.descriptor(0, DATA, 1, SplitDescriptorLayout.F_NEXT, 0);
        split.availEntry(0, 0);
        split.availIndex(1);
      }
      m.driver.notify(0);
      TransportDriver.await(() -> m.has(DeviceStatus.NEEDS_RESET), "not refused");
      assertEquals(1, m.statistics().faults());
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {RingFeatures.VERSION_1, RingFeatures.VERSION_1 | RingFeatures.RING_PACKED})
  @Clause({"SPLIT-19", "PACKED-D04"})
  void moreThanTheLengthMayHaveBeenWritten(long features) throws Exception {
    try (Fixture f = new Fixture(8, features)) {
      int id = f.driver.offer(List.of(writable(Fixture.DATA, 8)));
      f.driver.expose();
      Request request = f.take();
      request.writer().putLong(-1);
      assertTrue(f.queue.complete(request, 4));
      assertEquals(List.of(new Used(id, 4)), f.driver.collect());
      assertEquals(-1, f.memory.getLong(Fixture.DATA));
    }
  }

  // ---- features ------------------------------------------------------------------------------

  @ParameterizedTest
  @MethodSource("plain")
  @Clause({"RESV-06", "FEAT-02"})
  void orderPlatformMayBeLeftOut(Way way) throws Exception {
    try (Machine m = machine(way.kind)) {
      for (long order : new long[] {RingFeatures.ORDER_PLATFORM, 0}) {
        assertEquals(RingFeatures.ORDER_PLATFORM, m.driver.offered() & RingFeatures.ORDER_PLATFORM);
        DriverQueue queue = m.driver.start(m.memory, RINGS, 8, 2, way.features() | order)[0];
        int id = queue.offer(List.of(readable(DATA, 8), writable(DATA + 8, 8)));
        queue.expose();
        m.driver.notify(0);
        assertEquals(List.of(new Used(id, 8)), used(m, queue, 1));
      }
    }
  }

  /** A system reset, as a monitor does it: the transport's, and with PCI the function's. */
  @ParameterizedTest
  @MethodSource("plain")
  @Clause({"FEAT-09", "FEAT-10"})
  void featuresAreAcceptedAgainAfterASystemReset(Way way) throws Exception {
    try (Machine m = machine(way.kind)) {
      long features = m.driver.offered() & (way.packed ? -1 : ~RingFeatures.RING_PACKED);
      for (int round = 0; round < 4; round++) {
        DriverQueue queue = m.driver.start(m.memory, RINGS, 8, 2, features)[0];
        int id = queue.offer(List.of(readable(DATA, 8), writable(DATA + 8, 8)));
        queue.expose();
        if (way.kind == Kind.MMIO) {
          m.driver.notify(0);
        } else {
          m.pci().function().writeBar(0, m.pciDriver().notifyOffset(0), 4, 0);
        }
        assertEquals(List.of(new Used(id, 8)), used(m, queue, 1));
        switch (way.kind) {
          case MMIO -> m.mmio().reset();
          case PCI -> {
            m.pci().reset();
            m.pci().function().reset();
          }
        }
        assertEquals(0, m.driver.status());
      }
    }
  }

  /** Neither a device nor a monitor can have a bit offered that is not theirs. */
  @ParameterizedTest
  @EnumSource
  @Clause({"FEAT-01", "FEAT-04", "FEAT-05", "FEAT-06", "FEAT-07", "FEAT-08", "RESV-01", "RESV-10"})
  void otherBitsCannotBeOffered(Kind kind) throws Exception {
    for (int bit = 24; bit < 50; bit++) {
      TestDevice device = new TestDevice();
      device.offered = Features.of(0, bit);
      try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 0x1000).build();
          EventLoop loop = EventLoop.create("devices")) {
        TransportSetup setup = TransportSetup.of(device, memory, loop);
        IllegalArgumentException e =
            assertThrows(
                IllegalArgumentException.class,
                () -> {
                  switch (kind) {
                    case MMIO -> {
                      var _ = VirtioMmio.builder(setup, Machine.MMIO_BASE).build();
                    }
                    case PCI -> {
                      var _ = VirtioPci.builder(setup).build();
                    }
                  }
                });
        assertEquals(
            "test0: features=" + device.offered + " have bits outside of 0..23 and 50..127",
            e.getMessage());
      }
    }
    long offerable = ALL | Features.SUSPEND;
    for (int bit = 0; bit < 64; bit++) {
      long features = RingFeatures.VERSION_1 | 1L << bit;
      if ((offerable >>> bit & 1) == 0) {
        IllegalArgumentException e =
            assertThrows(
                IllegalArgumentException.class,
                () -> {
                  var _ = new Machine(kind, s -> s.withRingFeatures(features));
                });
        assertTrue(String.valueOf(e.getMessage()).startsWith("ringFeatures=0x"), e::toString);
      }
    }
    assertThrows(
        IllegalArgumentException.class,
        () -> {
          var _ = new Machine(kind, s -> s.withRingFeatures(RingFeatures.RING_PACKED));
        });
  }

  // ---- notifications -------------------------------------------------------------------------

  @ParameterizedTest
  @MethodSource("plain")
  @Clause({
    "NDATA-D01",
    "NDATA-D02",
    "NDATA-D03",
    "NDATA-D04",
    "NDATA-D05",
    "NDATA-D07",
    "SPLIT-24",
    "PCI-D04"
  })
  void notificationsCarryTheRingsState(Way way) throws Exception {
    try (Machine m = machine(way.kind)) {
      long features = way.features() | RingFeatures.NOTIFICATION_DATA;
      DriverQueue[] queues = m.driver.start(m.memory, RINGS, 8, 2, features);
      m.settle();
      for (int round = 0; round < 20; round++) {
        DriverQueue queue = queues[1];
        int id = queue.offer(List.of(readable(DATA, 8), writable(DATA + 8, 8)));
        queue.expose();
        int state =
            queue instanceof PackedDriver packed
                ? packed.nextAvail() | packed.wrap() << 15
                : round + 1;
        int value = 1 | state << 16;
        assertEquals(1, NotificationData.queue(value));
        if (queue instanceof PackedDriver packed) {
          assertEquals(packed.nextAvail(), NotificationData.nextOffset(value));
          assertEquals(packed.wrap(), NotificationData.nextWrap(value));
        } else {
          assertEquals(round + 1, NotificationData.availIndex(value));
        }
        m.device.calls.clear();
        // Twice the same.
        for (int i = 0; i < 2; i++) {
          if (way.kind == Kind.MMIO) {
            m.driver.rawWrite(VirtioMmioLayout.QUEUE_NOTIFY, 4, value);
          } else {
            m.pci().function().writeBar(0, m.pciDriver().notifyOffset(1), 4, value);
          }
        }
        assertEquals(List.of(new Used(id, 8)), used(m, queue, 1));
        assertFalse(m.device.calls.contains("notified0"));
      }
      assertEquals(40, m.statistics().busNotifications());
      assertEquals(0, m.statistics().ignoredWrites());
      assertEquals(0, m.statistics().oddAccesses());
    }
  }

  /** Whoever is interrupted finds the reason. */
  @ParameterizedTest
  @EnumSource
  @Clause({"PCI-47", "PCI-48", "MMIO-03", "MMIO-04", "MMIO-06"})
  void theStatusIsSetBeforeTheInterrupt(Kind kind) throws Exception {
    for (boolean messages : new boolean[] {false, true}) {
      if (messages && kind == Kind.MMIO) {
        continue;
      }
      try (Machine m = new Machine(kind)) {
        DriverQueue[] _ = m.driver.start(m.memory, RINGS, 8, 2, new Way(kind, false, 0).features());
        m.settle();
        if (messages) {
          m.pciDriver().enableBusMaster();
          m.pciDriver().enableMsix(true);
          m.pciDriver().vector(0, 0xfee0_0000L, 0x30);
          m.pciDriver().configVector(0);
        }
        List<Integer> seen = new CopyOnWriteArrayList<>();
        m.onInterrupt = () -> seen.add(m.driver.takeInterruptStatus());
        m.device.context().notifyConfig();
        assertEquals(2, seen.getFirst());
        seen.clear();
        if (!messages) {
          m.device.context().notifyQueue(0);
          assertEquals(1, seen.getFirst());
        }
      }
    }
  }

  // ---- queue reset ---------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @Clause({"QRESET-05", "QRESET-07"})
  void aPciQueueEnabledAgainHasItsNewVector(boolean packed) throws Exception {
    Way way = new Way(Kind.PCI, packed, 0);
    try (Machine m = machine(way.kind)) {
      PciDriver driver = m.pciDriver();
      driver.enableBusMaster();
      driver.enableMsix(true);
      DriverQueue queue = m.driver.start(m.memory, RINGS, 8, 2, way.features())[0];
      for (int vector = 0; vector < 3; vector++) {
        driver.vector(vector, 0xfee0_0000L, 0x30 + vector);
      }
      for (int vector : new int[] {1, 2, 0}) {
        driver.selectQueue(0);
        driver.queueReset(1);
        assertEquals(0, driver.queueReset());
        driver.queueVector(vector);
        queue = DriverQueue.create(m.memory, queue.config());
        assertTrue(driver.enable(0, queue.config()));
        int before = m.vectors.stream().mapToInt(v -> v.sent.get()).sum();
        int sent = m.vectors.get(vector).sent.get();
        int id = queue.offer(List.of(readable(DATA, 8)));
        queue.expose();
        driver.notify(0);
        assertEquals(List.of(new Used(id, 0)), used(m, queue, 1));
        assertEquals(sent + 1, m.vectors.get(vector).sent.get());
        assertEquals(before + 1, m.vectors.stream().mapToInt(v -> v.sent.get()).sum());
      }
    }
  }

  /** The memory of a queue that was reset is left alone, also by a request that ends late. */
  @ParameterizedTest
  @MethodSource("working")
  @Clause({"QRESET-01", "QRESET-02", "QRESET-03", "QRESET-04", "QRESET-06"})
  void aQueueThatWasResetBeginsAnew(Way way) throws Exception {
    try (Machine m = machine(way.kind)) {
      DriverQueue[] queues = m.driver.start(m.memory, RINGS, 8, 2, way.features());
      for (int round = 0; round < 5; round++) {
        DriverQueue queue = queues[0];
        for (int i = 0; i < 5 + round; i++) {
          int id = queue.offer(List.of(readable(DATA, 8), writable(DATA + 8, 8)));
          queue.expose();
          m.driver.notify(0);
          assertEquals(List.of(new Used(id, 8)), used(m, queue, 1));
        }
        int _ = queue.offer(List.of(readable(DATA, 8), writable(DATA + 8, 8)));
        m.device.holds = true;
        queue.expose();
        m.driver.notify(0);
        TransportDriver.await(() -> held(m) == 1, "not taken");
        Virtqueue old = m.device.context().queue(0);
        Request late = m.onLoop(() -> old.held().getFirst());
        m.driver.selectQueue(0);
        m.driver.queueReset(1);
        int _ = m.driver.takeInterruptStatus();
        m.device.holds = false;
        MemoryGuard guard = new MemoryGuard(m.memory);
        assertFalse(m.onLoop(() -> old.complete(late)));
        m.device.context().notifyIfNeeded(0);
        m.driver.notify(0);
        m.settle();
        guard.verify();
        assertEquals(0, m.driver.takeInterruptStatus());
        int size = 4 << round % 3;
        queues[0] =
            DriverQueue.create(
                m.memory,
                DriverQueue.layout(RINGS + 0x1000 + 0x400L * round, size, way.features()));
        assertTrue(m.driver.enable(0, queues[0].config()));
        assertEquals(size, m.onLoop(() -> m.device.context().queue(0).size()));
      }
    }
  }

  /** As the queue's, for all of them. */
  @ParameterizedTest
  @MethodSource("working")
  @Clause({"RESET-01", "RESET-02", "RESET-03", "PCI-22", "PCI-23", "MMIO-D05"})
  void aResetDeviceLeavesMemoryAlone(Way way) throws Exception {
    try (Machine m = machine(way.kind)) {
      for (int round = 0; round < 5; round++) {
        DriverQueue queue = m.driver.start(m.memory, RINGS, 8, 2, way.features())[0];
        m.device.holds = true;
        int _ = queue.offer(List.of(readable(DATA, 8), writable(DATA + 8, 8)));
        queue.expose();
        m.driver.notify(0);
        TransportDriver.await(() -> held(m) == 1, "not taken");
        Virtqueue old = m.device.context().queue(0);
        Request late = m.onLoop(() -> old.held().getFirst());
        m.driver.status(0);
        assertEquals(0, m.driver.status());
        MemoryGuard before = new MemoryGuard(m.memory);
        assertFalse(m.onLoop(() -> old.complete(late)));
        before.verify();
        int _ = queue.offer(List.of(readable(DATA, 8), writable(DATA + 8, 8)));
        queue.expose();
        MemoryGuard guard = new MemoryGuard(m.memory);
        m.driver.notify(0);
        m.settle();
        assertFalse(old.publish());
        guard.verify();
        assertEquals(0, m.driver.takeInterruptStatus());
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  @Clause("PCI-D03")
  void queuesAreResetWithTheFeatureOnly(Kind kind) throws Exception {
    try (Machine m = new Machine(kind, s -> s.withRingFeatures(RingFeatures.VERSION_1))) {
      if (kind == Kind.PCI) {
        assertEquals(
            VirtioPciLayout.QUEUE_NOTIF_CONFIG_DATA,
            m.pciDriver().find(VirtioPciLayout.CAP_COMMON_CFG).length());
      }
      DriverQueue _ = m.driver.start(m.memory, RINGS, 8, 2, RingFeatures.VERSION_1)[0];
      m.driver.selectQueue(0);
      m.driver.queueReset(1);
      assertEquals(0, m.driver.queueReset());
      assertEquals(1, m.driver.queueReady());
      assertEquals(1, m.statistics().ignoredWrites());
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import static org.javavmm.virtio.testkit.Buffer.readable;
import static org.javavmm.virtio.testkit.Buffer.writable;
import static org.javavmm.virtio.testkit.Machine.DATA;
import static org.javavmm.virtio.testkit.Machine.RINGS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.javavmm.virtio.DeviceContext;
import org.javavmm.virtio.DeviceStatus;
import org.javavmm.virtio.FaultPolicy;
import org.javavmm.virtio.Features;
import org.javavmm.virtio.QueueConfig;
import org.javavmm.virtio.Request;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.TransportSetup;
import org.javavmm.virtio.Virtqueue;
import org.javavmm.virtio.testkit.Machine.Kind;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What both transports do, over both kinds of queue where it matters. */
class TransportTest {
  private static final long SPLIT = RingFeatures.VERSION_1 | RingFeatures.RING_RESET;
  private static final long PACKED = SPLIT | RingFeatures.RING_PACKED;
  private static final int OK =
      DeviceStatus.ACKNOWLEDGE
          | DeviceStatus.DRIVER
          | DeviceStatus.FEATURES_OK
          | DeviceStatus.DRIVER_OK;

  /** A transport and the format of the queues. */
  record Case(Kind kind, boolean packed) {
    long features() {
      return packed ? PACKED : SPLIT;
    }

    @Override
    public String toString() {
      return kind + (packed ? " packed" : " split");
    }
  }

  static Stream<Case> cases() {
    return Stream.of(
        new Case(Kind.MMIO, false),
        new Case(Kind.MMIO, true),
        new Case(Kind.PCI, false),
        new Case(Kind.PCI, true));
  }

  private static DriverQueue[] start(Machine m, long features) {
    return m.driver.start(m.memory, RINGS, 8, 2, features);
  }

  /** Sends a value through a queue and takes it back. */
  private static void echo(Machine m, DriverQueue queue, int index, long value) {
    m.memory.putLong(DATA, value);
    m.memory.putLong(DATA + 8, 0);
    int id = queue.offer(List.of(readable(DATA, 8), writable(DATA + 8, 8)));
    queue.expose();
    m.driver.notify(index);
    assertEquals(List.of(new Used(id, 8)), used(queue));
    assertEquals(value, m.memory.getLong(DATA + 8));
  }

  private static List<Used> used(DriverQueue queue) {
    List<Used> used = new ArrayList<>();
    TransportDriver.await(
        () -> {
          used.addAll(queue.poll());
          return !used.isEmpty();
        },
        "nothing was used");
    return used;
  }

  private static void offer(Machine m, DriverQueue queue, int index) {
    int _ = queue.offer(List.of(readable(DATA, 8), writable(DATA + 8, 8)));
    boolean _ = queue.expose();
    m.driver.notify(index);
  }

  // ---- status --------------------------------------------------------------------------------

  @ParameterizedTest
  @MethodSource("cases")
  @Clause({"STATUS-D01", "STATUS-01", "STATUS-02", "SPLIT-25", "SPLIT-24"})
  void nothingIsUsedBeforeTheDriverIsReady(Case c) throws Exception {
    try (Machine m = new Machine(c.kind)) {
      assertEquals(0, m.driver.status());
      assertTrue(m.driver.negotiate(c.features()));
      QueueConfig config = DriverQueue.layout(RINGS, 8, c.features());
      DriverQueue queue = DriverQueue.create(m.memory, config);
      assertTrue(m.driver.enable(0, config));
      int id = queue.offer(List.of(readable(DATA, 8), writable(DATA + 8, 8)));
      queue.expose();
      m.driver.notify(0);
      m.settle();
      assertEquals(List.of(), queue.collect());
      assertEquals(0, m.interrupts());
      assertEquals(0, m.driver.takeInterruptStatus());
      assertEquals(List.of(), List.copyOf(m.device.calls));
      // What was there before DRIVER_OK is found without another notification.
      m.driver.ready();
      assertEquals(List.of(new Used(id, 8)), used(queue));
      m.driver.notify(0);
      m.driver.notify(0);
      m.settle();
      assertEquals(List.of(), queue.collect());
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void requestsGoThroughAllQueues(Case c) throws Exception {
    try (Machine m = new Machine(c.kind)) {
      DriverQueue[] queues = start(m, c.features());
      for (int i = 0; i < 40; i++) {
        echo(m, queues[i & 1], i & 1, 0x0123_4567_89ab_0000L + i);
      }
      assertEquals(OK, m.driver.status());
      assertEquals(40, m.statistics().busNotifications());
      assertEquals(0, m.statistics().faults());
      assertEquals(0, m.statistics().ignoredWrites());
    }
  }

  @ParameterizedTest
  @EnumSource
  @Clause({"STATUS-03", "STATUS-04", "NOTIF-D01"})
  void anExceptionNeedsAResetAndTheLoopGoesOn(Kind kind) throws Exception {
    for (String call : List.of("activate", "notified0", "request")) {
      try (Machine m = new Machine(kind)) {
        m.device.failing = call;
        DriverQueue[] queues = start(m, SPLIT);
        offer(m, queues[0], 0);
        TransportDriver.await(() -> m.has(DeviceStatus.NEEDS_RESET), call);
        m.settle();
        assertEquals(OK | DeviceStatus.NEEDS_RESET, m.driver.status(), call);
        assertEquals(2, m.driver.takeInterruptStatus() & 2, call);
        assertEquals(1, m.statistics().failures(), call);
        // Nothing is served meanwhile.
        m.device.failing = "";
        m.device.calls.clear();
        m.driver.notify(0);
        m.driver.notify(1);
        m.settle();
        assertEquals(List.of(), List.copyOf(m.device.calls), call);
        // A reset ends it.
        queues = start(m, SPLIT);
        echo(m, queues[0], 0, 5);
        assertEquals(OK, m.driver.status(), call);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  @Clause({"STATUS-03", "STATUS-04"})
  void aQueueThatCannotBeNeedsAReset(Case c) throws Exception {
    try (Machine m = new Machine(c.kind)) {
      assertTrue(m.driver.negotiate(c.features()));
      QueueConfig config = DriverQueue.layout(Machine.MEMORY, 8, c.features());
      assertTrue(m.driver.enable(0, config));
      m.driver.ready();
      assertEquals(OK | DeviceStatus.NEEDS_RESET, m.driver.status());
      assertEquals(2, m.driver.takeInterruptStatus());
      assertEquals(1, m.statistics().faults());
      assertEquals(List.of(), List.copyOf(m.device.calls));
      DriverQueue[] queues = start(m, c.features());
      echo(m, queues[1], 1, 6);
    }
  }

  @ParameterizedTest
  @EnumSource
  void faultsAreAnsweredByThePolicy(Kind kind) throws Exception {
    for (FaultPolicy policy : FaultPolicy.values()) {
      try (Machine m = new Machine(kind, setup -> setup.withFaultPolicy(policy))) {
        DriverQueue[] queues = start(m, SPLIT);
        int bad = queues[0].offer(List.of(readable(Machine.MEMORY, 8)));
        int good = queues[0].offer(List.of(readable(DATA, 8), writable(DATA + 8, 8)));
        queues[0].expose();
        m.driver.notify(0);
        if (policy == FaultPolicy.NEEDS_RESET) {
          TransportDriver.await(() -> m.has(DeviceStatus.NEEDS_RESET), "needs reset");
          m.settle();
          assertEquals(List.of(), queues[0].collect());
        } else {
          List<Used> all = new ArrayList<>();
          TransportDriver.await(
              () -> {
                all.addAll(queues[0].poll());
                return all.size() == 2;
              },
              "both are used");
          assertEquals(List.of(new Used(bad, 0), new Used(good, 8)), all);
          assertEquals(OK, m.driver.status());
        }
        assertEquals(1, m.statistics().faults());
        assertEquals(0, m.statistics().failures());
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void statusBitsComeInOrder(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      m.driver.status(DeviceStatus.DRIVER);
      assertEquals(0, m.driver.status());
      m.driver.status(DeviceStatus.DRIVER_OK | DeviceStatus.FEATURES_OK | DeviceStatus.SUSPEND);
      assertEquals(0, m.driver.status());
      m.driver.status(DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER_OK);
      assertEquals(DeviceStatus.ACKNOWLEDGE, m.driver.status());
      m.driver.status(DeviceStatus.NEEDS_RESET);
      assertEquals(DeviceStatus.ACKNOWLEDGE, m.driver.status());
      m.driver.status(DeviceStatus.FAILED);
      assertEquals(DeviceStatus.ACKNOWLEDGE | DeviceStatus.FAILED, m.driver.status());
      m.driver.status(DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER);
      assertEquals(DeviceStatus.ACKNOWLEDGE | DeviceStatus.FAILED, m.driver.status());
      assertEquals(4, m.statistics().ignoredWrites());
      m.driver.reset();
      assertEquals(0, m.driver.status());
    }
  }

  // ---- features ------------------------------------------------------------------------------

  @ParameterizedTest
  @EnumSource
  @Clause({
    "FEAT-01",
    "FEAT-04",
    "FEAT-05",
    "FEAT-06",
    "FEAT-07",
    "FEAT-08",
    "RESV-01",
    "RESV-10",
    "PCI-18",
    "MMIO-D02"
  })
  void onlyTheFeaturesThereAreAreOffered(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      long low = TransportSetup.DEFAULT_RING_FEATURES | 3;
      int[] words = {(int) low, (int) (low >>> 32), 1 << 6, 0, 0};
      for (int word = 0; word < words.length; word++) {
        m.driver.selectDeviceFeatures(word);
        assertEquals(words[word], m.driver.deviceFeatures());
      }
      for (int select : new int[] {5, 0x100, Integer.MAX_VALUE, Integer.MIN_VALUE, -1}) {
        m.driver.selectDeviceFeatures(select);
        assertEquals(0, m.driver.deviceFeatures());
      }
      assertEquals(low, m.driver.offered());
    }
  }

  @ParameterizedTest
  @EnumSource
  @Clause({"FEAT-02", "FEAT-03", "FEAT-09", "FEAT-10", "RESV-02"})
  void validSubsetsAreAcceptedAndOthersAreNot(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      long v1 = RingFeatures.VERSION_1;
      for (int round = 0; round < 2; round++) {
        assertTrue(m.driver.negotiate(v1));
        assertTrue(m.driver.negotiate(v1 | 1));
        assertTrue(m.driver.negotiate(v1 | 3));
        assertTrue(m.driver.negotiate(m.driver.offered()));
        assertFalse(m.driver.negotiate(0));
        assertFalse(m.driver.negotiate(v1 | 2));
        assertFalse(m.driver.negotiate(v1 | 4));
        assertFalse(m.driver.negotiate(v1 | RingFeatures.IN_ORDER));
      }
      // Refused, the driver may try again with fewer.
      assertFalse(m.driver.negotiate(v1 | 4));
      m.driver.selectDriverFeatures(0);
      m.driver.driverFeatures(0);
      m.driver.status(m.driver.status() | DeviceStatus.FEATURES_OK);
      assertTrue(m.has(DeviceStatus.FEATURES_OK));
      // Accepted, it may not change them.
      long refused = m.statistics().ignoredWrites();
      m.driver.driverFeatures(1);
      assertEquals(refused + 1, m.statistics().ignoredWrites());
      if (kind == Kind.PCI) {
        assertEquals(0, m.driver.acceptedFeatures().getAsInt());
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void featuresBeyondTheFirst64AreNegotiated(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      m.driver.status(DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER);
      m.driver.selectDriverFeatures(1);
      m.driver.driverFeatures(1);
      m.driver.selectDriverFeatures(2);
      m.driver.driverFeatures(1 << 6);
      m.driver.status(m.driver.status() | DeviceStatus.FEATURES_OK);
      m.driver.ready();
      assertEquals(OK, m.driver.status());
      m.settle();
      assertEquals(Features.of(32, 70), m.device.context().features());
      m.driver.reset();
      m.driver.status(DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER);
      m.driver.selectDriverFeatures(1);
      m.driver.driverFeatures(1);
      m.driver.selectDriverFeatures(3);
      m.driver.driverFeatures(1);
      m.driver.status(m.driver.status() | DeviceStatus.FEATURES_OK);
      assertFalse(m.has(DeviceStatus.FEATURES_OK));
    }
  }

  @ParameterizedTest
  @EnumSource
  void anExceptionWhileNegotiatingNeedsAReset(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      m.device.failing = "accepts";
      assertFalse(m.driver.negotiate(SPLIT));
      assertEquals(
          DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER | DeviceStatus.NEEDS_RESET,
          m.driver.status());
      assertEquals(1, m.statistics().failures());
    }
  }

  // ---- reset ---------------------------------------------------------------------------------

  @ParameterizedTest
  @MethodSource("cases")
  @Clause({
    "RESET-01",
    "RESET-02",
    "RESET-03",
    "PCI-22",
    "PCI-23",
    "PCI-24",
    "PCI-25",
    "MMIO-07",
    "MMIO-08",
    "MMIO-11",
    "MMIO-D05",
    "PCI-D02"
  })
  void aResetEndsAllAndTheDeviceStartsAgain(Case c) throws Exception {
    try (Machine m = new Machine(c.kind)) {
      for (int round = 0; round < 20; round++) {
        DriverQueue[] queues = start(m, c.features());
        echo(m, queues[0], 0, round);
        m.device.holds = true;
        offer(m, queues[1], 1);
        m.settle();
        DeviceContext old = m.device.context();
        m.driver.status(0);
        assertEquals(0, m.driver.status());
        m.device.holds = false;
        assertEquals(0, m.driver.takeInterruptStatus());
        for (int q = 0; q < 2; q++) {
          m.driver.selectQueue(q);
          assertEquals(0, m.driver.queueReady());
          assertEquals(0, m.driver.queueReset());
          int size = TestDevice.SIZES[q];
          assertEquals(size, m.driver.queueSizeMax().orElse(size));
          assertEquals(size, m.driver.queueSize().orElse(size));
        }
        // From now on nobody touches memory or notifies, whatever is tried.
        MemoryGuard guard = new MemoryGuard(m.memory);
        int edges = m.interrupts();
        m.driver.notify(0);
        m.driver.notify(1);
        old.notifyQueue(0);
        old.notifyConfig();
        old.kick(1);
        old.fail("late");
        assertFalse(old.isEnabled(0));
        IllegalStateException e = assertThrows(IllegalStateException.class, () -> old.queue(1));
        assertEquals("test0: queue 1 is not enabled", e.getMessage());
        m.settle();
        guard.verify();
        assertEquals(edges, m.interrupts());
        assertEquals(0, m.driver.takeInterruptStatus());
        assertEquals(0, m.driver.status());
        assertEquals(List.of(), m.doorbells.addresses());
      }
      assertEquals(20, m.statistics().activations());
    }
  }

  @ParameterizedTest
  @EnumSource
  @Clause({"RESET-01", "RESET-02", "RESET-03"})
  void aResetWaitsForWhatIsInFlight(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] queues = start(m, SPLIT);
      m.device.holds = true;
      offer(m, queues[0], 0);
      m.settle();
      m.device.slow = true;
      Thread vcpu = Thread.ofPlatform().start(() -> m.driver.status(0));
      TransportDriver.await(() -> m.device.drains.size() == 2, "drains have begun");
      assertEquals(OK, m.driver.status());
      // Writes have no effect meanwhile.
      m.driver.status(DeviceStatus.ACKNOWLEDGE);
      m.driver.selectQueue(1);
      assertEquals(OK, m.driver.status());
      assertEquals(2, m.statistics().ignoredWrites());
      assertTrue(vcpu.isAlive());
      m.device.drainNow();
      vcpu.join();
      assertEquals(0, m.driver.status());
      assertTrue(m.device.calls.contains("reset"));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aResetFromTheLoopsOwnThreadDoesNotWaitForItself(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] _ = start(m, SPLIT);
      assertEquals(
          0,
          m.onLoop(() -> {
            m.driver.status(0);
            return m.driver.status();
          }));
      DriverQueue[] queues = start(m, SPLIT);
      echo(m, queues[0], 0, 9);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aDeviceIsResetThoughItsLoopHasEnded(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] _ = start(m, SPLIT);
      m.settle();
      m.loop.close();
      m.driver.status(0);
      assertEquals(0, m.driver.status());
      assertTrue(m.device.calls.contains("reset"));
      m.driver.status(DeviceStatus.ACKNOWLEDGE);
      assertEquals(DeviceStatus.ACKNOWLEDGE, m.driver.status());
    }
  }

  @ParameterizedTest
  @EnumSource
  void manyResetsAtATimeAllReturn(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      for (int round = 0; round < 10; round++) {
        DriverQueue[] queues = start(m, SPLIT);
        offer(m, queues[0], 0);
        CountDownLatch go = new CountDownLatch(1);
        List<Thread> vcpus = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
          vcpus.add(
              Thread.ofPlatform()
                  .start(() -> {
                    try {
                      go.await();
                    } catch (InterruptedException e) {
                      Thread.currentThread().interrupt();
                    }
                    m.driver.status(0);
                  }));
        }
        go.countDown();
        for (Thread vcpu : vcpus) {
          vcpu.join();
        }
        assertEquals(0, m.driver.status());
      }
      DriverQueue[] queues = start(m, SPLIT);
      echo(m, queues[1], 1, 3);
    }
  }

  @ParameterizedTest
  @EnumSource
  void anExceptionInResetIsCountedAndTheResetIsDone(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] _ = start(m, SPLIT);
      m.device.failing = "reset";
      m.driver.status(0);
      assertEquals(0, m.driver.status());
      assertEquals(1, m.statistics().failures());
      m.device.failing = "drain0";
      DriverQueue[] _ = start(m, SPLIT);
      m.driver.status(0);
      assertEquals(0, m.driver.status());
      assertEquals(2, m.statistics().failures());
      DriverQueue[] queues = start(m, SPLIT);
      echo(m, queues[0], 0, 1);
    }
  }

  // ---- configuration space -------------------------------------------------------------------

  @ParameterizedTest
  @EnumSource
  @Clause({"CONFIG-01", "CONFIG-02", "CONFIG-D01", "PCI-09", "MMIO-D08"})
  void configurationIsReadAtAnyWidthFromTheBeginning(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      assertEquals(0x1122_3344_5566_7788L, m.driver.config(0, 8));
      assertEquals(0x5566_7788L, m.driver.config(0, 4));
      assertEquals(0x1122_3344L, m.driver.config(4, 4));
      assertEquals(0x7788, m.driver.config(0, 2));
      assertEquals(0x88, m.driver.config(0, 1));
      assertEquals(0x4455, m.driver.config(3, 2));
      assertEquals(0xa5a5, m.driver.config(8, 2));
      assertEquals(0x0000_a5a5L, m.driver.config(8, 4));
      byte[] mac = new byte[6];
      for (int i = 0; i < 6; i++) {
        mac[i] = (byte) m.driver.config(12 + i, 1);
      }
      assertEquals("[2, 3, 4, 5, 6, 7]", java.util.Arrays.toString(mac));
      assertEquals(0x0706_0504L, m.driver.config(14, 4));
      assertEquals(0, m.driver.config(18, 2));
      assertEquals(0, m.driver.config(0x800, 4));
      assertEquals(7, m.driver.config(24, 8));
      assertEquals(0, m.driver.config(31, 4));
    }
  }

  @ParameterizedTest
  @EnumSource
  @Clause({"PCI-09"})
  void configurationIsWrittenByTheFieldsWidth(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      m.driver.config(8, 2, 0x1234);
      assertEquals(0x1234, m.driver.config(8, 2));
      assertEquals(0x1234, m.device.mode.get());
      m.driver.config(24, 4, 0xaaaa_bbbbL);
      m.driver.config(28, 4, 0xcccc_ddddL);
      assertEquals(0xcccc_dddd_aaaa_bbbbL, m.driver.config(24, 8));
      m.driver.config(24, 8, 1);
      assertEquals(1, m.device.limit.get());
      assertEquals(0, m.statistics().ignoredWrites());
      // By another width, beside a field, or to one that is read-only: nothing.
      m.driver.config(8, 1, 0xff);
      m.driver.config(9, 1, 0xff);
      m.driver.config(8, 4, 0xffff_ffffL);
      m.driver.config(10, 2, 0xffff);
      m.driver.config(26, 4, 0xffff_ffffL);
      m.driver.config(24, 2, 0xffff);
      m.driver.config(0, 8, -1);
      m.driver.config(12, 1, 0xff);
      m.driver.config(0x800, 4, 1);
      assertEquals(9, m.statistics().ignoredWrites());
      assertEquals(0x1234, m.driver.config(8, 2));
      assertEquals(1, m.driver.config(24, 8));
      assertEquals(0x1122_3344_5566_7788L, m.driver.config(0, 8));
      // A reset restores what the driver wrote, and keeps what the device set.
      m.device.capacity.set(99);
      m.driver.reset();
      assertEquals(0xa5a5, m.driver.config(8, 2));
      assertEquals(7, m.driver.config(24, 8));
      assertEquals(99, m.driver.config(0, 8));
    }
  }

  @ParameterizedTest
  @EnumSource
  @Clause({"PCI-21", "MMIO-09", "CONFIG-D02", "MMIO-D07", "NOTIF-D01", "MMIO-04", "PCI-47"})
  void theGenerationTellsOfChanges(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] _ = start(m, SPLIT);
      m.settle();
      int before = m.driver.generation();
      assertEquals(before, m.driver.generation());
      long half = m.driver.config(0, 4);
      m.device.capacity.set(-1);
      m.device.context().notifyConfig();
      assertEquals(0x5566_7788L, half);
      assertEquals(0xffff_ffffL, m.driver.config(4, 4));
      int after = m.driver.generation();
      assertNotEquals(before, after);
      assertEquals(after, m.driver.generation());
      assertEquals(2, m.driver.takeInterruptStatus());
      // However many changes there are between two looks, they differ: 8 bits do not run round.
      for (int i = 0; i < 256; i++) {
        m.device.capacity.set(i);
      }
      assertNotEquals(after, m.driver.generation());
      // One version for several fields; none if nothing changes.
      int last = m.driver.generation();
      m.device
          .config()
          .update(() -> {
            m.device.capacity.set(1);
            assertEquals(255, m.driver.config(0, 8));
            m.device.mac.set(new byte[] {1});
          });
      assertEquals(last + 1, m.driver.generation());
      m.device.capacity.set(1);
      assertEquals(last + 1, m.driver.generation());
    }
  }

  // ---- queue registers -----------------------------------------------------------------------

  @ParameterizedTest
  @EnumSource
  @Clause({"PCI-31", "MMIO-D03"})
  void queuesBeyondTheLastAreUnavailable(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      assertTrue(m.driver.negotiate(SPLIT));
      for (int q : new int[] {2, 3, 0x7fff, 0xffff}) {
        m.driver.selectQueue(q);
        assertEquals(0, m.driver.queueSizeMax().orElse(0));
        assertEquals(0, m.driver.queueSize().orElse(0));
        m.driver.queueSize(8);
        m.driver.queueReady(1);
        m.driver.queueReset(1);
        assertEquals(0, m.driver.queueReady());
        assertEquals(0, m.driver.queueReset());
        assertEquals(0, m.driver.queueSize().orElse(0));
      }
      assertEquals(12, m.statistics().ignoredWrites());
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  @Clause({"PCI-32", "PACKED-D13", "SPLIT-D01", "PCI-D02"})
  void sizesThatAreNoneAreNotTaken(Case c) throws Exception {
    try (Machine m = new Machine(c.kind)) {
      assertTrue(m.driver.negotiate(c.features()));
      m.driver.selectQueue(0);
      int ignored = 0;
      for (int size : new int[] {16, 1, 2, 3, 0, 17, 32, 0xffff, 5, 8}) {
        boolean taken = size >= 1 && size <= 16 && (c.packed || Integer.bitCount(size) == 1);
        int before = m.driver.queueSize().orElse(0);
        m.driver.queueSize(size);
        ignored += taken ? 0 : 1;
        assertEquals(taken ? size : before, m.driver.queueSize().orElse(taken ? size : before));
      }
      assertEquals(ignored, m.statistics().ignoredWrites());
    }
  }

  @ParameterizedTest
  @EnumSource
  void queuesAreSetUpOnlyBetweenFeaturesAndReadiness(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      QueueConfig config = DriverQueue.layout(RINGS, 4, 0);
      assertFalse(m.driver.enable(0, config));
      m.driver.status(DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER);
      assertFalse(m.driver.enable(0, config));
      assertTrue(m.driver.negotiate(RingFeatures.VERSION_1));
      assertTrue(m.driver.enable(0, config));
      assertEquals(4, m.driver.queueSize().orElse(4));
      // While ready nothing changes.
      m.driver.queueSize(8);
      assertEquals(4, m.driver.queueSize().orElse(4));
      m.driver.ready();
      // Without VIRTIO_F_RING_RESET it is too late for others.
      assertFalse(m.driver.enable(1, config));
      m.driver.queueReset(1);
      assertEquals(0, m.driver.queueReset());
      m.driver.selectQueue(0);
      m.driver.queueReset(1);
      assertEquals(1, m.driver.queueReady());
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void aQueueThatIsReadyIsNotMadeReadyAgain(Case c) throws Exception {
    try (Machine m = new Machine(c.kind)) {
      DriverQueue[] queues = start(m, c.features());
      echo(m, queues[0], 0, 1);
      m.driver.selectQueue(0);
      m.driver.queueReady(1);
      assertEquals(1, m.statistics().ignoredWrites());
      // It goes on where it was.
      echo(m, queues[0], 0, 2);
    }
  }

  // ---- queue reset ---------------------------------------------------------------------------

  @ParameterizedTest
  @MethodSource("cases")
  @Clause({
    "QRESET-01",
    "QRESET-02",
    "QRESET-03",
    "QRESET-04",
    "QRESET-05",
    "QRESET-06",
    "QRESET-07",
    "PCI-26",
    "PCI-27",
    "PCI-29",
    "PCI-30",
    "MMIO-12",
    "MMIO-13",
    "MMIO-15",
    "MMIO-16"
  })
  void aQueueIsResetAndEnabledAlone(Case c) throws Exception {
    try (Machine m = new Machine(c.kind)) {
      DriverQueue[] queues = start(m, c.features());
      echo(m, queues[0], 0, 1);
      echo(m, queues[1], 1, 2);
      m.device.holds = true;
      offer(m, queues[0], 0);
      m.settle();
      int _ = m.driver.takeInterruptStatus();
      Virtqueue old = m.device.context().queue(0);
      Request late = old.held().getFirst();
      m.driver.selectQueue(0);
      m.driver.queueReset(1);
      assertEquals(0, m.driver.queueReset());
      assertEquals(0, m.driver.queueReady());
      assertEquals(16, m.driver.queueSize().orElse(16));
      m.device.holds = false;
      assertTrue(m.device.calls.contains("queueReset0"));
      MemoryGuard guard = new MemoryGuard(m.memory);
      m.driver.notify(0);
      m.device.context().notifyQueue(0);
      assertFalse(m.onLoop(() -> old.complete(late)));
      m.settle();
      guard.verify();
      assertEquals(0, m.driver.takeInterruptStatus());
      // The other queue goes on.
      echo(m, queues[1], 1, 3);
      // Again, at another place and with another size.
      QueueConfig config = DriverQueue.layout(RINGS + 0x8000, 16, c.features());
      DriverQueue again = DriverQueue.create(m.memory, config);
      assertTrue(m.driver.enable(0, config));
      assertEquals(0, m.driver.queueReset());
      for (int i = 0; i < 40; i++) {
        echo(m, again, 0, 0x55 + i);
      }
      assertEquals(OK, m.driver.status());
      assertTrue(m.device.calls.contains("queueEnabled0"));
    }
  }

  @ParameterizedTest
  @EnumSource
  @Clause({"PCI-28", "MMIO-14", "QRESET-01"})
  void aQueueResetReadsOneWhileItLasts(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] queues = start(m, SPLIT);
      m.device.slow = true;
      m.driver.selectQueue(0);
      Thread vcpu = Thread.ofPlatform().start(() -> m.driver.queueReset(1));
      TransportDriver.await(() -> m.device.drains.size() == 1, "the drain has begun");
      assertEquals(1, m.driver.queueReset());
      // The other queue works meanwhile; this one does not.
      echo(m, queues[1], 1, 7);
      m.device.calls.clear();
      offer(m, queues[0], 0);
      m.settle();
      assertEquals(List.of(), List.copyOf(m.device.calls));
      m.device.drainNow();
      vcpu.join();
      assertEquals(0, m.driver.queueReset());
      assertEquals(0, m.driver.queueReady());
      assertEquals(List.of(), queues[0].collect());
    }
  }

  @ParameterizedTest
  @EnumSource
  void aResetOvertakesAQueueReset(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] _ = start(m, SPLIT);
      m.device.slow = true;
      m.driver.selectQueue(0);
      Thread queueReset = Thread.ofPlatform().start(() -> m.driver.queueReset(1));
      TransportDriver.await(() -> m.device.drains.size() == 1, "the drain has begun");
      Thread reset = Thread.ofPlatform().start(() -> m.driver.status(0));
      TransportDriver.await(
          () -> {
            m.driver.selectDeviceFeatures(0);
            return m.statistics().ignoredWrites() > 0;
          },
          "the reset has begun");
      m.device.slow = false;
      m.device.drainNow();
      queueReset.join();
      reset.join();
      assertEquals(0, m.driver.status());
      DriverQueue[] queues = start(m, SPLIT);
      echo(m, queues[0], 0, 4);
    }
  }

  // ---- suspension ----------------------------------------------------------------------------

  @ParameterizedTest
  @MethodSource("cases")
  @Clause({
    "SUSPEND-01",
    "SUSPEND-02",
    "SUSPEND-03",
    "SUSPEND-04",
    "SUSPEND-05",
    "SUSPEND-06",
    "SUSPEND-07",
    "SUSPEND-08",
    "SUSPEND-09",
    "SUSPEND-10",
    "SUSPEND-D01"
  })
  void aSuspendedDeviceStandsStillUntilItIsResumed(Case c) throws Exception {
    try (Machine m = new Machine(c.kind)) {
      long features = c.features() | Features.SUSPEND;
      assertTrue(m.driver.negotiate(features));
      m.driver.status(m.driver.status() | DeviceStatus.SUSPEND);
      assertFalse(m.has(DeviceStatus.SUSPEND));
      DriverQueue[] queues = start(m, features);
      echo(m, queues[0], 0, 1);
      m.settle();
      int _ = m.driver.takeInterruptStatus();
      int generation = m.driver.generation();
      m.driver.status(m.driver.status() | DeviceStatus.SUSPEND);
      int suspended = (OK | DeviceStatus.SUSPEND) & ~DeviceStatus.DRIVER_OK;
      assertEquals(suspended, m.driver.status());
      int id = queues[0].offer(List.of(readable(DATA, 8), writable(DATA + 8, 8)));
      queues[0].expose();
      MemoryGuard guard = new MemoryGuard(m.memory);
      m.driver.notify(0);
      m.device.context().notifyQueue(0);
      m.device.capacity.set(5);
      m.device.context().notifyConfig();
      m.driver.config(8, 2, 0);
      m.driver.selectQueue(1);
      m.driver.queueReset(1);
      m.settle();
      guard.verify();
      assertEquals(0, m.driver.takeInterruptStatus());
      assertEquals(generation, m.driver.generation());
      assertEquals(0x1122_3344_5566_7788L, m.driver.config(0, 8));
      assertEquals(0xa5a5, m.driver.config(8, 2));
      assertEquals(suspended, m.driver.status());
      m.driver.status(OK);
      assertEquals(OK, m.driver.status());
      assertEquals(List.of(new Used(id, 8)), used(queues[0]));
      m.settle();
      assertEquals(3, m.driver.takeInterruptStatus());
      assertNotEquals(generation, m.driver.generation());
      assertEquals(5, m.driver.config(0, 8));
      m.driver.selectQueue(1);
      assertEquals(1, m.driver.queueReady());
      // And a suspended device can be reset.
      m.driver.status(OK | DeviceStatus.SUSPEND);
      assertEquals(suspended, m.driver.status());
      queues = start(m, features);
      echo(m, queues[1], 1, 8);
    }
  }

  @ParameterizedTest
  @EnumSource
  @Clause({"SUSPEND-08", "SUSPEND-10", "SUSPEND-11", "SUSPEND-12"})
  void suspensionShowsWhenBuffersInProcessAreUsed(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] queues = start(m, SPLIT | Features.SUSPEND);
      m.device.holds = true;
      offer(m, queues[0], 0);
      m.settle();
      m.device.slow = true;
      Thread vcpu = Thread.ofPlatform().start(() -> m.driver.status(OK | DeviceStatus.SUSPEND));
      TransportDriver.await(() -> m.device.drains.size() == 2, "drains have begun");
      assertEquals(OK, m.driver.status());
      m.onLoop(() -> {
        m.device.completeAll(0);
        return true;
      });
      assertEquals(1, queues[0].collect().size());
      assertEquals(1, m.driver.takeInterruptStatus());
      m.device.drainNow();
      vcpu.join();
      assertEquals((OK | DeviceStatus.SUSPEND) & ~DeviceStatus.DRIVER_OK, m.driver.status());
    }
  }

  @ParameterizedTest
  @EnumSource
  @Clause({"SUSPEND-08"})
  void aSuspensionThatFailsNeedsAReset(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] _ = start(m, SPLIT | Features.SUSPEND);
      m.device.failing = "drain1";
      m.driver.status(OK | DeviceStatus.SUSPEND);
      assertEquals(OK | DeviceStatus.NEEDS_RESET, m.driver.status());
      assertEquals(2, m.driver.takeInterruptStatus());
    }
  }

  @ParameterizedTest
  @EnumSource
  @Clause({"SUSPEND-01"})
  void withoutTheFeatureNothingSuspends(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] queues = start(m, SPLIT);
      m.driver.status(OK | DeviceStatus.SUSPEND);
      assertEquals(OK, m.driver.status());
      echo(m, queues[0], 0, 1);
    }
  }

  // ---- pause ---------------------------------------------------------------------------------

  @ParameterizedTest
  @EnumSource
  void aPausedDeviceServesNothing(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] queues = start(m, SPLIT);
      assertTrue((kind == Kind.MMIO ? m.mmio().pause() : m.pci().pause()).get());
      assertFalse((kind == Kind.MMIO ? m.mmio().pause() : m.pci().pause()).get());
      int id = queues[0].offer(List.of(readable(DATA, 8), writable(DATA + 8, 8)));
      queues[0].expose();
      m.driver.notify(0);
      m.settle();
      assertEquals(List.of(), queues[0].collect());
      assertTrue((kind == Kind.MMIO ? m.mmio().resume() : m.pci().resume()).get());
      assertEquals(List.of(new Used(id, 8)), used(queues[0]));
      assertTrue(m.device.calls.containsAll(List.of("pause", "resume")));
    }
  }

  // ---- notification data, doorbells ----------------------------------------------------------

  @ParameterizedTest
  @EnumSource
  @Clause({"NDATA-D01", "NDATA-D02", "NDATA-D03", "NDATA-D04", "NDATA-D05", "NDATA-D07"})
  void doorbellsAreThereWhileTheDeviceIsActive(Kind kind) throws Exception {
    long data = RingFeatures.NOTIFICATION_DATA;
    try (Machine m =
        new Machine(kind, s -> s.withRingFeatures(TransportSetup.DEFAULT_RING_FEATURES | data))) {
      if (kind == Kind.PCI) {
        m.pci().function().setBarAddress(0, Machine.WINDOW);
        m.pci().function().writeConfig(4, 2, 6);
      }
      for (long features : new long[] {SPLIT, SPLIT | data, PACKED | data}) {
        boolean withData = (features & data) != 0;
        DriverQueue[] queues = start(m, features);
        m.settle();
        List<String> addresses = m.doorbells.addresses().stream().map(Object::toString).toList();
        if (kind == Kind.MMIO) {
          assertEquals(
              withData
                  ? List.of("MMIO 0xd0000050 size=4")
                  : List.of("MMIO 0xd0000050 size=4 value=0x0", "MMIO 0xd0000050 size=4 value=0x1"),
              addresses);
        } else {
          assertEquals(
              withData
                  ? List.of("MMIO 0xc0003000 size=4", "MMIO 0xc0003004 size=4")
                  : List.of("MMIO 0xc0003000 size=2", "MMIO 0xc0003004 size=2"),
              addresses);
        }
        for (int q = 0; q < 2; q++) {
          int id = queues[q].offer(List.of(readable(DATA, 8), writable(DATA + 8, 8)));
          queues[q].expose();
          long value = withData ? q | 0x0001_0000L : q;
          boolean rang =
              kind == Kind.MMIO
                  ? m.doorbells.write(Machine.MMIO_BASE + 0x50, 4, value)
                  : m.doorbells.write(
                      Machine.WINDOW + m.pciDriver().notifyOffset(q), withData ? 4 : 2, value);
          assertTrue(rang);
          assertEquals(List.of(new Used(id, 8)), used(queues[q]));
          // By the bus it works as well, also twice with the same value.
          offer(m, queues[q], (int) (kind == Kind.MMIO ? value : q));
          m.driver.notify((int) (kind == Kind.MMIO ? value : q));
          assertEquals(1, used(queues[q]).size());
        }
        m.driver.reset();
        assertEquals(List.of(), m.doorbells.addresses());
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void withoutDoorbellsNotificationsComeByTheBus(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      if (kind == Kind.PCI) {
        m.pci().function().setBarAddress(0, Machine.WINDOW);
        m.pci().function().writeConfig(4, 2, 6);
      }
      m.doorbells.refuses = true;
      DriverQueue[] queues = start(m, SPLIT);
      assertEquals(List.of(), m.doorbells.addresses());
      echo(m, queues[0], 0, 1);
      m.driver.notify(9);
      assertEquals(1, m.statistics().ignoredWrites());
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  @Clause("INORD-01")
  void inOrderIsNegotiatedLikeAnyOther(Case c) throws Exception {
    try (Machine m =
        new Machine(
            c.kind,
            s ->
                s.withRingFeatures(TransportSetup.DEFAULT_RING_FEATURES | RingFeatures.IN_ORDER))) {
      DriverQueue[] queues = start(m, c.features() | RingFeatures.IN_ORDER);
      for (int i = 0; i < 20; i++) {
        echo(m, queues[0], 0, i);
      }
      assertTrue(m.onLoop(() -> m.device.context().has(35)));
    }
  }

  // ---- what a device says of itself ----------------------------------------------------------

  @ParameterizedTest
  @EnumSource
  void aClosedTransportDoesNothing(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] _ = start(m, SPLIT);
      if (kind == Kind.MMIO) {
        m.mmio().close();
      } else {
        m.pci().close();
      }
      assertEquals(0, m.driver.status());
      m.driver.status(1);
      m.driver.notify(0);
      m.driver.reset();
      assertEquals(0, m.driver.status());
      assertEquals(2, m.loop.registrations() + 2);
    }
  }
}

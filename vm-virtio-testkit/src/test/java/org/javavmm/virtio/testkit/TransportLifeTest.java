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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.javavmm.device.Doorbells;
import org.javavmm.event.EventLoop;
import org.javavmm.memory.GuestMemory;
import org.javavmm.virtio.DeviceContext;
import org.javavmm.virtio.DeviceStatus;
import org.javavmm.virtio.FaultPolicy;
import org.javavmm.virtio.Features;
import org.javavmm.virtio.Request;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.TransportSetup;
import org.javavmm.virtio.VirtioMmio;
import org.javavmm.virtio.testkit.Machine.Kind;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Resets, suspensions, pauses and saved states that meet each other, the device's own work or the
 * end of the event loop. The timeout is for what would wait for ever.
 */
@Timeout(120)
class TransportLifeTest {
  private static final long SPLIT = RingFeatures.VERSION_1 | RingFeatures.RING_RESET;
  private static final int OK = 15;

  private static DriverQueue[] start(Machine m, long features) {
    return m.driver.start(m.memory, RINGS, 8, 2, features);
  }

  /** Makes a request available and does not notify. */
  private static void show(DriverQueue queue) {
    int _ = queue.offer(List.of(readable(DATA, 8), writable(DATA + 8, 8)));
    boolean _ = queue.expose();
  }

  private static CompletableFuture<Boolean> pause(Machine m) {
    return m.kind == Kind.MMIO ? m.mmio().pause() : m.pci().pause();
  }

  private static CompletableFuture<Boolean> resume(Machine m) {
    return m.kind == Kind.MMIO ? m.mmio().resume() : m.pci().resume();
  }

  private static byte[] save(Machine m) {
    return m.kind == Kind.MMIO ? m.mmio().save() : m.pci().save();
  }

  private static void restore(Machine m, byte[] state) {
    if (m.kind == Kind.MMIO) {
      m.mmio().restore(state);
    } else {
      m.pci().restore(state);
    }
  }

  private static int count(Machine m, String call) {
    return Collections.frequency(List.copyOf(m.device.calls), call);
  }

  // ---- reset ---------------------------------------------------------------------------------

  @ParameterizedTest
  @EnumSource
  void aLateResetLeavesTheNextActivationAlone(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      AtomicBoolean over = new AtomicBoolean();
      // Takes the configuration's lock often, so that a reset is slow there.
      Thread writer =
          Thread.ofPlatform()
              .start(() -> {
                while (!over.get()) {
                  m.device.config().update(() -> LockSupport.parkNanos(300_000));
                }
              });
      try {
        for (int i = 0; i < 150; i++) {
          Thread late = Thread.ofPlatform().start(() -> m.driver.status(0));
          m.driver.status(0);
          m.driver.status(1);
          m.driver.status(3);
          m.driver.selectDriverFeatures(1);
          m.driver.driverFeatures(1);
          m.driver.status(11);
          m.driver.status(15);
          late.join();
          m.settle();
          int active = count(m, "activate") - count(m, "reset");
          assertEquals((m.driver.status() & DeviceStatus.DRIVER_OK) != 0 ? 1 : 0, active);
          m.driver.reset();
          m.settle();
          assertEquals(count(m, "activate"), count(m, "reset"));
        }
      } finally {
        over.set(true);
        writer.join();
      }
      assertTrue(count(m, "activate") > 0);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aHostThatFailsToDisconnectDoesNotHinderAReset(Kind kind) throws Exception {
    List<String> closed = Collections.synchronizedList(new ArrayList<>());
    Doorbells failing =
        (event, address) ->
            () -> {
              closed.add(address.toString());
              throw new IllegalStateException("told to fail");
            };
    try (Machine m = new Machine(kind, setup -> setup.withDoorbells(failing))) {
      if (kind == Kind.PCI) {
        m.pciDriver().function().writeConfig(0x10, 4, 0xc000_0000L);
        m.pciDriver().function().writeConfig(0x14, 4, 0);
        m.pciDriver().function().writeConfig(4, 2, 2);
      }
      DriverQueue[] _ = start(m, SPLIT);
      m.settle();
      m.driver.status(0);
      assertEquals(0, m.driver.status());
      assertEquals(2, closed.size());
      assertEquals(1, count(m, "reset"));
      assertEquals(2, m.statistics().failures());
      DriverQueue[] _ = start(m, SPLIT);
      assertEquals(OK, m.driver.status());
    }
  }

  @ParameterizedTest
  @EnumSource
  void aRequestThatCannotBeFailedNeedsAReset(Kind kind) throws Exception {
    try (GuestMemory memory =
            GuestMemory.builder().anonymous("ram", 0, Machine.MEMORY).resizable().build();
        Machine m =
            new Machine(
                kind,
                setup ->
                    TransportSetup.of(setup.device(), memory, setup.loop())
                        .withFaultPolicy(FaultPolicy.FAIL_REQUEST))) {
      DriverQueue[] queues = m.driver.start(memory, RINGS, 8, 2, SPLIT);
      m.settle();
      show(queues[0]);
      m.onLoop(() -> {
        m.device
            .context()
            .serve(
                0,
                (_, request) -> {
                  memory.removeRegion(memory.regions().getFirst());
                  byte _ = request.reader().getByte();
                });
        return true;
      });
      assertTrue(m.has(DeviceStatus.NEEDS_RESET));
    }
  }

  // ---- work of the device's own --------------------------------------------------------------

  private static int serve(Machine m) throws Exception {
    return m.onLoop(() -> {
      int[] served = {0};
      m.device
          .context()
          .serve(
              0,
              (queue, request) -> {
                served[0]++;
                assertTrue(queue.complete(request, 0));
              });
      return served[0];
    });
  }

  private static boolean mayUse(Machine m) throws Exception {
    return m.onLoop(() -> m.device.context().mayUse(0));
  }

  @ParameterizedTest
  @EnumSource
  void aSuspendedDeviceTakesNothingByItself(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] queues = start(m, SPLIT | Features.SUSPEND);
      assertTrue(mayUse(m));
      m.driver.status(OK | DeviceStatus.SUSPEND);
      show(queues[0]);
      assertFalse(mayUse(m));
      assertEquals(0, serve(m));
      m.driver.status(OK);
      m.settle();
      assertTrue(mayUse(m));
      assertEquals(1, queues[0].collect().size());
    }
  }

  @ParameterizedTest
  @EnumSource
  void aPausedDeviceTakesNothingByItself(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] queues = start(m, SPLIT);
      assertTrue(pause(m).get());
      show(queues[0]);
      assertFalse(mayUse(m));
      assertEquals(0, serve(m));
      assertTrue(resume(m).get());
      m.settle();
      assertEquals(1, queues[0].collect().size());
    }
  }

  @ParameterizedTest
  @EnumSource
  void aDeviceThatNeedsAResetTakesNothingByItself(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] queues = start(m, SPLIT);
      m.device.context().fail("told to");
      show(queues[0]);
      assertFalse(mayUse(m));
      assertEquals(0, serve(m));
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatIsDrainedTakesNothingByItself(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] queues = start(m, SPLIT);
      m.device.slow = true;
      m.driver.selectQueue(0);
      Thread vcpu = Thread.ofPlatform().start(() -> m.driver.queueReset(1));
      TransportDriver.await(() -> m.device.drains.size() == 1, "the drain has begun");
      show(queues[0]);
      assertFalse(mayUse(m));
      assertEquals(0, serve(m));
      assertTrue(m.onLoop(() -> m.device.context().mayUse(1)));
      m.device.drainNow();
      vcpu.join();
      assertFalse(mayUse(m)); // there is no such queue now
    }
  }

  // ---- drains and notifications --------------------------------------------------------------

  @ParameterizedTest
  @EnumSource
  @Clause({"SUSPEND-08", "SUSPEND-12"})
  void whatFollowsADrainDoesNotRunInsideOfTheDevice(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] queues = start(m, SPLIT | Features.SUSPEND);
      m.device.holds = true;
      show(queues[0]);
      m.driver.notify(0);
      m.settle();
      m.device.slow = true;
      Thread vcpu = Thread.ofPlatform().start(() -> m.driver.status(OK | DeviceStatus.SUSPEND));
      TransportDriver.await(() -> m.device.drains.size() == 2, "drains have begun");
      m.onLoop(() -> {
        DeviceContext ctx = m.device.context();
        Request request = m.device.held.removeFirst();
        assertTrue(ctx.queue(0).complete(request, 0));
        m.device.drainNow();
        assertEquals(OK, m.driver.status());
        ctx.notifyIfNeeded(0);
        return true;
      });
      vcpu.join();
      assertTrue(m.has(DeviceStatus.SUSPEND));
      assertEquals(1, queues[0].collect().size());
      assertEquals(1, m.driver.takeInterruptStatus());
    }
  }

  @ParameterizedTest
  @EnumSource
  void aResetDoesNotRunInsideOfTheDevice(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] _ = start(m, SPLIT);
      m.device.slow = true;
      Thread vcpu = Thread.ofPlatform().start(() -> m.driver.status(0));
      TransportDriver.await(() -> m.device.drains.size() == 2, "drains have begun");
      assertEquals(
          0,
          m.onLoop(() -> {
            m.device.drainNow();
            return count(m, "reset");
          }));
      vcpu.join();
      assertEquals(1, count(m, "reset"));
      assertEquals(0, m.driver.status());
    }
  }

  @ParameterizedTest
  @EnumSource
  @Clause({"SUSPEND-12"})
  void aNotificationOfASuspendedDeviceComesWithTheResumption(Kind kind) throws Exception {
    for (boolean saved : new boolean[] {false, true}) {
      try (Machine m = new Machine(kind);
          Machine n = new Machine(kind)) {
        DriverQueue[] queues = start(m, SPLIT | Features.SUSPEND);
        queues[1].refuseNotifications();
        m.driver.status(OK | DeviceStatus.SUSPEND);
        m.device.context().notifyQueue(1);
        assertEquals(0, m.driver.takeInterruptStatus());
        Machine at = m;
        if (saved) {
          queues[0].refuseNotifications();
          assertTrue(pause(m).get());
          byte[] state = save(m);
          byte[] ram = new byte[(int) Machine.MEMORY];
          m.memory.read(0, ram);
          n.memory.write(0, ram);
          restore(n, state);
          assertTrue(resume(n).get());
          at = n;
        }
        assertEquals(0, at.driver.takeInterruptStatus());
        at.driver.status(OK);
        assertEquals(1, at.driver.takeInterruptStatus());
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatIsUsedDuringAPauseIsToldAfterwards(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] queues = start(m, SPLIT);
      m.device.holds = true;
      show(queues[0]);
      m.driver.notify(0);
      m.settle();
      assertTrue(pause(m).get());
      m.onLoop(() -> {
        m.device.completeAll(0);
        return true;
      });
      assertEquals(0, m.driver.takeInterruptStatus());
      assertTrue(resume(m).get());
      assertEquals(1, m.driver.takeInterruptStatus());
    }
  }

  @ParameterizedTest
  @EnumSource
  void aDeviceThatBeginsDuringAPauseIsPaused(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      assertTrue(pause(m).get());
      DriverQueue[] _ = start(m, SPLIT);
      m.settle();
      assertEquals(List.of("activate", "pause"), List.copyOf(m.device.calls));
      assertTrue(resume(m).get());
      assertEquals(
          List.of("activate", "pause", "resume"), List.copyOf(m.device.calls).subList(0, 3));
    }
  }

  // ---- saved states --------------------------------------------------------------------------

  @ParameterizedTest
  @EnumSource
  void aRestoredDeviceThatNeedsAResetIsReset(Kind kind) throws Exception {
    try (Machine m = new Machine(kind);
        Machine n = new Machine(kind)) {
      DriverQueue[] _ = start(m, SPLIT);
      m.device.context().fail("told to");
      assertTrue(pause(m).get());
      restore(n, save(m));
      assertEquals(OK | DeviceStatus.NEEDS_RESET, n.driver.status());
      assertEquals(1, n.device.restored.size());
      n.driver.status(0);
      assertEquals(0, n.driver.status());
      assertEquals(List.of("reset"), List.copyOf(n.device.calls));
    }
  }

  @ParameterizedTest
  @EnumSource
  @Clause({"MMIO-09", "PCI-21"})
  void theFirstChangeAfterARestoreIsANewGeneration(Kind kind) throws Exception {
    try (Machine m = new Machine(kind);
        Machine n = new Machine(kind)) {
      DriverQueue[] _ = start(m, SPLIT);
      int generation = m.driver.generation();
      assertEquals(0x1122_3344_5566_7788L, m.driver.config(0, 8));
      assertTrue(pause(m).get());
      restore(n, save(m));
      n.device.capacity.set(5);
      assertEquals(5, n.driver.config(0, 8));
      assertEquals((generation + 1) & 0xff, n.driver.generation() & 0xff);
    }
  }

  @ParameterizedTest
  @EnumSource
  @Clause({"MMIO-09", "PCI-21"})
  void whatASuspendedDeviceHoldsBackStaysHeldBackInAState(Kind kind) throws Exception {
    try (Machine m = new Machine(kind);
        Machine n = new Machine(kind)) {
      DriverQueue[] _ = start(m, SPLIT | Features.SUSPEND);
      int generation = m.driver.generation();
      m.driver.status(OK | DeviceStatus.SUSPEND);
      m.device.capacity.set(5);
      assertTrue(pause(m).get());
      restore(n, save(m));
      assertTrue(resume(n).get());
      assertEquals(0x1122_3344_5566_7788L, n.driver.config(0, 8));
      assertEquals(generation, n.driver.generation());
      n.driver.status(OK);
      assertEquals(5, n.driver.config(0, 8));
      assertEquals((generation + 1) & 0xff, n.driver.generation() & 0xff);
    }
  }

  @Test
  void aStateIsSavedAndRestoredBeforeTheLoopRuns() throws Exception {
    byte[] state;
    byte[] ram = new byte[(int) Machine.MEMORY];
    try (Machine m = new Machine(Kind.MMIO)) {
      DriverQueue[] _ = start(m, SPLIT);
      assertTrue(pause(m).get());
      state = save(m);
      m.memory.read(0, ram);
    }
    TestDevice device = new TestDevice();
    try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, Machine.MEMORY).build();
        EventLoop loop = EventLoop.create("later")) {
      memory.write(0, ram);
      VirtioMmio mmio =
          VirtioMmio.builder(TransportSetup.of(device, memory, loop), Machine.MMIO_BASE)
              .edge(() -> {})
              .build();
      mmio.restore(state);
      assertEquals(OK, mmio.status());
      assertEquals(List.of("activate"), List.copyOf(device.calls));
      assertEquals(state.length, mmio.save().length);
      Thread _ = loop.start();
      assertTrue(mmio.resume().get());
      mmio.close();
      assertEquals("reset", List.copyOf(device.calls).getLast());
    }
  }

  @ParameterizedTest
  @EnumSource
  void aSaveThatWouldWaitForItselfIsRefused(Kind kind) throws Exception {
    try (Machine m = new Machine(kind);
        EventLoop other = EventLoop.create("other")) {
      DriverQueue[] _ = start(m, SPLIT);
      m.device.slow = true;
      CompletableFuture<Boolean> paused = pause(m);
      TransportDriver.await(() -> m.device.drains.size() == 2, "drains have begun");
      ExecutionException e = assertThrows(ExecutionException.class, () -> m.onLoop(() -> save(m)));
      assertEquals(
          "java.lang.IllegalStateException: "
              + "test0: save() would wait for what the calling thread has to end first",
          e.getMessage());
      m.device.drainNow();
      assertTrue(paused.get());
      // On the loop's thread alone it is done at once.
      assertEquals(save(m).length, m.onLoop(() -> save(m).length));
      // Another loop, which this one waits for.
      Thread _ = other.start();
      e =
          assertThrows(
              ExecutionException.class, () -> m.onLoop(() -> other.call(() -> save(m).length)));
      assertEquals(
          "java.util.concurrent.ExecutionException: java.lang.IllegalStateException: join() would"
              + " wait for ever: event loops wait for each other: other -> devices -> other",
          e.getMessage());
    }
  }

  // ---- the end of the loop -------------------------------------------------------------------

  @ParameterizedTest
  @EnumSource
  void theEndOfTheLoopEndsWaiting(Kind kind) throws Exception {
    try (Machine m = new Machine(kind)) {
      DriverQueue[] _ = start(m, SPLIT);
      m.device.slow = true;
      CompletableFuture<Boolean> paused = pause(m);
      TransportDriver.await(() -> m.device.drains.size() == 2, "drains have begun");
      CompletableFuture<Boolean> resumed = resume(m);
      m.loop.stop();
      for (CompletableFuture<Boolean> future : List.of(paused, resumed)) {
        ExecutionException e = assertThrows(ExecutionException.class, future::get);
        assertEquals(
            "java.util.concurrent.RejectedExecutionException: event loop devices has ended",
            e.getMessage());
      }
      m.loop.close();
      IllegalStateException e = assertThrows(IllegalStateException.class, () -> save(m));
      assertEquals(
          "test0: save() would wait for what the calling thread has to end first", e.getMessage());
    }
  }

  @ParameterizedTest
  @EnumSource
  void aResetDuringTheEndOfTheLoopDoesNotEnterTheDevice(Kind kind) throws Exception {
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    try (Machine m = new Machine(kind)) {
      DriverQueue[] _ = start(m, SPLIT);
      m.settle();
      m.loop.execute(() -> {
        inside.countDown();
        try {
          go.await();
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
      });
      inside.await();
      m.loop.stop();
      try {
        m.driver.status(0);
        assertEquals(0, count(m, "reset"));
        assertThrows(RejectedExecutionException.class, () -> m.loop.execute(() -> {}));
        CompletableFuture<Boolean> paused = pause(m);
        assertTrue(paused.isCompletedExceptionally());
        assertEquals(0, count(m, "pause"));
      } finally {
        go.countDown();
      }
      m.loop.close();
      // Now nobody else runs the device.
      m.driver.status(0);
      assertEquals(1, count(m, "reset"));
      assertEquals(0, m.driver.status());
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatTheLoopLeftIsResetWhenTheTransportIsClosed(Kind kind) throws Exception {
    TestDevice device;
    try (Machine m = new Machine(kind)) {
      device = m.device;
      DriverQueue[] _ = start(m, SPLIT);
      m.loop.close();
    }
    assertEquals("reset", List.copyOf(device.calls).getLast());
  }
}

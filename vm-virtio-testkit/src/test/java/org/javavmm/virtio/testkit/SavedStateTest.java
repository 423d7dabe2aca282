// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import static org.javavmm.virtio.testkit.Buffer.readable;
import static org.javavmm.virtio.testkit.Buffer.writable;
import static org.javavmm.virtio.testkit.Machine.DATA;
import static org.javavmm.virtio.testkit.Machine.RINGS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.javavmm.virtio.DeviceStatus;
import org.javavmm.virtio.Features;
import org.javavmm.virtio.Request;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.testkit.Machine.Kind;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** A device that is saved goes on in another machine, and what is no saved state is refused. */
class SavedStateTest {
  private static final int OK = 15;

  private static byte[] save(Machine m) throws Exception {
    boolean _ = m.kind == Kind.MMIO ? m.mmio().pause().get() : m.pci().pause().get();
    return m.kind == Kind.MMIO ? m.mmio().save() : m.pci().save();
  }

  private static void restore(Machine m, byte[] state) {
    if (m.kind == Kind.MMIO) {
      m.mmio().restore(state);
    } else {
      m.pci().restore(state);
    }
  }

  private static void copyMemory(Machine from, Machine to) {
    byte[] bytes = new byte[(int) Machine.MEMORY];
    from.memory.read(0, bytes);
    to.memory.write(0, bytes);
  }

  @ParameterizedTest
  @MethodSource("org.javavmm.virtio.testkit.TransportTest#cases")
  void aDeviceGoesOnWithWhatWasInFlight(TransportTest.Case c) throws Exception {
    long features = c.features() | Features.SUSPEND;
    for (boolean suspended : new boolean[] {false, true}) {
      try (Machine m = new Machine(c.kind());
          Machine n = new Machine(c.kind())) {
        DriverQueue[] queues = m.driver.start(m.memory, RINGS, 8, 2, features);
        m.driver.config(8, 2, 0x77);
        m.device.holds = true;
        m.memory.putLong(DATA, 0x55);
        int a = queues[0].offer(List.of(readable(DATA, 8), writable(DATA + 8, 8)));
        queues[0].expose();
        m.driver.notify(0);
        m.settle();
        if (suspended) {
          m.driver.status(OK | DeviceStatus.SUSPEND);
          m.device.context().notifyConfig();
        }
        m.driver.selectQueue(1);
        byte[] state = save(m);
        copyMemory(m, n);
        restore(n, state);
        assertEquals(m.driver.status(), n.driver.status());
        assertEquals(0x77, n.driver.config(8, 2));
        assertEquals(8, n.driver.queueSize().orElse(8));
        assertEquals(1, n.driver.queueReady());
        assertEquals(1, n.device.restored.size());
        assertEquals(m.driver.generation(), n.driver.generation());
        // It stands still until it is resumed, and has what was in flight.
        boolean _ = n.kind == Kind.MMIO ? n.mmio().resume().get() : n.pci().resume().get();
        if (suspended) {
          n.driver.status(OK);
          assertEquals(2, n.driver.takeInterruptStatus() & 2);
        }
        assertEquals(OK, n.driver.status());
        assertTrue(n.device.context().isRestored());
        assertEquals(
            1,
            n.onLoop(() -> {
              List<Request> held = n.device.context().queue(0).held();
              n.device.held.addAll(held);
              n.device.completeAll(0);
              return held.size();
            }));
        assertEquals(0x55, n.memory.getLong(DATA + 8));
        // The driver's side lives in the other memory: look at its used ring there.
        copyMemory(n, m);
        assertEquals(List.of(new Used(a, 8)), queues[0].collect());
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aStateBeforeTheDriverIsReadyIsKept(Kind kind) throws Exception {
    try (Machine m = new Machine(kind);
        Machine n = new Machine(kind)) {
      assertTrue(m.driver.negotiate(RingFeatures.VERSION_1));
      byte[] state = save(m);
      restore(n, state);
      assertEquals(11, n.driver.status());
      DriverQueue queue =
          DriverQueue.create(n.memory, DriverQueue.layout(RINGS, 8, RingFeatures.VERSION_1));
      assertTrue(n.driver.enable(0, queue.config()));
      boolean _ = kind == Kind.MMIO ? n.mmio().resume().get() : n.pci().resume().get();
      n.driver.ready();
      int id = queue.offer(List.of(readable(DATA, 1)));
      queue.expose();
      n.driver.notify(0);
      TransportDriver.await(() -> queue.poll().equals(List.of(new Used(id, 0))), "used");
      IllegalStateException e = assertThrows(IllegalStateException.class, () -> restore(n, state));
      assertEquals("test0 is in use: status=0xf", e.getMessage());
      e =
          assertThrows(
              IllegalStateException.class,
              () -> {
                byte[] _ = kind == Kind.MMIO ? n.mmio().save() : n.pci().save();
              });
      assertEquals("test0 is not paused", e.getMessage());
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatIsNoStateIsRefused(Kind kind) throws Exception {
    byte[] state;
    byte[] ram = new byte[(int) Machine.MEMORY];
    try (Machine m = new Machine(kind)) {
      DriverQueue[] queues = m.driver.start(m.memory, RINGS, 8, 2, RingFeatures.VERSION_1);
      m.device.holds = true;
      int _ = queues[0].offer(List.of(readable(DATA, 8), writable(DATA + 8, 8)));
      queues[0].expose();
      m.driver.notify(0);
      m.settle();
      state = save(m);
      m.memory.read(0, ram);
    }
    String[] messages = {
      "test0: saved magic=0x0, must be 0x56444556",
      "test0: saved version=0x0, must be 0x2",
      "test0: saved type=0x0, must be 0x3",
      "test0: saved queues=0x0, must be 0x2"
    };
    for (int i = 0; i < messages.length; i++) {
      byte[] bad = state.clone();
      Arrays.fill(bad, 4 * i, 4 * i + 4, (byte) 0);
      assertRefused(kind, ram, bad, messages[i]);
    }
    byte[] badStatus = state.clone();
    badStatus[32] = 4;
    assertRefused(kind, ram, badStatus, "test0: saved status=0x4 is not possible");
    assertRefused(kind, ram, Arrays.copyOf(state, 40), "test0: state of 40 bytes is too short");
    assertRefused(
        kind,
        ram,
        Arrays.copyOf(state, state.length + 1),
        "test0: saved state has 1 bytes too many");
    // Whatever else it is: it is refused by an IllegalArgumentException or it is a good state.
    SplittableRandom random = new SplittableRandom(5);
    for (int i = 0; i < 60; i++) {
      byte[] bad = state.clone();
      for (int k = 0; k < 2; k++) {
        bad[random.nextInt(16, bad.length)] ^= (byte) (1 << random.nextInt(8));
      }
      try (Machine n = new Machine(kind)) {
        n.memory.write(0, ram);
        try {
          restore(n, bad);
        } catch (IllegalArgumentException e) {
          assertTrue(String.valueOf(e.getMessage()).startsWith("test0: "), e.toString());
        }
      }
    }
  }

  private static void assertRefused(Kind kind, byte[] ram, byte[] state, String message)
      throws Exception {
    try (Machine n = new Machine(kind)) {
      n.memory.write(0, ram);
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> restore(n, state));
      assertEquals(message, e.getMessage());
      assertEquals(0, n.driver.status());
    }
  }
}

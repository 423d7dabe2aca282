// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import static org.javavmm.virtio.testkit.Buffer.readable;
import static org.javavmm.virtio.testkit.Buffer.writable;
import static org.javavmm.virtio.testkit.Fixture.DATA;
import static org.javavmm.virtio.testkit.Fixture.PACKED;
import static org.javavmm.virtio.testkit.Fixture.TABLES;
import static org.javavmm.virtio.testkit.Fixture.VERSION_1;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.javavmm.virtio.QueueFaultException;
import org.javavmm.virtio.QueueState;
import org.javavmm.virtio.Request;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.Taken;
import org.javavmm.virtio.Virtqueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What both formats do, and the clauses of each. */
class VirtqueueTest {
  private static final long EVENT = RingFeatures.EVENT_IDX;
  private static final long IN_ORDER = RingFeatures.IN_ORDER;
  private static final long INDIRECT = RingFeatures.INDIRECT_DESC;

  // ---- taking and completing ---------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(longs = {VERSION_1, PACKED})
  @Clause({"SPLIT-03", "SPLIT-06", "SPLIT-16", "SPLIT-17", "SPLIT-D02", "SPLIT-D03", "PACKED-04"})
  void aRequestIsReadWrittenAndReturned(long features) throws Exception {
    try (Fixture f = new Fixture(8, features)) {
      f.memory.putLong(DATA, 0x1122_3344_5566_7788L);
      int id = f.driver.offer(List.of(readable(DATA, 8), writable(DATA + 0x100, 8)));
      assertEquals(Taken.EMPTY, f.queue.take());
      assertThrows(IllegalStateException.class, f.queue::request);
      f.driver.expose();
      MemoryGuard guard = new MemoryGuard(f.memory);
      guard.allow(DATA + 0x100, 8);
      Request r = f.take();
      assertSame(r, f.queue.request());
      assertEquals(List.of(r), f.queue.held());
      assertEquals(id, r.id());
      assertEquals(0x1122_3344_5566_7788L, r.reader().getLong());
      r.writer().putInt(0x0102_0304);
      guard.verify();
      assertEquals(List.of(), f.driver.collect());
      assertTrue(f.queue.complete(r));
      assertFalse(r.isHeld());
      assertEquals(List.of(new Used(id, 4)), f.driver.collect());
      assertEquals(0x0102_0304, f.memory.getInt(DATA + 0x100));
      assertEquals(0, f.memory.getInt(DATA + 0x104));
      assertEquals(Taken.EMPTY, f.queue.take());
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {VERSION_1, PACKED})
  @Clause({"PACKED-01", "PACKED-02", "PACKED-D05"})
  void requestsCompleteInAnyOrder(long features) throws Exception {
    try (Fixture f = new Fixture(8, features)) {
      for (int round = 0; round < 5; round++) {
        int a = f.driver.offer(List.of(readable(DATA, 1), writable(DATA, 9)));
        int b = f.driver.offer(List.of(writable(DATA, 9)));
        int c = f.driver.offer(List.of(readable(DATA, 1), readable(DATA, 1), writable(DATA, 9)));
        f.driver.expose();
        Request first = f.take();
        Request second = f.take();
        Request third = f.take();
        assertEquals(List.of(a, b, c), List.of(first.id(), second.id(), third.id()));
        assertTrue(f.queue.complete(third, 3));
        assertTrue(f.queue.complete(first, 1));
        assertEquals(List.of(second), f.queue.held());
        assertTrue(f.queue.complete(second, 2));
        assertEquals(List.of(new Used(c, 3), new Used(a, 1), new Used(b, 2)), f.driver.collect());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {VERSION_1, PACKED})
  @Clause({"SPLIT-18", "PACKED-D09"})
  void whatIsStagedIsShownAtOnce(long features) throws Exception {
    try (Fixture f = new Fixture(8, features)) {
      for (int round = 0; round < 5; round++) {
        List<Used> all = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
          all.add(new Used(f.driver.offer(List.of(readable(DATA, 1), writable(DATA, 8))), i));
        }
        f.driver.expose();
        for (int i = 0; i < 3; i++) {
          assertTrue(f.queue.stage(f.take(), i));
          assertFalse(f.queue.request().isHeld());
          assertEquals(List.of(), f.driver.poll());
        }
        assertFalse(f.queue.needsNotification());
        assertThrows(IllegalStateException.class, f.queue::save);
        assertTrue(f.queue.publish());
        assertTrue(f.queue.needsNotification());
        assertEquals(all, f.driver.collect());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {VERSION_1, PACKED})
  void whatADeviceGetsWrongIsSaid(long features) throws Exception {
    try (Fixture f = new Fixture(8, features);
        Fixture other = new Fixture(8, features)) {
      f.driver.offer(List.of(readable(DATA, 8), writable(DATA, 8)));
      f.driver.expose();
      Request r = f.take();
      assertMessage("written=9 is not in 0..8, what is writable", () -> f.queue.complete(r, 9));
      assertMessage("written=-1 is not in 0..8, what is writable", () -> f.queue.stage(r, -1));
      assertMessage(r + " is another queue's", () -> other.queue.complete(r));
      r.reader().getInt();
      r.reader().getByte();
      assertMessage(
          "length=4 is not in 0..3, what remains at position 5 of the device-readable bytes",
          r.reader()::getInt);
      assertMessage(
          "length=9 is not in 0..8, what remains at position 0 of the device-writable bytes",
          () -> r.writer().write(new byte[9], 0, 9));
      assertMessage(
          "length=-1 is not in 0..8, what remains at position 0 of the device-writable bytes",
          () -> r.writer().skip(-1));
      assertTrue(f.queue.complete(r));
      assertMessage(r + ": it cannot be completed", () -> f.queue.complete(r));
      assertEquals(
          "the request was completed, or its queue reset",
          assertThrows(IllegalStateException.class, r.reader()::getByte).getMessage());
      assertThrows(IllegalStateException.class, () -> r.writer().putByte((byte) 1));
    }
  }

  private static void assertMessage(String message, Runnable action) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, action::run).getMessage());
  }

  @Test
  @Clause({"SPLIT-07", "SPLIT-08", "SPLIT-09", "SPLIT-D04"})
  void splitIndirectChains() throws Exception {
    try (Fixture f = new Fixture(8, VERSION_1 | INDIRECT)) {
      List<Buffer> buffers = List.of(readable(DATA, 4), writable(DATA + 16, 4));
      int whole = f.split().offerIndirect(buffers, TABLES);
      int mixed =
          f.split()
              .offerMixed(List.of(readable(DATA, 2), readable(DATA + 2, 2)), buffers, TABLES + 256);
      f.driver.expose();
      Request r = f.take();
      assertEquals(whole, r.id());
      assertEquals(List.of(4L, 4L), List.of(r.readable(), r.writable()));
      r = f.take();
      assertEquals(mixed, r.id());
      assertEquals(List.of(8L, 4L), List.of(r.readable(), r.writable()));
      assertEquals(4, r.parts());
      // WRITE on the descriptor that refers to the table means nothing; the table may skip about.
      f.split().descriptor(7, TABLES + 512, 48, 4 | 2, 99);
      f.split().descriptorAt(TABLES + 512, DATA, 1, 1, 2);
      f.split().descriptorAt(TABLES + 544, DATA + 1, 2, 0, 0);
      f.split().availEntry(2, 7);
      f.split().availIndex(3);
      r = f.take();
      assertEquals(List.of(3L, 0L), List.of(r.readable(), r.writable()));
      assertEquals(2, r.parts());
    }
  }

  @Test
  @Clause("PACKED-08")
  void packedIndirectTables() throws Exception {
    try (Fixture f = new Fixture(3, PACKED | INDIRECT)) {
      for (int round = 0; round < 8; round++) {
        int a = f.driver.offerIndirect(List.of(readable(DATA, 4), writable(DATA, 5)), TABLES);
        int b = f.driver.offer(List.of(readable(DATA, 6), writable(DATA + 6, 7)));
        f.driver.expose();
        Request first = f.take();
        Request second = f.take();
        assertEquals(List.of(a, b), List.of(first.id(), second.id()));
        assertEquals(List.of(4L, 5L), List.of(first.readable(), first.writable()));
        assertEquals(List.of(6L, 7L), List.of(second.readable(), second.writable()));
        assertEquals(
            List.of(DATA, DATA + 6), List.of(second.partAddress(0), second.partAddress(1)));
        assertTrue(f.queue.complete(second, 7));
        assertTrue(f.queue.complete(first, 0));
        assertEquals(List.of(new Used(b, 7), new Used(a, 0)), f.driver.collect());
      }
    }
  }

  /** The spot that the device polls decides: nothing later is looked at. */
  @Test
  @Clause({"PACKED-06", "PACKED-07", "PACKED-D01", "PACKED-D02", "PACKED-D03", "PACKED-D04"})
  void packedFlagsDecide() throws Exception {
    try (Fixture f = new Fixture(4, PACKED)) {
      int[] unavailable = {0, 1 << 7 | 1 << 15, 1 << 15};
      f.packed().descriptor(1, DATA, 1, 1, PackedDriver.available(1));
      for (int flags : unavailable) {
        f.packed().descriptor(0, DATA, 1, 0, flags);
        assertEquals(Taken.EMPTY, f.queue.take());
      }
      f.packed().descriptor(0, DATA, 1, 0, PackedDriver.available(1));
      assertTrue(f.queue.complete(f.take()));
      assertEquals(0x8080, f.memory.getShort(f.config.descriptorArea() + 14) & 0xffff);
      assertEquals(Taken.REQUEST, f.queue.take());
      assertEquals(Taken.EMPTY, f.queue.take());
      assertTrue(f.queue.complete(f.queue.held().getFirst()));
      f.packed().descriptor(2, DATA, 1, 2, 2 | PackedDriver.available(1));
      f.packed().descriptor(3, DATA, 1, 3, 2 | PackedDriver.available(1));
      assertTrue(f.queue.complete(f.take(), 1));
      assertEquals(0x8082, f.memory.getShort(f.config.descriptorArea() + 46) & 0xffff);
      assertTrue(f.queue.complete(f.take(), 0));
      assertEquals(0x8080, f.memory.getShort(f.config.descriptorArea() + 62) & 0xffff);
      // The second round, with wrap counter 0.
      assertEquals(Taken.EMPTY, f.queue.take());
      f.packed().descriptor(0, DATA, 1, 9, 2 | PackedDriver.available(0));
      assertTrue(f.queue.complete(f.take(), 1));
      assertEquals(2, f.memory.getShort(f.config.descriptorArea() + 14) & 0xffff);
      assertEquals(1, f.memory.getInt(f.config.descriptorArea() + 8));
      assertEquals(9, f.memory.getShort(f.config.descriptorArea() + 12));
    }
  }

  // ---- in order ----------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(longs = {VERSION_1 | IN_ORDER, PACKED | IN_ORDER})
  @Clause("INORD-01")
  void whatCompletesEarlyWaits(long features) throws Exception {
    try (Fixture f = new Fixture(8, features)) {
      for (int round = 0; round < 7; round++) {
        int a = f.driver.offer(List.of(writable(DATA, 8)));
        int b = f.driver.offer(List.of(readable(DATA, 1), writable(DATA, 8)));
        int c = f.driver.offer(List.of(writable(DATA, 8)));
        f.driver.expose();
        Request first = f.take();
        Request second = f.take();
        Request third = f.take();
        assertTrue(f.queue.complete(second, 2));
        assertFalse(second.isHeld());
        assertEquals(List.of(first, third), f.queue.held());
        assertFalse(f.queue.needsNotification());
        assertEquals(List.of(), f.driver.collect());
        assertTrue(f.queue.complete(first, 1));
        assertEquals(List.of(new Used(a, 1), new Used(b, 2)), f.driver.collect());
        assertTrue(f.queue.needsNotification());
        assertTrue(f.queue.complete(third, 3));
        assertEquals(List.of(new Used(c, 3)), f.driver.collect());
        assertTrue(f.queue.needsNotification());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {VERSION_1 | IN_ORDER, PACKED | IN_ORDER})
  @Clause({"INORD-D01", "INORD-D02", "INORD-D03", "INORD-D04", "INORD-D05"})
  void aBatchIsOneElement(long features) throws Exception {
    try (Fixture f = new Fixture(8, features)) {
      List<Used> all = new ArrayList<>();
      // The third is not written completely: what the driver is told of it must not be lost.
      long[] written = {8, 8, 3, 8, 5};
      for (long w : written) {
        all.add(new Used(f.driver.offer(List.of(writable(DATA, 8))), w));
      }
      f.driver.expose();
      for (long w : written) {
        assertTrue(f.queue.stage(f.take(), w));
      }
      MemoryGuard guard = new MemoryGuard(f.memory);
      if (f.config.isPacked()) {
        guard.allow(f.config.descriptorArea(), 16);
        guard.allow(f.config.descriptorArea() + 48, 16);
      } else {
        guard.allow(f.config.deviceArea() + 2, 2);
        guard.allow(f.config.deviceArea() + 4, 8);
        guard.allow(f.config.deviceArea() + 4 + 24, 8);
      }
      assertTrue(f.queue.publish());
      guard.verify();
      assertEquals(all, f.driver.collect());
    }
  }

  // ---- notifications -----------------------------------------------------------------------

  private static void roundTrip(Fixture f) {
    f.driver.offer(List.of(readable(DATA, 1)));
    f.driver.expose();
    assertTrue(f.queue.complete(f.take()));
    f.driver.collect();
  }

  @ParameterizedTest
  @ValueSource(longs = {VERSION_1, PACKED})
  @Clause({"SPLIT-10", "SPLIT-11", "SPLIT-12", "PACKED-D10", "PACKED-D12"})
  void flagsSuppressNotifications(long features) throws Exception {
    try (Fixture f = new Fixture(4, features)) {
      assertFalse(f.queue.needsNotification(), "nothing was returned");
      for (int i = 0; i < 10; i++) {
        roundTrip(f);
        assertTrue(f.queue.needsNotification());
        assertFalse(f.queue.needsNotification(), "decided already");
        if (!f.config.isPacked()) {
          f.split().usedEvent(i + 40); // means nothing
        }
        f.driver.refuseNotifications();
        roundTrip(f);
        assertFalse(f.queue.needsNotification());
        f.driver.wantNotifications();
        assertFalse(f.queue.needsNotification(), "what was decided stays");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {VERSION_1 | EVENT, PACKED | EVENT})
  @Clause({"SPLIT-13", "SPLIT-14", "SPLIT-15", "PACKED-D11"})
  void anEventIndexNamesTheNotification(long features) throws Exception {
    try (Fixture f = new Fixture(4, features)) {
      if (!f.config.isPacked()) {
        f.split().availFlags(1); // means nothing
      }
      for (int round = 0; round < 40; round++) {
        int more = 1 + round % 3;
        f.driver.wantNotificationAfter(more);
        for (int i = 1; i <= 4; i++) {
          roundTrip(f);
          assertEquals(i == more, f.queue.needsNotification(), round + ", " + i);
        }
        // Asked once for several.
        f.driver.wantNotificationAfter(more);
        roundTrip(f);
        roundTrip(f);
        assertEquals(more <= 2, f.queue.needsNotification());
        if (!f.config.isPacked()) {
          f.split().availFlags(1);
        }
      }
    }
  }

  @Test
  @Clause("SPLIT-14")
  void theEventIndexWrapsAt65536() throws Exception {
    try (Fixture f = new Fixture(4, VERSION_1 | EVENT)) {
      for (int i = 0; i < 65540; i++) {
        boolean border = i > 65530 || i < 5;
        f.split().usedEvent(border ? i & 0xffff : (i + 100) & 0xffff);
        roundTrip(f);
        assertEquals(border, f.queue.needsNotification(), "i=" + i);
      }
      f.split().usedEvent(f.split().usedIndex());
      for (int i = 0; i < 65536; i++) {
        roundTrip(f);
      }
      assertTrue(f.queue.needsNotification(), "a whole round went by");
    }
  }

  /** Event flags that mean nothing may not silence a device. */
  @Test
  void reservedEventFlagsCountAsEnabled() throws Exception {
    try (Fixture f = new Fixture(4, PACKED)) {
      for (int flags : new int[] {2, 3}) {
        f.packed().driverEvent(flags, 3, 1);
        roundTrip(f);
        assertTrue(f.queue.needsNotification());
      }
    }
    try (Fixture f = new Fixture(4, PACKED | EVENT)) {
      f.packed().driverEvent(2, 4, 1);
      roundTrip(f);
      assertTrue(f.queue.needsNotification());
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {VERSION_1, VERSION_1 | EVENT, PACKED, PACKED | EVENT})
  @Clause({"SPLIT-20", "SPLIT-21", "SPLIT-22", "SPLIT-23", "SPLIT-24", "SPLIT-26", "PACKED-11"})
  void theDeviceAsksForNotifications(long features) throws Exception {
    try (Fixture f = new Fixture(4, features)) {
      List<Buffer> one = List.of(readable(DATA, 1));
      f.driver.offer(one);
      assertTrue(f.driver.expose(), "the first is always wanted");
      f.queue.disableNotifications();
      f.take();
      f.driver.offer(one);
      assertFalse(f.driver.expose());
      assertTrue(f.queue.enableNotifications(), "one came meanwhile");
      f.queue.disableNotifications();
      f.take();
      f.queue.held().forEach(f.queue::complete);
      f.driver.collect();
      for (int i = 0; i < 10; i++) {
        assertFalse(f.queue.enableNotifications());
        assertFalse(f.queue.enableNotifications());
        f.driver.offer(one);
        assertTrue(f.driver.expose());
        assertTrue(f.queue.complete(f.take()));
        assertEquals(Taken.EMPTY, f.queue.take(), "a notification of nothing does no harm");
        f.driver.collect();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {VERSION_1, VERSION_1 | EVENT, PACKED, PACKED | EVENT})
  @Clause({"SPLIT-25", "PACKED-10"})
  void processServesWhatComesMeanwhile(long features) throws Exception {
    try (Fixture f = new Fixture(4, features)) {
      List<Buffer> one = List.of(readable(DATA, 1));
      f.driver.offer(one);
      f.driver.expose();
      int[] served = {0};
      Taken ended =
          f.queue.process((q, r) -> {
            if (served[0]++ < 2) {
              f.driver.offer(one);
              f.driver.expose();
            }
            assertTrue(q.complete(r));
            f.driver.collect();
          });
      assertEquals(Taken.EMPTY, ended);
      assertEquals(3, served[0]);
      f.driver.offer(one);
      assertTrue(f.driver.expose(), "asked for again");
    }
  }

  // ---- reset, save and restore -------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(longs = {VERSION_1, VERSION_1 | EVENT, PACKED, PACKED | EVENT | IN_ORDER})
  @Clause({"QRESET-01", "QRESET-02", "QRESET-03", "QRESET-04", "QRESET-05"})
  void aResetEndsAQueue(long features) throws Exception {
    try (Fixture f = new Fixture(4, features)) {
      roundTrip(f);
      f.driver.offer(List.of(readable(DATA, 8), writable(DATA, 8)));
      f.driver.offer(List.of(readable(DATA, 8)));
      f.driver.expose();
      Request r = f.take();
      f.queue.reset();
      assertTrue(f.queue.isReset());
      MemoryGuard guard = new MemoryGuard(f.memory);
      assertFalse(r.isHeld());
      assertThrows(IllegalStateException.class, r.reader()::getByte);
      assertThrows(IllegalStateException.class, () -> r.writer().putByte((byte) 1));
      assertFalse(f.queue.complete(r));
      assertFalse(f.queue.stage(r, 0));
      assertFalse(f.queue.publish());
      assertEquals(Taken.EMPTY, f.queue.take());
      assertFalse(f.queue.discard());
      assertEquals(List.of(), f.queue.held());
      assertFalse(f.queue.enableNotifications());
      f.queue.disableNotifications();
      assertFalse(f.queue.needsNotification());
      assertThrows(IllegalStateException.class, f.queue::save);
      guard.verify();

      DriverQueue again = DriverQueue.create(f.memory, f.config);
      Virtqueue queue = Virtqueue.activate(f.memory, f.config);
      List<Used> used = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        used.add(new Used(again.offer(List.of(readable(DATA, 8))), 0));
      }
      again.expose();
      for (int i = 0; i < 2; i++) {
        assertEquals(Taken.REQUEST, queue.take());
        assertEquals(used.get(i).id(), queue.request().id());
        assertTrue(queue.complete(queue.request()));
      }
      assertEquals(used, again.collect());
      assertEquals(Taken.EMPTY, queue.take());
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {VERSION_1, PACKED})
  @Clause({"QRESET-06", "QRESET-07"})
  void aQueueEnabledAgainHasItsNewConfiguration(long features) throws Exception {
    try (Fixture f = new Fixture(4, features)) {
      f.queue.reset();
      var config = DriverQueue.layout(0x4_0000, 16, features);
      DriverQueue driver = DriverQueue.create(f.memory, config);
      Virtqueue queue = Virtqueue.activate(f.memory, config);
      assertEquals(16, queue.size());
      driver.offer(Collections.nCopies(16, readable(DATA, 1)));
      driver.expose();
      assertEquals(Taken.REQUEST, queue.take());
      assertEquals(16, queue.request().parts());
    }
  }

  @ParameterizedTest
  @ValueSource(
      longs = {VERSION_1, VERSION_1 | EVENT, VERSION_1 | IN_ORDER, PACKED, PACKED | IN_ORDER})
  void aQueueGoesOnWhereItWasSaved(long features) throws Exception {
    try (Fixture f = new Fixture(8, features)) {
      for (int round = 0; round < 7; round++) {
        roundTrip(f);
      }
      int a = f.driver.offer(List.of(readable(DATA, 4), writable(DATA + 8, 4)));
      int b = f.driver.offer(List.of(writable(DATA + 16, 4)));
      int c = f.driver.offer(List.of(readable(DATA + 4, 4)));
      f.driver.expose();
      f.memory.putInt(DATA, 77);
      f.take();
      assertTrue(f.queue.complete(f.take(), 4)); // out of order; waits with in-order use
      QueueState state = f.queue.save();
      Virtqueue queue = Virtqueue.restore(f.memory, f.config, state);
      assertEquals(state, queue.save());
      Request held = queue.held().getFirst();
      assertEquals(1, queue.held().size());
      assertEquals(a, held.id());
      assertEquals(77, held.reader().getInt());
      held.writer().putInt(78);
      assertTrue(queue.complete(held));
      assertTrue(queue.needsNotification(), "in doubt one too many");
      assertEquals(Taken.REQUEST, queue.take());
      assertEquals(c, queue.request().id());
      assertTrue(queue.complete(queue.request()));
      List<Used> used = f.driver.collect();
      assertTrue(
          used.containsAll(List.of(new Used(a, 4), new Used(b, 4), new Used(c, 0))),
          () -> "" + used);
      assertEquals(3, used.size());
      assertEquals(78, f.memory.getInt(DATA + 8));
    }
  }

  @Test
  void aSplitStateIsChecked() throws Exception {
    try (Fixture f = new Fixture(8, VERSION_1)) {
      f.driver.offer(List.of(readable(DATA, 4), writable(DATA, 4)));
      f.driver.offer(List.of(readable(DATA, 4)));
      f.driver.expose();
      f.take();
      QueueState.Split good = (QueueState.Split) f.queue.save();
      QueueState.InFlight one = good.inFlight().getFirst();
      refused(f, "format=1 is not 0, split", new QueueState.Packed(0, 1, 0, 1, List.of()));
      refused(f, "nextAvail=65536 is not in 0..65535", split(65536, 0, one));
      refused(f, "nextUsed=-1 is not in 0..65535", split(1, -1, one));
      refused(f, "nextUsed=1 is not 0, the ring's used index", split(1, 1));
      refused(
          f, "nextAvail=3 is not at most 8 behind 2, the ring's available index", split(3, 0, one));
      refused(f, "inFlight.size=1 is not 2, nextAvail - nextUsed, and at most 8", split(2, 0, one));
      refused(f, "inFlight[0].head=8 is not below 8", split(1, 0, in(8, 8, 1, one.parts(), -1)));
      refused(f, "inFlight[0].id=1 is not 0, the head", split(1, 0, in(0, 1, 1, one.parts(), -1)));
      refused(
          f,
          "inFlight[0].descriptors=2 is not 1 of a split queue",
          split(1, 0, in(0, 0, 2, one.parts(), -1)));
      refused(f, "inFlight[1].head=0 is not in flight once only", split(2, 0, one, one));
      refused(
          f,
          "inFlight[0].written=0 is not -1 without in-order use",
          split(1, 0, in(0, 0, 1, one.parts(), 0)));
      refused(
          f,
          "inFlight[0].parts[0].length=0 is not in 1..4294967295",
          split(1, 0, in(0, 0, 1, List.of(new QueueState.Part(DATA, 0, false)), -1)));
      refused(
          f,
          "inFlight[0].parts=9 is not at most 8",
          split(
              1, 0, in(0, 0, 1, Collections.nCopies(9, new QueueState.Part(DATA, 1, false)), -1)));
      refused(
          f,
          "inFlight[0].parts[1].writable=0 is not 1, as that of a part before it",
          split(
              1,
              0,
              in(
                  0,
                  0,
                  1,
                  List.of(new QueueState.Part(DATA, 1, true), new QueueState.Part(DATA, 1, false)),
                  -1)));
      QueueFaultException e =
          assertThrows(
              QueueFaultException.class,
              () ->
                  Virtqueue.restore(
                      f.memory,
                      f.config,
                      split(1, 0, in(0, 0, 1, List.of(new QueueState.Part(-8, 4, true)), -1))));
      assertEquals(
          "chain 0, descriptor 0: buffer at 0xfffffffffffffff8: writing 4 bytes: END_OF_MEMORY",
          e.getMessage());
      assertEquals(good, Virtqueue.restore(f.memory, f.config, good).save());
    }
  }

  private static QueueState.Split split(int avail, int used, QueueState.InFlight... requests) {
    return new QueueState.Split(avail, used, List.of(requests));
  }

  private static QueueState.InFlight in(
      int head, int id, int descriptors, List<QueueState.Part> parts, long written) {
    return new QueueState.InFlight(head, id, descriptors, parts, written);
  }

  private static void refused(Fixture f, String message, QueueState state) {
    QueueFaultException e =
        assertThrows(QueueFaultException.class, () -> Virtqueue.restore(f.memory, f.config, state));
    assertEquals("saved queue state: " + message, e.getMessage());
  }

  @Test
  void aPackedStateIsChecked() throws Exception {
    try (Fixture f = new Fixture(8, PACKED | IN_ORDER)) {
      List<QueueState.Part> parts = List.of(new QueueState.Part(DATA, 4, true));
      QueueState.InFlight one = in(0, 0, 2, parts, -1);
      refused(f, "format=0 is not 1, packed", split(0, 0));
      refused(f, "nextAvail=8 is not below 8", new QueueState.Packed(8, 1, 0, 1, List.of()));
      refused(f, "availWrap=2 is not 0 or 1", new QueueState.Packed(0, 2, 0, 1, List.of()));
      refused(f, "nextUsed=-1 is not below 8", new QueueState.Packed(0, 1, -1, 1, List.of()));
      refused(f, "usedWrap=-1 is not 0 or 1", new QueueState.Packed(0, 1, 0, -1, List.of()));
      refused(
          f,
          "nextAvail - nextUsed=-1 is not in 0..8 descriptors",
          new QueueState.Packed(0, 1, 1, 1, List.of()));
      refused(
          f,
          "nextAvail - nextUsed=9 is not in 0..8 descriptors",
          new QueueState.Packed(1, 0, 0, 1, List.of()));
      refused(
          f,
          "sum of descriptors=2 is not 3, what is between used and available",
          new QueueState.Packed(3, 1, 0, 1, List.of(one)));
      refused(
          f,
          "descriptors=9 is not in 1..8",
          new QueueState.Packed(3, 1, 0, 1, List.of(in(0, 0, 9, parts, -1))));
      refused(
          f,
          "inFlight[1].id=0 is not in flight once only",
          new QueueState.Packed(4, 1, 0, 1, List.of(one, one)));
      refused(
          f,
          "inFlight[0].id=65536 is not in 0..65535",
          new QueueState.Packed(2, 1, 0, 1, List.of(in(0, 65536, 2, parts, -1))));
      refused(
          f,
          "inFlight[0].written=1 is not -1, as the oldest request's must be",
          new QueueState.Packed(2, 1, 0, 1, List.of(in(0, 0, 2, parts, 1))));
      refused(
          f,
          "inFlight[1].written=5 is not in -1..4",
          new QueueState.Packed(4, 1, 0, 1, List.of(one, in(2, 1, 2, parts, 5))));
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.stress;

import java.lang.invoke.VarHandle;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.javavmm.memory.GuestMemory;
import org.javavmm.virtio.QueueConfig;
import org.javavmm.virtio.Request;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.Taken;
import org.javavmm.virtio.Virtqueue;
import org.javavmm.virtio.testkit.Buffer;
import org.javavmm.virtio.testkit.DriverQueue;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/** A driver and a device on the same ring, of either format. */
public final class VirtqueueTests {
  private static final long SPLIT = RingFeatures.VERSION_1;
  private static final long PACKED = RingFeatures.VERSION_1 | RingFeatures.RING_PACKED;
  private static final long EVENT = RingFeatures.EVENT_IDX;

  private VirtqueueTests() {}

  /** A queue of two, with its driver, in a place of its own. */
  private static final class Ring {
    private static final int BLOCK = 256;
    private static final long BLOCKS = 1 << 17;
    private static final long DATA = 192;
    private static final AtomicInteger NEXT = new AtomicInteger();
    private static final GuestMemory MEMORY =
        Guest.build(GuestMemory.builder().anonymous("rings", 0, BLOCK * BLOCKS));

    final long base = (NEXT.getAndIncrement() & (BLOCKS - 1)) * BLOCK;
    final DriverQueue driver;
    final Virtqueue queue;

    Ring(long features) {
      QueueConfig config = DriverQueue.layout(base, 2, features);
      driver = DriverQueue.create(MEMORY, config);
      queue = Virtqueue.activate(MEMORY, config);
      MEMORY.putLong(base + DATA, 0);
    }

    void offer() {
      driver.offer(List.of(Buffer.writable(base + DATA, 8)));
    }

    Request take() {
      if (queue.take() != Taken.REQUEST) {
        throw new IllegalStateException("nothing to take: " + queue);
      }
      return queue.request();
    }

    /** A round before, so that what is wanted at the start is used up. */
    Ring used() {
      offer();
      driver.expose();
      queue.complete(take());
      driver.poll();
      queue.needsNotification();
      return this;
    }

    int data() {
      return (int) MEMORY.getLong(base + DATA);
    }

    void data(int value) {
      MEMORY.putLong(base + DATA, value);
    }
  }

  /** What the driver wrote before it made a chain available is there when the device takes it. */
  @JCStressTest
  @Outcome(id = "[02]", expect = Expect.ACCEPTABLE, desc = "nothing yet, or all of it")
  @Outcome(expect = Expect.FORBIDDEN, desc = "a fault, or a chain without its data")
  @State
  public static class SplitTake {
    private final Ring ring = new Ring(SPLIT);

    /** Writes data and offers it. */
    @Actor
    public void driver() {
      ring.data(1);
      ring.offer();
      ring.driver.expose();
    }

    /** Takes it. */
    @Actor
    public void device(I_Result r) {
      r.r1 =
          switch (ring.queue.take()) {
            case EMPTY -> 0;
            case FAULT -> -1;
            case REQUEST -> 1 + ring.data();
          };
    }
  }

  /** What the device wrote before it returned a chain is there when the driver finds it. */
  @JCStressTest
  @Outcome(id = "[02]", expect = Expect.ACCEPTABLE, desc = "nothing yet, or all of it")
  @Outcome(expect = Expect.FORBIDDEN, desc = "a chain returned without its data")
  @State
  public static class SplitComplete {
    private final Ring ring = new Ring(SPLIT);
    private final Request request;

    /** Offers and takes a chain. */
    public SplitComplete() {
      ring.offer();
      ring.driver.expose();
      request = ring.take();
    }

    /** Writes data and returns it. */
    @Actor
    public void device() {
      request.writer().putLong(1);
      ring.queue.complete(request);
    }

    /** Looks for it. */
    @Actor
    public void driver(I_Result r) {
      r.r1 = ring.driver.poll().isEmpty() ? 0 : 1 + ring.data();
    }
  }

  /** Two returned as one batch are found both or not at all. */
  @JCStressTest
  @Outcome(id = "[02]", expect = Expect.ACCEPTABLE, desc = "none or both")
  @Outcome(expect = Expect.FORBIDDEN, desc = "a part of a batch")
  @State
  public static class SplitBatch {
    private final Ring ring = new Ring(SPLIT).used();

    /** Offers and takes two chains. */
    public SplitBatch() {
      ring.offer();
      ring.offer();
      ring.driver.expose();
      ring.queue.stage(ring.take(), 0);
      ring.queue.stage(ring.take(), 0);
    }

    /** Shows them. */
    @Actor
    public void device() {
      ring.queue.publish();
    }

    /** Looks for them. */
    @Actor
    public void driver(I_Result r) {
      r.r1 = ring.driver.poll().size();
    }
  }

  /** What the driver wrote before it made a chain available is there when the device takes it. */
  @JCStressTest
  @Outcome(id = "[02]", expect = Expect.ACCEPTABLE, desc = "nothing yet, or all of it")
  @Outcome(expect = Expect.FORBIDDEN, desc = "a fault, or a chain without its data")
  @State
  public static class PackedTake {
    private final Ring ring = new Ring(PACKED);

    /** Writes data and offers it. */
    @Actor
    public void driver() {
      ring.data(1);
      ring.offer();
      ring.driver.expose();
    }

    /** Takes it. */
    @Actor
    public void device(I_Result r) {
      r.r1 =
          switch (ring.queue.take()) {
            case EMPTY -> 0;
            case FAULT -> -1;
            case REQUEST -> 1 + ring.data();
          };
    }
  }

  /** What the device wrote before it returned a chain is there when the driver finds it. */
  @JCStressTest
  @Outcome(id = "[02]", expect = Expect.ACCEPTABLE, desc = "nothing yet, or all of it")
  @Outcome(expect = Expect.FORBIDDEN, desc = "a chain returned without its data")
  @State
  public static class PackedComplete {
    private final Ring ring = new Ring(PACKED);
    private final Request request;

    /** Offers and takes a chain. */
    public PackedComplete() {
      ring.offer();
      ring.driver.expose();
      request = ring.take();
    }

    /** Writes data and returns it. */
    @Actor
    public void device() {
      request.writer().putLong(1);
      ring.queue.complete(request);
    }

    /** Looks for it. */
    @Actor
    public void driver(I_Result r) {
      r.r1 = ring.driver.poll().isEmpty() ? 0 : 1 + ring.data();
    }
  }

  /** Two returned as one batch are found both or not at all. */
  @JCStressTest
  @Outcome(id = "[02]", expect = Expect.ACCEPTABLE, desc = "none or both")
  @Outcome(expect = Expect.FORBIDDEN, desc = "a part of a batch")
  @State
  public static class PackedBatch {
    private final Ring ring = new Ring(PACKED).used();

    /** Offers and takes two chains. */
    public PackedBatch() {
      ring.offer();
      ring.offer();
      ring.driver.expose();
      ring.queue.stage(ring.take(), 0);
      ring.queue.stage(ring.take(), 0);
    }

    /** Shows them. */
    @Actor
    public void device() {
      ring.queue.publish();
    }

    /** Looks for them. */
    @Actor
    public void driver(I_Result r) {
      r.r1 = ring.driver.poll().size();
    }
  }

  /** Who goes to sleep on a used ring found empty is woken: the driver asks, then looks again. */
  @JCStressTest
  @Outcome(id = "0, 0", expect = Expect.FORBIDDEN, desc = "no notification, and not seen either")
  @Outcome(id = "[01], [01]", expect = Expect.ACCEPTABLE, desc = "notified, or seen, or both")
  @State
  public static class SplitUsedNotification {
    private final Ring ring = new Ring(SPLIT).used();
    private final Request request;

    /** Offers and takes a chain, with notifications refused. */
    public SplitUsedNotification() {
      ring.driver.refuseNotifications();
      ring.offer();
      ring.driver.expose();
      request = ring.take();
    }

    /** Returns it. */
    @Actor
    public void device(II_Result r) {
      ring.queue.complete(request);
      r.r1 = ring.queue.needsNotification() ? 1 : 0;
    }

    /** Asks for a notification and looks. */
    @Actor
    public void driver(II_Result r) {
      ring.driver.wantNotifications();
      VarHandle.fullFence();
      r.r2 = ring.driver.poll().isEmpty() ? 0 : 1;
    }
  }

  /** The same on the other side: the device asks, then looks again. */
  @JCStressTest
  @Outcome(id = "0, 0", expect = Expect.FORBIDDEN, desc = "no notification, and not seen either")
  @Outcome(id = "[01], [01]", expect = Expect.ACCEPTABLE, desc = "notified, or seen, or both")
  @State
  public static class SplitAvailableNotification {
    private final Ring ring = new Ring(SPLIT).used();

    /** Refuses notifications. */
    public SplitAvailableNotification() {
      ring.queue.disableNotifications();
    }

    /** Asks for a notification and looks. */
    @Actor
    public void device(II_Result r) {
      r.r1 = ring.queue.enableNotifications() ? 1 : 0;
    }

    /** Offers a chain. */
    @Actor
    public void driver(II_Result r) {
      ring.offer();
      r.r2 = ring.driver.expose() ? 1 : 0;
    }
  }

  /** Who goes to sleep on a used ring found empty is woken: the driver asks, then looks again. */
  @JCStressTest
  @Outcome(id = "0, 0", expect = Expect.FORBIDDEN, desc = "no notification, and not seen either")
  @Outcome(id = "[01], [01]", expect = Expect.ACCEPTABLE, desc = "notified, or seen, or both")
  @State
  public static class SplitEventUsedNotification {
    private final Ring ring = new Ring(SPLIT | EVENT).used();
    private final Request request;

    /** Offers and takes a chain, with notifications refused. */
    public SplitEventUsedNotification() {
      ring.driver.refuseNotifications();
      ring.offer();
      ring.driver.expose();
      request = ring.take();
    }

    /** Returns it. */
    @Actor
    public void device(II_Result r) {
      ring.queue.complete(request);
      r.r1 = ring.queue.needsNotification() ? 1 : 0;
    }

    /** Asks for a notification and looks. */
    @Actor
    public void driver(II_Result r) {
      ring.driver.wantNotifications();
      VarHandle.fullFence();
      r.r2 = ring.driver.poll().isEmpty() ? 0 : 1;
    }
  }

  /** The same on the other side: the device asks, then looks again. */
  @JCStressTest
  @Outcome(id = "0, 0", expect = Expect.FORBIDDEN, desc = "no notification, and not seen either")
  @Outcome(id = "[01], [01]", expect = Expect.ACCEPTABLE, desc = "notified, or seen, or both")
  @State
  public static class SplitEventAvailableNotification {
    private final Ring ring = new Ring(SPLIT | EVENT).used();

    /** Refuses notifications. */
    public SplitEventAvailableNotification() {
      ring.queue.disableNotifications();
    }

    /** Asks for a notification and looks. */
    @Actor
    public void device(II_Result r) {
      r.r1 = ring.queue.enableNotifications() ? 1 : 0;
    }

    /** Offers a chain. */
    @Actor
    public void driver(II_Result r) {
      ring.offer();
      r.r2 = ring.driver.expose() ? 1 : 0;
    }
  }

  /** Who goes to sleep on a used ring found empty is woken: the driver asks, then looks again. */
  @JCStressTest
  @Outcome(id = "0, 0", expect = Expect.FORBIDDEN, desc = "no notification, and not seen either")
  @Outcome(id = "[01], [01]", expect = Expect.ACCEPTABLE, desc = "notified, or seen, or both")
  @State
  public static class PackedUsedNotification {
    private final Ring ring = new Ring(PACKED).used();
    private final Request request;

    /** Offers and takes a chain, with notifications refused. */
    public PackedUsedNotification() {
      ring.driver.refuseNotifications();
      ring.offer();
      ring.driver.expose();
      request = ring.take();
    }

    /** Returns it. */
    @Actor
    public void device(II_Result r) {
      ring.queue.complete(request);
      r.r1 = ring.queue.needsNotification() ? 1 : 0;
    }

    /** Asks for a notification and looks. */
    @Actor
    public void driver(II_Result r) {
      ring.driver.wantNotifications();
      VarHandle.fullFence();
      r.r2 = ring.driver.poll().isEmpty() ? 0 : 1;
    }
  }

  /** The same on the other side: the device asks, then looks again. */
  @JCStressTest
  @Outcome(id = "0, 0", expect = Expect.FORBIDDEN, desc = "no notification, and not seen either")
  @Outcome(id = "[01], [01]", expect = Expect.ACCEPTABLE, desc = "notified, or seen, or both")
  @State
  public static class PackedAvailableNotification {
    private final Ring ring = new Ring(PACKED).used();

    /** Refuses notifications. */
    public PackedAvailableNotification() {
      ring.queue.disableNotifications();
    }

    /** Asks for a notification and looks. */
    @Actor
    public void device(II_Result r) {
      r.r1 = ring.queue.enableNotifications() ? 1 : 0;
    }

    /** Offers a chain. */
    @Actor
    public void driver(II_Result r) {
      ring.offer();
      r.r2 = ring.driver.expose() ? 1 : 0;
    }
  }

  /** Who goes to sleep on a used ring found empty is woken: the driver asks, then looks again. */
  @JCStressTest
  @Outcome(id = "0, 0", expect = Expect.FORBIDDEN, desc = "no notification, and not seen either")
  @Outcome(id = "[01], [01]", expect = Expect.ACCEPTABLE, desc = "notified, or seen, or both")
  @State
  public static class PackedEventUsedNotification {
    private final Ring ring = new Ring(PACKED | EVENT).used();
    private final Request request;

    /** Offers and takes a chain, with notifications refused. */
    public PackedEventUsedNotification() {
      ring.driver.refuseNotifications();
      ring.offer();
      ring.driver.expose();
      request = ring.take();
    }

    /** Returns it. */
    @Actor
    public void device(II_Result r) {
      ring.queue.complete(request);
      r.r1 = ring.queue.needsNotification() ? 1 : 0;
    }

    /** Asks for a notification and looks. */
    @Actor
    public void driver(II_Result r) {
      ring.driver.wantNotifications();
      VarHandle.fullFence();
      r.r2 = ring.driver.poll().isEmpty() ? 0 : 1;
    }
  }

  /** The same on the other side: the device asks, then looks again. */
  @JCStressTest
  @Outcome(id = "0, 0", expect = Expect.FORBIDDEN, desc = "no notification, and not seen either")
  @Outcome(id = "[01], [01]", expect = Expect.ACCEPTABLE, desc = "notified, or seen, or both")
  @State
  public static class PackedEventAvailableNotification {
    private final Ring ring = new Ring(PACKED | EVENT).used();

    /** Refuses notifications. */
    public PackedEventAvailableNotification() {
      ring.queue.disableNotifications();
    }

    /** Asks for a notification and looks. */
    @Actor
    public void device(II_Result r) {
      r.r1 = ring.queue.enableNotifications() ? 1 : 0;
    }

    /** Offers a chain. */
    @Actor
    public void driver(II_Result r) {
      ring.offer();
      r.r2 = ring.driver.expose() ? 1 : 0;
    }
  }
}

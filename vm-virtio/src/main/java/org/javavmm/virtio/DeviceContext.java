// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.LockSupport;
import org.javavmm.event.SubscriberContext;
import org.javavmm.memory.AddressSpace;
import org.jspecify.annotations.Nullable;

/**
 * What an active device works with, from {@link VirtioDevice#activate} until {@link
 * VirtioDevice#reset}. Afterwards it is dead: it gives no queue and notifies nobody, so that what a
 * device forgot to stop cannot disturb the next activation.
 *
 * <p>{@link #notifyQueue}, {@link #notifyConfig}, {@link #kick} and {@link #fail} are for any
 * thread; queues, and with them {@link #serve}, for the event loop's. Notifying takes no lock and
 * allocates nothing.
 */
public final class DeviceContext {
  // One word: whether notifications may be sent, and how many threads are sending one.
  private static final int CLOSED = 1;
  private static final int SUSPENDED = 2;
  private static final int SENDING = 4;

  private final DeviceControl control;
  private final Features features;
  private final boolean restored;
  private final AtomicReferenceArray<@Nullable Virtqueue> queues;
  private final AtomicInteger gate = new AtomicInteger();

  /** Whether a configuration change notification waits for the end of the suspension. */
  private volatile boolean configHeld;

  /** For each queue, whether a notification waits for the end of the suspension: 1. */
  private final AtomicIntegerArray queuesHeld;

  DeviceContext(DeviceControl control, Features features, int count, boolean restored) {
    this.control = control;
    this.features = features;
    this.restored = restored;
    this.queues = new AtomicReferenceArray<>(count);
    this.queuesHeld = new AtomicIntegerArray(count);
  }

  /** {@return the features that driver and device agree on} */
  public Features features() {
    return features;
  }

  /**
   * {@return whether a feature was agreed on}
   *
   * @param bit its number
   * @throws IllegalArgumentException if it is not in 0..127
   */
  public boolean has(int bit) {
    return features.has(bit);
  }

  /** {@return whether the device goes on where another was saved} */
  public boolean isRestored() {
    return restored;
  }

  /** {@return the memory that the queues and their buffers are in} */
  public AddressSpace memory() {
    return control.memory();
  }

  /** {@return the device on its event loop, to watch descriptors and time, and to post tasks} */
  public SubscriberContext events() {
    return control.events();
  }

  /** {@return how many queues the device has, enabled or not} */
  public int queues() {
    return queues.length();
  }

  /**
   * {@return whether the driver has enabled a queue}
   *
   * @param index its index
   * @throws IndexOutOfBoundsException if there is no such
   */
  public boolean isEnabled(int index) {
    return queues.get(index) != null;
  }

  /**
   * {@return a queue}
   *
   * @param index its index
   * @throws IndexOutOfBoundsException if there is no such
   * @throws IllegalStateException if the driver has not enabled it, or has reset it or the device
   */
  public Virtqueue queue(int index) {
    Virtqueue queue = queues.get(index);
    if (queue == null) {
      throw new IllegalStateException(control.name() + ": queue " + index + " is not enabled");
    }
    return queue;
  }

  /**
   * {@return whether the device may take from a queue now} It may not while the queue is not
   * enabled, while it is drained, and while the device is suspended, paused, or needs a reset.
   * {@link VirtioDevice#notified} is called when it may again. {@link #serve} looks itself; devices
   * that call {@link Virtqueue#take} when it suits them, on a timer or for a descriptor's event,
   * look here first.
   *
   * @param index the queue's index
   * @throws IndexOutOfBoundsException if there is no such queue
   */
  public boolean mayUse(int index) {
    Objects.checkIndex(index, queues.length());
    return control.mayServe(this, index);
  }

  /**
   * Serves a queue: hands its requests to a handler until there are none, notifies the driver if it
   * wants that, and answers faults by the policy. After as many requests as the queue has
   * descriptors others get their turn, and {@link VirtioDevice#notified} is called again. Does
   * nothing unless the device {@linkplain #mayUse may use} the queue.
   *
   * @param index the queue's index
   * @param handler what serves the requests
   * @throws IndexOutOfBoundsException if there is no such queue
   */
  public void serve(int index, RequestHandler handler) {
    Virtqueue queue = queues.get(index);
    if (queue == null || !control.mayServe(this, index)) {
      return;
    }
    Taken taken = queue.process(handler);
    boolean again = taken == Taken.REQUEST;
    if (taken == Taken.FAULT) {
      again = control.queueFault(index, queue);
    }
    if (queue.needsNotification()) {
      notifyQueue(index);
    }
    if (again) {
      kick(index);
    }
  }

  /**
   * Notifies the driver of used buffers if it wants that. While the device is suspended or paused
   * nothing is decided; that is made up for at the resumption. For the event loop's thread.
   *
   * @param index the queue's index
   * @throws IndexOutOfBoundsException if there is no such queue
   */
  public void notifyIfNeeded(int index) {
    Virtqueue queue = queues.get(index);
    if (queue != null && control.mayDecide(this) && queue.needsNotification()) {
      notifyQueue(index);
    }
  }

  /**
   * Notifies the driver of used buffers, whether it wants that or not; while the device is
   * suspended, at the resumption. Does nothing if the queue is not enabled.
   *
   * @param index the queue's index
   * @throws IndexOutOfBoundsException if there is no such queue
   */
  public void notifyQueue(int index) {
    Objects.checkIndex(index, queues.length());
    int state = enter();
    if ((state & (CLOSED | SUSPENDED)) == 0) {
      try {
        if (queues.get(index) != null) {
          control.transport().interruptQueue(index);
        }
      } finally {
        gate.getAndAdd(-SENDING);
      }
    } else if ((state & CLOSED) == 0) {
      queuesHeld.set(index, 1);
      // The resumption may have looked before it was set.
      if ((gate.get() & SUSPENDED) == 0) {
        sendHeld(index);
      }
    }
  }

  /** Notifies the driver that the configuration changed; while suspended, at the resumption. */
  public void notifyConfig() {
    int state = enter();
    if ((state & (CLOSED | SUSPENDED)) == 0) {
      try {
        control.transport().interruptConfig();
      } finally {
        gate.getAndAdd(-SENDING);
      }
    } else if ((state & CLOSED) == 0) {
      configHeld = true;
      // The resumption may have looked before it was set.
      if ((gate.get() & SUSPENDED) == 0) {
        sendHeld();
      }
    }
  }

  /**
   * Has {@link VirtioDevice#notified} called, as if the driver had notified.
   *
   * @param index the queue's index
   * @throws IndexOutOfBoundsException if there is no such queue
   */
  public void kick(int index) {
    Objects.checkIndex(index, queues.length());
    if ((gate.get() & CLOSED) == 0) {
      control.signal(index);
    }
  }

  /**
   * The driver broke a rule of the device's type, in a request that the queue found in order. It is
   * counted and logged.
   *
   * @param queue the queue's index
   * @param what the rule and the numbers, for the log
   * @return whether the device goes on, by {@link FaultPolicy#FAIL_REQUEST}, and should fail the
   *     request as its type provides; if not, it needs a reset now
   */
  public boolean fault(int queue, String what) {
    return control.fault("queue " + queue + ": " + what);
  }

  /**
   * The device cannot go on: it needs a reset.
   *
   * @param why for the log
   */
  public void fail(String why) {
    if ((gate.get() & CLOSED) == 0) {
      control.needsReset(this, why, null);
    }
  }

  // ---- for the control -----------------------------------------------------------------------

  /** One more thread is sending, unless nobody may; the word before. */
  private int enter() {
    int old;
    do {
      old = gate.get();
      if ((old & (CLOSED | SUSPENDED)) != 0) {
        return old;
      }
    } while (!gate.compareAndSet(old, old + SENDING));
    return old;
  }

  boolean isClosed() {
    return (gate.get() & CLOSED) != 0;
  }

  void setQueue(int index, @Nullable Virtqueue queue) {
    if (queue != null) {
      queue.onRoom(() -> kick(index));
    }
    queues.set(index, queue);
  }

  @Nullable Virtqueue queueOrNull(int index) {
    return queues.get(index);
  }

  /** No notification is under way when it returns, and none comes later. */
  void close() {
    gate.getAndUpdate(g -> g | CLOSED);
    awaitSenders();
  }

  /** As {@link #close}, until {@link #resume}. */
  void suspend() {
    gate.getAndUpdate(g -> g | SUSPENDED);
    awaitSenders();
  }

  void resume() {
    gate.getAndUpdate(g -> g & ~SUSPENDED);
    for (int q = 0; q < queuesHeld.length(); q++) {
      sendHeld(q);
    }
    sendHeld();
  }

  boolean isQueueHeld(int index) {
    return queuesHeld.get(index) != 0;
  }

  private void sendHeld(int index) {
    if (queuesHeld.compareAndSet(index, 1, 0)) {
      notifyQueue(index);
    }
  }

  boolean isConfigHeld() {
    return configHeld;
  }

  private void sendHeld() {
    if (configHeld) {
      configHeld = false;
      notifyConfig();
    }
  }

  /** Waits until no thread is sending: a send is a store and a signal. */
  void awaitSenders() {
    for (int spins = 0; gate.get() >= SENDING; spins++) {
      if (spins < 1000) {
        Thread.onSpinWait();
      } else {
        LockSupport.parkNanos(1_000); // the sender lost its processor
      }
    }
  }
}

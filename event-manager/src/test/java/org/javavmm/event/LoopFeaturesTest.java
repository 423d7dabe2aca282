// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.Errno;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.SystemCallException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Interests, reuse of numbers, failure policies, idle work and threads. */
@Timeout(60)
class LoopFeaturesTest {
  private EventLoop loop;

  @BeforeEach
  void createLoop() throws SystemCallException {
    loop = EventLoop.create("test loop");
  }

  @AfterEach
  void closeLoop() {
    loop.close();
  }

  private void settle() throws Exception {
    for (int i = 0; i < 3; i++) {
      loop.call(() -> 0);
    }
  }

  private record Part(String name, EventFd fd, EventHandler handler) implements Subscriber {
    @Override
    public void start(SubscriberContext context) throws Exception {
      context.register("fd", fd.fd(), Epoll.EPOLLIN, handler);
    }
  }

  // ---- interests -------------------------------------------------------------------------

  @Test
  void interestsAreAddedRemovedAndAsked() throws Exception {
    try (EventFd a = EventFd.create("a")) {
      List<Integer> seen = new ArrayList<>();
      loop.start();
      Registration r = loop.register("a", a.fd(), Epoll.EPOLLET, events -> seen.add(events));
      a.signal();
      settle();
      assertEquals(List.of(), seen);
      assertFalse(r.hasInterest(Epoll.EPOLLIN));
      r.addInterest(Epoll.EPOLLIN);
      settle();
      assertEquals(List.of(Epoll.EPOLLIN), seen);
      r.addInterest(Epoll.EPOLLIN); // nothing new, so no new edge either
      settle();
      assertEquals(1, seen.size());
      r.addInterest(Epoll.EPOLLOUT);
      settle();
      assertEquals(Epoll.EPOLLIN | Epoll.EPOLLOUT, seen.get(1));
      assertTrue(r.hasInterest(Epoll.EPOLLIN | Epoll.EPOLLOUT | Epoll.EPOLLET));
      r.removeInterest(Epoll.EPOLLIN);
      settle();
      assertEquals(Epoll.EPOLLOUT, seen.get(2));
      assertFalse(r.hasInterest(Epoll.EPOLLIN | Epoll.EPOLLOUT));
      assertEquals(Epoll.EPOLLOUT | Epoll.EPOLLET, r.interest());
      r.rearm();
      settle();
      assertEquals(4, seen.size(), "the edge once more");
      assertThrows(IllegalArgumentException.class, () -> r.addInterest(0x100));
      assertThrows(IllegalArgumentException.class, () -> r.removeInterest(0x100));
      r.close();
      assertThrows(IllegalStateException.class, () -> r.addInterest(Epoll.EPOLLIN));
      assertThrows(IllegalStateException.class, () -> r.removeInterest(Epoll.EPOLLIN));
      assertThrows(IllegalStateException.class, r::rearm);
    }
  }

  @Test
  void oneShotIsReArmed() throws Exception {
    try (EventFd a = EventFd.create("a")) {
      Semaphore calls = new Semaphore(0);
      Registration r =
          loop.register("a", a.fd(), Epoll.EPOLLIN | Epoll.EPOLLONESHOT, events -> calls.release());
      loop.start();
      a.signal();
      calls.acquire();
      settle();
      assertEquals(0, calls.availablePermits());
      r.rearm();
      calls.acquire();
    }
  }

  // ---- numbers that are reused (rows 18 to 20 of the comparison in the README) -------------

  @Test
  void aNumberClosedWithoutRemovalCanBeRegisteredAnew() throws Exception {
    EventFd a = EventFd.create("a");
    int number = a.fd().number();
    List<String> seen = new ArrayList<>();
    Registration old = loop.register("old", a.fd(), Epoll.EPOLLIN, e -> seen.add("old"));
    a.close();
    try (EventFd b = EventFd.create("b")) {
      assertEquals(number, b.fd().number(), "the number was reused, or this test shows nothing");
      Semaphore heard = new Semaphore(0);
      Registration fresh =
          loop.register("new", b.fd(), Epoll.EPOLLIN | Epoll.EPOLLET, e -> heard.release());
      assertThrows(IllegalStateException.class, () -> old.modify(Epoll.EPOLLOUT));
      old.close(); // must not end the watching of its successor
      loop.start();
      b.signal();
      heard.acquire();
      assertEquals(List.of(), seen);
      assertFalse(fresh.isClosed());
    }
  }

  @Test
  void aFileKeptOpenByAnotherOwnerIsRegisteredAnewUnderItsNumber() throws Exception {
    EventFd a = EventFd.create("a");
    int number = a.fd().acquire(); // as KVM or a child may keep the file
    OwnedFd alias = OwnedFd.adopt(number, "alias");
    Registration old = loop.register("old", a.fd(), Epoll.EPOLLIN, e -> {});
    SystemCallException e =
        assertThrows(
            SystemCallException.class, () -> loop.register("new", alias, Epoll.EPOLLIN, x -> {}));
    assertEquals(Errno.EEXIST, e.errno());
    a.signal();
    a.close();
    Semaphore heard = new Semaphore(0);
    loop.start();
    settle();
    loop.register("new", alias, Epoll.EPOLLIN | Epoll.EPOLLET, x -> heard.release());
    heard.acquire();
    old.close();
    settle();
    assertEquals(1, loop.registrations());
    a.fd().release(); // closes the number
    loop.close();
  }

  @Test
  void aMoveTakesTheTimersAlong() throws Exception {
    EventFd a = EventFd.create("a");
    OwnedFd alias = OwnedFd.adopt(a.fd().acquire(), "alias");
    Semaphore ticks = new Semaphore(0);
    loop.timer("t", n -> ticks.release()).armPeriodic(0, 1000);
    loop.register("old", a.fd(), Epoll.EPOLLIN, e -> {});
    a.close();
    loop.start();
    ticks.acquire();
    int before = loop.epollGeneration();
    loop.register("new", alias, Epoll.EPOLLIN, x -> {}).close();
    assertEquals(before + 1, loop.epollGeneration());
    settle();
    ticks.drainPermits();
    ticks.acquire(3);
    a.fd().release();
  }

  @Test
  void aBatchOfNothingIsRefused() throws Exception {
    assertEquals(
        "capacity=0 is not in 1..65536",
        assertThrows(IllegalArgumentException.class, () -> EventLoop.create("x", 0)).getMessage());
    try (EventLoop small = EventLoop.create("small", 1);
        EventFd a = EventFd.create("a");
        EventFd b = EventFd.create("b")) {
      CountDownLatch both = new CountDownLatch(2);
      small.register("a", a.fd(), Epoll.EPOLLIN | Epoll.EPOLLET, e -> both.countDown());
      small.register("b", b.fd(), Epoll.EPOLLIN | Epoll.EPOLLET, e -> both.countDown());
      a.signal();
      b.signal();
      small.start();
      both.await();
    }
  }

  // ---- failures --------------------------------------------------------------------------

  @Test
  void aFailingSubscriberIsRemovedIfThePolicySaysSo() throws Exception {
    try (EventFd a = EventFd.create("a");
        EventFd b = EventFd.create("b")) {
      List<String> reports = new ArrayList<>();
      loop.onFailure((who, failure) -> reports.add(who + ": " + failure.getMessage()));
      loop.setFailurePolicy(FailurePolicy.REMOVE_SUBSCRIBER);
      SubscriberContext bad =
          loop.add(
              new Part(
                  "bad",
                  a,
                  e -> {
                    throw new InternalError("a fault in mapped memory");
                  }));
      AtomicInteger calls = new AtomicInteger();
      SubscriberContext stubborn =
          loop.add(
              new Part(
                  "stubborn",
                  b,
                  e -> {
                    var _ = b.drain();
                    calls.incrementAndGet();
                    throw new OutOfMemoryError("never mind");
                  }));
      stubborn.setFailurePolicy(FailurePolicy.CONTINUE);
      loop.start();
      a.signal();
      b.signal();
      settle();
      b.signal();
      settle();
      assertTrue(bad.isRemoved());
      assertFalse(stubborn.isRemoved());
      assertEquals(2, calls.get());
      reports.sort(null);
      assertEquals(
          List.of(
              "bad/fd: a fault in mapped memory",
              "stubborn/fd: never mind",
              "stubborn/fd: never mind"),
          reports);
      assertEquals(1, bad.statistics().failures());
      assertEquals(2, stubborn.statistics().failures());
      // Tasks, timers and idle work go by it as well.
      stubborn.setFailurePolicy(FailurePolicy.REMOVE_SUBSCRIBER);
      stubborn.execute(() -> {
        throw new IllegalStateException("bad task");
      });
      settle();
      assertTrue(stubborn.isRemoved());
      assertEquals("stubborn/posted task: bad task", reports.getLast());
    }
  }

  @Test
  void aHandlerMayFailWhileItsSubscriberStarts() throws Exception {
    try (EventFd a = EventFd.create("a")) {
      List<String> log = new ArrayList<>();
      loop.onFailure((who, failure) -> log.add(who));
      loop.setFailurePolicy(FailurePolicy.REMOVE_SUBSCRIBER);
      SubscriberStartException e =
          assertThrows(
              SubscriberStartException.class,
              () ->
                  loop.add(
                      new Subscriber() {
                        @Override
                        public String name() {
                          return "hasty";
                        }

                        @Override
                        public void start(SubscriberContext context) throws Exception {
                          context.register(
                              "fd",
                              a.fd(),
                              Epoll.EPOLLIN,
                              events -> {
                                throw new IOException("no");
                              });
                          a.signal();
                          loop.start();
                          while (!context.isRemoved()) {
                            Thread.onSpinWait();
                          }
                        }
                      }));
      assertTrue(String.valueOf(e.getMessage()).endsWith("subscriber was removed: hasty"));
      assertEquals(0, loop.call(loop::subscribers));
      assertEquals(List.of("hasty/fd"), log);
    }
  }

  @Test
  void aSubscriberPostedBeforeTheStopIsRefused() throws Exception {
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    loop.start();
    loop.execute(() -> {
      inside.countDown();
      try {
        go.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    });
    inside.await();
    try (EventFd a = EventFd.create("a")) {
      List<SubscriberContext> added = new ArrayList<>();
      List<Throwable> refused = new ArrayList<>();
      Thread adder =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  added.add(loop.add(new Part("s", a, e -> {})));
                } catch (Exception e) {
                  refused.add(e);
                }
              });
      while (adder.getState() != Thread.State.WAITING) {
        Thread.onSpinWait();
      }
      loop.stop();
      go.countDown();
      adder.join();
      // It was posted before, but the loop takes no subscriber any more.
      assertEquals(List.of(), added);
      assertEquals(RejectedExecutionException.class, refused.getFirst().getClass());
      assertEquals(0, loop.registrations());
    }
  }

  @Test
  void aSubscriberThatStopsItsLoopWhileItStartsIsStopped() throws Exception {
    List<String> log = new ArrayList<>();
    SubscriberStartException e =
        assertThrows(
            SubscriberStartException.class,
            () ->
                loop.add(
                    new Subscriber() {
                      @Override
                      public String name() {
                        return "last";
                      }

                      @Override
                      public void start(SubscriberContext context) {
                        context.loop().stop();
                        log.add("started");
                      }

                      @Override
                      public void stop() {
                        log.add("stopped");
                      }
                    }));
    assertTrue(String.valueOf(e.getMessage()).endsWith("event loop test loop was stopped"));
    assertEquals(List.of("started", "stopped"), log);
    assertEquals(0, loop.subscribers());
  }

  @Test
  void withoutASubscriberThePartItselfIsClosed() throws Exception {
    try (EventFd a = EventFd.create("a")) {
      loop.onFailure((who, failure) -> {});
      loop.setFailurePolicy(FailurePolicy.REMOVE_SUBSCRIBER);
      Registration r =
          loop.register(
              "a",
              a.fd(),
              Epoll.EPOLLIN,
              e -> {
                throw new IOException("no");
              });
      LoopTimer t =
          loop.timer(
              "t",
              n -> {
                throw new IOException("no");
              });
      IdleTask i =
          loop.idle(
              "i",
              n -> {
                throw new IOException("no");
              });
      a.signal();
      t.armPeriodic(0, 1);
      i.resume();
      loop.execute(() -> {
        throw new IllegalStateException("no");
      });
      loop.start();
      while (!t.isClosed() || !i.isClosed()) {
        Thread.onSpinWait();
      }
      settle();
      assertTrue(r.isClosed());
      assertEquals(4, loop.failures());
      assertEquals(1, i.failures());
    }
  }

  @Test
  void theLoopStopsInGoodOrderIfThePolicySaysSo() throws Exception {
    try (EventFd a = EventFd.create("a")) {
      List<String> log = new ArrayList<>();
      loop.onFailure((who, failure) -> log.add(who));
      loop.setFailurePolicy(FailurePolicy.STOP_LOOP);
      loop.add(
          new Part(
              "bad",
              a,
              e -> {
                loop.execute(() -> log.add("task"));
                throw new IOException("no");
              }));
      a.signal();
      loop.run();
      assertEquals(List.of("bad/fd", "task"), log);
    }
  }

  @Test
  void aFailureWithoutListenerIsCounted() throws Exception {
    try (EventFd a = EventFd.create("a")) {
      loop.register(
          "a",
          a.fd(),
          Epoll.EPOLLIN,
          e -> {
            var _ = a.drain();
            throw new IOException("logged");
          });
      loop.start();
      a.signal();
      settle();
      assertEquals(1, loop.failures());
    }
  }

  // ---- idle work -------------------------------------------------------------------------

  @Test
  void idleWorkTakesTurnsAndRests() throws Exception {
    List<String> log = new ArrayList<>();
    IdleTask a =
        loop.idle(
            "a",
            slice -> {
              log.add("a" + slice);
              return log.size() < 5;
            });
    IdleTask b =
        loop.idle(
            "b",
            slice -> {
              log.add("b");
              return log.size() < 5;
            });
    CountDownLatch third = new CountDownLatch(1);
    IdleTask never = loop.idle("never", slice -> true);
    IdleTask c =
        loop.idle(
            "c",
            slice -> {
              third.countDown();
              return false;
            });
    assertFalse(a.isClosed());
    a.resume();
    b.resume();
    b.resume();
    loop.start();
    while (loop.call(log::size) < 6) {
      Thread.onSpinWait();
    }
    settle();
    List<String> seen = loop.call(() -> List.copyOf(log));
    assertEquals(6, seen.size(), "both rest");
    for (int i = 1; i < 6; i++) {
      assertFalse(seen.get(i).equals(seen.get(i - 1)), () -> seen + ": they take turns");
    }
    assertTrue(seen.contains("a" + EventLoop.IDLE_SLICE_NANOS));
    c.resume();
    third.await();
    never.close();
    never.close();
    assertThrows(IllegalStateException.class, never::resume);
  }

  @Test
  void eventsComeBetweenTwoSlices() throws Exception {
    try (EventFd a = EventFd.create("a")) {
      List<String> log = new ArrayList<>();
      loop.register(
          "a",
          a.fd(),
          Epoll.EPOLLIN,
          e -> {
            var _ = a.drain();
            log.add("event");
          });
      IdleTask idle =
          loop.idle(
              "idle",
              slice -> {
                log.add("slice");
                if (log.size() < 6) {
                  a.signal();
                  return true;
                }
                loop.stop();
                return true;
              });
      idle.resume();
      loop.run();
      // The resume() before the start woke the loop once; after that slice and event alternate.
      assertEquals(List.of("slice", "event", "slice", "event", "slice", "event", "slice"), log);
      assertTrue(idle.isClosed());
    }
  }

  // ---- threads ---------------------------------------------------------------------------

  @Test
  void aFactoryMakesTheThread() throws Exception {
    List<String> log = new ArrayList<>();
    Thread t =
        loop.start(body ->
            Thread.ofPlatform()
                .name("pinned")
                .unstarted(() -> {
                  log.add("hook on " + Thread.currentThread().getName());
                  body.run();
                }));
    assertEquals(t, loop.call(Thread::currentThread));
    assertEquals(List.of("hook on pinned"), log);
  }

  @Test
  void virtualThreadsAreRefused() throws Exception {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class, () -> loop.start(Thread.ofVirtual().factory()));
    assertTrue(
        String.valueOf(e.getMessage()).startsWith("event loop test loop needs a platform thread"),
        e::toString);
    List<Throwable> thrown = new ArrayList<>();
    Thread.ofVirtual()
        .start(() -> thrown.add(assertThrows(IllegalStateException.class, loop::run)))
        .join();
    assertEquals("event loop test loop needs a platform thread", thrown.getFirst().getMessage());
    loop.start(); // nothing was begun
  }

  @Test
  void aThreadThatCannotStartEndsTheLoop() throws Exception {
    Thread used = Thread.ofPlatform().start(() -> {});
    used.join();
    assertThrows(IllegalThreadStateException.class, () -> loop.start(body -> used));
    assertThrows(IllegalStateException.class, loop::start);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.Errno;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.ProcessSignals;
import org.javavmm.sys.SignalFd;
import org.javavmm.sys.SystemCallException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class SubscriberTest {
  private static final long HOUR = 3_600_000_000_000L;

  private EventLoop loop;

  @BeforeEach
  void createLoop() throws SystemCallException {
    loop = EventLoop.create("test loop");
  }

  @AfterEach
  void closeLoop() {
    loop.close();
  }

  private interface Start {
    void start(SubscriberContext context) throws Exception;
  }

  /** A subscriber of two functions. */
  private record Part(String name, Start starter, Runnable stopper) implements Subscriber {
    Part(String name, Start starter) {
      this(name, starter, () -> {});
    }

    @Override
    public void start(SubscriberContext context) throws Exception {
      starter.start(context);
    }

    @Override
    public void stop() {
      stopper.run();
    }
  }

  private static @Nullable String causeOf(Exception e) {
    return Objects.requireNonNull(e.getCause()).getMessage();
  }

  private void settle() throws Exception {
    for (int i = 0; i < 3; i++) {
      loop.call(() -> 0);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void startsAndLeavesAsAWhole(boolean running) throws Exception {
    if (running) {
      loop.start();
    }
    List<String> log = new ArrayList<>();
    Thread[] starter = new Thread[1];
    try (EventFd a = EventFd.create("a");
        EventFd b = EventFd.create("b")) {
      Registration[] r = new Registration[1];
      LoopTimer[] t = new LoopTimer[1];
      IdleTask[] idle = new IdleTask[1];
      SubscriberContext net =
          loop.add(
              new Part(
                  "net0",
                  c -> {
                    starter[0] = Thread.currentThread();
                    r[0] = c.register("a", a.fd(), Epoll.EPOLLIN, e -> log.add("a"));
                    c.register("b", b.fd(), Epoll.EPOLLIN, e -> log.add("b"));
                    t[0] = c.timer("t", n -> log.add("t"));
                    t[0].armOnce(HOUR);
                    idle[0] = c.idle("idle", n -> true);
                    c.own(() -> log.add("first closed"));
                    c.own(() -> log.add("second closed"));
                  },
                  () -> log.add("stopped, watched: " + loop.registrations())));
      assertEquals(running, !starter[0].equals(Thread.currentThread()));
      assertEquals("net0", net.name());
      assertSame(loop, net.loop());
      assertEquals(2, loop.registrations());
      assertEquals(1, loop.subscribers());
      assertEquals("net0 on test loop", net.toString());
      assertEquals("net0/idle (idle)", idle[0].toString());
      assertEquals("idle", idle[0].name());
      idle[0].resume();
      if (running) {
        settle();
      }
      net.remove();
      net.remove();
      assertTrue(net.isRemoved());
      assertEquals("net0 on test loop (removed)", net.toString());
      assertEquals(List.of("stopped, watched: 0", "second closed", "first closed"), log);
      assertTrue(r[0].isClosed() && t[0].isClosed() && idle[0].isClosed());
      assertEquals("net0/idle (idle, closed)", idle[0].toString());
      assertEquals(0, loop.registrations());
      assertEquals(0, loop.subscribers());
      assertThrows(IllegalStateException.class, idle[0]::resume);
      for (ThrowingRunnable late : late(net, a)) {
        assertEquals(
            "subscriber was removed: net0",
            assertThrows(IllegalStateException.class, late::run).getMessage());
      }
    }
  }

  private interface ThrowingRunnable {
    void run() throws Exception;
  }

  private static List<ThrowingRunnable> late(SubscriberContext c, EventFd fd) {
    return List.of(
        () -> c.register("late", fd.fd(), Epoll.EPOLLIN, e -> {}),
        () -> c.timer("late", n -> {}),
        () -> c.idle("late", n -> false),
        () -> c.execute(() -> {}),
        () -> {
          var _ = c.submit(() -> 1);
        },
        () -> c.own(() -> {}),
        () -> c.processSignals("late", s -> {}, ProcessSignals.Kind.WINCH));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whoFailsToStartIsNamedAndLeavesNothing(boolean running) throws Exception {
    if (running) {
      loop.start();
    }
    List<String> log = new ArrayList<>();
    try (EventFd a = EventFd.create("a")) {
      List<CompletableFuture<Integer>> task = new ArrayList<>();
      LoopTimer[] t = new LoopTimer[1];
      a.signal();
      SubscriberStartException e =
          assertThrows(
              SubscriberStartException.class,
              () ->
                  loop.add(
                      new Part(
                          "disk",
                          c -> {
                            c.register("a", a.fd(), Epoll.EPOLLIN, x -> log.add("event"));
                            t[0] = c.timer("t", n -> log.add("timer"));
                            t[0].armOnce(0);
                            c.idle("i", n -> log.add("idle")).resume();
                            c.own(() -> log.add("closed"));
                            c.execute(() -> log.add("task"));
                            task.add(c.submit(() -> 1));
                            throw new OutOfMemoryError("no room");
                          },
                          () -> log.add("stopped"))));
      assertEquals("disk", e.subscriber());
      assertEquals(
          "subscriber disk did not start on event loop test loop: "
              + "java.lang.OutOfMemoryError: no room",
          e.getMessage());
      if (!running) {
        loop.start();
      }
      settle();
      assertEquals(List.of("closed"), log);
      assertEquals(0, loop.registrations());
      assertEquals(0, loop.subscribers());
      assertTrue(t[0].isClosed());
      assertTrue(task.getFirst().isCancelled());
      assertEquals(0, loop.failures(), "who added it was told");
      assertEquals(1, loop.statistics().size());
      // The descriptor is free again.
      loop.register("again", a.fd(), Epoll.EPOLLIN, x -> {}).close();
    }
  }

  @Test
  void aDescriptorHasOneHolderWhoIsNamed() throws Exception {
    try (EventFd a = EventFd.create("a")) {
      SubscriberContext first =
          loop.add(new Part("A", c -> c.register("bell", a.fd(), Epoll.EPOLLIN, e -> {})));
      SubscriberStartException e =
          assertThrows(
              SubscriberStartException.class,
              () -> loop.add(new Part("B", c -> c.register("mine", a.fd(), 0, x -> {}))));
      SystemCallException cause = assertInstanceOf(SystemCallException.class, e.getCause());
      assertEquals(Errno.EEXIST, cause.errno());
      assertEquals(
          "register(B/mine (fd " + a.fd().number() + " (a))): EEXIST (watched already by A/bell)",
          cause.getMessage());
      // Whatever B did, A is not deaf.
      Semaphore heard = new Semaphore(0);
      first.remove();
      loop.add(
          new Part(
              "A",
              c ->
                  c.register("bell", a.fd(), Epoll.EPOLLIN | Epoll.EPOLLET, x -> heard.release())));
      assertThrows(
          SubscriberStartException.class,
          () -> loop.add(new Part("B", c -> c.register("mine", a.fd(), 0, x -> {}))));
      loop.start();
      a.signal();
      heard.acquire();
    }
  }

  @Test
  void oneMayRemoveItselfAndOthersFromInsideAHandler() throws Exception {
    try (EventFd a = EventFd.create("a");
        EventFd b = EventFd.create("b")) {
      List<String> log = new ArrayList<>();
      SubscriberContext[] c = new SubscriberContext[2];
      for (int i = 0; i < 2; i++) {
        EventFd fd = i == 0 ? a : b;
        String name = "s" + i;
        c[i] =
            loop.add(
                new Part(
                    name,
                    x ->
                        x.register(
                            "fd",
                            fd.fd(),
                            Epoll.EPOLLIN,
                            e -> {
                              log.add("event");
                              c[0].remove();
                              c[1].remove();
                              log.add("watched: " + loop.registrations());
                            }),
                    () -> log.add("stop")));
      }
      a.signal();
      b.signal();
      loop.start();
      settle();
      assertEquals(List.of("event", "stop", "stop", "watched: 0"), log);
      assertEquals(0, loop.failures());
    }
  }

  @Test
  void aHandlerMayAddSubscribers() throws Exception {
    try (EventFd a = EventFd.create("a");
        EventFd b = EventFd.create("b")) {
      Semaphore heard = new Semaphore(0);
      loop.register(
          "a",
          a.fd(),
          Epoll.EPOLLIN,
          e -> {
            var _ = a.drain();
            loop.add(
                new Part(
                    "added",
                    c ->
                        c.register(
                            "b", b.fd(), Epoll.EPOLLIN | Epoll.EPOLLET, x -> heard.release())));
          });
      loop.start();
      b.signal();
      a.signal();
      heard.acquire();
      assertEquals(1, loop.subscribers());
    }
  }

  @Test
  void removalFromAnotherThreadWaitsForTheHandler() throws Exception {
    try (EventFd a = EventFd.create("a")) {
      CountDownLatch inside = new CountDownLatch(1);
      CountDownLatch go = new CountDownLatch(1);
      boolean[] left = new boolean[1];
      SubscriberContext c =
          loop.add(
              new Part(
                  "slow",
                  x ->
                      x.register(
                          "a",
                          a.fd(),
                          Epoll.EPOLLIN,
                          e -> {
                            inside.countDown();
                            go.await();
                            left[0] = true;
                          })));
      loop.start();
      a.signal();
      inside.await();
      Thread remover = Thread.ofPlatform().start(c::remove);
      while (remover.getState() != Thread.State.WAITING) {
        Thread.onSpinWait();
      }
      go.countDown();
      remover.join();
      assertTrue(left[0], "the handler had left when remove() returned");
      assertTrue(c.isRemoved());
    }
  }

  @Test
  void theLoopsEndStopsSubscribersInReverse() throws Exception {
    List<String> log = new ArrayList<>();
    for (String name : List.of("a", "b", "c")) {
      loop.add(
          new Part(
              name,
              c -> c.execute(() -> log.add("task " + name)),
              () -> {
                log.add("stop " + name + " in loop: " + loop.inLoop());
                if (name.equals("b")) {
                  assertThrows(
                      RejectedExecutionException.class, () -> loop.add(new Part("late", c -> {})));
                  throw new IllegalStateException("b fails to stop");
                }
              }));
    }
    List<String> reports = new ArrayList<>();
    loop.onFailure((who, failure) -> reports.add(who + ": " + failure.getMessage()));
    loop.stop();
    assertThrows(RejectedExecutionException.class, () -> loop.add(new Part("late", c -> {})));
    loop.run();
    assertEquals(
        List.of(
            "task a",
            "task b",
            "task c",
            "stop c in loop: true",
            "stop b in loop: true",
            "stop a in loop: true"),
        log);
    assertEquals(List.of("b/stop: b fails to stop"), reports);
    assertThrows(RejectedExecutionException.class, () -> loop.add(new Part("late", c -> {})));
  }

  @Test
  void removalWhileTheLoopEndsIsHarmless() throws Exception {
    List<SubscriberContext> all = new ArrayList<>();
    List<String> log = new ArrayList<>();
    all.add(loop.add(new Part("a", c -> {}, () -> log.add("a"))));
    all.add(
        loop.add(
            new Part(
                "b",
                c -> {},
                () -> {
                  all.getFirst().remove(); // at once, on the loop's thread
                  log.add("b");
                })));
    loop.close(); // it never ran: on this thread
    assertEquals(List.of("a", "b"), log);
    all.forEach(SubscriberContext::remove);
    assertEquals(2, log.size());
  }

  @Test
  void aStartingSubscriberCannotBeRemoved() throws Exception {
    SubscriberStartException e =
        assertThrows(
            SubscriberStartException.class,
            () -> loop.add(new Part("s", SubscriberContext::remove)));
    assertEquals("subscriber s is starting; to give up, start() throws", causeOf(e));
  }

  @Test
  void tasksOfARemovedSubscriberAreDropped() throws Exception {
    List<String> log = new ArrayList<>();
    SubscriberContext c = loop.add(new Part("s", x -> {}));
    c.execute(() -> log.add("kept"));
    CompletableFuture<Integer> kept = c.submit(() -> 5);
    c.execute(c::remove);
    c.execute(() -> log.add("dropped"));
    CompletableFuture<Integer> dropped = c.submit(() -> 6);
    loop.start();
    settle();
    assertEquals(List.of("kept"), log);
    assertEquals(5, kept.get());
    assertTrue(dropped.isCancelled());
  }

  @Test
  void anOwnedResourceThatFailsToCloseIsReported() throws Exception {
    List<String> log = new ArrayList<>();
    loop.onFailure((who, failure) -> log.add(who + ": " + failure.getMessage()));
    SubscriberContext c =
        loop.add(
            new Part(
                "s",
                x -> {
                  x.own(() -> log.add("closed"));
                  x.own(() -> {
                    throw new IOException("stuck");
                  });
                }));
    c.remove();
    assertEquals(List.of("s/closing a resource: stuck", "closed"), log);
  }

  @Test
  void processSignalsReachASubscriber() throws Exception {
    CountDownLatch seen = new CountDownLatch(1);
    Registration[] r = new Registration[1];
    loop.start();
    loop.add(
        new Part(
            "console",
            c ->
                r[0] =
                    c.processSignals(
                        "window",
                        signals -> {
                          if (signals.contains(ProcessSignals.Kind.WINCH)) {
                            seen.countDown();
                          }
                        },
                        ProcessSignals.Kind.WINCH)));
    String self = Long.toString(ProcessHandle.current().pid());
    assertEquals(0, new ProcessBuilder("kill", "-WINCH", self).start().waitFor());
    seen.await();
    r[0].close();
    assertTrue(r[0].fd().isClosed(), "the source goes with its registration");
  }

  @Test
  void threadSignalsReachASubscriber() throws Exception {
    int signal = 50;
    Semaphore seen = new Semaphore(0);
    List<Long> values = new ArrayList<>();
    loop.start();
    int[] thread = new int[1];
    Start start =
        c -> {
          Registration r =
              c.threadSignals(
                  "rt",
                  s -> {
                    values.add(s.value());
                    seen.release();
                    if (s.value() == 2) {
                      c.remove();
                    }
                  },
                  signal);
          thread[0] = Integer.parseInt(r.fd().name().equals("rt") ? tid() : "-1");
        };
    SubscriberContext c = loop.add(new Part("s", start));
    SignalFd.send(thread[0], signal, 1);
    seen.acquire();
    loop.call(() -> {
      SignalFd.send(thread[0], signal, 2);
      SignalFd.send(thread[0], signal, 3);
      return 0;
    });
    seen.acquire();
    settle();
    assertTrue(c.isRemoved());
    assertEquals(List.of(1L, 2L), values, "the third stays pending");
    loop.add(new Part("s", start));
    seen.acquire();
    assertEquals(List.of(1L, 2L, 3L), loop.call(() -> values));
    assertEquals(0, loop.failures());
  }

  /** The kernel's number of the calling thread. */
  private static String tid() throws IOException {
    return java.nio.file.Path.of("/proc/thread-self").toRealPath().getFileName().toString();
  }

  @Test
  void threadSignalsOfAnotherThreadAreRefused() throws Exception {
    SubscriberStartException e =
        assertThrows(
            SubscriberStartException.class,
            () -> loop.add(new Part("s", c -> c.threadSignals("rt", x -> {}, 50))));
    assertEquals(
        "threadSignals() of s must be called on the thread of event loop test loop: "
            + "post it with execute()",
        causeOf(e));
  }

  @Test
  void statisticsAreOffUntilAskedFor() throws Exception {
    try (EventFd a = EventFd.create("a")) {
      Semaphore calls = new Semaphore(0);
      LoopTimer[] t = new LoopTimer[1];
      SubscriberContext c =
          loop.add(
              new Part(
                  "s",
                  x -> {
                    x.register(
                        "a",
                        a.fd(),
                        Epoll.EPOLLIN,
                        e -> {
                          var _ = a.drain();
                          calls.release();
                        });
                    t[0] = x.timer("t", n -> calls.release());
                    x.idle(
                            "i",
                            n -> {
                              calls.release();
                              return false;
                            })
                        .resume();
                  }));
      loop.start();
      a.signal();
      calls.acquire(2);
      settle();
      SubscriberStatistics off = c.statistics();
      assertEquals(0, off.calls());
      assertEquals(0, off.nanos());
      assertEquals(1, off.registrations());
      assertEquals(1, off.timers());
      loop.measure(true);
      settle();
      long own = loop.statistics().getFirst().calls();
      a.signal();
      t[0].armOnce(0);
      c.submit(() -> 1).get();
      calls.acquire(2);
      settle();
      SubscriberStatistics on = c.statistics();
      assertEquals("s", on.name());
      assertEquals(3, on.calls());
      assertEquals(3, on.handling().count());
      assertTrue(on.nanos() >= on.handling().max() && on.handling().max() > 0);
      assertEquals(List.of("test loop", "s"), names(loop.statistics()));
      assertTrue(loop.statistics().getFirst().calls() > own, "the settling tasks are nobody's");
      loop.measure(false);
      settle();
      a.signal();
      calls.acquire();
      settle();
      assertEquals(3, c.statistics().calls());
    }
  }

  private static List<String> names(List<SubscriberStatistics> all) {
    return all.stream().map(SubscriberStatistics::name).toList();
  }

  @Test
  void registrationsAreListed() throws Exception {
    try (EventFd a = EventFd.create("a");
        EventFd b = EventFd.create("b")) {
      loop.register(
          "plain",
          a.fd(),
          Epoll.EPOLLIN | Epoll.EPOLLET,
          e -> {
            throw new IOException("no");
          });
      loop.add(new Part("s", c -> c.register("b", b.fd(), 0, e -> {})));
      loop.onFailure((who, failure) -> {});
      loop.start();
      a.signal();
      settle();
      List<RegistrationInfo> all = loop.describe();
      assertEquals(
          List.of(
              "plain: fd " + a.fd().number() + " (a), IN|ET, failed 1 times",
              "s/b: fd " + b.fd().number() + " (b), nothing"),
          all.stream().map(RegistrationInfo::toString).toList());
      assertEquals(new RegistrationInfo("s", "b", b.fd().toString(), 0, 0), all.get(1));
      assertThrows(UnsupportedOperationException.class, all::clear);
      assertTrue(loop.toString().contains("  s/b (fd "), loop::toString);
      assertFalse(loop.toString().contains("not watched"));
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.Errno;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.ProcessSignals;
import org.javavmm.sys.SystemCallException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class EventLoopTest {
  private EventLoop loop;

  @BeforeEach
  void createLoop() throws IOException {
    loop = EventLoop.create("test loop");
  }

  @AfterEach
  void closeLoop() {
    loop.close();
  }

  /** Lets the loop finish what it has fetched and start over. */
  private void settle() throws Exception {
    for (int i = 0; i < 3; i++) {
      loop.call(() -> 0);
    }
  }

  @Test
  void levelTriggeredEventsReachTheirHandlers() throws Exception {
    try (EventFd a = EventFd.create("a");
        EventFd b = EventFd.create("b")) {
      List<String> seen = new ArrayList<>();
      CountDownLatch both = new CountDownLatch(2);
      loop.register(
          "a",
          a.fd(),
          Epoll.EPOLLIN,
          events -> {
            seen.add("a " + events + " x" + a.drain());
            both.countDown();
          });
      loop.register(
          "b",
          b.fd(),
          Epoll.EPOLLIN,
          events -> {
            seen.add("b " + events + " x" + b.drain());
            both.countDown();
          });
      assertEquals(2, loop.registrations());
      a.signal();
      a.signal();
      b.signal();
      loop.start();
      both.await();
      settle();
      seen.sort(null);
      assertEquals(List.of("a 1 x2", "b 1 x1"), seen);
    }
  }

  @Test
  void aPipeReportsItsData(@TempDir Path folder) throws Exception {
    Path fifo = folder.resolve("fifo");
    assertEquals(0, new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor());
    try (OwnedFd reader = OwnedFd.openNonBlocking(fifo.toString());
        Arena arena = Arena.ofShared()) {
      StringBuilder text = new StringBuilder();
      CountDownLatch done = new CountDownLatch(1);
      MemorySegment buffer = arena.allocate(64);
      loop.register(
          "reader",
          reader,
          Epoll.EPOLLIN,
          events -> {
            long n = reader.read(buffer);
            text.append(
                new String(
                    buffer.asSlice(0, n).toArray(ValueLayout.JAVA_BYTE),
                    StandardCharsets.US_ASCII));
            if (text.indexOf("!\0") >= 0) {
              done.countDown();
            }
          });
      loop.start();
      try (OwnedFd writer = OwnedFd.openReadWrite(fifo.toString())) {
        writer.writeFully(arena.allocateFrom("hello"));
        writer.writeFully(arena.allocateFrom(" world!"));
        done.await();
      }
      assertEquals("hello\0 world!\0", text.toString());
    }
  }

  @Test
  void edgeTriggeredReportsAChangeOnce() throws Exception {
    try (EventFd a = EventFd.create("a")) {
      Semaphore calls = new Semaphore(0);
      loop.register("a", a.fd(), Epoll.EPOLLIN | Epoll.EPOLLET, events -> calls.release());
      loop.start();
      a.signal();
      calls.acquire();
      settle();
      assertEquals(0, calls.availablePermits(), "the state is unchanged");
      a.signal();
      calls.acquire();
    }
  }

  @Test
  void oneShotWaitsForModify() throws Exception {
    try (EventFd a = EventFd.create("a")) {
      Semaphore calls = new Semaphore(0);
      int interest = Epoll.EPOLLIN | Epoll.EPOLLONESHOT;
      Registration r = loop.register("a", a.fd(), interest, events -> calls.release());
      loop.start();
      a.signal();
      calls.acquire();
      settle();
      assertEquals(0, calls.availablePermits());
      r.modify(interest);
      calls.acquire();
      assertEquals(interest, r.interest());
    }
  }

  @Test
  void aClosedRegistrationGetsNoEventFetchedBefore() throws Exception {
    try (EventFd a = EventFd.create("a");
        EventFd b = EventFd.create("b")) {
      // Both are ready in one batch; whoever comes first closes the other.
      AtomicInteger calls = new AtomicInteger();
      Registration[] r = new Registration[2];
      r[0] =
          loop.register(
              "a",
              a.fd(),
              Epoll.EPOLLIN,
              events -> {
                calls.incrementAndGet();
                var _ = a.drain();
                r[1].close();
              });
      r[1] =
          loop.register(
              "b",
              b.fd(),
              Epoll.EPOLLIN,
              events -> {
                calls.incrementAndGet();
                var _ = b.drain();
                r[0].close();
              });
      a.signal();
      b.signal();
      loop.start();
      settle();
      assertEquals(1, calls.get());
      assertEquals(1, loop.registrations());
    }
  }

  @Test
  void aReusedSlotAndNumberDoNotInheritEvents() throws Exception {
    EventFd a = EventFd.create("a");
    EventFd b = EventFd.create("b");
    List<String> seen = new ArrayList<>();
    List<EventFd> fresh = new ArrayList<>();
    EventHandler[] handlers = new EventHandler[2];
    Registration[] registrations = new Registration[2];
    // The first to run closes both descriptors and gets their numbers and slots anew.
    for (int i = 0; i < 2; i++) {
      handlers[i] =
          events -> {
            seen.add("old");
            for (Registration r : registrations) {
              r.close();
              r.fd().close();
            }
            for (int j = 0; j < 2; j++) {
              EventFd f = EventFd.create("fresh");
              fresh.add(f);
              loop.register("fresh", f.fd(), Epoll.EPOLLIN, e -> seen.add("fresh"));
            }
          };
    }
    int[] numbers = {a.fd().number(), b.fd().number()};
    registrations[0] = loop.register("a", a.fd(), Epoll.EPOLLIN, handlers[0]);
    registrations[1] = loop.register("b", b.fd(), Epoll.EPOLLIN, handlers[1]);
    a.signal();
    b.signal();
    loop.start();
    settle();
    assertEquals(List.of("old"), seen);
    assertEquals(2, fresh.size());
    assertEquals(
        numbers[0] + numbers[1],
        fresh.get(0).fd().number() + fresh.get(1).fd().number(),
        "the numbers were reused, or this test shows nothing");
    fresh.forEach(EventFd::close);
  }

  @Test
  void aFileThatStaysOpenElsewhereDoesNotKeepTheLoopBusy() throws Exception {
    EventFd a = EventFd.create("a");
    try (EventFd b = EventFd.create("b")) {
      AtomicInteger callsOfA = new AtomicInteger();
      Semaphore callsOfB = new Semaphore(0);
      Registration ra = loop.register("a", a.fd(), Epoll.EPOLLIN, e -> callsOfA.incrementAndGet());
      loop.register(
          "b",
          b.fd(),
          Epoll.EPOLLIN,
          e -> {
            var _ = b.drain();
            callsOfB.release();
          });
      a.fd().acquire(); // as if another process held the file
      a.close();
      ra.close(); // too late to tell the kernel
      loop.start();
      long before = loop.epollGeneration();
      signalClosed(a);
      while (loop.epollGeneration() == before) {
        Thread.onSpinWait();
      }
      settle();
      assertEquals(before + 1, loop.epollGeneration(), "once is enough");
      b.signal();
      callsOfB.acquire();
      assertEquals(0, callsOfA.get());
    } finally {
      a.fd().release();
    }
  }

  /** Signals an eventfd whose owner is closed but whose number is still held. */
  private static void signalClosed(EventFd fd) throws IOException {
    String text = fd.toString();
    int number = Integer.parseInt(text.replaceAll(".*fd (\\d+) .*", "$1"));
    // A second owner of the number, never closed.
    OwnedFd alias = OwnedFd.adopt(number, "alias");
    MemorySegment one = Arena.ofAuto().allocate(8);
    one.set(ValueLayout.JAVA_LONG, 0, 1);
    alias.writeFully(one);
  }

  @Test
  void aHandlerThatThrowsIsCountedAndReported() throws Exception {
    try (EventFd a = EventFd.create("a")) {
      List<String> reports = new ArrayList<>();
      loop.onFailure((who, failure) -> {
        reports.add(who + ": " + failure.getMessage());
        throw new IllegalStateException("the listener fails as well");
      });
      Semaphore calls = new Semaphore(0);
      Registration r =
          loop.register(
              "a",
              a.fd(),
              Epoll.EPOLLIN,
              events -> {
                var _ = a.drain();
                calls.release();
                throw new IOException("no");
              });
      loop.start();
      a.signal();
      calls.acquire();
      a.signal();
      calls.acquire();
      loop.execute(() -> {
        throw new AssertionError("bad task");
      });
      settle();
      assertEquals(List.of("a: no", "a: no", "posted task: bad task"), reports);
      assertEquals(2, r.failures());
      assertEquals(3, loop.failures());
    }
  }

  @Test
  void stopRunsWhatWasPosted() throws Exception {
    List<Integer> ran = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      int number = i;
      loop.execute(() -> ran.add(number));
    }
    loop.stop();
    assertThrows(RejectedExecutionException.class, () -> loop.execute(() -> ran.add(-1)));
    loop.run(); // on this thread; returns at once
    assertEquals(100, ran.size());
    assertEquals(99, ran.get(99));
    assertThrows(IllegalStateException.class, loop::run);
    assertThrows(IllegalStateException.class, loop::start);
  }

  @Test
  void stopFromInsideAHandlerRunsTheTasksPostedBefore() throws Exception {
    try (EventFd a = EventFd.create("a")) {
      List<String> ran = new ArrayList<>();
      Registration r =
          loop.register(
              "a",
              a.fd(),
              Epoll.EPOLLIN,
              events -> {
                loop.execute(() -> ran.add("task"));
                loop.stop();
                ran.add("handler");
              });
      a.signal();
      loop.run();
      assertEquals(List.of("handler", "task"), ran);
      assertTrue(r.isClosed(), "the loop's end closes its registrations");
      assertEquals(0, loop.registrations());
      assertThrows(
          IllegalStateException.class, () -> loop.register("late", a.fd(), Epoll.EPOLLIN, e -> {}));
    }
  }

  @Test
  void callsReturnResultsAndFailures() throws Exception {
    Thread runner = loop.start();
    assertSame(runner, loop.call(Thread::currentThread));
    assertFalse(loop.inLoop());
    assertEquals(true, loop.call(loop::inLoop));
    ExecutionException e =
        assertThrows(
            ExecutionException.class,
            () ->
                loop.call(() -> {
                  throw new IOException("broken");
                }));
    assertEquals("java.io.IOException: broken", e.getMessage());
    assertEquals(0, loop.failures(), "the caller was told");
  }

  @Test
  void waitingForItselfIsRefused() throws Exception {
    loop.start();
    String call =
        loop.call(
            () -> assertThrows(IllegalStateException.class, () -> loop.call(() -> 1)).getMessage());
    assertEquals("call() on the thread of event loop test loop would wait for itself", call);
    String close =
        loop.call(() -> assertThrows(IllegalStateException.class, loop::close).getMessage());
    assertEquals("close() on the thread of event loop test loop would wait for itself", close);
  }

  @Test
  void aCancelledTaskDoesNotRun() throws Exception {
    AtomicInteger runs = new AtomicInteger();
    CompletableFuture<Integer> cancelled = loop.submit(runs::incrementAndGet);
    cancelled.cancel(false);
    CompletableFuture<Integer> kept = loop.submit(runs::incrementAndGet);
    loop.start();
    assertEquals(1, kept.get());
  }

  @Test
  void closingALoopThatNeverRanCancelsItsTasks() {
    CompletableFuture<Integer> never = loop.submit(() -> 1);
    loop.close();
    assertThrows(CancellationException.class, never::join);
    loop.close();
    loop.stop();
    assertThrows(IllegalStateException.class, loop::run);
  }

  @Test
  void misuseIsRefused(@TempDir Path folder) throws Exception {
    try (EventFd a = EventFd.create("a")) {
      IllegalArgumentException bits =
          assertThrows(
              IllegalArgumentException.class,
              () -> loop.register("a", a.fd(), 0x100, events -> {}));
      assertEquals("interest=0x100 has bits outside 0xc000201d", bits.getMessage());
      Registration r = loop.register("a", a.fd(), Epoll.EPOLLIN, events -> {});
      SystemCallException twice =
          assertThrows(
              SystemCallException.class,
              () -> loop.register("again", a.fd(), Epoll.EPOLLIN, events -> {}));
      assertEquals(Errno.EEXIST, twice.errno());
      assertEquals(1, loop.registrations(), "the refused one left nothing behind");
      assertTrue(loop.toString().contains("a (fd "), loop::toString);
      r.close();
      r.close();
      assertThrows(IllegalStateException.class, () -> r.modify(Epoll.EPOLLOUT));
      assertEquals(0, loop.registrations());
    }
    Path file = Files.createFile(folder.resolve("plain"));
    try (OwnedFd plain = OwnedFd.openReadWrite(file.toString())) {
      SystemCallException e =
          assertThrows(
              SystemCallException.class,
              () -> loop.register("plain", plain, Epoll.EPOLLIN, events -> {}));
      assertEquals(Errno.EPERM, e.errno());
    }
  }

  @Test
  void manyRegistrationsGrowTheTable() throws Exception {
    List<EventFd> fds = new ArrayList<>();
    CountDownLatch all = new CountDownLatch(200);
    loop.start();
    for (int i = 0; i < 200; i++) {
      EventFd fd = EventFd.create("fd " + i);
      fds.add(fd);
      loop.register(
          "fd " + i,
          fd.fd(),
          Epoll.EPOLLIN,
          events -> {
            var _ = fd.drain();
            all.countDown();
          });
      fd.signal();
    }
    all.await();
    assertEquals(200, loop.registrations());
    fds.forEach(EventFd::close);
  }

  @Test
  void processSignalsArriveOnTheLoop() throws Exception {
    try (ProcessSignals signals = ProcessSignals.open(ProcessSignals.Kind.WINCH)) {
      CountDownLatch seen = new CountDownLatch(1);
      loop.register(
          "signals",
          signals.event().fd(),
          Epoll.EPOLLIN,
          events -> {
            if (signals.take().contains(ProcessSignals.Kind.WINCH)) {
              seen.countDown();
            }
          });
      loop.start();
      String self = Long.toString(ProcessHandle.current().pid());
      assertEquals(0, new ProcessBuilder("kill", "-WINCH", self).start().waitFor());
      seen.await();
    }
  }

  @Test
  void dispatchingAllocatesNothingOnceCompiled() throws Exception {
    AllocatedBytes allocated = new AllocatedBytes();
    int window = 10_000;
    int limit = 5_000_000; // events until the JVM must have compiled the path
    try (EventFd a = EventFd.create("a")) {
      // A level that stays: each round is one epoll_wait and one dispatch.
      a.signal();
      int[] count = {0};
      long[] least = {Long.MAX_VALUE};
      long[] last = {0};
      loop.register(
          "a",
          a.fd(),
          Epoll.EPOLLIN,
          events -> {
            if (++count[0] % window == 0) {
              long now = allocated.get();
              least[0] = Math.min(least[0], now - last[0]);
              last[0] = allocated.get();
              if (least[0] < window / 10 || count[0] >= limit) {
                loop.stop();
              }
            }
          });
      loop.run();
      // The measurement itself may allocate a few bytes; an event that allocates takes 8 or more.
      assertTrue(least[0] < window / 10, () -> least[0] + " bytes in " + window + " events");
    }
  }
}

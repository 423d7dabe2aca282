// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.SystemCallException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Several threads add, signal, arm, change and remove at once. */
@Timeout(120)
class EventLoopStressTest {
  private static final int THREADS = 4;
  private static final int ROUNDS = 400;

  /** A subscriber that must not be called once it was removed. */
  private static final class Victim implements Subscriber {
    final EventFd bell;
    final AtomicBoolean removed = new AtomicBoolean();
    final AtomicLong calls;
    @Nullable Registration registration;
    @Nullable LoopTimer timer;

    Victim(AtomicLong calls) throws SystemCallException {
      this.bell = EventFd.create("bell");
      this.calls = calls;
    }

    @Override
    public String name() {
      return "victim";
    }

    private void called() {
      calls.incrementAndGet();
      if (removed.get()) {
        throw new AssertionError("called after its removal");
      }
    }

    @Override
    public void start(SubscriberContext context) throws Exception {
      registration =
          context.register(
              "bell",
              bell.fd(),
              Epoll.EPOLLIN,
              events -> {
                var _ = bell.drain();
                called();
              });
      timer = context.timer("timer", n -> called());
      context
          .idle(
              "idle",
              slice -> {
                called();
                return false;
              })
          .resume();
    }
  }

  @Test
  void noneIsCalledAfterItsRemovalAndNothingIsLeft() throws Exception {
    List<Throwable> wrong = Collections.synchronizedList(new ArrayList<>());
    AtomicLong calls = new AtomicLong();
    AtomicInteger rounds = new AtomicInteger();
    try (EventLoopGroup group = EventLoopGroup.create("stress", 2)) {
      group.loops().forEach(loop -> loop.onFailure((who, failure) -> wrong.add(failure)));
      group.start();
      List<Thread> threads = new ArrayList<>();
      for (int t = 0; t < THREADS; t++) {
        Random random = new Random(t);
        threads.add(
            Thread.ofPlatform()
                .start(() -> {
                  try {
                    for (int i = 0; i < ROUNDS; i++) {
                      round(group, random, calls);
                      rounds.incrementAndGet();
                    }
                  } catch (Throwable e) {
                    wrong.add(e);
                  }
                }));
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertEquals(List.of(), wrong);
      assertEquals(THREADS * ROUNDS, rounds.get());
      for (EventLoop loop : group.loops()) {
        loop.call(() -> 0);
        assertEquals(0, loop.registrations());
        assertEquals(0, loop.subscribers());
        assertEquals(0, loop.statistics().getFirst().timers());
        assertEquals(0, loop.failures());
      }
    }
    assertEquals(true, calls.get() > 0, "the handlers were called at all");
  }

  private static void round(EventLoopGroup group, Random random, AtomicLong calls)
      throws Exception {
    Victim v = new Victim(calls);
    SubscriberContext c = random.nextBoolean() ? group.add(v) : group.leastRegistered().add(v);
    for (int i = random.nextInt(6); i > 0; i--) {
      switch (random.nextInt(6)) {
        case 0, 1 -> v.bell.signal();
        case 2 -> use(v.timer).armPeriodic(random.nextInt(1000), 1 + random.nextInt(100_000));
        case 3 -> use(v.timer).cancel();
        case 4 -> use(v.registration).modify(Epoll.EPOLLIN | Epoll.EPOLLOUT);
        default -> {
          c.execute(() -> {});
          use(v.registration).removeInterest(Epoll.EPOLLOUT);
        }
      }
    }
    if (random.nextBoolean()) {
      v.bell.signal();
    }
    if (random.nextInt(4) == 0) {
      use(v.registration).close();
    }
    c.remove();
    v.removed.set(true);
    v.bell.close();
  }

  private static <T> T use(@Nullable T value) {
    if (value == null) {
      throw new AssertionError("not started");
    }
    return value;
  }
}

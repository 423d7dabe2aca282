// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutionException;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.EventFd;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class EventLoopGroupTest {
  private record Named(String name) implements Subscriber {
    @Override
    public void start(SubscriberContext context) {}
  }

  @Test
  void subscribersAreDealtInTurn() throws Exception {
    try (EventLoopGroup group = EventLoopGroup.create("io", 3)) {
      group.start();
      List<String> where = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        where.add(group.add(new Named("s" + i)).loop().name());
      }
      assertEquals(List.of("io-0", "io-1", "io-2", "io-0"), where);
      assertEquals(3, group.size());
      assertEquals(2, group.loop(0).subscribers());
      assertTrue(group.toString().contains("event loop io-2 RUNNING"), group::toString);
    }
  }

  @Test
  void theLeastRegisteredIsFound() throws Exception {
    try (EventLoopGroup group = EventLoopGroup.create("io", 3);
        EventFd a = EventFd.create("a");
        EventFd b = EventFd.create("b")) {
      assertSame(group.loop(0), group.leastRegistered());
      group.loop(0).register("a", a.fd(), Epoll.EPOLLIN, e -> {});
      group.loop(1).register("b", b.fd(), Epoll.EPOLLIN, e -> {});
      assertSame(group.loop(2), group.leastRegistered());
    }
  }

  @Test
  void theHookRunsOnEachThreadFirst() throws Exception {
    List<String> seen = Collections.synchronizedList(new ArrayList<>());
    try (EventLoopGroup group = EventLoopGroup.create("io", 2)) {
      group.loops().forEach(loop -> loop.execute(() -> seen.add("task of " + loop.name())));
      group.start((loop, index) ->
          seen.add(index + " " + Thread.currentThread().getName() + " " + loop.inLoop()));
      for (EventLoop loop : group.loops()) {
        loop.call(() -> 0);
      }
    }
    assertTrue(seen.indexOf("0 io-0 true") < seen.indexOf("task of io-0"), seen::toString);
    assertTrue(seen.indexOf("1 io-1 true") < seen.indexOf("task of io-1"), seen::toString);
    assertEquals(4, seen.size());
  }

  @Test
  void aFailingHookClosesTheGroup() throws Exception {
    try (EventLoopGroup group = EventLoopGroup.create("io", 3)) {
      ExecutionException e =
          assertThrows(
              ExecutionException.class,
              () ->
                  group.start((loop, index) -> {
                    if (index == 1) {
                      throw new IOException("no such CPU");
                    }
                  }));
      assertEquals("java.io.IOException: no such CPU", e.getMessage());
      for (EventLoop loop : group.loops()) {
        assertThrows(IllegalStateException.class, loop::start);
      }
    }
  }

  @Test
  void closingFromInsideIsRefusedBeforeAnythingStops() throws Exception {
    try (EventLoopGroup group = EventLoopGroup.create("io", 2)) {
      group.start();
      group.loop(1).call(() -> assertThrows(IllegalStateException.class, group::close));
      assertEquals(1, group.loop(0).call(() -> 1), "goes on");
      group.stop();
    }
  }

  @Test
  void theSizeIsChecked() {
    for (int size : new int[] {-1, 0, 1025}) {
      assertEquals(
          "size=" + size + " is not in 1..1024",
          assertThrows(IllegalArgumentException.class, () -> EventLoopGroup.create("g", size))
              .getMessage());
    }
  }

  @Test
  void loopsThatWaitForEachOtherAreFound() throws Exception {
    // Closed at the end only: loops that do wait for each other could not be.
    EventLoopGroup group = EventLoopGroup.create("io", 3);
    group.start();
    EventLoop a = group.loop(0);
    EventLoop b = group.loop(1);
    EventLoop c = group.loop(2);
    String message =
        a.call(() ->
            b.call(() ->
                c.call(() ->
                    String.valueOf(
                        assertThrows(IllegalStateException.class, () -> a.call(() -> 1))
                            .getMessage()))));
    assertEquals(
        "call() would wait for ever: event loops wait for each other: "
            + "io-2 -> io-0 -> io-1 -> io-2",
        message);
    a.call(() -> b.call(() -> assertThrows(IllegalStateException.class, a::close)));
    a.call(
        () -> b.call(() -> assertThrows(IllegalStateException.class, () -> a.add(new Named("s")))));
    // Nobody waits any more: the same calls in a row are fine.
    assertEquals(1, c.call(() -> a.call(() -> 1)));
    assertEquals(2, a.call(() -> c.call(() -> 2)));
    group.close();
  }
}

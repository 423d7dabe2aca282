// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.Errno;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.FaultInjection;
import org.javavmm.sys.SystemCallException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Lets each system call of an event loop fail in turn. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FaultWalkTest {
  /** Calls whose failure leaves nothing undone that anybody could repair. */
  private static final Set<String> HARMLESS =
      Set.of("close", "munmap", "epoll_ctl", "read", "write");

  /** A life: two registrations, a timer, a task, a subscriber, and what they do. */
  private static int life() throws Exception {
    int[] done = new int[1];
    try (EventLoop loop = EventLoop.create("loop");
        EventFd bell = EventFd.create("bell");
        EventFd other = EventFd.create("other")) {
      Registration registration =
          loop.register("bell", bell.fd(), Epoll.EPOLLIN, events -> done[0]++);
      registration.addInterest(Epoll.EPOLLET);
      loop.timer("timer", expirations -> done[0]++).armOnce(1);
      var _ =
          loop.add(
              new Subscriber() {
                @Override
                public String name() {
                  return "subscriber";
                }

                @Override
                public void start(SubscriberContext context) throws Exception {
                  var _ =
                      context.register("other", other.fd(), Epoll.EPOLLIN, events -> loop.stop());
                }
              });
      bell.signal();
      other.signal();
      loop.run();
    }
    return done[0];
  }

  @Test
  void nothingLeaksWhicheverCallFails() throws Exception {
    assertTrue(life() >= 1);
    int calls = 0;
    boolean hit = true;
    for (int n = 1; hit; n++) {
      Map<String, Long> before = descriptors();
      try (FaultInjection fault =
          FaultInjection.failNth(n, Errno.EIO).onThread(Thread.currentThread())) {
        try {
          var _ = life();
          assertTrue(
              fault.hits() == 0 || HARMLESS.contains(fault.hitCall()),
              () -> "nobody heard of " + fault.hitCall() + " failing");
        } catch (SystemCallException | IllegalStateException | SubscriberStartException e) {
          StringBuilder chain = new StringBuilder();
          for (Throwable t = e; t != null; t = t.getCause()) {
            chain.append(t.getMessage()).append('\n');
          }
          assertTrue(chain.indexOf(fault.hitCall() + "(") >= 0, fault.hitCall() + ": " + chain);
        }
        hit = fault.hits() > 0;
        calls++;
        assertEquals(before, descriptors(), "call " + n + ", " + fault.hitCall());
      }
    }
    assertTrue(calls > 15, "only " + calls + " calls");
  }

  private static Map<String, Long> descriptors() throws IOException {
    Map<String, Long> found = new TreeMap<>();
    try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
      for (Path fd : fds.toList()) {
        try {
          String target = Files.readSymbolicLink(fd).toString();
          if (target.contains("anon_inode")) {
            found.merge(target, 1L, Long::sum);
          }
        } catch (IOException e) {
          // The descriptor of the listing itself.
        }
      }
    }
    return found;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class EpollTest {
  @Test
  void reportsWhatIsReadyWithItsData() throws SystemCallException {
    try (Epoll epoll = Epoll.create(4);
        EventFd a = EventFd.create("a");
        EventFd b = EventFd.create("b")) {
      epoll.add(a.fd(), Epoll.EPOLLIN, 0x1122_3344_5566_7788L);
      epoll.add(b.fd(), Epoll.EPOLLIN, -1L);
      assertEquals(0, epoll.await(0));
      a.signal();
      assertEquals(1, epoll.await(-1));
      assertEquals(Epoll.EPOLLIN, epoll.events(0));
      assertEquals(0x1122_3344_5566_7788L, epoll.data(0));
      b.signal();
      assertEquals(2, epoll.await(0));
      assertEquals(Set.of(0x1122_3344_5566_7788L, -1L), Set.of(epoll.data(0), epoll.data(1)));
    }
  }

  @Test
  void returnsAtMostItsCapacity() throws SystemCallException {
    try (Epoll epoll = Epoll.create(2);
        EventFd a = EventFd.create("a");
        EventFd b = EventFd.create("b");
        EventFd c = EventFd.create("c")) {
      epoll.add(a.fd(), Epoll.EPOLLIN, 1);
      epoll.add(b.fd(), Epoll.EPOLLIN, 2);
      epoll.add(c.fd(), Epoll.EPOLLIN, 3);
      a.signal();
      b.signal();
      c.signal();
      Set<Long> seen = new HashSet<>();
      // The kernel goes round: two waits see all three.
      for (int i = 0; i < 2; i++) {
        assertEquals(2, epoll.await(0));
        seen.add(epoll.data(0));
        seen.add(epoll.data(1));
      }
      assertEquals(Set.of(1L, 2L, 3L), seen);
      assertThrows(IndexOutOfBoundsException.class, () -> epoll.events(2));
      assertThrows(IndexOutOfBoundsException.class, () -> epoll.data(-1));
    }
  }

  @Test
  void modifyAndOneShot() throws SystemCallException {
    try (Epoll epoll = Epoll.create(2);
        EventFd event = EventFd.create("e")) {
      epoll.add(event.fd(), Epoll.EPOLLIN | Epoll.EPOLLONESHOT, 1);
      event.signal();
      assertEquals(1, epoll.await(0));
      assertEquals(0, epoll.await(0), "one shot");
      epoll.modify(event.fd(), Epoll.EPOLLIN | Epoll.EPOLLOUT, 2);
      assertEquals(1, epoll.await(0));
      assertEquals(Epoll.EPOLLIN | Epoll.EPOLLOUT, epoll.events(0));
      assertEquals(2, epoll.data(0));
      epoll.remove(event.fd());
      assertEquals(0, epoll.await(0));
    }
  }

  @Test
  void edgesAreReportedOnce() throws SystemCallException {
    try (Epoll epoll = Epoll.create(1);
        EventFd event = EventFd.create("e")) {
      epoll.add(event.fd(), Epoll.EPOLLIN | Epoll.EPOLLET, 1);
      event.signal();
      assertEquals(1, epoll.await(0));
      assertEquals(0, epoll.await(0));
      event.signal();
      assertEquals(1, epoll.await(0));
    }
  }

  @Test
  void hangUpIsReportedUnasked() throws SystemCallException {
    try (Epoll epoll = Epoll.create(1);
        Descriptors.Pipe pipe = Descriptors.pipe()) {
      epoll.add(pipe.reader(), 0, 7);
      pipe.writer().close();
      assertEquals(1, epoll.await(-1));
      assertEquals(Epoll.EPOLLHUP, epoll.events(0));
    }
  }

  @Test
  void mistakesAreNamed(@TempDir Path folder) throws Exception {
    Path file = Files.createFile(folder.resolve("plain"));
    try (Epoll epoll = Epoll.create(1);
        EventFd event = EventFd.create("e");
        OwnedFd plain = OwnedFd.openReadWrite(file.toString())) {
      int number = event.fd().number();
      epoll.add(event.fd(), Epoll.EPOLLIN, 1);
      assertEquals(
          "epoll_ctl(EPOLL_CTL_ADD, fd " + number + " (e), events=0x1): EEXIST (exists already)",
          assertThrows(SystemCallException.class, () -> epoll.add(event.fd(), Epoll.EPOLLIN, 1))
              .getMessage());
      epoll.remove(event.fd());
      assertEquals(
          "epoll_ctl(EPOLL_CTL_DEL, fd "
              + number
              + " (e), events=0x0): ENOENT (no such file or directory)",
          assertThrows(SystemCallException.class, () -> epoll.remove(event.fd())).getMessage());
      assertEquals(
          Errno.ENOENT,
          assertThrows(SystemCallException.class, () -> epoll.modify(event.fd(), Epoll.EPOLLIN, 1))
              .errno());
      assertEquals(
          Errno.EPERM,
          assertThrows(SystemCallException.class, () -> epoll.add(plain, Epoll.EPOLLIN, 1))
              .errno());
      EventFd closed = EventFd.create("closed");
      closed.close();
      assertThrows(IllegalStateException.class, () -> epoll.add(closed.fd(), Epoll.EPOLLIN, 1));
    }
  }

  @Test
  void capacityIsChecked() {
    for (int capacity : new int[] {Integer.MIN_VALUE, 0, 65_537}) {
      assertEquals(
          "capacity=" + capacity + " is not in 1..65536",
          assertThrows(IllegalArgumentException.class, () -> Epoll.create(capacity)).getMessage());
    }
  }

  @Test
  void closedEpollRefuses() throws SystemCallException {
    long before = Descriptors.open("anon_inode:[eventpoll]");
    Epoll epoll = Epoll.create(1);
    assertEquals(before + 1, Descriptors.open("anon_inode:[eventpoll]"));
    epoll.close();
    epoll.close();
    assertEquals(before, Descriptors.open("anon_inode:[eventpoll]"));
    assertThrows(IllegalStateException.class, () -> epoll.await(0));
  }

  @Test
  void aSignalEndsTheWaitWithNothing() throws Exception {
    try (Epoll epoll = Epoll.create(1)) {
      int[] result = {-1};
      int[] id = new int[1];
      Thread waiter =
          Thread.ofPlatform()
              .unstarted(() -> {
                synchronized (id) {
                  id[0] = KickSignal.currentThreadId();
                  id.notifyAll();
                }
                try {
                  result[0] = epoll.await(-1);
                } catch (SystemCallException e) {
                  throw new IllegalStateException(e);
                }
              });
      waiter.start();
      synchronized (id) {
        while (id[0] == 0) {
          id.wait();
        }
      }
      // A kick before the wait has begun is lost, so kick until it ends.
      while (waiter.isAlive()) {
        var _ = KickSignal.send(id[0]);
        waiter.join(1);
      }
      assertEquals(0, result[0]);
    }
  }

  @Test
  void waitingAllocatesNothing() throws Exception {
    try (Epoll epoll = Epoll.create(8);
        EventFd event = EventFd.create("hot")) {
      epoll.add(event.fd(), Epoll.EPOLLIN, 42);
      event.signal();
      long bytes =
          Allocation.bytes(
              200_000,
              i -> assertTrue(epoll.await(0) == 1 && epoll.data(0) == 42 && epoll.events(0) == 1));
      assertTrue(bytes < 10_000, bytes + " bytes for 200,000 waits");
    }
  }
}

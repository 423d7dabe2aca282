// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.ByteOrder;

/**
 * An {@code epoll(7)} instance with room for one batch of events.
 *
 * <p>{@link #add}, {@link #modify} and {@link #remove} may be called by any thread; {@link #await}
 * and the getters of events by one thread at a time. Waiting allocates nothing.
 */
public final class Epoll implements AutoCloseable {
  /** Readable. */
  public static final int EPOLLIN = 0x1;

  /** Writable. */
  public static final int EPOLLOUT = 0x4;

  /** An error; reported whether asked for or not. */
  public static final int EPOLLERR = 0x8;

  /** Hung up; reported whether asked for or not. */
  public static final int EPOLLHUP = 0x10;

  /** The peer shut down its writing half. */
  public static final int EPOLLRDHUP = 0x2000;

  /** Report once, then wait for {@link #modify}. */
  public static final int EPOLLONESHOT = 1 << 30;

  /** Report changes instead of states. */
  public static final int EPOLLET = 1 << 31;

  private static final MemorySegment EPOLL_CREATE1 = Libc.function("epoll_create1");
  private static final MemorySegment EPOLL_CTL = Libc.function("epoll_ctl");
  private static final MemorySegment EPOLL_WAIT = Libc.function("epoll_wait");

  private static final int EPOLL_CLOEXEC = 0x80000;
  private static final int EPOLL_CTL_ADD = 1;
  private static final int EPOLL_CTL_DEL = 2;
  private static final int EPOLL_CTL_MOD = 3;

  private static final ValueLayout.OfInt U32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.nativeOrder());
  private static final ValueLayout.OfLong U64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.nativeOrder());

  private final OwnedFd fd;
  private final int capacity;
  private final MemorySegment events;

  /** Of the one thread that waits. */
  private final MemorySegment errno = Libc.newCaptureBuffer();

  private Epoll(OwnedFd fd, int capacity) {
    this.fd = fd;
    this.capacity = capacity;
    this.events = Arena.ofAuto().allocate((long) capacity * EpollEventLayout.SIZEOF, 8);
  }

  /**
   * Creates an instance.
   *
   * @param capacity how many events one {@link #await} can return, 1 to 65,536
   * @return the instance
   * @throws IllegalArgumentException if {@code capacity} is out of range
   * @throws SystemCallException if the process has no descriptor left
   */
  public static Epoll create(int capacity) throws SystemCallException {
    if (capacity < 1 || capacity > 65_536) {
      throw new IllegalArgumentException("capacity=" + capacity + " is not in 1..65536");
    }
    int fd = Libc.callInt(EPOLL_CREATE1, EPOLL_CLOEXEC);
    if (fd < 0) {
      throw new SystemCallException("epoll_create1(EPOLL_CLOEXEC)", -fd);
    }
    return new Epoll(OwnedFd.adopt(fd, "epoll"), capacity);
  }

  /**
   * Starts to watch a descriptor.
   *
   * @param target the descriptor
   * @param interest the events to report, or-ed
   * @param data what {@link #data} returns with its events
   * @throws IllegalStateException if this or {@code target} is closed
   * @throws SystemCallException {@code EEXIST} if it is watched already, {@code EPERM} if its kind
   *     cannot be watched (a plain file)
   */
  public void add(OwnedFd target, int interest, long data) throws SystemCallException {
    control(EPOLL_CTL_ADD, "EPOLL_CTL_ADD", target, interest, data);
  }

  /**
   * Changes what is reported of a watched descriptor.
   *
   * @param target the descriptor
   * @param interest the events to report, or-ed
   * @param data what {@link #data} returns with its events
   * @throws IllegalStateException if this or {@code target} is closed
   * @throws SystemCallException {@code ENOENT} if it is not watched
   */
  public void modify(OwnedFd target, int interest, long data) throws SystemCallException {
    control(EPOLL_CTL_MOD, "EPOLL_CTL_MOD", target, interest, data);
  }

  /**
   * Stops watching a descriptor. To be called before {@code target} is closed: the kernel forgets a
   * watch by itself only when the last descriptor of the file is gone, which a fork or a dup
   * delays.
   *
   * @param target the descriptor
   * @throws IllegalStateException if this or {@code target} is closed
   * @throws SystemCallException {@code ENOENT} if it is not watched
   */
  public void remove(OwnedFd target) throws SystemCallException {
    control(EPOLL_CTL_DEL, "EPOLL_CTL_DEL", target, 0, 0);
  }

  private void control(int operation, String name, OwnedFd target, int interest, long data)
      throws SystemCallException {
    int epoll = fd.acquire();
    try {
      int number = target.acquire();
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment event = arena.allocate(EpollEventLayout.SIZEOF, 8);
        event.set(U32, EpollEventLayout.EVENTS, interest);
        event.set(U64, EpollEventLayout.DATA, data);
        int result = Libc.callInt(EPOLL_CTL, epoll, operation, number, event.address());
        if (result < 0) {
          throw new SystemCallException(
              "epoll_ctl(" + name + ", " + target + ", events=0x" + hex(interest) + ")", -result);
        }
      } finally {
        target.release();
      }
    } finally {
      fd.release();
    }
  }

  private static String hex(int value) {
    return Integer.toHexString(value);
  }

  /**
   * Waits for events.
   *
   * @param timeoutMillis how long to wait at most; 0 does not wait, -1 waits without end
   * @return the number of events; 0 after the timeout or when a signal interrupted the wait
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public int await(int timeoutMillis) throws SystemCallException {
    int epoll = fd.acquire();
    int n;
    try {
      n =
          Libc.intResult(
              (int)
                  Libc.call(
                      errno, EPOLL_WAIT, epoll, events.address(), capacity, timeoutMillis, 0, 0, 0),
              errno);
    } finally {
      fd.release();
      // The kernel wrote by address: keep the memory alive until it has.
      Reference.reachabilityFence(events);
    }
    if (n >= 0) {
      return n;
    }
    if (n == -Errno.EINTR) {
      return 0;
    }
    throw new SystemCallException("epoll_wait(timeout=" + timeoutMillis + " ms)", -n);
  }

  /**
   * {@return the events of an entry, or-ed}
   *
   * @param index the entry, less than what {@link #await} returned
   * @throws IndexOutOfBoundsException if {@code index} is negative or not less than the capacity
   */
  public int events(int index) {
    return events.get(U32, (long) index * EpollEventLayout.SIZEOF + EpollEventLayout.EVENTS);
  }

  /**
   * {@return the data with which an entry's descriptor was added}
   *
   * @param index the entry, less than what {@link #await} returned
   * @throws IndexOutOfBoundsException if {@code index} is negative or not less than the capacity
   */
  public long data(int index) {
    return events.get(U64, (long) index * EpollEventLayout.SIZEOF + EpollEventLayout.DATA);
  }

  /** Closes the descriptor. Closing twice is safe; a thread in {@link #await} keeps waiting. */
  @Override
  public void close() {
    fd.close();
  }
}

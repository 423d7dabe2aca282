// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * An {@code eventfd(2)}: a counter in the kernel that threads, epoll and KVM's irqfd and ioeventfd
 * wait for and signal. Non-blocking. Thread-safe.
 */
public final class EventFd implements AutoCloseable {
  private static final MemorySegment EVENTFD = Libc.function("eventfd");
  private static final int EFD_NONBLOCK = 0x800;
  private static final int EFD_CLOEXEC = 0x80000;

  private static final MemorySegment ONE = Arena.global().allocateFrom(ValueLayout.JAVA_LONG, 1);

  /** One per thread, so that {@link #drain} allocates nothing. */
  private static final ThreadLocal<MemorySegment> COUNT =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(ValueLayout.JAVA_LONG));

  private final OwnedFd fd;

  private EventFd(OwnedFd fd) {
    this.fd = fd;
  }

  /**
   * Creates an event whose counter is 0.
   *
   * @param name what it is for, for messages
   * @return the event
   * @throws SystemCallException if the process has no descriptor left
   */
  public static EventFd create(String name) throws SystemCallException {
    int fd = Libc.callInt(EVENTFD, 0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) {
      throw new SystemCallException("eventfd(EFD_NONBLOCK | EFD_CLOEXEC)", -fd);
    }
    return new EventFd(OwnedFd.adopt(fd, name));
  }

  /** {@return the descriptor, for epoll and for KVM} */
  public OwnedFd fd() {
    return fd;
  }

  /**
   * Adds one to the counter and wakes who waits. Allocates nothing.
   *
   * @throws IllegalStateException if closed
   */
  public void signal() {
    long n = fd.write(ONE);
    // EAGAIN: the counter is full, so whoever waits is awake already.
    if (n < 0 && n != -Errno.EAGAIN) {
      throw new IllegalStateException(
          "write(" + fd.name() + "): " + Errno.name((int) -n) + " on an eventfd");
    }
  }

  /**
   * Reads the counter and sets it to 0. Allocates nothing.
   *
   * @return the number of signals since the last read; 0 if none
   * @throws IllegalStateException if closed
   */
  public long drain() {
    MemorySegment count = COUNT.get();
    // Fewer bytes can only be EAGAIN: nothing was signalled.
    return fd.read(count) == Long.BYTES ? count.get(ValueLayout.JAVA_LONG, 0) : 0;
  }

  /** Closes the descriptor. Closing twice is safe. */
  @Override
  public void close() {
    fd.close();
  }

  @Override
  public String toString() {
    return "eventfd " + fd;
  }
}

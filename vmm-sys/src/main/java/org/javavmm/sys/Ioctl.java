// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/** {@code ioctl(2)}. A result is {@code >= 0} or {@code -errno}. Thread-safe. */
public final class Ioctl {
  private static final MemorySegment IOCTL = Libc.function("ioctl");

  private Ioctl() {}

  /**
   * Calls an ioctl whose argument is a number.
   *
   * @param fd the file
   * @param request the ioctl's number
   * @param argument the argument
   * @return the result, or {@code -errno}
   * @throws IllegalStateException if {@code fd} is closed
   */
  public static int ioctl(OwnedFd fd, long request, long argument) {
    int number = fd.acquire();
    try {
      return Libc.callInt(IOCTL, number, request, argument);
    } finally {
      fd.release();
    }
  }

  /**
   * Calls an ioctl whose argument is a structure.
   *
   * @param fd the file
   * @param request the ioctl's number
   * @param argument the structure, in native memory and as large as the ioctl asks for
   * @return the result, or {@code -errno}
   * @throws IllegalArgumentException if {@code argument} is not native memory
   * @throws IllegalStateException if {@code argument} was freed, or if {@code fd} is closed
   */
  public static int ioctl(OwnedFd fd, long request, MemorySegment argument) {
    Libc.checkPassable(argument);
    try {
      return ioctl(fd, request, argument.address());
    } finally {
      Reference.reachabilityFence(argument);
    }
  }

  /**
   * One ioctl called again and again by one thread: the descriptor is held and the buffer for
   * {@code errno} kept, so that a call costs the system call and little else, and allocates
   * nothing.
   */
  public static final class Repeated implements AutoCloseable {
    private final OwnedFd fd;
    private final int number;
    private final long request;
    private final MemorySegment errno = Libc.newCaptureBuffer();
    private boolean open = true;

    /**
     * Prepares the calls.
     *
     * @param fd the file, which stays open until {@link #close}
     * @param request the ioctl's number
     * @throws IllegalStateException if {@code fd} is closed
     */
    public Repeated(OwnedFd fd, long request) {
      this.fd = fd;
      this.number = fd.acquire();
      this.request = request;
    }

    /**
     * Calls the ioctl. Only one thread at a time may call.
     *
     * @param argument the argument
     * @return the result, or {@code -errno}
     * @throws IllegalStateException if this was closed
     */
    public int call(long argument) {
      if (!open) {
        throw new IllegalStateException("repeated ioctl is closed: " + fd);
      }
      return Libc.intResult(
          (int) Libc.call(errno, IOCTL, number, request, argument, 0, 0, 0, 0), errno);
    }

    /** Lets go of the descriptor. Must not race with {@link #call}; closing twice is safe. */
    @Override
    public synchronized void close() {
      if (open) {
        open = false;
        fd.release();
      }
    }
  }
}

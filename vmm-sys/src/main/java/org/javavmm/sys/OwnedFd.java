// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.util.concurrent.locks.LockSupport;

/**
 * A file descriptor that somebody owns and closes exactly once.
 *
 * <p>A closed number is soon another file's, so a call on a stale number would reach a stranger.
 * Each call here therefore counts itself in and out: {@link #close} refuses calls that come later
 * and leaves the closing of the number to the last call still inside. A blocking call keeps the
 * number alive; wake it before waiting for the close to take effect.
 *
 * <p>Thread-safe.
 */
public final class OwnedFd implements AutoCloseable {
  private static final MemorySegment OPEN = Libc.function("open");
  private static final MemorySegment CLOSE = Libc.function("close");
  private static final MemorySegment READ = Libc.function("read");
  private static final MemorySegment WRITE = Libc.function("write");

  private static final int O_RDWR = 2;
  private static final int O_NOCTTY = 0x100;
  private static final int O_NONBLOCK = 0x800;
  private static final int O_CLOEXEC = 0x80000;

  /** Set in {@link #state} once closed; the bits below count calls in progress. */
  private static final int CLOSED = 0x8000_0000;

  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(OwnedFd.class, "state", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final int number;
  private final String name;

  /** False for a view of what belongs to the process as a whole. */
  private final boolean owned;

  @SuppressWarnings("UnusedVariable") // through STATE
  private volatile int state;

  private OwnedFd(int number, String name, boolean owned) {
    this.number = number;
    this.name = name;
    this.owned = owned;
  }

  /**
   * Opens a file read-write and close-on-exec.
   *
   * @param path the file's path
   * @return the descriptor
   * @throws SystemCallException if the file cannot be opened
   */
  public static OwnedFd openReadWrite(String path) throws SystemCallException {
    return open(path, O_RDWR | O_CLOEXEC, "O_RDWR");
  }

  /**
   * Opens a terminal or another file that may block, read-write, close-on-exec and non-blocking. A
   * terminal opened so does not become the process's controlling terminal.
   *
   * @param path the file's path
   * @return the descriptor
   * @throws SystemCallException if the file cannot be opened
   */
  public static OwnedFd openNonBlocking(String path) throws SystemCallException {
    return open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, "O_RDWR | O_NONBLOCK");
  }

  static OwnedFd open(String path, int flags, String flagNames) throws SystemCallException {
    int fd;
    try (Arena arena = Arena.ofConfined()) {
      fd = Libc.callInt(OPEN, arena.allocateFrom(path).address(), flags, 0);
    }
    if (fd < 0) {
      throw new SystemCallException("open(" + path + ", " + flagNames + ")", -fd);
    }
    return new OwnedFd(fd, path, true);
  }

  /**
   * Takes ownership of a descriptor that a system call returned.
   *
   * @param number the descriptor, which nothing else closes
   * @param name what it is, for messages
   * @return the owner
   * @throws IllegalArgumentException if {@code number} is negative
   */
  public static OwnedFd adopt(int number, String name) {
    if (number < 0) {
      throw new IllegalArgumentException("not a file descriptor: " + number + " (" + name + ")");
    }
    return new OwnedFd(number, name, true);
  }

  /**
   * A view of a standard stream, which is never closed.
   *
   * @param number 0, 1 or 2
   * @return a descriptor whose {@link #close} leaves the stream open
   * @throws IllegalArgumentException if {@code number} is not a standard stream
   */
  public static OwnedFd standardStream(int number) {
    return switch (number) {
      case 0 -> new OwnedFd(0, "standard input", false);
      case 1 -> new OwnedFd(1, "standard output", false);
      case 2 -> new OwnedFd(2, "standard error", false);
      default -> throw new IllegalArgumentException("not a standard stream: " + number);
    };
  }

  /** {@return what this descriptor is, for messages} */
  public String name() {
    return name;
  }

  /**
   * {@return the number}, for registrations and messages. It stays valid only while the owner does
   * not close it; calls that must not meet a stranger use {@link #acquire}.
   *
   * @throws IllegalStateException if closed
   */
  public int number() {
    if (state < 0) {
      throw closed();
    }
    return number;
  }

  /** {@return whether {@link #close} was called} */
  public boolean isClosed() {
    return state < 0;
  }

  /**
   * Enters a call: until {@link #release} the number stays this file's.
   *
   * @return the number
   * @throws IllegalStateException if closed
   */
  public int acquire() {
    int s;
    do {
      s = state;
      if (s < 0) {
        throw closed();
      }
    } while (!STATE.compareAndSet(this, s, s + 1));
    return number;
  }

  /**
   * Leaves a call entered by {@link #acquire}; the last one out closes a closed descriptor. To be
   * called once for each {@link #acquire}.
   */
  public void release() {
    int before = (int) STATE.getAndAdd(this, -1);
    if (before == (CLOSED | 1)) {
      closeNumber();
    }
  }

  /**
   * Reads into memory.
   *
   * @param buffer where the bytes go; native memory, which nobody may free during the call
   * @return the number of bytes, 0 at the end of the file, or {@code -errno}
   * @throws IllegalArgumentException if {@code buffer} is not native memory or is read-only
   * @throws IllegalStateException if {@code buffer} was freed, or if closed
   */
  public long read(MemorySegment buffer) {
    if (buffer.isReadOnly()) {
      throw new IllegalArgumentException("a buffer to read into must not be read-only");
    }
    return transfer(READ, buffer);
  }

  /**
   * Writes memory.
   *
   * @param buffer the bytes; native memory, which nobody may free during the call
   * @return the number of bytes written, which may be fewer than given, or {@code -errno}
   * @throws IllegalArgumentException if {@code buffer} is not native memory
   * @throws IllegalStateException if {@code buffer} was freed, or if closed
   */
  public long write(MemorySegment buffer) {
    return transfer(WRITE, buffer);
  }

  private long transfer(MemorySegment function, MemorySegment buffer) {
    Libc.checkPassable(buffer);
    int fd = acquire();
    try {
      return Libc.callLong(function, fd, buffer.address(), buffer.byteSize(), 0, 0, 0);
    } finally {
      release();
      // The kernel saw only the address: keep the memory alive until the call is over.
      Reference.reachabilityFence(buffer);
    }
  }

  /**
   * Writes all of the memory, waiting if the descriptor is non-blocking and full.
   *
   * @param buffer the bytes; native memory, which nobody may free during the call
   * @throws IllegalArgumentException if {@code buffer} is not native memory
   * @throws IllegalStateException if {@code buffer} was freed, or if closed
   * @throws SystemCallException if a write fails; earlier parts may have been written
   * @throws InterruptedIOException if the thread is interrupted while it waits; the interrupt stays
   *     set, and {@code bytesTransferred} says how much was written
   */
  public void writeFully(MemorySegment buffer) throws IOException {
    long done = 0;
    while (done < buffer.byteSize()) {
      long n = write(buffer.asSlice(done));
      if (n > 0) {
        done += n;
      } else if (n == 0 || n == -Errno.EAGAIN) {
        if (Thread.currentThread().isInterrupted()) {
          // Parking would return at once from here on: a busy loop that nobody could end.
          InterruptedIOException e =
              new InterruptedIOException(
                  "write(" + name + ") interrupted after " + done + " of " + buffer.byteSize());
          e.bytesTransferred = (int) Math.min(done, Integer.MAX_VALUE);
          throw e;
        }
        LockSupport.parkNanos(200_000);
      } else if (n != -Errno.EINTR) {
        throw new SystemCallException(
            "write(" + name + ", " + (buffer.byteSize() - done) + " bytes)", (int) -n);
      }
    }
  }

  /** Closes the descriptor; further calls throw. Closing twice is safe. */
  @Override
  public void close() {
    int before = (int) STATE.getAndBitwiseOr(this, CLOSED);
    if (before == 0) {
      closeNumber();
    }
  }

  private void closeNumber() {
    if (owned) {
      // The number is free whatever close(2) answers, so there is nothing to do about an error.
      var _ = Libc.callInt(CLOSE, number);
    }
  }

  private IllegalStateException closed() {
    return new IllegalStateException("file descriptor is closed: " + name);
  }

  @Override
  public String toString() {
    return "fd " + number + " (" + name + (isClosed() ? ", closed)" : ")");
  }
}

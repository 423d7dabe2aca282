// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Advisory locks on ranges of a file that belong to the open file ({@code F_OFD_SETLK}), not to the
 * process: another descriptor of the same file opened by this process conflicts, and closing that
 * one does not drop the lock of this. The kernel releases all when the last {@linkplain
 * OwnedFd#duplicate duplicate} is closed. Locking again replaces what is held in that range.
 *
 * <p>Ranges begin at {@code offset} and have {@code length} bytes; length 0 reaches to the end of
 * any file. Thread-safe.
 */
public final class OfdLock {
  /** What a lock excludes. */
  public enum Mode {
    /** Exclusive ones; the file must be open for reading. */
    SHARED(0),
    /** All others; the file must be open for writing. */
    EXCLUSIVE(1);

    private final int type;

    Mode(int type) {
      this.type = type;
    }
  }

  static final int F_OFD_GETLK = 36;
  static final int F_OFD_SETLK = 37;
  static final int F_OFD_SETLKW = 38;
  static final int F_UNLCK = 2;

  private static final MemorySegment FCNTL = Libc.function("fcntl");

  private OfdLock() {}

  /**
   * Locks a range unless somebody else's lock conflicts.
   *
   * @param fd the file
   * @param mode shared or exclusive
   * @param offset the first byte, at least 0
   * @param length how many bytes, at least 0; 0 for all that follow
   * @return whether it was locked
   * @throws IllegalArgumentException if {@code offset} or {@code length} is negative
   * @throws IllegalStateException if {@code fd} is closed
   * @throws SystemCallException {@code EBADF} if the file is not open for that mode
   */
  public static boolean tryLock(OwnedFd fd, Mode mode, long offset, long length)
      throws SystemCallException {
    int result = control(fd, F_OFD_SETLK, mode.type, offset, length);
    // POSIX leaves it open which of the two says so.
    if (result == -Errno.EAGAIN || result == -Errno.EACCES) {
      return false;
    }
    check(fd, result, "F_OFD_SETLK, " + mode, offset, length);
    return true;
  }

  /**
   * Locks a range, waiting as long as somebody else's lock conflicts. The wait hears no interrupt.
   *
   * @param fd the file
   * @param mode shared or exclusive
   * @param offset the first byte, at least 0
   * @param length how many bytes, at least 0; 0 for all that follow
   * @throws IllegalArgumentException if {@code offset} or {@code length} is negative
   * @throws IllegalStateException if {@code fd} is closed
   * @throws SystemCallException {@code EBADF} if the file is not open for that mode
   */
  public static void lock(OwnedFd fd, Mode mode, long offset, long length)
      throws SystemCallException {
    int result;
    do {
      result = control(fd, F_OFD_SETLKW, mode.type, offset, length);
    } while (result == -Errno.EINTR);
    check(fd, result, "F_OFD_SETLKW, " + mode, offset, length);
  }

  /**
   * Unlocks a range, of which any part may be locked or none.
   *
   * @param fd the file
   * @param offset the first byte, at least 0
   * @param length how many bytes, at least 0; 0 for all that follow
   * @throws IllegalArgumentException if {@code offset} or {@code length} is negative
   * @throws IllegalStateException if {@code fd} is closed
   * @throws SystemCallException if the kernel refuses
   */
  public static void unlock(OwnedFd fd, long offset, long length) throws SystemCallException {
    check(fd, control(fd, F_OFD_SETLK, F_UNLCK, offset, length), "F_UNLCK", offset, length);
  }

  /**
   * {@return whether somebody else's lock would keep this one from being taken now}
   *
   * @param fd the file
   * @param mode shared or exclusive
   * @param offset the first byte, at least 0
   * @param length how many bytes, at least 0; 0 for all that follow
   * @throws IllegalArgumentException if {@code offset} or {@code length} is negative
   * @throws IllegalStateException if {@code fd} is closed
   * @throws SystemCallException if the kernel refuses
   */
  public static boolean conflicts(OwnedFd fd, Mode mode, long offset, long length)
      throws SystemCallException {
    int result = control(fd, F_OFD_GETLK, mode.type, offset, length);
    check(fd, result, "F_OFD_GETLK, " + mode, offset, length);
    return result != F_UNLCK;
  }

  /** {@return {@code -errno}, or the type that the kernel left in the structure} */
  private static int control(OwnedFd fd, int command, int type, long offset, long length) {
    if (offset < 0 || length < 0) {
      throw new IllegalArgumentException(
          "offset=" + offset + " or length=" + length + " is negative");
    }
    int number = fd.acquire();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment lock = arena.allocate(FlockLayout.SIZEOF, 8);
      lock.set(ValueLayout.JAVA_SHORT, FlockLayout.L_TYPE, (short) type);
      lock.set(ValueLayout.JAVA_LONG, FlockLayout.L_START, offset);
      lock.set(ValueLayout.JAVA_LONG, FlockLayout.L_LEN, length);
      int result = Libc.callInt(FCNTL, number, command, lock.address());
      return result < 0 ? result : lock.get(ValueLayout.JAVA_SHORT, FlockLayout.L_TYPE);
    } finally {
      fd.release();
    }
  }

  private static void check(OwnedFd fd, int result, String text, long offset, long length)
      throws SystemCallException {
    if (result < 0) {
      throw new SystemCallException(
          "fcntl(" + fd.name() + ", " + text + ", offset=" + offset + ", length=" + length + ")",
          -result);
    }
  }
}

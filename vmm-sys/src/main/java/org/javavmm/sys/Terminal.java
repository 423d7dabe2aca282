// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;

/**
 * A terminal in raw mode: each key arrives at once and unchanged, Ctrl-C included, and nothing is
 * echoed. Closing restores the modes found. Thread-safe.
 *
 * <p>A process that dies by SIGKILL cannot restore anything; its parent has to (a shell's {@code
 * stty} with the modes saved before).
 */
public final class Terminal implements AutoCloseable {
  private static final MemorySegment ISATTY = Libc.function("isatty");
  private static final MemorySegment TCGETATTR = Libc.function("tcgetattr");
  private static final MemorySegment TCSETATTR = Libc.function("tcsetattr");
  private static final MemorySegment CFMAKERAW = Libc.function("cfmakeraw");
  private static final int TCSADRAIN = 1;
  static final long TIOCGWINSZ = 0x5413L;

  /**
   * The size of a terminal's window.
   *
   * @param rows the lines, 0 if unknown
   * @param columns the characters of a line, 0 if unknown
   */
  public record WindowSize(int rows, int columns) {}

  private final OwnedFd fd;
  private final MemorySegment saved;
  private boolean closed;

  private Terminal(OwnedFd fd, MemorySegment saved) {
    this.fd = fd;
    this.saved = saved;
  }

  /**
   * {@return whether a descriptor is a terminal}
   *
   * @param fd the descriptor
   * @throws IllegalStateException if {@code fd} is closed
   */
  public static boolean isTerminal(OwnedFd fd) {
    int number = fd.acquire();
    try {
      return Libc.callInt(ISATTY, number) == 1;
    } finally {
      fd.release();
    }
  }

  /**
   * Puts a terminal into raw mode.
   *
   * @param fd the terminal, which stays the caller's
   * @return what restores it
   * @throws IllegalStateException if {@code fd} is closed
   * @throws SystemCallException {@code ENOTTY} if it is not a terminal
   */
  public static Terminal raw(OwnedFd fd) throws SystemCallException {
    int number = fd.acquire();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment saved = Arena.ofAuto().allocate(TermiosLayout.SIZEOF_TERMIOS, 8);
      check(Libc.callInt(TCGETATTR, number, saved.address()), "tcgetattr(" + fd + ")");
      MemorySegment raw = arena.allocate(TermiosLayout.SIZEOF_TERMIOS, 8).copyFrom(saved);
      var _ = Libc.callInt(CFMAKERAW, raw.address());
      check(setModes(number, raw), "tcsetattr(" + fd + ", TCSADRAIN)");
      return new Terminal(fd, saved);
    } finally {
      fd.release();
    }
  }

  /** A signal may end the wait for the output to drain: then nothing was set yet. */
  private static int setModes(int number, MemorySegment modes) {
    int result;
    do {
      result = Libc.callInt(TCSETATTR, number, TCSADRAIN, modes.address());
    } while (result == -Errno.EINTR);
    return result;
  }

  private static void check(int result, String call) throws SystemCallException {
    if (result < 0) {
      throw new SystemCallException(call, -result);
    }
  }

  /**
   * {@return the size of a terminal's window}
   *
   * @param fd the terminal
   * @throws IllegalStateException if {@code fd} is closed
   * @throws SystemCallException {@code ENOTTY} if it is not a terminal
   */
  public static WindowSize windowSize(OwnedFd fd) throws SystemCallException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment size = arena.allocate(TermiosLayout.SIZEOF_WINSIZE, 8);
      check(Ioctl.ioctl(fd, TIOCGWINSZ, size), "ioctl(" + fd + ", TIOCGWINSZ)");
      return new WindowSize(
          Short.toUnsignedInt(size.get(ValueLayout.JAVA_SHORT, TermiosLayout.WS_ROW)),
          Short.toUnsignedInt(size.get(ValueLayout.JAVA_SHORT, TermiosLayout.WS_COL)));
    }
  }

  /**
   * Restores the modes found. Closing twice is safe; so is closing after the descriptor was closed,
   * but then nothing can be restored.
   */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    int number;
    try {
      number = fd.acquire();
    } catch (IllegalStateException e) {
      return;
    }
    try {
      // A terminal that is gone needs no modes.
      var _ = setModes(number, saved);
    } finally {
      fd.release();
      Reference.reachabilityFence(saved);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A pseudo-terminal: this process holds the controlling side, a terminal program opens the
 * {@linkplain #path other side}. Non-blocking. Thread-safe.
 */
public final class Pty implements AutoCloseable {
  static final long TIOCSPTLCK = 0x4004_5431L;
  static final long TIOCGPTN = 0x8004_5430L;

  private final OwnedFd controller;
  private final String path;

  private Pty(OwnedFd controller, String path) {
    this.controller = controller;
    this.path = path;
  }

  /**
   * Creates a pseudo-terminal in raw mode, so that what the guest writes arrives unchanged.
   *
   * @return the pseudo-terminal
   * @throws SystemCallException if the host has none left
   */
  public static Pty open() throws SystemCallException {
    OwnedFd controller = OwnedFd.openNonBlocking("/dev/ptmx");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(ValueLayout.JAVA_INT);
      check(Ioctl.ioctl(controller, TIOCSPTLCK, value), "TIOCSPTLCK");
      check(Ioctl.ioctl(controller, TIOCGPTN, value), "TIOCGPTN");
      String path = "/dev/pts/" + value.get(ValueLayout.JAVA_INT, 0);
      // Raw before anybody opens it: the modes belong to the pair and are kept.
      var _ = Terminal.raw(controller);
      return new Pty(controller, path);
    } catch (SystemCallException | RuntimeException e) {
      controller.close();
      throw e;
    }
  }

  private static void check(int result, String request) throws SystemCallException {
    if (result < 0) {
      throw new SystemCallException("ioctl(/dev/ptmx, " + request + ")", -result);
    }
  }

  /** {@return the controlling side} */
  public OwnedFd controller() {
    return controller;
  }

  /** {@return the path of the other side, such as {@code /dev/pts/4}} */
  public String path() {
    return path;
  }

  /** Closes the controlling side; programs on the other side see a hang-up. */
  @Override
  public void close() {
    controller.close();
  }
}

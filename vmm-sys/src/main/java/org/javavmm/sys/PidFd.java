// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/**
 * A process, named by a descriptor instead of a number that another process may inherit. The
 * descriptor is readable once the process has ended. Thread-safe.
 */
public final class PidFd implements AutoCloseable {
  private static final long PIDFD_SEND_SIGNAL = Libc.syscallNumber("pidfd_send_signal", 424);
  private static final long PIDFD_OPEN = Libc.syscallNumber("pidfd_open", 434);
  private static final long PIDFD_GETFD = Libc.syscallNumber("pidfd_getfd", 438);
  private static final MemorySegment WAITID = Libc.function("waitid");

  static final int P_PIDFD = 3;
  static final int WNOHANG = 1;
  static final int WEXITED = 4;
  static final int WNOWAIT = 0x100_0000;
  static final int CLD_EXITED = 1;

  /** {@code siginfo_t} of {@code SIGCHLD}: {@code si_code}, {@code si_pid}, {@code si_status}. */
  static final int SIGINFO_SIZEOF = 128;

  static final int SI_CODE = 8;
  static final int SI_PID = 16;
  static final int SI_STATUS = 24;

  private final OwnedFd fd;

  private PidFd(OwnedFd fd) {
    this.fd = fd;
  }

  /**
   * How a process ended.
   *
   * @param status its exit status, or the number of the signal that killed it
   * @param killed whether a signal killed it
   */
  public record Exit(int status, boolean killed) {}

  /**
   * Opens a process.
   *
   * @param pid its number, positive
   * @return the process
   * @throws SystemCallException {@code ESRCH} if there is none, {@code EINVAL} if not positive
   */
  public static PidFd open(long pid) throws SystemCallException {
    int number = Libc.syscall(PIDFD_OPEN, pid, 0, 0, 0, 0, 0);
    if (number < 0) {
      throw new SystemCallException("pidfd_open(pid=" + pid + ")", -number);
    }
    return new PidFd(OwnedFd.adopt(number, "process " + pid));
  }

  /** {@return the descriptor, which epoll can watch: readable when the process has ended} */
  public OwnedFd fd() {
    return fd;
  }

  /**
   * Sends a signal.
   *
   * @param signal its number; 0 only checks
   * @throws IllegalStateException if closed
   * @throws SystemCallException {@code ESRCH} if the process is gone, {@code EPERM} if not allowed
   */
  public void signal(int signal) throws SystemCallException {
    int number = fd.acquire();
    int result;
    try {
      result = Libc.syscall(PIDFD_SEND_SIGNAL, number, signal, 0, 0, 0, 0);
    } finally {
      fd.release();
    }
    if (result < 0) {
      throw new SystemCallException(
          "pidfd_send_signal(" + fd.name() + ", signal=" + signal + ")", -result);
    }
  }

  /**
   * Waits until the process has ended, a child or not.
   *
   * @param timeoutMillis how long at most; 0 does not wait, -1 waits without end
   * @return whether it has; false after the timeout or when a signal interrupted the wait
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public boolean awaitEnd(int timeoutMillis) throws SystemCallException {
    return (fd.poll(OwnedFd.POLLIN, timeoutMillis) & OwnedFd.POLLIN) != 0;
  }

  /**
   * Asks how a child ended and leaves it to be waited for.
   *
   * @return how; empty while it runs
   * @throws IllegalStateException if closed
   * @throws SystemCallException {@code ECHILD} if it is no child of this process, or if somebody
   *     has waited for it already, as the JVM does for those it started
   */
  public Optional<Exit> exit() throws SystemCallException {
    return waitid(WNOHANG | WNOWAIT | WEXITED);
  }

  /**
   * Asks how a child ended and removes it from the table of processes.
   *
   * @return how; empty while it runs
   * @throws IllegalStateException if closed
   * @throws SystemCallException {@code ECHILD} if it is no child of this process, or if somebody
   *     has waited for it already, as the JVM does for those it started
   */
  public Optional<Exit> reap() throws SystemCallException {
    return waitid(WNOHANG | WEXITED);
  }

  private Optional<Exit> waitid(int options) throws SystemCallException {
    int number = fd.acquire();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment info = arena.allocate(SIGINFO_SIZEOF, 8);
      int result;
      do {
        result = Libc.callInt(WAITID, P_PIDFD, number, info.address(), options);
      } while (result == -Errno.EINTR);
      if (result < 0) {
        throw new SystemCallException("waitid(P_PIDFD, " + fd.name() + ")", -result);
      }
      if (info.get(ValueLayout.JAVA_INT, SI_PID) == 0) {
        return Optional.empty();
      }
      return Optional.of(
          new Exit(
              info.get(ValueLayout.JAVA_INT, SI_STATUS),
              info.get(ValueLayout.JAVA_INT, SI_CODE) != CLD_EXITED));
    } finally {
      fd.release();
    }
  }

  /**
   * Opens a file that the process has open, as if it had passed it.
   *
   * @param target the number of the descriptor there
   * @return the file, close-on-exec
   * @throws IllegalStateException if closed
   * @throws SystemCallException {@code EBADF} if there is no such descriptor, {@code EPERM} if this
   *     process may not trace that one, {@code ESRCH} if it is gone
   */
  public OwnedFd getFd(int target) throws SystemCallException {
    int number = fd.acquire();
    int result;
    try {
      result = Libc.syscall(PIDFD_GETFD, number, target, 0, 0, 0, 0);
    } finally {
      fd.release();
    }
    if (result < 0) {
      throw new SystemCallException("pidfd_getfd(" + fd.name() + ", fd=" + target + ")", -result);
    }
    return OwnedFd.adopt(result, "fd " + target + " of " + fd.name());
  }

  /** Closes the descriptor; the process goes on. Closing twice is safe. */
  @Override
  public void close() {
    fd.close();
  }

  @Override
  public String toString() {
    return fd.toString();
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A {@code signalfd(2)} for signals that are sent to one thread. Non-blocking.
 *
 * <p><b>Thread-directed only.</b> A signalfd sees what is blocked and pending. A signal sent to the
 * process goes to any thread that does not block it, and the JVM has threads of its own (compilers,
 * collectors) that no Java code can make block it; so one of those takes the signal, and its
 * default effect, often the end of the process, happens. Use {@link ProcessSignals} for these. A
 * signal that {@link #send} (or {@code tgkill}) sends to the thread that opened the signalfd stays
 * pending there until it is read.
 *
 * <p>The kernel shows a thread its own pending signals only. So this class belongs to the thread
 * that opened it: that one reads it, and waits for it with epoll. The descriptor should also be
 * added to the epoll instance by that thread, or what was pending before is not reported.
 */
public final class SignalFd implements AutoCloseable {
  private static final MemorySegment SIGNALFD = Libc.function("signalfd");
  private static final MemorySegment SIGPROCMASK = Libc.function("sigprocmask");
  private static final MemorySegment SYSCALL = Libc.function("syscall");
  private static final MemorySegment GETPID = Libc.function("getpid");
  private static final MemorySegment GETUID = Libc.function("getuid");
  private static final MemorySegment GETTID = Libc.function("gettid");

  static final int SFD_NONBLOCK = 0x800;
  static final int SFD_CLOEXEC = 0x80000;
  private static final int SIG_BLOCK = 0;

  static final int SYS_RT_TGSIGQUEUEINFO =
      System.getProperty("os.arch").equals("amd64") ? 297 : 240;

  /** {@code sigset_t} of glibc; the kernel uses the first 8 bytes. */
  private static final long SIGSET_SIZE = 128;

  /** {@code siginfo_t}: number, errno, code, then for SI_QUEUE sender and value. */
  private static final long SIGINFO_SIZE = 128;

  private static final long SI_SIGNO = 0;
  private static final long SI_CODE = 8;
  private static final long SI_PID = 16;
  private static final long SI_UID = 20;
  private static final long SI_VALUE = 24;
  private static final int SI_QUEUE = -1;

  private static final int LAST_SIGNAL = 64;

  /**
   * Those that a thread must not block: the JVM's own (QUIT, ILL, TRAP, BUS, FPE, SEGV, USR2), what
   * the kernel does not let anyone block (KILL, STOP), and glibc's (32, 33).
   */
  private static final long REFUSED =
      bit(3) | bit(4) | bit(5) | bit(7) | bit(8) | bit(9) | bit(11) | bit(12) | bit(19) | bit(32)
          | bit(33);

  private final OwnedFd fd;
  private final Thread owner;
  private final int threadId;
  private final MemorySegment info = Arena.ofAuto().allocate(SignalfdSiginfoLayout.SIZEOF, 8);

  private SignalFd(OwnedFd fd, Thread owner, int threadId) {
    this.fd = fd;
    this.owner = owner;
    this.threadId = threadId;
  }

  private static long bit(int signal) {
    return 1L << (signal - 1);
  }

  /**
   * Blocks signals for the calling thread and opens a descriptor that reports them.
   *
   * <p>They stay blocked for the life of the thread, also after {@link #close}: to unblock a signal
   * that is still pending would deliver it, and its default effect is mostly the end of the
   * process.
   *
   * @param name what it is for, for messages
   * @param signals their numbers, 1 to 64, best real-time ones: 35 to 64 (40 is {@link
   *     KickSignal}'s)
   * @return the descriptor, for the calling thread alone
   * @throws IllegalArgumentException if there is no signal, one is out of range, or is one that the
   *     JVM, the kernel or glibc needs
   * @throws IllegalStateException if the calling thread is virtual
   * @throws SystemCallException if the process has no descriptor left
   */
  public static SignalFd open(String name, int... signals) throws SystemCallException {
    long mask = 0;
    for (int signal : signals) {
      if (signal < 1 || signal > LAST_SIGNAL) {
        throw new IllegalArgumentException("signal=" + signal + " is not in 1..64");
      }
      if ((REFUSED & bit(signal)) != 0) {
        throw new IllegalArgumentException(
            "signal=" + signal + " is used by the JVM, the kernel or glibc");
      }
      mask |= bit(signal);
    }
    if (mask == 0) {
      throw new IllegalArgumentException("no signal given: " + name);
    }
    if (Thread.currentThread().isVirtual()) {
      throw new IllegalStateException(
          "a virtual thread has no signals of its own; use a platform thread");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment set = arena.allocate(SIGSET_SIZE, 8);
      set.set(ValueLayout.JAVA_LONG, 0, mask);
      String shown = "mask=0x" + Long.toHexString(mask);
      // The descriptor first: if there is none, nothing was changed. On Linux sigprocmask is the
      // thread's, and unlike pthread_sigmask it tells by errno.
      int number = Libc.callInt(SIGNALFD, -1, set.address(), SFD_NONBLOCK | SFD_CLOEXEC);
      if (number < 0) {
        throw new SystemCallException(
            "signalfd(" + shown + ", SFD_NONBLOCK | SFD_CLOEXEC)", -number);
      }
      OwnedFd fd = OwnedFd.adopt(number, name);
      int result = Libc.callInt(SIGPROCMASK, SIG_BLOCK, set.address(), 0);
      if (result < 0) {
        fd.close();
        throw new SystemCallException("sigprocmask(SIG_BLOCK, " + shown + ")", -result);
      }
      return new SignalFd(fd, Thread.currentThread(), Libc.callInt(GETTID, 0));
    }
  }

  /**
   * Sends a signal with a value to a thread of this process, which is {@code pthread_sigqueue} by
   * the kernel's number of the thread.
   *
   * @param threadId the thread: {@link #threadId}; it must block the signal, or the signal has its
   *     default effect
   * @param signal the signal, 1 to 64
   * @param value what {@link #value} will return there
   * @throws SystemCallException {@code ESRCH} if no such thread is left, {@code EAGAIN} if too many
   *     signals are queued, {@code EINVAL} for an unknown signal
   */
  public static void send(int threadId, int signal, long value) throws SystemCallException {
    int pid = Libc.callInt(GETPID, 0);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment siginfo = arena.allocate(SIGINFO_SIZE, 8);
      siginfo.set(ValueLayout.JAVA_INT, SI_SIGNO, signal);
      siginfo.set(ValueLayout.JAVA_INT, SI_CODE, SI_QUEUE);
      siginfo.set(ValueLayout.JAVA_INT, SI_PID, pid);
      siginfo.set(ValueLayout.JAVA_INT, SI_UID, Libc.callInt(GETUID, 0));
      siginfo.set(ValueLayout.JAVA_LONG, SI_VALUE, value);
      int result =
          Libc.callInt(SYSCALL, SYS_RT_TGSIGQUEUEINFO, pid, threadId, signal, siginfo.address(), 0);
      if (result < 0) {
        throw new SystemCallException(
            "rt_tgsigqueueinfo(tgid=" + pid + ", tid=" + threadId + ", sig=" + signal + ")",
            -result);
      }
    }
  }

  /** {@return the descriptor, for epoll: readable while one of the signals is pending} */
  public OwnedFd fd() {
    return fd;
  }

  /** {@return the kernel's number of the thread that opened it, for {@link #send}} */
  public int threadId() {
    return threadId;
  }

  /**
   * Fetches the next signal, whose fields the getters then return. Does not wait; allocates
   * nothing.
   *
   * @return whether there was one
   * @throws IllegalStateException on a thread other than the one that opened it, which would see
   *     nothing, or if closed
   */
  public boolean next() {
    if (!Thread.currentThread().equals(owner)) {
      throw new IllegalStateException(
          "signalfd "
              + fd.name()
              + " belongs to thread "
              + owner.getName()
              + "; "
              + Thread.currentThread().getName()
              + " would not see its signals");
    }
    // Fewer bytes can only be EAGAIN: nothing is pending.
    return fd.read(info) == SignalfdSiginfoLayout.SIZEOF;
  }

  /** {@return the number of the signal that {@link #next} fetched} */
  public int signal() {
    return info.get(ValueLayout.JAVA_INT, SignalfdSiginfoLayout.SIGNO);
  }

  /**
   * {@return how that signal was sent: negative by a program (-1 {@code SI_QUEUE}, -6 {@code
   * SI_TKILL}), 0 {@code SI_USER}, positive by the kernel}
   */
  public int code() {
    return info.get(ValueLayout.JAVA_INT, SignalfdSiginfoLayout.CODE);
  }

  /** {@return the process that sent that signal} */
  public int senderPid() {
    return info.get(ValueLayout.JAVA_INT, SignalfdSiginfoLayout.PID);
  }

  /** {@return the real user of the sender, unsigned} */
  public int senderUid() {
    return info.get(ValueLayout.JAVA_INT, SignalfdSiginfoLayout.UID);
  }

  /** {@return the value sent with that signal; 0 if it was sent without} */
  public long value() {
    return info.get(ValueLayout.JAVA_LONG, SignalfdSiginfoLayout.PTR);
  }

  /** Closes the descriptor; the signals stay blocked, see {@link #open}. Closing twice is safe. */
  @Override
  public void close() {
    fd.close();
  }

  @Override
  public String toString() {
    return "signalfd " + fd + " of thread " + threadId;
  }
}

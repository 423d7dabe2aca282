// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import org.javavmm.bindings.linux.linux_h;
import org.javavmm.bindings.linux.signalfd_siginfo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SignalFdTest {
  private static final int SIGNAL = 50;

  /** On a thread of its own, whose mask dies with it. */
  private static <T> T onThread(Callable<T> body) throws Exception {
    FutureTask<T> task = new FutureTask<>(body);
    Thread.ofPlatform().name("signals").start(task);
    return task.get();
  }

  @Test
  void reportsWhoSentWhat() throws Exception {
    onThread(() -> {
      try (SignalFd signals = SignalFd.open("s", SIGNAL, SIGNAL + 1);
          Epoll epoll = Epoll.create(1)) {
        assertFalse(signals.next());
        epoll.add(signals.fd(), Epoll.EPOLLIN, 7);
        assertEquals(0, epoll.await(0));
        Thread sender =
            Thread.ofPlatform()
                .start(() -> {
                  try {
                    SignalFd.send(signals.threadId(), SIGNAL, 0x1122_3344_5566_7788L);
                    SignalFd.send(signals.threadId(), SIGNAL, -1);
                  } catch (SystemCallException e) {
                    throw new IllegalStateException(e);
                  }
                });
        while (epoll.await(-1) == 0) {
          Thread.onSpinWait();
        }
        sender.join();
        assertTrue(signals.next());
        assertEquals(SIGNAL, signals.signal());
        assertEquals(-1, signals.code());
        assertEquals(ProcessHandle.current().pid(), signals.senderPid());
        assertEquals(Libc.callInt(Libc.function("getuid"), 0), signals.senderUid());
        assertEquals(0x1122_3344_5566_7788L, signals.value());
        assertTrue(signals.next());
        assertEquals(-1, signals.value());
        assertFalse(signals.next());
        assertEquals(0, epoll.await(0));
      }
      return 0;
    });
  }

  @Test
  void aPlainTgkillHasNoValue() throws Exception {
    onThread(() -> {
      try (SignalFd signals = SignalFd.open("s", 10)) { // SIGUSR1
        int pid = (int) ProcessHandle.current().pid();
        assertEquals(
            0, Libc.callInt(Libc.function("tgkill"), pid, signals.threadId(), linux_h.SIGUSR1()));
        assertTrue(signals.next());
        assertEquals(linux_h.SIGUSR1(), signals.signal());
        assertEquals(-6, signals.code());
        assertEquals(0, signals.value());
      }
      return 0;
    });
  }

  @Test
  void closedItKeepsTheSignalsBlocked() throws Exception {
    onThread(() -> {
      SignalFd first = SignalFd.open("first", SIGNAL);
      first.close();
      first.close();
      assertThrows(IllegalStateException.class, first::next);
      // Unblocked it would end this JVM.
      SignalFd.send(first.threadId(), SIGNAL, 3);
      try (SignalFd second = SignalFd.open("second", SIGNAL)) {
        assertTrue(second.next());
        assertEquals(3, second.value());
      }
      return 0;
    });
  }

  @Test
  void anotherThreadIsRefused() throws Exception {
    SignalFd signals = onThread(() -> SignalFd.open("s", SIGNAL));
    try (signals) {
      String message = String.valueOf(assertThrows(IllegalStateException.class, signals::next));
      assertTrue(
          message.contains("signalfd s belongs to thread signals; ")
              && message.endsWith(" would not see its signals"),
          message);
      assertTrue(signals.toString().endsWith("(s) of thread " + signals.threadId()));
    }
  }

  @Test
  void mistakesAreNamed() throws Exception {
    assertEquals(
        "no signal given: s",
        assertThrows(IllegalArgumentException.class, () -> SignalFd.open("s")).getMessage());
    for (int signal : new int[] {Integer.MIN_VALUE, 0, 65}) {
      assertEquals(
          "signal=" + signal + " is not in 1..64",
          assertThrows(IllegalArgumentException.class, () -> SignalFd.open("s", signal))
              .getMessage());
    }
    for (int signal : new int[] {3, 4, 5, 7, 8, 9, 11, 12, 19, 32, 33}) {
      assertEquals(
          "signal=" + signal + " is used by the JVM, the kernel or glibc",
          assertThrows(IllegalArgumentException.class, () -> SignalFd.open("s", signal))
              .getMessage());
    }
    List<Throwable> thrown = new ArrayList<>();
    Thread.ofVirtual()
        .start(() ->
            thrown.add(assertThrows(IllegalStateException.class, () -> SignalFd.open("s", SIGNAL))))
        .join();
    assertEquals(1, thrown.size());
    int self = KickSignal.currentThreadId();
    SystemCallException unknown =
        assertThrows(SystemCallException.class, () -> SignalFd.send(self, 65, 0));
    assertEquals(Errno.EINVAL, unknown.errno());
    assertEquals(
        "rt_tgsigqueueinfo(tgid=" + ProcessHandle.current().pid() + ", tid=" + self + ", sig=65)",
        unknown.call());
  }

  @Test
  void layout() {
    assertEquals(signalfd_siginfo.layout().byteSize(), SignalfdSiginfoLayout.SIZEOF);
    assertEquals(signalfd_siginfo.ssi_signo$offset(), SignalfdSiginfoLayout.SIGNO);
    assertEquals(signalfd_siginfo.ssi_code$offset(), SignalfdSiginfoLayout.CODE);
    assertEquals(signalfd_siginfo.ssi_pid$offset(), SignalfdSiginfoLayout.PID);
    assertEquals(signalfd_siginfo.ssi_uid$offset(), SignalfdSiginfoLayout.UID);
    assertEquals(signalfd_siginfo.ssi_ptr$offset(), SignalfdSiginfoLayout.PTR);
    assertEquals(linux_h.SFD_NONBLOCK(), SignalFd.SFD_NONBLOCK);
    assertEquals(linux_h.SFD_CLOEXEC(), SignalFd.SFD_CLOEXEC);
  }
}

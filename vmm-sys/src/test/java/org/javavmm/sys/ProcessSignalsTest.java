// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import org.javavmm.bindings.linux.linux_h;
import org.javavmm.sys.ProcessSignals.Kind;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(60)
class ProcessSignalsTest {
  private static int number(Kind kind) {
    return switch (kind) {
      case INT -> linux_h.SIGINT();
      case TERM -> linux_h.SIGTERM();
      case HUP -> linux_h.SIGHUP();
      case WINCH -> linux_h.SIGWINCH();
    };
  }

  private static long mask(String name) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith(name + ":")) {
        return Long.parseUnsignedLong(line.substring(name.length() + 1).strip(), 16);
      }
    }
    throw new AssertionError("no " + name + " in /proc/self/status");
  }

  private static boolean in(long mask, Kind kind) {
    return ((mask >>> (number(kind) - 1)) & 1) == 1;
  }

  private static void raise(Kind kind) throws Exception {
    assumeFalse(in(mask("SigIgn"), kind), "this process was started with " + kind + " ignored");
    assertEquals(true, in(mask("SigCgt"), kind), "not caught: this would end the tests");
    Process kill =
        new ProcessBuilder("/bin/sh", "-c", "kill -" + kind + " " + ProcessHandle.current().pid())
            .inheritIO()
            .start();
    assertEquals(0, kill.waitFor());
  }

  private static void await(ProcessSignals signals) throws SystemCallException {
    try (Epoll epoll = Epoll.create(1)) {
      epoll.add(signals.event().fd(), Epoll.EPOLLIN, 0);
      while (epoll.await(-1) == 0) {
        // Interrupted: go on.
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aSignalArrivesThroughTheEvent(Kind kind) throws Exception {
    try (ProcessSignals signals = ProcessSignals.open(Kind.values())) {
      assertEquals(Set.of(), signals.take());
      raise(kind);
      await(signals);
      assertEquals(Set.of(kind), signals.take());
      assertEquals(Set.of(), signals.take());
    }
  }

  @Test
  void severalSignalsAreTakenTogether() throws Exception {
    try (ProcessSignals signals = ProcessSignals.open(Kind.WINCH, Kind.TERM)) {
      raise(Kind.WINCH);
      raise(Kind.TERM);
      raise(Kind.WINCH);
      Set<Kind> seen = EnumSet.noneOf(Kind.class);
      while (seen.size() < 2) {
        await(signals);
        seen.addAll(signals.take());
      }
      assertEquals(EnumSet.of(Kind.WINCH, Kind.TERM), seen);
    }
  }

  @Test
  void handlersAreRestoredEvenIfAKindIsNamedTwice() throws Exception {
    assertEquals(false, in(mask("SigCgt"), Kind.WINCH), "nobody catches WINCH before");
    ProcessSignals signals = ProcessSignals.open(Kind.WINCH, Kind.WINCH);
    assertEquals(true, in(mask("SigCgt"), Kind.WINCH));
    signals.close();
    signals.close();
    assertEquals(false, in(mask("SigCgt"), Kind.WINCH), "still caught after close");
    assertThrows(IllegalStateException.class, signals::take);
  }

  @Test
  void noKindsAreAllowed() throws Exception {
    try (ProcessSignals signals = ProcessSignals.open()) {
      assertEquals(Set.of(), signals.take());
    }
  }

  @Test
  void closeLeaksNoDescriptor() throws Exception {
    long before = Descriptors.open("anon_inode:[eventfd]");
    ProcessSignals.open(Kind.WINCH).close();
    assertEquals(before, Descriptors.open("anon_inode:[eventfd]"));
  }
}

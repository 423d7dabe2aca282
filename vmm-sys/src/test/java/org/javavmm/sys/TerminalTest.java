// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class TerminalTest {
  private static String stty(String path, String... arguments) throws Exception {
    String[] command = new String[arguments.length + 3];
    command[0] = "stty";
    command[1] = "-F";
    command[2] = path;
    System.arraycopy(arguments, 0, command, 3, arguments.length);
    Process stty = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(stty.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, stty.waitFor(), output);
    return output;
  }

  private static void assertRaw(String modes) {
    for (String mode : new String[] {"-icanon", "-echo", "-isig", "-opost", "-icrnl", "-ixon"}) {
      assertTrue((" " + modes.replace('\n', ' ') + " ").contains(" " + mode + " "), modes);
    }
  }

  private static String read(OwnedFd fd) throws Exception {
    try (Epoll epoll = Epoll.create(1);
        Arena arena = Arena.ofConfined()) {
      epoll.add(fd, Epoll.EPOLLIN, 0);
      while (epoll.await(-1) == 0) {
        // Interrupted: go on.
      }
      MemorySegment buffer = arena.allocate(64);
      long n = fd.read(buffer);
      assertTrue(n > 0, "read: " + n);
      return new String(
          buffer.asSlice(0, n).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    }
  }

  private static void write(OwnedFd fd, String text) throws Exception {
    try (Arena arena = Arena.ofConfined()) {
      fd.writeFully(
          arena.allocateFrom(ValueLayout.JAVA_BYTE, text.getBytes(StandardCharsets.UTF_8)));
    }
  }

  @Test
  void rawModeIsSetAndTheModesFoundAreRestored() throws Exception {
    try (Pty pty = Pty.open();
        OwnedFd side = OwnedFd.openNonBlocking(pty.path())) {
      stty(pty.path(), "sane", "intr", "^X");
      String before = stty(pty.path(), "-a");
      Terminal terminal = Terminal.raw(side);
      assertRaw(stty(pty.path(), "-a"));
      terminal.close();
      assertEquals(before, stty(pty.path(), "-a"));
      stty(pty.path(), "-echo");
      String later = stty(pty.path(), "-a");
      terminal.close();
      assertEquals(later, stty(pty.path(), "-a"), "a second close must change nothing");
    }
  }

  @Test
  void closingAfterTheDescriptorIsSafe() throws Exception {
    try (Pty pty = Pty.open()) {
      OwnedFd side = OwnedFd.openNonBlocking(pty.path());
      Terminal terminal = Terminal.raw(side);
      side.close();
      terminal.close();
      terminal.close();
    }
  }

  @Test
  void keysArriveUnchangedAndAreNotEchoed() throws Exception {
    try (Pty pty = Pty.open();
        OwnedFd side = OwnedFd.openNonBlocking(pty.path())) {
      stty(pty.path(), "sane");
      try (Terminal _ = Terminal.raw(side)) {
        write(pty.controller(), "\u0003\r");
        assertEquals("\u0003\r", read(side));
        write(side, "x\n");
        assertEquals("x\n", read(pty.controller()), "echo, or a carriage return added");
      }
    }
  }

  @Test
  void windowSizeIsTheTerminals() throws Exception {
    try (Pty pty = Pty.open();
        OwnedFd side = OwnedFd.openNonBlocking(pty.path())) {
      assertEquals(new Terminal.WindowSize(0, 0), Terminal.windowSize(side));
      stty(pty.path(), "rows", "33", "cols", "40000");
      assertEquals(new Terminal.WindowSize(33, 40_000), Terminal.windowSize(side));
      assertEquals(new Terminal.WindowSize(33, 40_000), Terminal.windowSize(pty.controller()));
    }
  }

  @Test
  void whatIsNoTerminalIsRefusedByName() throws Exception {
    try (OwnedFd fd = OwnedFd.openReadWrite("/dev/null")) {
      String name = "fd " + fd.number() + " (/dev/null)";
      assertFalse(Terminal.isTerminal(fd));
      assertEquals(
          "tcgetattr(" + name + "): ENOTTY (the descriptor does not know this ioctl)",
          assertThrows(SystemCallException.class, () -> Terminal.raw(fd)).getMessage());
      assertEquals(
          "ioctl(" + name + ", TIOCGWINSZ): ENOTTY (the descriptor does not know this ioctl)",
          assertThrows(SystemCallException.class, () -> Terminal.windowSize(fd)).getMessage());
    }
    OwnedFd closed = OwnedFd.openReadWrite("/dev/null");
    closed.close();
    assertThrows(IllegalStateException.class, () -> Terminal.isTerminal(closed));
    assertThrows(IllegalStateException.class, () -> Terminal.raw(closed));
    assertThrows(IllegalStateException.class, () -> Terminal.windowSize(closed));
  }

  @Test
  void aPtyIsATerminalAndRawBeforeAnybodyOpensIt() throws Exception {
    try (Pty pty = Pty.open()) {
      assertTrue(pty.path().matches("/dev/pts/\\d+"), pty.path());
      assertRaw(stty(pty.path(), "-a"));
      // stty was the first program on the other side and has left; the modes stay for the next.
      assertRaw(stty(pty.path(), "-a"));
      try (OwnedFd side = OwnedFd.openNonBlocking(pty.path())) {
        assertTrue(Terminal.isTerminal(side));
        write(side, "boot\n");
        assertEquals("boot\n", read(pty.controller()));
        write(pty.controller(), "ls\r");
        assertEquals("ls\r", read(side));
      }
    }
  }

  @Test
  void closingAPtyHangsUpTheOtherSide() throws Exception {
    long before = Descriptors.open("/dev/ptmx");
    Pty pty = Pty.open();
    assertEquals(before + 1, Descriptors.open("/dev/ptmx"));
    try (OwnedFd side = OwnedFd.openNonBlocking(pty.path());
        Arena arena = Arena.ofConfined()) {
      pty.close();
      pty.close();
      assertEquals(0, side.read(arena.allocate(8)), "hang-up reads as end of file");
      assertEquals(-Errno.EIO, side.write(arena.allocate(8)));
    }
    assertEquals(before, Descriptors.open("/dev/ptmx"));
  }

  @Test
  void aSignalKeepsNeitherRawModeNorRestoring() throws Exception {
    try (Pty pty = Pty.open();
        OwnedFd terminal = OwnedFd.openNonBlocking(pty.path())) {
      stty(pty.path(), "sane");
      String before = stty(pty.path(), "-g");
      try (FaultInjection fault = FaultInjection.fail("tcsetattr", Errno.EINTR).times(2)) {
        Terminal raw = Terminal.raw(terminal);
        assertEquals(2, fault.hits());
        assertRaw(stty(pty.path(), "-a"));
        raw.close();
      }
      assertEquals(before, stty(pty.path(), "-g"));
      Terminal raw = Terminal.raw(terminal);
      try (FaultInjection fault = FaultInjection.fail("tcsetattr", Errno.EINTR).times(2)) {
        raw.close();
        assertEquals(2, fault.hits());
      }
      assertEquals(before, stty(pty.path(), "-g"));
    }
  }
}

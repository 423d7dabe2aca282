// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class IoctlTest {
  /** How many bytes a pipe holds; {@code <asm-generic/ioctls.h>}. */
  private static final long FIONREAD = 0x541b;

  @Test
  void anUnknownRequestIsEnotty() throws SystemCallException {
    try (OwnedFd fd = OwnedFd.openReadWrite("/dev/null");
        Arena arena = Arena.ofConfined()) {
      assertEquals(-Errno.ENOTTY, Ioctl.ioctl(fd, Terminal.TIOCGWINSZ, 0L));
      assertEquals(-Errno.ENOTTY, Ioctl.ioctl(fd, Terminal.TIOCGWINSZ, arena.allocate(8)));
      try (Ioctl.Repeated repeated = new Ioctl.Repeated(fd, Terminal.TIOCGWINSZ)) {
        assertEquals(-Errno.ENOTTY, repeated.call(0));
        assertEquals(-Errno.ENOTTY, repeated.call(0));
      }
    }
  }

  @Test
  void theStructureIsFilled() throws SystemCallException {
    try (Descriptors.Pipe pipe = Descriptors.pipe();
        Arena arena = Arena.ofConfined()) {
      MemorySegment count = arena.allocate(ValueLayout.JAVA_INT);
      assertEquals(5, pipe.writer().write(arena.allocate(5)));
      assertEquals(0, Ioctl.ioctl(pipe.reader(), FIONREAD, count));
      assertEquals(5, count.get(ValueLayout.JAVA_INT, 0));
      assertEquals(2, pipe.writer().write(arena.allocate(2)));
      try (Ioctl.Repeated repeated = new Ioctl.Repeated(pipe.reader(), FIONREAD)) {
        assertEquals(0, repeated.call(count.address()));
        assertEquals(7, count.get(ValueLayout.JAVA_INT, 0));
        assertEquals(-Errno.EFAULT, repeated.call(8));
      }
    }
  }

  @Test
  void misuseIsRefused() throws SystemCallException {
    OwnedFd fd = OwnedFd.openReadWrite("/dev/null");
    assertThrows(
        IllegalArgumentException.class,
        () -> Ioctl.ioctl(fd, FIONREAD, MemorySegment.ofArray(new byte[4])));
    MemorySegment freed;
    try (Arena arena = Arena.ofConfined()) {
      freed = arena.allocate(4);
    }
    assertThrows(IllegalStateException.class, () -> Ioctl.ioctl(fd, FIONREAD, freed));
    fd.close();
    assertThrows(IllegalStateException.class, () -> Ioctl.ioctl(fd, FIONREAD, 0L));
    assertThrows(IllegalStateException.class, () -> new Ioctl.Repeated(fd, FIONREAD));
  }

  @Test
  void repeatedHoldsTheDescriptorUntilClosed() throws SystemCallException {
    long before = Descriptors.open("anon_inode:[eventfd]");
    EventFd event = EventFd.create("held");
    Ioctl.Repeated repeated = new Ioctl.Repeated(event.fd(), FIONREAD);
    event.close();
    assertEquals(before + 1, Descriptors.open("anon_inode:[eventfd]"));
    assertEquals(-Errno.ENOTTY, repeated.call(0));
    repeated.close();
    repeated.close();
    assertEquals(before, Descriptors.open("anon_inode:[eventfd]"));
    IllegalStateException e = assertThrows(IllegalStateException.class, () -> repeated.call(0));
    assertTrue(
        String.valueOf(e.getMessage()).startsWith("repeated ioctl is closed: fd "), e.getMessage());
  }

  @Test
  void repeatedAllocatesNothing() throws Exception {
    try (OwnedFd fd = OwnedFd.openReadWrite("/dev/null");
        Ioctl.Repeated repeated = new Ioctl.Repeated(fd, FIONREAD)) {
      long bytes = Allocation.bytes(200_000, i -> assertTrue(repeated.call(0) == -Errno.ENOTTY));
      assertTrue(bytes < 10_000, bytes + " bytes for 200,000 calls");
    }
  }
}

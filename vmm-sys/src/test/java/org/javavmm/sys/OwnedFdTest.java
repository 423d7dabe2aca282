// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.javavmm.bindings.linux.linux_h;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class OwnedFdTest {
  private static final String EVENTFD = "anon_inode:[eventfd]";

  @Test
  void readsAndWritesAFile(@TempDir Path folder) throws IOException {
    Path file = Files.write(folder.resolve("f"), new byte[] {1, 2, 3, 4});
    try (OwnedFd fd = OwnedFd.openReadWrite(file.toString());
        Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(3);
      assertEquals(3, fd.read(buffer));
      assertArrayEquals(new byte[] {1, 2, 3}, buffer.toArray(ValueLayout.JAVA_BYTE));
      assertEquals(1, fd.read(buffer));
      assertEquals(0, fd.read(buffer), "end of file");
      assertEquals(2, fd.write(arena.allocateFrom(ValueLayout.JAVA_BYTE, (byte) 8, (byte) 9)));
    }
    assertArrayEquals(new byte[] {1, 2, 3, 4, 8, 9}, Files.readAllBytes(file));
  }

  @Test
  void livesAsLongAsAnArena() throws Exception {
    OwnedFd fd;
    try (Arena arena = Arena.ofConfined()) {
      fd = OwnedFd.openReadOnly("/proc/self/exe");
      assertEquals(0, fd.closeWith(arena).byteSize());
      assertFalse(fd.isClosed());
    }
    assertTrue(fd.isClosed());
    assertThrows(IllegalStateException.class, fd::number);
    Arena closed = Arena.ofShared();
    closed.close();
    try (OwnedFd other = OwnedFd.openReadOnly("/proc/self/exe")) {
      assertThrows(IllegalStateException.class, () -> other.closeWith(closed));
      assertFalse(other.isClosed());
    }
  }

  /** Kept apart, so that nothing here holds the segment. */
  private static OwnedFd collectable(List<MemorySegment> holder) throws IOException {
    OwnedFd fd = OwnedFd.openReadOnly("/proc/self/exe");
    holder.add(fd.closeWith(Arena.ofAuto()));
    return fd;
  }

  @Test
  void livesUntilAnAutomaticArenaIsUnreachable() throws Exception {
    List<MemorySegment> holder = new ArrayList<>();
    OwnedFd fd = collectable(holder);
    for (int i = 0; i < 3; i++) {
      System.gc();
      Thread.sleep(10);
    }
    assertFalse(fd.isClosed());
    holder.clear();
    while (!fd.isClosed()) { // the class's time limit ends this
      System.gc();
      Thread.sleep(10);
    }
  }

  @Test
  void failedOpenNamesPathFlagsAndError(@TempDir Path folder) {
    SystemCallException e =
        assertThrows(SystemCallException.class, () -> OwnedFd.openReadWrite(folder + "/absent"));
    assertEquals(
        "open(" + folder + "/absent, O_RDWR): ENOENT (no such file or directory)", e.getMessage());
    assertEquals(
        "open(/proc, O_RDWR | O_NONBLOCK | O_NOCTTY): EISDIR (is a folder)",
        assertThrows(SystemCallException.class, () -> OwnedFd.openNonBlocking("/proc"))
            .getMessage());
  }

  @Test
  void openedFilesAreClosedOnExec() throws IOException {
    try (OwnedFd fd = OwnedFd.openNonBlocking("/dev/null");
        OwnedFd blocking = OwnedFd.openReadWrite("/dev/null")) {
      // fdinfo shows O_LARGEFILE too, which the kernel adds on 64 bits.
      int largefile = 0100000;
      assertEquals(
          linux_h.O_RDWR() | linux_h.O_CLOEXEC() | linux_h.O_NONBLOCK(), flags(fd) & ~largefile);
      assertEquals(linux_h.O_RDWR() | linux_h.O_CLOEXEC(), flags(blocking) & ~largefile);
    }
  }

  private static int flags(OwnedFd fd) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/fdinfo/" + fd.number()))) {
      if (line.startsWith("flags:")) {
        return Integer.parseInt(line.substring("flags:".length()).strip(), 8);
      }
    }
    throw new AssertionError("no flags");
  }

  @Test
  void adoptRefusesWhatIsNoDescriptor() {
    assertEquals(
        "not a file descriptor: -22 (thing)",
        assertThrows(IllegalArgumentException.class, () -> OwnedFd.adopt(-22, "thing"))
            .getMessage());
  }

  @Test
  void adoptedDescriptorIsClosedOnce() {
    MemorySegment dup = Libc.function("dup");
    long before = Descriptors.open(EVENTFD);
    int first = Libc.callInt(Libc.function("eventfd"), 0, 0);
    OwnedFd fd = OwnedFd.adopt(first, "adopted");
    assertEquals(before + 1, Descriptors.open(EVENTFD));
    fd.close();
    assertEquals(before, Descriptors.open(EVENTFD));
    // The number is free, so the next file takes it; a second close must not hit that one.
    int second = Libc.callInt(Libc.function("eventfd"), 0, 0);
    fd.close();
    assertEquals(before + 1, Descriptors.open(EVENTFD));
    int copy = Libc.callInt(dup, second);
    assertTrue(copy >= 0, "the second file was closed by the first one's owner");
    OwnedFd.adopt(copy, "copy").close();
    OwnedFd.adopt(second, "second").close();
  }

  @Test
  void closedDescriptorRefusesEverything() throws IOException {
    OwnedFd fd = OwnedFd.openReadWrite("/dev/null");
    int number = fd.number();
    assertEquals("/dev/null", fd.name());
    assertEquals("fd " + number + " (/dev/null)", fd.toString());
    assertFalse(fd.isClosed());
    fd.close();
    fd.close();
    assertTrue(fd.isClosed());
    assertEquals("fd " + number + " (/dev/null, closed)", fd.toString());
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(1);
      for (var call :
          List.<Executable>of(
              fd::number,
              fd::acquire,
              () -> fd.read(buffer),
              () -> fd.write(buffer),
              () -> fd.writeFully(buffer))) {
        assertEquals(
            "file descriptor is closed: /dev/null",
            assertThrows(IllegalStateException.class, call).getMessage());
      }
    }
  }

  @Test
  void standardStreamsStayOpen() {
    for (int i = 0; i <= 2; i++) {
      OwnedFd stream = OwnedFd.standardStream(i);
      assertEquals(i, stream.number());
      stream.close();
      assertTrue(stream.isClosed());
      assertTrue(Files.exists(Path.of("/proc/self/fd/" + i), LinkOption.NOFOLLOW_LINKS));
    }
    assertEquals(
        "not a standard stream: 3",
        assertThrows(IllegalArgumentException.class, () -> OwnedFd.standardStream(3)).getMessage());
  }

  @Test
  void buffersThatTheKernelMustNotTouchAreRefused() throws IOException {
    try (OwnedFd fd = OwnedFd.openReadWrite("/dev/zero");
        Arena arena = Arena.ofConfined()) {
      MemorySegment heap = MemorySegment.ofArray(new byte[4]);
      assertThrows(IllegalArgumentException.class, () -> fd.read(heap));
      assertThrows(IllegalArgumentException.class, () -> fd.write(heap));
      MemorySegment readOnly = arena.allocate(4).asReadOnly();
      assertEquals(
          "a buffer to read into must not be read-only",
          assertThrows(IllegalArgumentException.class, () -> fd.read(readOnly)).getMessage());
      assertEquals(4, fd.write(readOnly));
      MemorySegment freed;
      try (Arena shortLived = Arena.ofConfined()) {
        freed = shortLived.allocate(4);
      }
      assertThrows(IllegalStateException.class, () -> fd.read(freed));
      assertThrows(IllegalStateException.class, () -> fd.write(freed));
    }
  }

  @Test
  void closeAndAwaitReturnsOnceTheLastCallHasEnded() throws Exception {
    OwnedFd fd = EventFd.create("test").fd();
    int number = fd.acquire();
    Thread closer = Thread.ofPlatform().start(fd::closeAndAwait);
    while (!fd.isClosed()) {
      Thread.onSpinWait();
    }
    closer.join(20);
    assertTrue(closer.isAlive());
    assertTrue(Files.exists(Path.of("/proc/self/fd/" + number), LinkOption.NOFOLLOW_LINKS));
    fd.release();
    closer.join();
    fd.closeAndAwait();
  }

  @Test
  void closeWaitsForTheCallInside() throws Exception {
    long before = Descriptors.open(EVENTFD);
    OwnedFd fd = OwnedFd.adopt(Libc.callInt(Libc.function("eventfd"), 0, 0), "busy");
    int number = fd.acquire();
    int twice = fd.acquire();
    assertEquals(number, twice);
    fd.close();
    assertEquals(before + 1, Descriptors.open(EVENTFD), "still in use");
    fd.release();
    assertEquals(before + 1, Descriptors.open(EVENTFD), "one call is left inside");
    assertThrows(IllegalStateException.class, fd::acquire);
    fd.release();
    assertEquals(before, Descriptors.open(EVENTFD));
  }

  /**
   * Seven threads signal an event while an eighth closes it. Meanwhile others open events, so that
   * the closed number is taken again at once: a late write would show in a stranger's counter.
   */
  @Test
  void racingCloseNeverReachesAStranger() throws Exception {
    long before = Descriptors.open(EVENTFD);
    AtomicLong strange = new AtomicLong();
    AtomicLong written = new AtomicLong();
    AtomicReference<Throwable> failure = new AtomicReference<>();
    for (int round = 0; round < 100; round++) {
      EventFd victim = EventFd.create("victim");
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 7; i++) {
        threads.add(
            Thread.ofPlatform()
                .unstarted(() -> {
                  try {
                    while (true) {
                      victim.signal();
                      written.incrementAndGet();
                    }
                  } catch (IllegalStateException e) {
                    if (!"file descriptor is closed: victim".equals(e.getMessage())) {
                      failure.set(e);
                    }
                  }
                }));
      }
      threads.add(
          Thread.ofPlatform()
              .unstarted(() -> {
                try {
                  victim.close();
                  List<EventFd> strangers = new ArrayList<>();
                  for (int i = 0; i < 20; i++) {
                    strangers.add(EventFd.create("stranger"));
                  }
                  for (EventFd stranger : strangers) {
                    strange.addAndGet(stranger.drain());
                    stranger.close();
                  }
                } catch (Throwable t) {
                  failure.set(t);
                }
              }));
      threads.forEach(Thread::start);
      for (Thread thread : threads) {
        thread.join();
      }
    }
    assertEquals(null, failure.get());
    assertEquals(0, strange.get(), "signals that reached a stranger");
    assertTrue(written.get() > 0, "nothing was ever written: the race did not happen");
    assertEquals(before, Descriptors.open(EVENTFD), "leaked descriptors");
  }

  @Test
  void writeFullyWaitsForTheReader() throws Exception {
    try (Descriptors.Pipe pipe = Descriptors.pipe();
        OwnedFd writer = OwnedFd.openNonBlocking("/proc/self/fd/" + pipe.writer().number());
        Arena arena = Arena.ofShared()) {
      byte[] bytes = new byte[300_000];
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = (byte) ((i * 31) >>> 3);
      }
      MemorySegment source = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
      AtomicReference<Throwable> failure = new AtomicReference<>();
      Thread thread =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  writer.writeFully(source);
                } catch (Throwable t) {
                  failure.set(t);
                }
              });
      MemorySegment received = arena.allocate(bytes.length);
      long done = 0;
      while (done < bytes.length) {
        long n = pipe.reader().read(received.asSlice(done));
        assertTrue(n > 0, "read: " + n);
        done += n;
      }
      thread.join();
      assertEquals(null, failure.get());
      assertEquals(-1, source.mismatch(received));
    }
  }

  @Test
  void writeFullyEndsWhenInterrupted() throws Exception {
    try (Descriptors.Pipe pipe = Descriptors.pipe();
        OwnedFd writer = OwnedFd.openNonBlocking("/proc/self/fd/" + pipe.writer().number());
        Arena arena = Arena.ofShared()) {
      MemorySegment source = arena.allocate(1 << 20);
      AtomicReference<Throwable> failure = new AtomicReference<>();
      boolean[] stillSet = new boolean[1];
      Thread thread =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  writer.writeFully(source);
                } catch (Throwable t) {
                  stillSet[0] = Thread.currentThread().isInterrupted();
                  failure.set(t);
                }
              });
      thread.interrupt();
      thread.join();
      InterruptedIOException e = assertInstanceOf(InterruptedIOException.class, failure.get());
      assertTrue(stillSet[0]);
      assertTrue(e.bytesTransferred > 0 && e.bytesTransferred < source.byteSize());
      assertEquals(
          "write(/proc/self/fd/"
              + pipe.writer().number()
              + ") interrupted after "
              + e.bytesTransferred
              + " of 1048576",
          e.getMessage());
    }
  }

  @Test
  void writeFullyNamesTheFailure() throws IOException {
    try (OwnedFd full = OwnedFd.openReadWrite("/dev/full");
        Arena arena = Arena.ofConfined()) {
      assertEquals(
          "write(/dev/full, 10 bytes): ENOSPC (no space left)",
          assertThrows(SystemCallException.class, () -> full.writeFully(arena.allocate(10)))
              .getMessage());
    }
  }
}

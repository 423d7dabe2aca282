// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class IoUringTest {
  private static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;

  /** Submits, and returns the results of all operations by their data. */
  private static Map<Long, Integer> run(IoUring ring) throws SystemCallException {
    Map<Long, Integer> results = new TreeMap<>();
    ring.submit();
    while (ring.prepared() > 0 || ring.inFlight() > 0) {
      ring.submitAndWait(1);
      while (ring.next()) {
        assertEquals(null, results.put(ring.userData(), ring.result()), "completed twice");
      }
    }
    return results;
  }

  @Test
  void readsAndWritesInEveryWay(@TempDir Path folder) throws Exception {
    try (OwnedFd file = OwnedFd.create(folder.resolve("f").toString());
        Mapping memory = Mapping.anonymous(1 << 16);
        IoUring ring = IoUring.create(8)) {
      MemorySegment m = memory.segment();
      long a = memory.address();
      for (int i = 0; i < 4096; i++) {
        m.set(U8, i, (byte) (i * 7));
      }
      assertTrue(ring.prepareWrite(file, a, 1000, 0, 1));
      assertEquals(1, ring.prepared());
      assertEquals(0, ring.inFlight());
      assertEquals(Map.of(1L, 1000), run(ring));
      assertEquals(0, ring.prepared());
      assertEquals(0, ring.inFlight());

      IoVector write = new IoVector(2);
      write.add(m.asSlice(1000, 96));
      write.add(a + 1096, 1000);
      assertTrue(ring.prepareWritev(file, write, 1000, 2));
      assertEquals(Map.of(2L, 1096), run(ring));

      IoVector buffers = new IoVector(2);
      buffers.add(m.asSlice(0, 4096));
      buffers.add(m.asSlice(8192, 4096));
      ring.registerBuffers(buffers);
      ring.registerFiles(file, file);
      assertTrue(ring.prepareWriteFixed(file, a + 2096, 1000, 2096, 0, 3));
      assertTrue(ring.prepareWriteFixed(1, a + 3096, 1000, 3096, 0, 4));
      assertTrue(ring.prepareFsync(file, true, 5));
      assertTrue(ring.prepareFsync(0, false, 6));
      assertEquals(Map.of(3L, 1000, 4L, 1000, 5L, 0, 6L, 0), run(ring));
      assertEquals(4096, Files.size(folder.resolve("f")));
      assertEquals(-1, m.asSlice(0, 4096).mismatch(contents(folder.resolve("f"))));

      IoVector read = new IoVector(1);
      read.add(m.asSlice(16384, 500));
      IoVector readMore = new IoVector(1);
      readMore.add(m.asSlice(16884, 500));
      assertTrue(ring.prepareReadFixed(file, a + 8192, 1000, 0, 1, 1));
      assertTrue(ring.prepareReadFixed(0, a + 9192, 1000, 1000, 1, 2));
      assertTrue(ring.prepareRead(file, a + 10192, 1000, 2000, 3));
      assertTrue(ring.prepareRead(1, a + 11192, 2000, 3000, 4));
      assertTrue(ring.prepareReadv(file, read, 0, 5));
      assertTrue(ring.prepareReadv(1, readMore, 500, 6));
      assertTrue(ring.prepareWrite(0, a, 10, 4096, 7));
      assertTrue(ring.prepareWritev(1, write, 5000, 8));
      assertFalse(ring.prepareNop(9), "the ring is full");
      assertEquals(
          Map.of(1L, 1000, 2L, 1000, 3L, 1000, 4L, 1096, 5L, 500, 6L, 500, 7L, 10, 8L, 1096),
          run(ring));
      assertEquals(-1, m.asSlice(0, 4096).mismatch(m.asSlice(8192, 4096)));
      assertEquals(-1, m.asSlice(0, 1000).mismatch(m.asSlice(16384, 1000)));

      // Outside the registered buffer, and a place that has none.
      assertTrue(ring.prepareReadFixed(file, a + 12288, 1, 0, 1, 1));
      assertTrue(ring.prepareReadFixed(file, a, 1, 0, 2, 2));
      assertTrue(ring.prepareRead(2, a, 1, 0, 3));
      assertEquals(Map.of(1L, -Errno.EFAULT, 2L, -Errno.EFAULT, 3L, -Errno.EBADF), run(ring));

      try (OwnedFd zero = OwnedFd.openReadOnly("/dev/zero")) {
        ring.updateFile(1, zero);
      }
      assertTrue(ring.prepareRead(1, a, 100, 0, 1));
      assertEquals(Map.of(1L, 100), run(ring));
      assertEquals(0, m.get(U8, 99));
      assertTrue(ring.prepareClose(1, 2));
      assertEquals(Map.of(2L, 0), run(ring));
      assertTrue(ring.prepareRead(1, a, 100, 0, 1));
      assertEquals(Map.of(1L, -Errno.EBADF), run(ring));
      ring.unregisterFiles();
      ring.unregisterBuffers();
      assertThrows(SystemCallException.class, ring::unregisterFiles);
    }
  }

  private static MemorySegment contents(Path file) throws Exception {
    return MemorySegment.ofArray(Files.readAllBytes(file));
  }

  @Test
  void spaceIsReservedAndPunched(@TempDir Path folder) throws Exception {
    Path path = folder.resolve("f");
    try (OwnedFd file = OwnedFd.create(path.toString());
        IoUring ring = IoUring.create(2)) {
      ring.registerFiles(file);
      assertTrue(ring.prepareFallocate(file, 0, 0, 8192, 1));
      ring.addFlags(IoUring.IOSQE_IO_LINK);
      assertTrue(ring.prepareFallocate(0, Fallocate.FALLOC_FL_KEEP_SIZE, 8192, 8192, 2));
      assertEquals(Map.of(1L, 0, 2L, 0), run(ring));
      assertEquals(8192, Files.size(path));
    }
  }

  @Test
  void linkedOperationsStopAtTheFirstFailure() throws Exception {
    try (Arena arena = Arena.ofConfined();
        OwnedFd full = OwnedFd.openReadWrite("/dev/full");
        IoUring ring = IoUring.create(4)) {
      MemorySegment m = arena.allocate(8);
      assertTrue(ring.prepareWrite(full, m.address(), 8, 0, 1));
      ring.addFlags(IoUring.IOSQE_IO_LINK);
      assertTrue(ring.prepareNop(2));
      ring.addFlags(IoUring.IOSQE_ASYNC);
      assertTrue(ring.prepareNop(3));
      ring.addFlags(IoUring.IOSQE_IO_DRAIN);
      assertEquals(Map.of(1L, -Errno.ENOSPC, 2L, -125, 3L, 0), run(ring));
    }
  }

  @Test
  void pollsUntilReadyOnceOrAgainAndCanBeStopped() throws Exception {
    try (EventFd event = EventFd.create("polled");
        EventFd other = EventFd.create("never");
        IoUring ring = IoUring.create(8)) {
      assertTrue(ring.preparePollAdd(event.fd(), OwnedFd.POLLIN, false, 1));
      assertTrue(ring.preparePollAdd(event.fd(), OwnedFd.POLLIN, true, 2));
      assertTrue(ring.preparePollAdd(other.fd(), OwnedFd.POLLIN, false, 3));
      assertTrue(ring.preparePollAdd(other.fd(), OwnedFd.POLLIN, false, 4));
      assertEquals(4, ring.submit());
      assertFalse(ring.next());
      assertEquals(4, ring.inFlight());
      event.signal();
      int more = 0;
      int once = 0;
      while (more + once < 2) {
        ring.submitAndWait(1);
        while (ring.next()) {
          assertEquals(OwnedFd.POLLIN, ring.result());
          if (ring.hasMore()) {
            assertEquals(2, ring.userData());
            assertTrue((ring.flags() & IoUringLayout.IORING_CQE_F_MORE) != 0);
            more++;
          } else {
            assertEquals(1, ring.userData());
            once++;
          }
        }
      }
      assertEquals(3, ring.inFlight());
      assertTrue(ring.preparePollRemove(3, 10));
      assertTrue(ring.prepareCancel(4, 11));
      assertTrue(ring.prepareCancel(99, 12));
      assertTrue(ring.preparePollRemove(2, 13));
      assertEquals(
          Map.of(2L, -125, 3L, -125, 4L, -125, 10L, 0, 11L, 0, 12L, -Errno.ENOENT, 13L, 0),
          run(ring));
    }
  }

  @Test
  void timeoutsAndTimedWaitsEnd() throws Exception {
    try (IoUring ring = IoUring.create(4)) {
      assertTrue(ring.prepareTimeout(1_000_000, 0, 1));
      assertEquals(Map.of(1L, -62), run(ring));
      assertTrue(ring.prepareTimeout(100_000_000_000L, 1, 2));
      ring.submit();
      assertEquals(0, ring.submitAndWait(1, 1_000_000), "nothing was prepared, nothing came");
      assertFalse(ring.next());
      assertTrue(ring.prepareNop(3));
      assertEquals(Map.of(2L, 0, 3L, 0), run(ring));
    }
  }

  @Test
  void completionsThatFindNoRoomAreKept() throws Exception {
    try (IoUring ring = IoUring.builder(4).completionEntries(4).build()) {
      assertEquals(4, ring.entries());
      assertEquals(4, ring.completionEntries());
      for (int i = 0; i < 20; i++) {
        while (!ring.prepareNop(i)) {
          ring.submit();
        }
      }
      boolean[] seen = new boolean[20];
      ring.submit();
      int count = 0;
      while (ring.next()) {
        assertFalse(seen[(int) ring.userData()]);
        seen[(int) ring.userData()] = true;
        count++;
        ring.submit();
      }
      assertEquals(20, count);
      assertEquals(0, ring.inFlight());
    }
  }

  @Test
  void anEventAndEpollTellOfCompletions() throws Exception {
    try (EventFd event = EventFd.create("completions");
        Epoll epoll = Epoll.create(1);
        IoUring ring = IoUring.create(4)) {
      ring.registerEventFd(event);
      epoll.add(ring.fd(), Epoll.EPOLLIN, 7);
      assertEquals(0, epoll.await(0));
      assertTrue(ring.prepareNop(1));
      assertEquals(1, ring.submitAndWait(1));
      assertEquals(1, epoll.await(-1));
      assertEquals(1, event.drain());
      ring.unregisterEventFd();
      assertTrue(ring.prepareNop(1));
      assertEquals(1, ring.submit());
      assertEquals(0, event.drain());
    }
  }

  @Test
  void aThreadOfTheKernelTakesSubmissions(@TempDir Path folder) throws Exception {
    try (OwnedFd file = OwnedFd.create(folder.resolve("f").toString());
        Mapping memory = Mapping.anonymous(4096);
        IoUring ring = IoUring.builder(4).kernelPolling(1).singleIssuer().build()) {
      for (int round = 0; round < 50; round++) {
        assertTrue(ring.prepareWrite(file, memory.address(), 512, round * 512L, round));
        assertEquals(Map.of((long) round, 512), run(ring));
        if (round % 10 == 0) {
          // Longer than its patience: it must be woken.
          Thread.sleep(5);
        }
      }
      assertEquals(50 * 512, FileStatus.of(file).size());
      assertTrue(ring.prepareNop(1));
      assertEquals(1, ring.submit());
    }
  }

  @Test
  void devicesThatCanBePolledArePolled(@TempDir Path folder) throws Exception {
    try (OwnedFd file =
            OwnedFd.open(
                folder.resolve("polled").toString(),
                OpenFlag.READ_WRITE,
                OpenFlag.CREATE,
                OpenFlag.TRUNCATE);
        Mapping memory = Mapping.anonymous(4096);
        IoUring ring = IoUring.builder(2).polledCompletions().build()) {
      // Not every file can be polled; the ring says so per operation and stays usable.
      assertTrue(ring.prepareRead(file, memory.address(), 4096, 0, 1));
      int result = run(ring).getOrDefault(1L, 1 << 30);
      assertTrue(
          result >= 0 || result == -Errno.EOPNOTSUPP || result == -Errno.EINVAL, "" + result);
    }
  }

  @Test
  void descriptorsAreHeldUntilTheKernelHasThem() throws Exception {
    long before = Descriptors.open("anon_inode:[eventfd]");
    try (IoUring ring = IoUring.create(2)) {
      EventFd event = EventFd.create("held");
      assertTrue(ring.preparePollAdd(event.fd(), OwnedFd.POLLIN, false, 1));
      event.close();
      assertEquals(before + 1, Descriptors.open("anon_inode:[eventfd]"));
      assertEquals(1, ring.submit());
      assertEquals(before, Descriptors.open("anon_inode:[eventfd]"));
      assertThrows(
          IllegalStateException.class,
          () -> ring.preparePollAdd(event.fd(), OwnedFd.POLLIN, false, 2));
      assertEquals(0, ring.prepared());
    }
    // What was prepared and never submitted is let go of too.
    EventFd event = EventFd.create("held");
    IoUring ring = IoUring.create(2);
    assertTrue(ring.preparePollAdd(event.fd(), OwnedFd.POLLIN, false, 1));
    event.close();
    ring.close();
    assertEquals(before, Descriptors.open("anon_inode:[eventfd]"));
  }

  @Test
  void closingCancelsWhatIsInFlight() throws Exception {
    long before = Descriptors.open("anon_inode:[io_uring]");
    for (boolean polling : new boolean[] {false, true}) {
      try (Descriptors.Pipe pipe = Descriptors.pipe();
          Mapping memory = Mapping.anonymous(4096)) {
        IoUring.Builder builder = IoUring.builder(8);
        IoUring ring = polling ? builder.kernelPolling(10).build() : builder.build();
        for (int i = 0; i < 4; i++) {
          assertTrue(ring.prepareRead(pipe.reader(), memory.address(), 4096, -1, i));
        }
        assertTrue(ring.prepareTimeout(1_000_000_000_000L, 0, 5));
        assertEquals(5, ring.submit());
        assertTrue(ring.prepareNop(6), "never submitted");
        assertTrue(ring.toString().startsWith("io_uring of 8 entries, fd "));
        ring.close();
        ring.close();
        assertTrue(pipe.writer().write(memory.segment().asSlice(0, 1)) == 1);
        assertEquals(0, memory.segment().get(U8, 0));
        for (Executable call :
            Arrays.<Executable>asList(
                ring::submit,
                ring::next,
                ring::prepared,
                ring::inFlight,
                () -> ring.prepareNop(1),
                ring::unregisterFiles,
                ring.fd()::number)) {
          assertThrows(IllegalStateException.class, call);
        }
      }
    }
    assertEquals(before, Descriptors.open("anon_inode:[io_uring]"));
  }

  @Test
  void aKernelThatNeverSettlesIsReported() throws Exception {
    Thread me = Thread.currentThread();
    try (EventFd event = EventFd.create("polled")) {
      IoUring ring = IoUring.create(2);
      assertTrue(ring.preparePollAdd(event.fd(), OwnedFd.POLLIN, false, 1));
      assertEquals(1, ring.submit());
      try (FaultInjection _ = FaultInjection.fail("io_uring_enter", Errno.EIO).onThread(me);
          FaultInjection _ = FaultInjection.fail("io_uring_register", Errno.EIO).onThread(me)) {
        assertEquals(
            "io_uring closed with 1 operations in flight",
            assertThrows(IllegalStateException.class, ring::close).getMessage());
      }
    }
  }

  @Test
  void temporaryRefusalsAreNoErrors() throws Exception {
    Thread me = Thread.currentThread();
    try (IoUring ring = IoUring.create(2)) {
      assertTrue(ring.prepareNop(1));
      for (int errno : new int[] {Errno.EINTR, Errno.EAGAIN, Errno.EBUSY}) {
        try (FaultInjection _ = FaultInjection.fail("io_uring_enter", errno).onThread(me)) {
          assertEquals(0, ring.submitAndWait(1));
          assertEquals(1, ring.prepared());
        }
      }
      try (FaultInjection _ = FaultInjection.fail("io_uring_enter", Errno.EIO).onThread(me)) {
        assertEquals(
            "io_uring_enter(submit=1, complete=0): EIO (input/output error)",
            assertThrows(SystemCallException.class, ring::submit).getMessage());
      }
      assertEquals(Map.of(1L, 0), run(ring));
    }
  }

  @Test
  void aKernelTooOldIsRefused() {
    Thread me = Thread.currentThread();
    try (FaultInjection _ =
        FaultInjection.fail("io_uring_register", Errno.EINVAL).after(1).onThread(me)) {
      assertEquals(
          "io_uring_register(IORING_REGISTER_SYNC_CANCEL): EINVAL (invalid argument)",
          assertThrows(SystemCallException.class, () -> IoUring.create(1)).getMessage());
    }
  }

  @Test
  void theKernelSaysWhatItKnows() throws Exception {
    try (IoUring ring = IoUring.create(1)) {
      assertTrue(ring.supports(IoUringLayout.IORING_OP_READ));
      assertFalse(ring.supports(255));
      assertThrows(IndexOutOfBoundsException.class, () -> ring.supports(256));
      assertTrue((ring.features() & IoUringLayout.IORING_FEAT_NODROP) != 0);
    }
  }

  @Test
  void argumentsAreChecked() throws Exception {
    for (int entries : new int[] {0, -1, 32769}) {
      assertEquals(
          "entries=" + entries + " is not in 1..32768",
          assertThrows(IllegalArgumentException.class, () -> IoUring.builder(entries))
              .getMessage());
    }
    IoUring.Builder builder = IoUring.builder(8);
    assertThrows(IllegalArgumentException.class, () -> builder.completionEntries(7));
    assertThrows(IllegalArgumentException.class, () -> builder.completionEntries(65537));
    assertThrows(IllegalArgumentException.class, () -> builder.kernelPolling(0));
    try (IoUring ring = IoUring.create(1);
        Arena arena = Arena.ofConfined()) {
      assertEquals(
          "length=-1 is negative",
          assertThrows(IllegalArgumentException.class, () -> ring.prepareRead(0, 0, -1, 0, 0))
              .getMessage());
      assertEquals(
          "buffer=65536 is not in 0..65535",
          assertThrows(
                  IllegalArgumentException.class, () -> ring.prepareReadFixed(0, 0, 1, 0, 65536, 0))
              .getMessage());
      assertThrows(IllegalArgumentException.class, () -> ring.prepareTimeout(-1, 0, 0));
      assertThrows(IllegalArgumentException.class, () -> ring.prepareClose(-1, 0));
      assertThrows(IllegalArgumentException.class, () -> ring.submitAndWait(1, -1));
      assertEquals(
          "no operation is prepared",
          assertThrows(IllegalStateException.class, () -> ring.addFlags(IoUring.IOSQE_ASYNC))
              .getMessage());
      assertEquals(
          "iosqe=0x1 is unknown",
          assertThrows(IllegalArgumentException.class, () -> ring.addFlags(1)).getMessage());
      IoVector vector = new IoVector(1);
      vector.add(arena.allocate(1).asReadOnly());
      assertThrows(IllegalArgumentException.class, () -> ring.prepareReadv(0, vector, 0, 0));
      assertThrows(IllegalArgumentException.class, () -> ring.registerBuffers(vector));
      assertEquals(0, ring.prepared());
      // Full rings refuse every kind with a value.
      assertTrue(ring.prepareNop(0));
      EventFd event = EventFd.create("any");
      OwnedFd fd = event.fd();
      IoVector data = new IoVector(1);
      data.add(arena.allocate(1));
      assertFalse(ring.prepareNop(1));
      assertFalse(ring.prepareRead(fd, 0, 0, 0, 0) || ring.prepareRead(0, 0, 0, 0, 0));
      assertFalse(ring.prepareWrite(fd, 0, 0, 0, 0) || ring.prepareWrite(0, 0, 0, 0, 0));
      assertFalse(ring.prepareReadFixed(fd, 0, 0, 0, 0, 0));
      assertFalse(ring.prepareWriteFixed(0, 0, 0, 0, 0, 0));
      assertFalse(ring.prepareReadv(fd, data, 0, 0) || ring.prepareWritev(0, data, 0, 0));
      assertFalse(ring.prepareFsync(fd, true, 0) || ring.prepareFsync(0, true, 0));
      assertFalse(ring.prepareFallocate(fd, 0, 0, 1, 0) || ring.prepareFallocate(0, 0, 0, 1, 0));
      assertFalse(ring.preparePollAdd(fd, 1, true, 0) || ring.preparePollRemove(0, 0));
      assertFalse(ring.prepareCancel(0, 0) || ring.prepareTimeout(0, 0, 0));
      assertFalse(ring.prepareClose(0, 0));
      long before = Descriptors.open("anon_inode:[eventfd]");
      event.close();
      assertEquals(before - 1, Descriptors.open("anon_inode:[eventfd]"), "nothing held it");
    }
  }

  @Test
  void steadyStateAllocatesNothing() throws Exception {
    try (OwnedFd zero = OwnedFd.openReadOnly("/dev/zero");
        Mapping memory = Mapping.anonymous(4096);
        IoUring ring = IoUring.create(8)) {
      long address = memory.address();
      long bytes =
          Allocation.bytes(
              50_000,
              i -> {
                boolean prepared = ring.prepareRead(zero, address, 64, 0, i);
                int taken = ring.submitAndWait(1);
                if (!prepared || taken != 1 || !ring.next() || ring.result() != 64) {
                  throw new AssertionError("read failed");
                }
              });
      assertTrue(bytes < 10_000, bytes + " bytes for 50,000 reads");
    }
  }
}

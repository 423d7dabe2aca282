// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.EOFException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** Opening, status, positioned and vectored transfers, locks, holes and folders. */
@Timeout(120)
class FileIoTest {
  @TempDir Path folder;

  private String path(String name) {
    return folder.resolve(name).toString();
  }

  @Test
  void filesAreOpenedAsAskedFor() throws Exception {
    try (OwnedFd created = OwnedFd.create(path("f"));
        Arena arena = Arena.ofConfined()) {
      MemorySegment byte1 = arena.allocate(1);
      assertEquals(1, created.write(byte1));
      assertEquals(0600, FileStatus.of(created).permissions());
      assertEquals(
          "open(" + path("f") + ", O_RDWR | O_CREAT | O_EXCL): EEXIST (exists already)",
          assertThrows(SystemCallException.class, () -> OwnedFd.create(path("f"))).getMessage());
      try (OwnedFd reader = OwnedFd.openReadOnly(path("f"));
          OwnedFd writer = OwnedFd.open(path("f"), OpenFlag.WRITE_ONLY, OpenFlag.APPEND)) {
        assertEquals(-Errno.EBADF, reader.write(byte1));
        assertEquals(-Errno.EBADF, writer.read(byte1));
        assertEquals(1, writer.write(byte1));
        assertEquals(2, FileStatus.of(reader).size());
        assertTrue(reader.isCloseOnExec());
      }
      OwnedFd.open(path("f"), OpenFlag.READ_WRITE, OpenFlag.TRUNCATE).close();
      assertEquals(0, FileStatus.of(created).size());
      try (OwnedFd unnamed =
          OwnedFd.open(folder.toString(), OpenFlag.READ_WRITE, OpenFlag.TEMPORARY)) {
        assertEquals(0, FileStatus.of(unnamed).links());
      }
    }
    assertEquals(
        "O_RDONLY | O_DIRECT | O_DIRECTORY | O_NOFOLLOW | O_PATH | O_SYNC | O_DSYNC | O_TMPFILE",
        OpenFlag.names(
            OpenFlag.DIRECT,
            OpenFlag.DIRECTORY,
            OpenFlag.NO_FOLLOW,
            OpenFlag.PATH,
            OpenFlag.SYNC,
            OpenFlag.DATA_SYNC,
            OpenFlag.TEMPORARY));
    assertEquals(
        "O_WRONLY | O_TRUNC | O_APPEND | O_CREAT",
        OpenFlag.names(OpenFlag.WRITE_ONLY, OpenFlag.TRUNCATE, OpenFlag.APPEND, OpenFlag.CREATE));
    assertThrows(IllegalArgumentException.class, () -> OwnedFd.openReadOnly("/dev/null\0x"));
  }

  @Test
  void statusTellsOfEveryKind() throws Exception {
    try (OwnedFd file = OwnedFd.create(path("f"));
        OwnedFd dir = OwnedFd.openReadOnly(folder.toString());
        OwnedFd device = OwnedFd.openReadOnly("/dev/null");
        Descriptors.Pipe pipe = Descriptors.pipe();
        UnixSocket.Pair pair = UnixSocket.pair(UnixSocket.Type.STREAM);
        EventFd event = EventFd.create("e")) {
      file.truncate(10_000);
      FileStatus status = FileStatus.of(file);
      assertEquals(FileStatus.Type.REGULAR, status.type());
      assertEquals(10_000, status.size());
      assertEquals(0, status.blocks());
      assertEquals(1, status.links());
      assertEquals(Files.getAttribute(Path.of(path("f")), "unix:ino"), status.inode());
      assertTrue(status.blockSize() >= 512);
      assertEquals(FileStatus.Type.DIRECTORY, FileStatus.of(dir).type());
      assertEquals(FileStatus.Type.CHARACTER_DEVICE, FileStatus.of(device).type());
      assertEquals(1, FileStatus.of(device).specialMajor());
      assertEquals(3, FileStatus.of(device).specialMinor());
      assertEquals(FileStatus.Type.FIFO, FileStatus.of(pipe.reader()).type());
      assertEquals(FileStatus.Type.SOCKET, FileStatus.of(pair.first().fd()).type());
      assertEquals(FileStatus.Type.OTHER, FileStatus.of(event.fd()).type());
      Files.createSymbolicLink(folder.resolve("l"), Path.of("f"));
      try (OwnedFd link = OwnedFd.open(path("l"), OpenFlag.PATH, OpenFlag.NO_FOLLOW)) {
        assertEquals(FileStatus.Type.SYMBOLIC_LINK, FileStatus.of(link).type());
      }
      file.sync();
      file.dataSync();
      try (FaultInjection fault = FaultInjection.fail("fsync", Errno.EINTR).times(1)) {
        file.sync();
        assertEquals(1, fault.hits());
      }
      assertTrue(
          String.valueOf(
                  assertThrows(SystemCallException.class, () -> pipe.reader().dataSync())
                      .getMessage())
              .startsWith("fdatasync(pipe reader): EINVAL"));
      Descriptors.close(event);
      assertThrows(IllegalStateException.class, () -> FileStatus.of(event.fd()));
    }
  }

  @Test
  void positionedAndVectoredTransfersAgree() throws Exception {
    Random random = new Random(4);
    byte[] bytes = new byte[5000];
    random.nextBytes(bytes);
    try (OwnedFd fd = OwnedFd.create(path("f"));
        Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
      MemorySegment back = arena.allocate(5000);
      assertEquals(5000, fd.pwrite(data, 100));
      assertEquals(5000, fd.pread(back, 100));
      assertEquals(-1, data.mismatch(back));
      assertEquals(0, fd.pread(back, 6000), "end of file");
      IoVector out = pieces(data, random);
      IoVector in = pieces(back.fill((byte) 0), random);
      assertEquals(5000, fd.writev(out));
      assertEquals(100, fd.readv(in), "from where the write ended");
      assertEquals(5000, fd.pwritev(out, 7));
      assertEquals(5000, fd.preadv(in, 7));
      assertEquals(-1, data.mismatch(back));
      assertEquals(5000, fd.pwritev2(out, 9, OwnedFd.RWF_DSYNC));
      assertEquals(5000, fd.preadv2(in, 9, 0));
      assertEquals(-1, data.mismatch(back));
      long size = FileStatus.of(fd).size();
      assertEquals(5000, fd.pwritev2(out, 0, OwnedFd.RWF_APPEND));
      assertEquals(size + 5000, FileStatus.of(fd).size());
      assertEquals(-Errno.EOPNOTSUPP, fd.preadv2(in, 0, 1 << 30));
      long now = fd.preadv2(in, 9, OwnedFd.RWF_NOWAIT);
      assertTrue(now == 5000 || now == -Errno.EAGAIN || now == -Errno.EOPNOTSUPP, "" + now);
      IoVector readOnly = new IoVector(1);
      readOnly.add(data.asReadOnly());
      assertThrows(IllegalArgumentException.class, () -> fd.preadv(readOnly, 0));
      assertThrows(IllegalArgumentException.class, () -> fd.pread(data.asReadOnly(), 0));
    }
  }

  private static IoVector pieces(MemorySegment data, Random random) {
    IoVector vector = new IoVector(IoVector.MAX_CAPACITY);
    long at = 0;
    while (at < data.byteSize()) {
      long n = Math.min(random.nextInt(300), data.byteSize() - at);
      vector.add(data.asSlice(at, n));
      at += n;
    }
    return vector;
  }

  @Test
  void wholeTransfersSurviveShortAndInterruptedOnes() throws Exception {
    Random random = new Random(5);
    byte[] bytes = new byte[3000];
    random.nextBytes(bytes);
    try (OwnedFd fd = OwnedFd.create(path("f"));
        Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
      MemorySegment back = arena.allocate(3000);
      for (String w : List.of("write", "pwrite", "writev", "pwritev")) {
        for (String r : List.of("read", "pread", "readv", "preadv")) {
          fd.truncate(0);
          back.fill((byte) 0);
          try (OwnedFd file = OwnedFd.openReadWrite(path("f"));
              OwnedFd reader = OwnedFd.openReadOnly(path("f"));
              FaultInjection a = FaultInjection.fail(w, Errno.EINTR).after(2).times(2);
              FaultInjection b = FaultInjection.shorten(w, 701);
              FaultInjection c = FaultInjection.fail(r, Errno.EINTR).times(1);
              FaultInjection d = FaultInjection.shorten(r, 333)) {
            IoVector out = pieces(data, random);
            IoVector in = pieces(back, random);
            switch (w) {
              case "write" -> file.writeFully(data);
              case "pwrite" -> file.pwriteFully(data, 0);
              case "writev" -> file.writevFully(out);
              default -> file.pwritevFully(out, 0);
            }
            switch (r) {
              case "read" -> reader.readFully(back);
              case "pread" -> reader.preadFully(back, 0);
              case "readv" -> reader.readvFully(in);
              default -> reader.preadvFully(in, 0);
            }
            assertEquals(-1, data.mismatch(back), w + " and " + r);
            assertEquals(2, a.hits());
            assertEquals(1, c.hits());
            assertTrue(b.hits() >= 5 && d.hits() >= 9);
            if (w.endsWith("v")) {
              assertEquals(0, out.byteCount());
            }
            if (r.endsWith("v")) {
              assertEquals("0 pieces, 0 bytes", in.toString());
            }
          }
        }
      }
      assertEquals(
          "pread(" + path("f") + ") reached the end of the file after 2000 of 3000",
          assertThrows(EOFException.class, () -> fd.preadFully(back, 1000)).getMessage());
      try (FaultInjection _ = FaultInjection.shorten("pwritev", 100);
          FaultInjection _ = FaultInjection.fail("pwritev", Errno.EIO).after(0).times(0)) {
        IoVector out = pieces(data, random);
        fd.pwritevFully(out, 0);
      }
      try (FaultInjection _ = FaultInjection.fail("pwritev", Errno.EIO).after(1);
          FaultInjection _ = FaultInjection.shorten("pwritev", 100)) {
        IoVector out = pieces(data, random);
        assertEquals(
            "pwritev(" + path("f") + ", 2900 bytes at 150): EIO (input/output error)",
            assertThrows(SystemCallException.class, () -> fd.pwritevFully(out, 50)).getMessage());
        assertEquals(2900, out.byteCount());
      }
    }
  }

  @Test
  void readFullyWaitsForTheWriterAndEndsWhenInterrupted() throws Exception {
    try (Descriptors.Pipe pipe = Descriptors.pipe();
        Arena arena = Arena.ofShared()) {
      pipe.reader().setNonBlocking(true);
      assertTrue(pipe.reader().isNonBlocking());
      MemorySegment in = arena.allocate(8);
      MemorySegment out = arena.allocate(4).fill((byte) 6);
      Thread writer =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  pipe.writer().writeFully(out);
                  Thread.sleep(20);
                  pipe.writer().writeFully(out);
                } catch (IOException | InterruptedException e) {
                  throw new AssertionError(e);
                }
              });
      pipe.reader().readFully(in);
      writer.join();
      assertEquals(6, in.get(ValueLayout.JAVA_BYTE, 7));
      assertEquals(1, pipe.writer().write(out.asSlice(0, 1)));
      Thread.currentThread().interrupt();
      InterruptedIOException e =
          assertThrows(InterruptedIOException.class, () -> pipe.reader().readFully(in));
      assertEquals("read(pipe reader) interrupted after 1 of 8", e.getMessage());
      assertEquals(1, e.bytesTransferred);
      assertTrue(Thread.interrupted());
      pipe.reader().setNonBlocking(false);
      assertFalse(pipe.reader().isNonBlocking());
    }
  }

  @Test
  void pollTellsWhatHolds() throws Exception {
    try (Descriptors.Pipe pipe = Descriptors.pipe();
        Arena arena = Arena.ofConfined()) {
      assertEquals(0, pipe.reader().poll(OwnedFd.POLLIN, 0));
      assertEquals(OwnedFd.POLLOUT, pipe.writer().poll(OwnedFd.POLLOUT, -1));
      assertEquals(1, pipe.writer().write(arena.allocate(1)));
      assertEquals(OwnedFd.POLLIN, pipe.reader().poll(OwnedFd.POLLIN, -1));
      pipe.writer().close();
      assertEquals(OwnedFd.POLLIN | OwnedFd.POLLHUP, pipe.reader().poll(OwnedFd.POLLIN, -1));
      try (FaultInjection _ = FaultInjection.fail("poll", Errno.EINTR).times(1)) {
        assertEquals(0, pipe.reader().poll(OwnedFd.POLLIN, -1));
      }
      try (FaultInjection _ = FaultInjection.fail("poll", Errno.ENOMEM)) {
        assertEquals(
            "poll(pipe reader, timeout=5 ms): ENOMEM (out of memory)",
            assertThrows(SystemCallException.class, () -> pipe.reader().poll(1, 5)).getMessage());
      }
    }
  }

  @Test
  void duplicatesAreClosedOnTheirOwn() throws Exception {
    try (EventFd event = EventFd.create("one")) {
      OwnedFd copy = event.fd().duplicate();
      assertTrue(copy.isCloseOnExec());
      event.signal();
      Descriptors.close(event);
      try (copy;
          Arena arena = Arena.ofConfined()) {
        MemorySegment count = arena.allocate(8, 8);
        assertEquals(8, copy.read(count));
        assertEquals(1, count.get(ValueLayout.JAVA_LONG, 0));
      }
      for (Executable call :
          List.<Executable>of(
              copy::duplicate, copy::isNonBlocking, copy::sync, () -> copy.poll(1, 0))) {
        assertThrows(IllegalStateException.class, call);
      }
    }
  }

  @Test
  void vectorsCheckAndAdvance() throws Exception {
    assertThrows(IllegalArgumentException.class, () -> new IoVector(0));
    assertEquals(
        "capacity=1025 is not in 1..1024",
        assertThrows(IllegalArgumentException.class, () -> new IoVector(1025)).getMessage());
    IoVector vector = new IoVector(2);
    assertEquals(2, vector.capacity());
    long base = vector.address();
    vector.add(0x1000, 10);
    assertEquals(
        "length=-1 after 10 bytes is out of range",
        assertThrows(IllegalArgumentException.class, () -> vector.add(0, -1)).getMessage());
    assertThrows(IllegalArgumentException.class, () -> vector.add(0, Long.MAX_VALUE - 9));
    assertThrows(
        IllegalArgumentException.class, () -> vector.add(MemorySegment.ofArray(new byte[1])));
    vector.add(0x2000, 20);
    assertEquals(
        "vector is full: 2 pieces",
        assertThrows(IllegalStateException.class, () -> vector.add(0, 1)).getMessage());
    assertThrows(IllegalArgumentException.class, () -> vector.advance(31));
    assertThrows(IllegalArgumentException.class, () -> vector.advance(-1));
    vector.advance(4);
    assertEquals("2 pieces, 26 bytes", vector.toString());
    assertEquals(base, vector.address());
    vector.advance(6);
    assertEquals(1, vector.count());
    assertEquals(base + 16, vector.address());
    vector.advance(20);
    assertEquals(0, vector.count());
    vector.clear();
    assertEquals(base, vector.address());
    try (OwnedFd zero = OwnedFd.openReadWrite("/dev/zero")) {
      try (Arena arena = Arena.ofConfined()) {
        vector.add(arena.allocate(8));
      }
      assertThrows(IllegalStateException.class, () -> zero.readv(vector), "freed");
    }
  }

  @Test
  void vectoredTransfersAllocateNothing() throws Exception {
    try (OwnedFd zero = OwnedFd.openReadWrite("/dev/zero");
        Mapping memory = Mapping.anonymous(4096)) {
      IoVector vector = new IoVector(4);
      MemorySegment whole = memory.segment();
      long bytes =
          Allocation.bytes(
              50_000,
              i -> {
                vector.clear();
                vector.add(memory.address(), 10);
                vector.add(whole);
                if (zero.preadv(vector, 0) != 4106) {
                  throw new AssertionError("short read");
                }
                vector.advance(4106);
              });
      assertTrue(bytes < 10_000, bytes + " bytes for 50,000 transfers");
    }
  }

  @Test
  void spaceIsAllocatedPunchedAndFound() throws Exception {
    try (OwnedFd fd = OwnedFd.create(path("f"));
        Arena arena = Arena.ofConfined()) {
      Fallocate.allocate(fd, 0, 65536, false);
      assertEquals(65536, FileStatus.of(fd).size());
      Fallocate.allocate(fd, 65536, 65536, true);
      assertEquals(65536, FileStatus.of(fd).size());
      fd.pwriteFully(arena.allocate(65536).fill((byte) 1), 0);
      long before = FileStatus.of(fd).blocks();
      Fallocate.punchHole(fd, 16384, 32768);
      assertEquals(before - 64, FileStatus.of(fd).blocks());
      MemorySegment one = arena.allocate(1);
      assertEquals(1, fd.pread(one, 16384));
      assertEquals(0, one.get(ValueLayout.JAVA_BYTE, 0));
      assertEquals(16384, Fallocate.seekHole(fd, 0));
      assertEquals(49152, Fallocate.seekData(fd, 16384));
      assertEquals(65536, Fallocate.seekHole(fd, 49152));
      assertEquals(-1, Fallocate.seekData(fd, 65536));
      assertEquals(-1, Fallocate.seekHole(fd, 65536));
      assertThrows(IllegalArgumentException.class, () -> Fallocate.seekData(fd, -1));
      assertEquals(
          "fallocate(" + path("f") + ", mode=0x3, offset=-1, length=1): EINVAL (invalid argument)",
          assertThrows(SystemCallException.class, () -> Fallocate.punchHole(fd, -1, 1))
              .getMessage());
      try (FaultInjection _ = FaultInjection.fail("lseek", Errno.EIO)) {
        assertEquals(
            "lseek(" + path("f") + ", 0, SEEK_HOLE): EIO (input/output error)",
            assertThrows(SystemCallException.class, () -> Fallocate.seekHole(fd, 0)).getMessage());
      }
      // Not every file system can do these; where it can, the file must show it.
      try {
        Fallocate.zeroRange(fd, 0, 4096, false);
        assertEquals(1, fd.pread(one.fill((byte) 9), 0));
        assertEquals(0, one.get(ValueLayout.JAVA_BYTE, 0));
        Fallocate.collapse(fd, 0, 4096);
        assertEquals(65536 - 4096, FileStatus.of(fd).size());
        Fallocate.insert(fd, 0, 4096);
        assertEquals(65536, FileStatus.of(fd).size());
      } catch (SystemCallException e) {
        assertEquals(Errno.EOPNOTSUPP, e.errno());
      }
    }
  }

  @Test
  void locksBelongToTheOpenFile() throws Exception {
    try (OwnedFd one = OwnedFd.create(path("f"));
        OwnedFd two = OwnedFd.openReadWrite(path("f"));
        OwnedFd reader = OwnedFd.openReadOnly(path("f"))) {
      assertTrue(OfdLock.tryLock(one, OfdLock.Mode.SHARED, 0, 100));
      assertTrue(OfdLock.tryLock(two, OfdLock.Mode.SHARED, 50, 100));
      assertFalse(OfdLock.tryLock(two, OfdLock.Mode.EXCLUSIVE, 99, 1));
      assertTrue(OfdLock.tryLock(two, OfdLock.Mode.EXCLUSIVE, 100, 0));
      assertTrue(OfdLock.conflicts(one, OfdLock.Mode.SHARED, 1L << 40, 1));
      assertFalse(OfdLock.conflicts(one, OfdLock.Mode.SHARED, 0, 100));
      OwnedFd copy = one.duplicate();
      assertTrue(OfdLock.tryLock(copy, OfdLock.Mode.SHARED, 0, 50));
      copy.close();
      assertTrue(OfdLock.conflicts(two, OfdLock.Mode.EXCLUSIVE, 0, 1));
      Thread waiter =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  OfdLock.lock(two, OfdLock.Mode.EXCLUSIVE, 0, 1);
                } catch (SystemCallException e) {
                  throw new AssertionError(e);
                }
              });
      OfdLock.unlock(one, 0, 0);
      waiter.join();
      assertTrue(OfdLock.conflicts(reader, OfdLock.Mode.SHARED, 0, 1));
      Descriptors.close(two);
      assertFalse(OfdLock.conflicts(reader, OfdLock.Mode.SHARED, 0, 1));
      assertEquals(
          "fcntl("
              + path("f")
              + ", F_OFD_SETLK, EXCLUSIVE, offset=0, length=1): EBADF (bad file descriptor)",
          assertThrows(
                  SystemCallException.class,
                  () -> OfdLock.tryLock(reader, OfdLock.Mode.EXCLUSIVE, 0, 1))
              .getMessage());
      assertThrows(IllegalArgumentException.class, () -> OfdLock.unlock(one, -1, 0));
      assertThrows(IllegalArgumentException.class, () -> OfdLock.unlock(one, 0, -1));
      try (FaultInjection fault = FaultInjection.fail("fcntl", Errno.EINTR).times(1)) {
        OfdLock.lock(one, OfdLock.Mode.SHARED, 0, 1);
        assertEquals(1, fault.hits());
      }
    }
  }

  @Test
  void pathsStayInTheFolder() throws Exception {
    Files.createDirectory(folder.resolve("in"));
    Files.writeString(folder.resolve("secret"), "secret");
    Files.createSymbolicLink(folder.resolve("in/out"), Path.of("../secret"));
    Files.createSymbolicLink(folder.resolve("in/self"), Path.of("file"));
    try (Folder in = Folder.open(path("in"))) {
      assertEquals("fd " + in.fd().number() + " (" + path("in") + ")", in.toString());
      in.openBeneath("file", OpenFlag.READ_WRITE, OpenFlag.CREATE).close();
      in.openBeneath("self").close();
      for (String way : List.of("out", "../secret", "/etc/passwd", path("secret"))) {
        assertEquals(
            "openat2("
                + path("in")
                + ", "
                + way
                + ", O_RDONLY, RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH):"
                + " EXDEV (on another file system)",
            assertThrows(SystemCallException.class, () -> in.openBeneath(way)).getMessage());
      }
      Set<Folder.Resolve> noLinks = Set.of(Folder.Resolve.NO_SYMLINKS);
      assertEquals(
          40, assertThrows(SystemCallException.class, () -> in.open("self", noLinks)).errno());
      in.open("/file", Set.of(Folder.Resolve.IN_ROOT)).close();
      assertThrows(
          SystemCallException.class, () -> in.open("/../secret", Set.of(Folder.Resolve.IN_ROOT)));
      try (OwnedFd out = in.open("out", Set.of())) {
        assertEquals(6, FileStatus.of(out).size());
        assertTrue(out.isCloseOnExec());
      }
      try (Folder proc = Folder.open("/proc");
          FaultInjection fault = FaultInjection.fail("openat2", Errno.EAGAIN).times(5)) {
        proc.openBeneath("version").close();
        assertEquals(5, fault.hits());
        assertEquals(
            18,
            assertThrows(
                    SystemCallException.class,
                    () -> in.open("/proc/version", Set.of(Folder.Resolve.NO_XDEV)))
                .errno());
      }
      try (FaultInjection fault = FaultInjection.fail("openat2", Errno.EAGAIN)) {
        assertThrows(SystemCallException.class, () -> in.openBeneath("file"));
        assertEquals(100, fault.hits());
      }
    }
    assertEquals(
        Errno.ENOTDIR,
        assertThrows(SystemCallException.class, () -> Folder.open(path("secret"))).errno());
  }
}

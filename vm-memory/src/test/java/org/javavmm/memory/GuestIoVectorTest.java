// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.EOFException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.javavmm.memory.GuestMemoryException.Reason;
import org.javavmm.sys.Errno;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.SystemCallException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("try") // closing early, and twice, is what is tested
class GuestIoVectorTest {
  private static final int PAGE = 4096;
  private static final int SIZE = 8 * PAGE;

  @TempDir private Path folder = Path.of("");

  /** [0, 2) a, [2, 4) b, hole, [5, 8) c, in pages. */
  private static GuestMemory memory() throws Exception {
    return GuestMemory.builder()
        .region(RegionSpec.anonymous("a", 0, 2 * PAGE).dirtyLog())
        .anonymous("b", 2 * PAGE, 2 * PAGE)
        .anonymous("c", 5 * PAGE, 3 * PAGE)
        .build();
  }

  private static boolean there(long gpa, long length) {
    return gpa >= 0
        && gpa + length <= SIZE
        && (gpa + length <= 4 * PAGE || gpa >= 5 * PAGE || length == 0);
  }

  /** Any list of ranges moves as one array would, through a file that is an array too. */
  @Property(tries = 200)
  void transfersLikeAnArray(@ForAll long seed) throws Exception {
    SplittableRandom random = new SplittableRandom(seed);
    Path path = Files.createTempFile("vector", null);
    byte[] file = new byte[3 * PAGE];
    random.nextBytes(file);
    Files.write(path, file);
    byte[] model = new byte[SIZE];
    try (GuestMemory memory = memory();
        OwnedFd fd = OwnedFd.openReadWrite(path.toString());
        GuestIoVector vector = new GuestIoVector(16)) {
      for (int round = 0; round < 10; round++) {
        boolean write = random.nextBoolean();
        Access access = write ? Access.READ : Access.WRITE;
        List<long[]> ranges = new ArrayList<>();
        int total = 0;
        int n = random.nextInt(6);
        for (int i = 0; i < n; i++) {
          long gpa = random.nextInt(SIZE + 100);
          int length = random.nextInt(random.nextBoolean() ? 300 : PAGE / 2);
          if (there(gpa, length)) {
            vector.add(memory, gpa, length, access);
            ranges.add(new long[] {gpa, length});
            total += length;
          } else {
            assertThrows(GuestMemoryException.class, () -> vector.add(memory, gpa, length, access));
          }
        }
        assertEquals(total, vector.size());
        int offset = random.nextInt(file.length - Math.min(total, file.length) + 1);
        if (total > file.length) {
          vector.clear();
          continue;
        }
        if (write) {
          vector.writeFully(fd, offset);
          int at = offset;
          for (long[] range : ranges) {
            System.arraycopy(model, (int) range[0], file, at, (int) range[1]);
            at += (int) range[1];
          }
        } else {
          vector.readFully(fd, offset);
          int at = offset;
          for (long[] range : ranges) {
            System.arraycopy(file, at, model, (int) range[0], (int) range[1]);
            at += (int) range[1];
          }
        }
        assertEquals(0, vector.remaining());
        vector.clear();
        assertArrayEquals(file, Files.readAllBytes(path));
        for (GuestRegion region : memory.regions()) {
          assertEquals(
              -1,
              memory.mismatch(
                  region.gpa(), MemorySegment.ofArray(model).asSlice(region.gpa(), region.size())));
          assertEquals(List.of(), region.holders());
        }
      }
    } finally {
      Files.delete(path);
    }
  }

  @Test
  void shortTransfersGoOnWhereTheyStopped() throws Exception {
    Path path = folder.resolve("file");
    byte[] bytes = new byte[100];
    new SplittableRandom(3).nextBytes(bytes);
    Files.write(path, bytes);
    try (GuestMemory memory = memory();
        OwnedFd fd = OwnedFd.openReadWrite(path.toString());
        GuestIoVector vector = new GuestIoVector(4)) {
      vector.add(memory, 2 * PAGE - 30, 60, Access.WRITE);
      vector.add(memory, 5 * PAGE, 60, Access.WRITE);
      assertEquals(100, vector.readFrom(fd, 0));
      assertEquals(20, vector.remaining());
      assertEquals("I/O vector of 120 bytes in 3 pieces, 100 done", vector.toString());
      assertEquals(0, vector.readFrom(fd, 100));
      assertEquals(
          fd + " ends at 100, 20 bytes too early",
          assertThrows(EOFException.class, () -> vector.readFully(fd, 100)).getMessage());
      assertEquals(
          "a transfer of this vector has begun",
          assertThrows(IllegalStateException.class, () -> vector.add(memory, 0, 1, Access.WRITE))
              .getMessage());
      assertEquals(20, vector.readFrom(fd, 3));
      assertEquals(0, vector.readFrom(fd, 3), "nothing remains");
      byte[] there = new byte[60];
      memory.read(5 * PAGE, there);
      for (int i = 0; i < 20; i++) {
        assertEquals(bytes[60 + i], there[i]);
        assertEquals(bytes[3 + i], there[40 + i]);
      }
    }
  }

  @Test
  void streams() throws Exception {
    try (GuestMemory memory = memory();
        EventFd event = EventFd.create("stream");
        GuestIoVector vector = new GuestIoVector(2)) {
      memory.putLong(8, 5);
      vector.add(memory, 8, 8, Access.READ);
      assertEquals(8, vector.writeTo(event.fd()));
      assertEquals(0, vector.writeTo(event.fd()));
      vector.clear();
      vector.add(memory, 16, 8, Access.WRITE);
      assertEquals(8, vector.readFrom(event.fd()));
      assertEquals(5, memory.getLong(16));
      vector.clear();
      vector.add(memory, 16, 8, Access.WRITE);
      assertEquals(-Errno.EAGAIN, vector.readFrom(event.fd()));
      assertEquals(8, vector.remaining());
    }
  }

  @Test
  void misuseIsNamed() throws Exception {
    assertThrows(IllegalArgumentException.class, () -> new GuestIoVector(0));
    assertThrows(IllegalArgumentException.class, () -> new GuestIoVector(1025));
    try (GuestMemory memory = memory();
        EventFd event = EventFd.create("stream");
        GuestIoVector vector = new GuestIoVector(2)) {
      vector.add(memory, 0, 0, Access.WRITE); // nothing, so that it decides nothing
      assertThrows(
          IllegalArgumentException.class, () -> vector.add(memory, 0, 1, Access.READ_WRITE));
      vector.add(memory, 0, 10, Access.READ);
      vector.add(memory, 10, 10, Access.READ);
      vector.add(memory, 30, 10, Access.READ);
      assertEquals(
          "more pieces than the vector's capacity of 2",
          assertThrows(
                  IllegalArgumentException.class,
                  () -> vector.add(memory, 2 * PAGE - 1, 10, Access.READ))
              .getMessage());
      assertEquals(30, vector.size());
      assertEquals(
          "a vector for READ takes no range for WRITE",
          assertThrows(IllegalArgumentException.class, () -> vector.add(memory, 0, 1, Access.WRITE))
              .getMessage());
      assertEquals(
          "the ranges were added for READ, not WRITE",
          assertThrows(IllegalStateException.class, () -> vector.readFrom(event.fd()))
              .getMessage());
      assertThrows(IllegalStateException.class, () -> vector.readFrom(event.fd(), 0));
      assertThrows(IllegalArgumentException.class, () -> vector.transferred(31));
      assertThrows(IllegalArgumentException.class, () -> vector.transferred(-1));
      GuestMemoryException e =
          assertThrows(
              GuestMemoryException.class, () -> vector.add(memory, 4 * PAGE - 1, 2, Access.READ));
      assertEquals(Reason.HOLE, e.reason());
      assertEquals(30, vector.size());
      String message =
          String.valueOf(
              assertThrows(SystemCallException.class, () -> vector.writeFully(event.fd(), 0))
                  .getMessage());
      assertTrue(message.startsWith("pwritev(fd "));
      vector.clear();
      vector.add(memory, 0, 10, Access.WRITE);
      assertThrows(IllegalStateException.class, () -> vector.writeTo(event.fd()));
      assertThrows(IllegalStateException.class, () -> vector.writeTo(event.fd(), 0));
      vector.close();
      assertEquals(List.of(), memory.regions().getFirst().holders());
      assertEquals(0, vector.vector().count());
    }
  }

  @Test
  void usingAVectorAllocatesNothing() throws Exception {
    Path path = folder.resolve("file");
    Files.write(path, new byte[PAGE]);
    try (GuestMemory memory = memory();
        OwnedFd fd = OwnedFd.openReadWrite(path.toString());
        GuestIoVector vector = new GuestIoVector(8)) {
      long bytes =
          Allocation.bytes(
              20_000,
              i -> {
                vector.add(memory, 2 * PAGE - 100, 200, Access.WRITE);
                vector.add(memory, 5 * PAGE, 100, Access.WRITE);
                if (vector.readFrom(fd, 0) != 300) {
                  throw new AssertionError();
                }
                vector.clear();
              });
      assertTrue(bytes < 50_000, bytes + " bytes");
    }
  }
}

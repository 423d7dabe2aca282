// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

/** The dirty log and the bitmap against a set of page numbers. */
class DirtyLogTest {
  private static final long PAGE = 4096;

  private static Set<Long> pages(DirtyBitmap bitmap) {
    TreeSet<Long> pages = new TreeSet<>();
    bitmap.forEachRange((offset, length) -> {
      assertEquals(0, offset % bitmap.pageSize());
      assertTrue(length > 0);
      assertTrue(offset + length <= bitmap.size());
      for (long at = offset; at < offset + length; at += bitmap.pageSize()) {
        assertTrue(pages.add(at / bitmap.pageSize()), "in two ranges: " + at);
      }
    });
    return pages;
  }

  @Property(tries = 300)
  void agreesWithASet(
      @ForAll @LongRange(min = 1, max = 300_000) long size,
      @ForAll @IntRange(min = 6, max = 13) int shift,
      @ForAll long seed) {
    long pageSize = 1L << shift;
    SplittableRandom random = new SplittableRandom(seed);
    DirtyLog log = new DirtyLog(size, pageSize);
    TreeSet<Long> marked = new TreeSet<>();
    DirtyBitmap bitmap = new DirtyBitmap(size, pageSize);
    TreeSet<Long> fetched = new TreeSet<>();
    for (int i = 0; i < 60; i++) {
      long offset = random.nextLong(size);
      long length = random.nextLong(Math.min(size - offset, 5 * pageSize) + 1);
      switch (random.nextInt(6)) {
        case 0 -> {
          assertEquals(marked.size(), log.fetchAndClear(bitmap));
          fetched.addAll(marked);
          marked.clear();
        }
        case 1 -> assertEquals(marked.contains(offset >> shift), log.isDirty(offset));
        case 2 -> {
          bitmap.set(offset, length);
          for (long at = offset; at < offset + length; at++) {
            fetched.add(at >> shift);
          }
        }
        case 3 -> {
          DirtyBitmap other = new DirtyBitmap(size, pageSize);
          other.set(offset, length);
          DirtyBitmap sum = new DirtyBitmap(size, pageSize);
          sum.or(bitmap);
          sum.or(other.toLongArray());
          bitmap.or(other);
          assertEquals(pages(sum), pages(bitmap));
          for (long at = offset; at < offset + length; at++) {
            fetched.add(at >> shift);
          }
        }
        default -> {
          log.mark(offset, length);
          for (long at = offset; at < offset + length; at++) {
            marked.add(at >> shift);
          }
        }
      }
      assertEquals(fetched, pages(bitmap));
      assertEquals(fetched.size(), bitmap.count());
      assertEquals(fetched.contains(offset >> shift), bitmap.get(offset));
    }
  }

  @Test
  void rangesJoinAndTheLastPageIsCut() {
    DirtyBitmap bitmap = new DirtyBitmap(200 * PAGE + 5, PAGE);
    bitmap.set(0, 1);
    bitmap.set(63 * PAGE, 66 * PAGE);
    bitmap.set(200 * PAGE + 4, 1);
    List<String> ranges = new ArrayList<>();
    bitmap.forEachRange((offset, length) -> ranges.add(offset / PAGE + "+" + length));
    assertEquals(List.of("0+4096", "63+" + 66 * PAGE, "200+5"), ranges);
    assertEquals("68 of 201 pages of 4096 bytes", bitmap.toString());
    assertEquals(-1, bitmap.nextSet(200 * PAGE + 5));
    assertEquals(129 * PAGE, bitmap.nextClear(64 * PAGE));
    assertThrows(IndexOutOfBoundsException.class, () -> bitmap.nextSet(-1));
    bitmap.clear();
    assertEquals(-1, bitmap.nextSet(0));
    bitmap.set(0, bitmap.size());
    assertEquals(bitmap.size(), bitmap.nextClear(0));
    assertEquals(201, bitmap.count());
  }

  @Test
  void kvmsLogIsChecked() {
    DirtyBitmap bitmap = new DirtyBitmap(65 * PAGE, PAGE);
    bitmap.or(new long[] {1L << 63, 1});
    assertEquals(2, bitmap.count());
    assertEquals(63 * PAGE, bitmap.nextSet(0));
    assertEquals(
        "log has bits beyond its last page 64: last word 0x2",
        assertThrows(IllegalArgumentException.class, () -> bitmap.or(new long[] {5, 2}))
            .getMessage());
    assertEquals(2, bitmap.count(), "a refused log left something");
    assertEquals(
        "log of 1 words, but 65 pages need 2",
        assertThrows(IllegalArgumentException.class, () -> bitmap.or(new long[1])).getMessage());
  }

  @Test
  void sizesAreChecked() {
    assertEquals(
        "size=0 is not positive",
        assertThrows(IllegalArgumentException.class, () -> new DirtyLog(0, PAGE)).getMessage());
    assertEquals(
        "pageSize=4097 is not a power of two from 64 to 1073741824",
        assertThrows(IllegalArgumentException.class, () -> new DirtyLog(PAGE, 4097)).getMessage());
    assertThrows(IllegalArgumentException.class, () -> new DirtyLog(PAGE, 32));
    assertThrows(IllegalArgumentException.class, () -> new DirtyLog(PAGE, 1L << 31));
    assertEquals(
        "size=9223372036854775807 has 2251799813685248 pages; at most 2147483647 are possible",
        assertThrows(IllegalArgumentException.class, () -> new DirtyBitmap(Long.MAX_VALUE, PAGE))
            .getMessage());
    DirtyLog log = new DirtyLog(10 * PAGE, PAGE);
    assertThrows(IndexOutOfBoundsException.class, () -> log.mark(10 * PAGE, 1));
    assertThrows(IndexOutOfBoundsException.class, () -> log.mark(0, 10 * PAGE + 1));
    assertThrows(IndexOutOfBoundsException.class, () -> log.mark(-1, 1));
    assertThrows(IndexOutOfBoundsException.class, () -> log.isDirty(10 * PAGE));
    assertEquals(
        "bitmap of 36864 bytes in pages of 4096, but the other is of 40960 bytes in pages of 4096",
        assertThrows(
                IllegalArgumentException.class,
                () -> log.fetchAndClear(new DirtyBitmap(9 * PAGE, PAGE)))
            .getMessage());
    log.markAll();
    assertTrue(log.isDirty(10 * PAGE - 1));
    log.clear();
    assertFalse(log.isDirty(0));
    assertEquals("dirty log of 10 pages of 4096 bytes", log.toString());
    assertEquals(10 * PAGE, log.size());
    assertEquals(PAGE, log.pageSize());
  }

  @Test
  void everyWritePathMarks() throws Exception {
    try (GuestMemory memory =
        GuestMemory.builder()
            .region(RegionSpec.anonymous("a", 0, 16 * PAGE).dirtyLog())
            .region(RegionSpec.anonymous("b", 16 * PAGE, 16 * PAGE).dirtyLog())
            .build()) {
      byte[] bytes = new byte[2];
      DirtyPaths paths = new DirtyPaths(memory);
      paths.expect("putByte", 3, 3, gpa -> memory.putByte(gpa, (byte) 1));
      paths.expect("putShort", 3, 4, gpa -> memory.putShort(gpa + PAGE - 1, (short) 1));
      paths.expect("putInt", 3, 4, gpa -> memory.putInt(gpa + PAGE - 3, 1));
      paths.expect("putLong", 3, 4, gpa -> memory.putLong(gpa + PAGE - 7, 1));
      paths.expect("putLong within", 3, 3, gpa -> memory.putLong(gpa + PAGE - 8, 1));
      paths.expect("putByteRelease", 3, 3, gpa -> memory.putByteRelease(gpa, (byte) 1));
      paths.expect("putShortRelease", 3, 3, gpa -> memory.putShortRelease(gpa, (short) 1));
      paths.expect("putIntRelease", 3, 3, gpa -> memory.putIntRelease(gpa, 1));
      paths.expect("putLongRelease", 3, 3, gpa -> memory.putLongRelease(gpa, 1));
      memory.fill(0, 32 * PAGE, (byte) 0);
      paths.clear();
      paths.expect(
          "compareAndSetByte",
          5,
          5,
          gpa -> assertTrue(memory.compareAndSetByte(gpa, (byte) 0, (byte) 1)));
      paths.expect(
          "compareAndSetShort",
          6,
          6,
          gpa -> assertTrue(memory.compareAndSetShort(gpa, (short) 0, (short) 1)));
      paths.expect("compareAndSetInt", 7, 7, gpa -> assertTrue(memory.compareAndSetInt(gpa, 0, 1)));
      paths.expect(
          "compareAndSetLong", 8, 8, gpa -> assertTrue(memory.compareAndSetLong(gpa, 0, 1)));
      paths.expectNone("failed", 8, gpa -> assertFalse(memory.compareAndSetLong(gpa, 0, 1)));
      paths.expect("write array", 9, 10, gpa -> memory.write(gpa + PAGE - 1, bytes));
      paths.expect(
          "write segment",
          15,
          16,
          gpa -> memory.write(gpa + PAGE - 1, java.lang.foreign.MemorySegment.ofArray(bytes)));
      paths.expect("write across", 15, 16, gpa -> memory.write(gpa + PAGE - 1, bytes));
      paths.expect("fill", 14, 17, gpa -> memory.fill(gpa, 3 * PAGE + 1, (byte) 1));
      paths.expect("copy", 20, 21, gpa -> memory.copy(0, gpa, PAGE + 1));
      paths.expectNone("read", 3, gpa -> memory.read(gpa, bytes));
      GuestView view = memory.view(2 * PAGE, 4 * PAGE, Access.READ_WRITE);
      paths.expect("view", 2, 2, gpa -> view.putInt(0, 1));
      paths.expect("view", 3, 4, gpa -> view.putLong(2 * PAGE - 1, 1));
      paths.expect("view", 5, 5, gpa -> view.putShortRelease(4 * PAGE - 2, (short) 1));
      paths.expect(
          "view",
          3,
          4,
          gpa -> view.write(2 * PAGE - 1, java.lang.foreign.MemorySegment.ofArray(bytes)));
      paths.expect("view", 2, 2, gpa -> assertTrue(view.compareAndSetInt(8, 0, 1)));
      paths.expectNone("view", 2, gpa -> assertFalse(view.compareAndSetInt(8, 0, 1)));
      paths.expect(
          "loan",
          11,
          12,
          gpa -> {
            try (GuestLoan loan = memory.borrow(gpa + 1, PAGE, Access.WRITE, "test")) {
              assertEquals(PAGE, loan.segment().byteSize());
              assertFalse(memory.regions().getFirst().dirtyLog().orElseThrow().isDirty(gpa));
            }
          });
      paths.expectNone("loan", 11, gpa -> memory.borrow(gpa, PAGE, Access.READ, "test").close());
      paths.expect(
          "vector",
          15,
          16,
          gpa -> {
            try (GuestIoVector vector = new GuestIoVector(2)) {
              vector.add(memory, gpa, 2 * PAGE, Access.WRITE);
              vector.transferred(PAGE + 1);
            }
          });
      paths.expect(
          "short transfer",
          15,
          15,
          gpa -> {
            try (GuestIoVector vector = new GuestIoVector(2)) {
              vector.add(memory, gpa, 2 * PAGE, Access.WRITE);
              vector.transferred(PAGE);
            }
          });
    }
  }

  /** Runs a write and says which pages it marked. */
  private static final class DirtyPaths {
    private final GuestMemory memory;

    DirtyPaths(GuestMemory memory) {
      this.memory = memory;
    }

    interface Path {
      void run(long gpa);
    }

    void clear() {
      for (GuestRegion region : memory.regions()) {
        region.dirtyLog().orElseThrow().clear();
      }
    }

    private Set<Long> run(long page, Path path) {
      path.run(page * PAGE);
      TreeSet<Long> dirty = new TreeSet<>();
      for (GuestRegion region : memory.regions()) {
        DirtyBitmap bitmap = new DirtyBitmap(region.size(), PAGE);
        assertEquals(
            region.dirtyLog().orElseThrow().fetchAndClear(bitmap), bitmap.count(), "count");
        for (long p : pages(bitmap)) {
          dirty.add(p + region.gpa() / PAGE);
        }
      }
      return dirty;
    }

    void expect(String name, long first, long last, Path path) {
      TreeSet<Long> expected = new TreeSet<>();
      for (long page = first; page <= last; page++) {
        expected.add(page);
      }
      assertEquals(expected, run(first, path), name);
    }

    void expectNone(String name, long page, Path path) {
      assertEquals(new TreeSet<Long>(), run(page, path), name);
    }
  }

  /** What a migration does: nothing that was written may be missing in the last copy. */
  @Test
  void noWriteIsLostBetweenFetches() throws Exception {
    int pages = 64;
    try (GuestMemory memory =
        GuestMemory.builder()
            .region(RegionSpec.anonymous("ram", 0, pages * PAGE).dirtyLog())
            .build()) {
      DirtyLog log = memory.regions().getFirst().dirtyLog().orElseThrow();
      AtomicBoolean stop = new AtomicBoolean();
      AtomicLong written = new AtomicLong();
      List<Thread> writers = new ArrayList<>();
      for (int w = 0; w < 3; w++) {
        long seed = w;
        writers.add(
            Thread.ofPlatform()
                .start(() -> {
                  SplittableRandom random = new SplittableRandom(seed);
                  while (!stop.get()) {
                    memory.putLong(random.nextLong(pages) * PAGE + 8 * seed, random.nextLong());
                    written.incrementAndGet();
                  }
                }));
      }
      byte[] copy = new byte[(int) (pages * PAGE)];
      DirtyBitmap dirty = new DirtyBitmap(pages * PAGE, PAGE);
      int rounds = 0;
      while (rounds < 300 || written.get() < 10_000) {
        round(memory, log, dirty, copy);
        rounds++;
      }
      stop.set(true);
      for (Thread writer : writers) {
        writer.join();
      }
      round(memory, log, dirty, copy);
      assertEquals(-1, memory.mismatch(0, java.lang.foreign.MemorySegment.ofArray(copy)));
    }
  }

  private static void round(GuestMemory memory, DirtyLog log, DirtyBitmap dirty, byte[] copy) {
    dirty.clear();
    log.fetchAndClear(dirty);
    dirty.forEachRange((offset, length) -> memory.read(offset, copy, (int) offset, (int) length));
  }

  @Test
  void markingAllocatesNothing() throws Exception {
    DirtyLog log = new DirtyLog(1 << 20, PAGE);
    long bytes = Allocation.bytes(1_000_000, i -> log.mark((i * 64L) & 0xf_ff00, 100));
    assertTrue(bytes < 50_000, bytes + " bytes");
  }
}

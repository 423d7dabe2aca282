// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.javavmm.memory.GuestMemoryException.Reason;
import org.javavmm.memory.RegionSpec.TransparentHugePages;
import org.javavmm.sys.HugePageSize;
import org.javavmm.sys.Mapping;
import org.javavmm.sys.NumaPolicy;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.SystemCallException;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is behind a region, as the kernel shows it. */
@SuppressWarnings("try") // closing early, and twice, is what is tested
class BackingTest {
  private static final long MIB = 1 << 20;

  @TempDir private Path folder = Path.of("");

  private static GuestMemory one(RegionSpec spec) throws IOException {
    return GuestMemory.builder().region(spec).build();
  }

  /** The lines of /proc/self/smaps about the mapping that begins at an address. */
  private static List<String> smaps(GuestRegion region) throws IOException {
    List<String> lines = new ArrayList<>();
    String start = Long.toHexString(region.hva()) + "-";
    boolean in = false;
    for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
      if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
        in = line.startsWith(start);
      }
      if (in) {
        lines.add(line);
      }
    }
    assertFalse(lines.isEmpty(), "no mapping at " + start);
    return lines;
  }

  private static Set<String> flags(GuestRegion region) throws IOException {
    for (String line : smaps(region)) {
      if (line.startsWith("VmFlags:")) {
        return Pattern.compile(" +")
            .splitAsStream(line.substring(8).strip())
            .collect(Collectors.toSet());
      }
    }
    throw new AssertionError("no VmFlags");
  }

  private static long kib(GuestRegion region, String field) throws IOException {
    for (String line : smaps(region)) {
      if (line.startsWith(field + ":")) {
        return Long.parseLong(line.replaceAll("[^0-9]", ""));
      }
    }
    throw new AssertionError("no " + field);
  }

  @Test
  void aMemfdIsSharedAndSealed() throws Exception {
    try (GuestMemory memory = one(RegionSpec.memfd("ram", 0, 4 * MIB))) {
      GuestRegion region = memory.regions().getFirst();
      OwnedFd fd = region.file().orElseThrow();
      memory.putLong(MIB, 42);
      try (Mapping other = Mapping.shared(fd, MIB, 4096)) {
        assertEquals(42, other.segment().get(ValueLayout.JAVA_LONG, 0));
        other.segment().set(ValueLayout.JAVA_LONG, 8, 43);
      }
      assertEquals(43, memory.getLong(MIB + 8));
      // Nobody can take the pages away.
      assertThrows(SystemCallException.class, () -> fd.truncate(4096));
      assertEquals(RegionSpec.Backing.MEMFD, region.backing());
      assertEquals(4096, region.pageSize());
      assertEquals(0, region.fileOffset());
      memory.close();
      assertTrue(fd.isClosed());
    }
  }

  @Test
  void aFileWithAnOffset() throws Exception {
    Path path = folder.resolve("image");
    byte[] bytes = new byte[3 * 4096];
    bytes[4096] = 7;
    Files.write(path, bytes);
    try (OwnedFd fd = OwnedFd.openReadWrite(path.toString())) {
      try (GuestMemory memory = one(RegionSpec.file("pmem", 0x10_0000, 8192, fd, 4096))) {
        assertEquals(4096, memory.regions().getFirst().fileOffset());
        assertEquals(7, memory.getByte(0x10_0000));
        memory.putByte(0x10_1fff, (byte) 9);
        assertEquals(9, Files.readAllBytes(path)[3 * 4096 - 1]);
        assertFalse(fd.isClosed());
      }
      assertEquals(
          "region pmem(gpa=0x0, size=12288): mmap("
              + fd
              + ", offset=4096, size=12288): EINVAL (the file has 12288 bytes, the region ends at"
              + " 16384)",
          assertThrows(
                  SystemCallException.class, () -> one(RegionSpec.file("pmem", 0, 12288, fd, 4096)))
              .getMessage());
      assertEquals(
          "region pmem(gpa=0x0, size=4096): offset=1 in the file is not a multiple of 4096 up to"
              + " 2^63 - size",
          assertThrows(
                  IllegalArgumentException.class, () -> RegionSpec.file("pmem", 0, 4096, fd, 1))
              .getMessage());
      assertThrows(IllegalArgumentException.class, () -> RegionSpec.file("p", 0, 4096, fd, -4096));
      assertThrows(
          IllegalArgumentException.class,
          () -> RegionSpec.file("p", 0, 8192, fd, Long.MAX_VALUE - 4095));
      RegionSpec spec = RegionSpec.file("p", 0, 4096, fd, 0);
      assertThrows(IllegalArgumentException.class, () -> spec.hugePages(HugePageSize.SIZE_2M));
      assertThrows(IllegalArgumentException.class, () -> spec.contents(s -> {}));
      assertTrue(spec.describe().startsWith("file fd "), spec.describe());
      fd.close();
      assertThrows(IllegalStateException.class, () -> one(spec));
    }
  }

  @Test
  void readOnlyRegions() throws Exception {
    Path path = folder.resolve("rom");
    Files.write(path, new byte[8192]);
    try (OwnedFd fd = OwnedFd.openReadWrite(path.toString());
        GuestMemory memory =
            GuestMemory.builder()
                .region(
                    RegionSpec.anonymous("rom", 0, 4096).readOnly().contents(s -> s.fill((byte) 5)))
                .region(RegionSpec.anonymous("ram", 4096, 4096))
                .region(RegionSpec.file("flash", 8192, 8192, fd, 0).readOnly())
                .build()) {
      assertEquals(5, memory.getByte(4095));
      assertTrue(memory.regions().getFirst().isReadOnly());
      assertTrue(flags(memory.regions().getFirst()).contains("rd"));
      assertFalse(flags(memory.regions().getFirst()).contains("wr"));
      assertFalse(flags(memory.regions().getLast()).contains("wr"));
      for (long gpa : new long[] {0, 4096 - 8, 8192, 16376}) {
        GuestMemoryTestCase.assertFault(
            Reason.PERMISSION,
            "guest memory write(gpa=0x"
                + Long.toHexString(gpa)
                + ", length=8): not permitted there",
            () -> memory.putLong(gpa, 1));
        GuestMemoryTestCase.assertFault(
            Reason.PERMISSION,
            "guest memory write(gpa=0x"
                + Long.toHexString(gpa)
                + ", length=4): not permitted there",
            () -> memory.compareAndSetInt(gpa, 0, 1));
        assertThrows(
            GuestMemoryException.class, () -> memory.compareAndSetByte(gpa, (byte) 99, (byte) 1));
        assertThrows(
            GuestMemoryException.class,
            () -> memory.compareAndSetShort(gpa, (short) 99, (short) 1));
        assertEquals(0, memory.view(gpa, 0, Access.WRITE).length());
        assertThrows(GuestMemoryException.class, () -> memory.write(gpa, new byte[8]));
        assertThrows(
            GuestMemoryException.class,
            () -> memory.write(gpa, MemorySegment.ofArray(new byte[8])));
        assertThrows(GuestMemoryException.class, () -> memory.fill(gpa, 8, (byte) 1));
        assertThrows(GuestMemoryException.class, () -> memory.copy(4096, gpa, 8));
        assertThrows(GuestMemoryException.class, () -> memory.view(gpa, 8, Access.WRITE));
        assertThrows(GuestMemoryException.class, () -> memory.borrow(gpa, 8, Access.WRITE, "x"));
        assertFalse(memory.allows(gpa, 8, Access.READ_WRITE));
        assertTrue(memory.contains(gpa, 8));
      }
      // A write that begins in RAM and ends in the ROM moves nothing.
      GuestMemoryTestCase.assertFault(
          Reason.PERMISSION,
          "guest memory write(gpa=0x1ffe, length=4): not permitted there",
          () -> memory.write(8190, new byte[] {1, 1, 1, 1}));
      assertEquals(0, memory.getByte(8190));
      assertEquals(
          "rom  anonymous, read-only", memory.describe().lines().toList().getFirst().substring(47));
    }
  }

  @Test
  void hostSettingsReachTheKernel() throws Exception {
    try (GuestMemory memory =
        GuestMemory.builder()
            .region(
                RegionSpec.anonymous("a", 0, 4 * MIB)
                    .transparentHugePages(TransparentHugePages.ON)
                    .mergeable()
                    .dump(false)
                    .numa(NumaPolicy.BIND, 0)
                    .guardPages(64 << 10))
            .region(
                RegionSpec.anonymous("b", 4 * MIB, 4 * MIB)
                    .transparentHugePages(TransparentHugePages.OFF)
                    .reserve(true))
            .build()) {
      Set<String> a = flags(memory.regions().getFirst());
      assertTrue(a.containsAll(List.of("hg", "mg", "dd", "nr")), a.toString());
      Set<String> b = flags(memory.regions().getLast());
      assertTrue(b.contains("nh"), b.toString());
      assertFalse(b.contains("dd") || b.contains("mg") || b.contains("nr"), b.toString());
      assertEquals(
          "anonymous, transparent huge pages on, NUMA BIND {0}, mergeable, not dumped, guarded",
          memory.regions().getFirst().describeBacking());
      assertEquals(
          "anonymous, transparent huge pages off, reserved",
          memory.regions().getLast().describeBacking());
      // The guard on both sides: inaccessible, and nothing else's.
      GuestRegion region = memory.regions().getFirst();
      boolean before = false;
      boolean after = false;
      for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
        int dash = line.indexOf('-');
        long from = Long.parseUnsignedLong(line, 0, dash, 16);
        long to = Long.parseUnsignedLong(line, dash + 1, line.indexOf(' '), 16);
        if (to == region.hva()) {
          before = line.contains(" ---p ") && to - from >= 64 << 10;
        }
        if (from == region.hva() + region.size()) {
          after = line.contains(" ---p ") && to - from >= 64 << 10;
        }
      }
      assertTrue(before && after, "guards: " + before + ", " + after);
    }
  }

  @Test
  void prefaultFetchesEveryPageOnce() throws Exception {
    List<Long> progress = Collections.synchronizedList(new ArrayList<>());
    try (GuestMemory memory =
        one(
            RegionSpec.anonymous("ram", 0, 200 * MIB)
                .guardPages(4096)
                .prefault(3, progress::add))) {
      GuestRegion region = memory.regions().getFirst();
      assertEquals(200 * 1024, kib(region, "Rss"));
      assertEquals(4, progress.size());
      assertEquals(200 * MIB, Collections.max(progress));
      assertTrue(region.describeBacking().contains("prefaulted"));
    }
    try (GuestMemory memory = one(RegionSpec.anonymous("ram", 0, 200 * MIB).guardPages(4096))) {
      assertEquals(0, kib(memory.regions().getFirst(), "Rss"));
    }
    RegionSpec spec = RegionSpec.anonymous("ram", 0, 4096);
    assertThrows(IllegalArgumentException.class, () -> spec.prefault(0, b -> {}));
    assertThrows(IllegalArgumentException.class, () -> spec.prefault(257, b -> {}));
    assertThrows(
        ArithmeticException.class,
        () ->
            one(
                spec.prefault(
                    1,
                    b -> {
                      throw new ArithmeticException("by the callback");
                    })));
    assertThrows(IllegalArgumentException.class, () -> spec.guardPages(100));
    assertThrows(IllegalArgumentException.class, () -> spec.guardPages(-4096));
  }

  @Test
  void aRangeIsFetchedBeforeItIsWritten() throws Exception {
    try (GuestMemory memory =
        GuestMemory.builder()
            .region(RegionSpec.anonymous("a", 0, 4 * MIB).guardPages(4096).dirtyLog())
            .region(RegionSpec.memfd("b", 4 * MIB, 4 * MIB).guardPages(4096))
            .region(RegionSpec.anonymous("c", 8 * MIB, 4 * MIB).guardPages(4096).readOnly())
            .build()) {
      List<GuestRegion> regions = memory.regions();
      memory.putByte(4 * MIB - 1, (byte) 7);
      assertEquals(4, kib(regions.getFirst(), "Rss"));
      DirtyLog log = regions.getFirst().dirtyLog().orElseThrow();
      log.clear();
      // 5 KiB that touch two pages of the first region, and a MiB of the second.
      memory.prefault(4 * MIB - 5 * 1024, 5 * 1024 + MIB);
      assertEquals(8, kib(regions.getFirst(), "Rss"));
      assertEquals(1024, kib(regions.get(1), "Rss"));
      assertEquals(7, memory.getByte(4 * MIB - 1));
      assertEquals(0, memory.getByte(4 * MIB));
      assertFalse(log.isDirty(4 * MIB - 1));
      assertFalse(log.isDirty(4 * MIB - 5 * 1024));
      // Nobody writes there.
      memory.prefault(8 * MIB, MIB);
      assertEquals(0, kib(regions.get(2), "Rss"));
      memory.prefault(12 * MIB, 0);
      assertThrows(GuestMemoryException.class, () -> memory.prefault(12 * MIB - 1, 2));
    }
  }

  @Test
  void aTruncatedFileEndsInAFaultThatNamesTheRegion() throws Exception {
    Path path = folder.resolve("image");
    Files.write(path, new byte[16 * 4096]);
    try (OwnedFd fd = OwnedFd.openReadWrite(path.toString());
        GuestMemory memory =
            GuestMemory.builder()
                .region(RegionSpec.anonymous("ram", 0, 4096))
                .region(RegionSpec.file("pmem", 0x10_0000, 16 * 4096, fd, 0))
                .build()) {
      memory.fill(0x10_0000, 16 * 4096, (byte) 3);
      assertEquals(List.of(), memory.backingProblems());
      try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
        channel.truncate(4096);
      }
      String problem =
          "region pmem [0x100000..0x10ffff]: "
              + memory.regions().getLast().file().orElseThrow()
              + " was truncated to 4096 bytes; the region ends at 65536";
      assertEquals(List.of(problem), memory.backingProblems());
      long gone = 0x10_8000;
      byte[] bytes = new byte[4096];
      List<Runnable> accesses =
          List.of(
              () -> memory.getLong(gone),
              () -> memory.putInt(gone, 1),
              () -> memory.getIntAcquire(gone),
              () -> memory.compareAndSetInt(gone, 0, 1),
              () -> memory.read(gone, bytes),
              () -> memory.write(gone, bytes),
              () -> memory.fill(gone, 8192, (byte) 1),
              () -> memory.copy(gone, 0, 64),
              () -> memory.mismatch(gone, MemorySegment.ofArray(bytes)),
              () -> memory.view(gone, 8, Access.READ).getInt(0));
      for (int i = 0; i < accesses.size(); i++) {
        assertLost(accesses.get(i), problem, i);
      }
      assertEquals(3, memory.getByte(0x10_0fff), "what is left still works");
      // The kernel says EFAULT where it is the one that touches it.
      try (GuestIoVector vector = new GuestIoVector(1);
          OwnedFd other =
              OwnedFd.openReadWrite(Files.write(folder.resolve("o"), bytes).toString())) {
        vector.add(memory, gone, 4096, Access.WRITE);
        String message =
            String.valueOf(
                assertThrows(SystemCallException.class, () -> vector.readFully(other, 0))
                    .getMessage());
        assertTrue(message.endsWith("EFAULT (" + problem + ")"));
      }
    }
  }

  /**
   * The JVM turns the SIGBUS into an InternalError, which it may throw a little later than in the
   * access: then {@link GuestMemory#backingProblems} says why.
   */
  private static void assertLost(Runnable access, String problem, int number) {
    try {
      access.run();
      // Give an error that is under way a chance to arrive here.
      Thread.onSpinWait();
    } catch (GuestMemoryException e) {
      assertEquals(Reason.BACKING, e.reason(), "access " + number);
      String message = e.getMessage();
      assertTrue(message.endsWith("the host has lost the page (" + problem + ")"), message);
      return;
    } catch (InternalError e) {
      return;
    }
    throw new AssertionError("access " + number + " of a lost page succeeded");
  }

  @Test
  void exhaustedHugePagesAreNamed() throws Exception {
    Path pool = Path.of("/sys/kernel/mm/hugepages/hugepages-2048kB");
    Assumptions.assumeTrue(Files.isDirectory(pool), "huge pages: the kernel has none of 2 MiB");
    Path wanted = pool.resolve("nr_hugepages");
    Assumptions.assumeTrue(Files.isWritable(wanted), "huge pages: only root sets up the pool");
    String before = Files.readString(wanted).strip();
    Files.writeString(wanted, "2");
    try {
      Assumptions.assumeTrue(
          Files.readString(pool.resolve("free_hugepages")).strip().equals("2"),
          "huge pages: the host has no two free ones");
      assertThrows(
          IllegalArgumentException.class,
          () -> RegionSpec.anonymous("ram", 0, 3 * MIB).hugePages(HugePageSize.SIZE_2M));
      // Reserved: refused at once.
      RegionSpec four = RegionSpec.anonymous("ram", 0, 8 * MIB).hugePages(HugePageSize.SIZE_2M);
      String refused =
          String.valueOf(assertThrows(SystemCallException.class, () -> one(four)).getMessage());
      assertTrue(refused.startsWith("region ram(gpa=0x0, size=8388608): mmap("));
      try (GuestMemory memory =
          one(RegionSpec.anonymous("ram", 0, 4 * MIB).hugePages(HugePageSize.SIZE_2M))) {
        GuestRegion region = memory.regions().getFirst();
        memory.fill(0, 4 * MIB, (byte) 1);
        assertTrue(flags(region).contains("ht"));
        assertEquals(2 * MIB, region.pageSize());
        assertEquals("anonymous, pages of 2 MiB, reserved", region.describeBacking());
        assertEquals(List.of(), memory.backingProblems());
      }
      try (GuestMemory memory =
          one(
              RegionSpec.memfd("ram", 0, 4 * MIB)
                  .hugePages(HugePageSize.SIZE_2M)
                  .guardPages(2 * MIB))) {
        memory.fill(0, 4 * MIB, (byte) 1);
        assertTrue(flags(memory.regions().getFirst()).contains("ht"));
      }
      // Not reserved: the third page is missing when it is touched.
      try (GuestMemory memory = one(four.reserve(false))) {
        memory.fill(0, 4 * MIB, (byte) 1);
        String problem = "region ram [0x0..0x7fffff]: no free huge page of 2 MiB is left";
        assertLost(() -> memory.putLong(4 * MIB, 1), problem, 0);
        assertEquals(List.of(problem), memory.backingProblems());
      }
    } finally {
      Files.writeString(wanted, before);
    }
  }
}

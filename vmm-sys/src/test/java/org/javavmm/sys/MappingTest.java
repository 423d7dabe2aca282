// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class MappingTest {
  @Test
  void anonymousMemoryIsZeroedAndWritable() throws Exception {
    try (Mapping mapping = Mapping.anonymous(1 << 20)) {
      assertEquals(1 << 20, mapping.size());
      assertEquals(0, mapping.address() & 4095);
      for (long i = 0; i < mapping.size(); i += 8) {
        assertEquals(0, mapping.segment().get(ValueLayout.JAVA_LONG, i));
      }
      mapping.segment().set(ValueLayout.JAVA_LONG, (1 << 20) - 8, -1L);
      assertEquals(-1L, mapping.segment().get(ValueLayout.JAVA_LONG, (1 << 20) - 8));
      assertEquals(
          "mapping of 1048576 bytes at 0x" + Long.toHexString(mapping.address()),
          mapping.toString());
    }
  }

  @Test
  void memoryIsNotReservedBeforeItIsTouched() throws Exception {
    // More than the host has: only possible with MAP_NORESERVE.
    try (Mapping mapping = Mapping.anonymous(1L << 40)) {
      mapping.segment().set(ValueLayout.JAVA_BYTE, (1L << 40) - 1, (byte) 1);
    }
  }

  @Test
  void closeUnmapsAndLaterAccessesThrow() throws Exception {
    Mapping mapping = Mapping.anonymous(4096);
    long address = mapping.address();
    assertTrue(isMapped(address));
    mapping.close();
    mapping.close();
    assertFalse(isMapped(address));
    assertEquals(
        "Already closed",
        assertThrows(
                IllegalStateException.class, () -> mapping.segment().get(ValueLayout.JAVA_BYTE, 0))
            .getMessage());
    assertEquals(4096, mapping.size());
    assertEquals(address, mapping.address());
  }

  private static boolean isMapped(long address) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
      String[] range = line.substring(0, line.indexOf(' ')).split("-", 2);
      if (Long.compareUnsigned(Long.parseUnsignedLong(range[0], 16), address) <= 0
          && Long.compareUnsigned(address, Long.parseUnsignedLong(range[1], 16)) < 0) {
        return true;
      }
    }
    return false;
  }

  @Test
  void sharedMappingIsTheFile(@TempDir Path folder) throws Exception {
    Path file = Files.write(folder.resolve("f"), new byte[8192]);
    Mapping mapping;
    try (OwnedFd fd = OwnedFd.openReadWrite(file.toString())) {
      mapping = Mapping.shared(fd, 4096, 4096);
    }
    try (mapping) {
      mapping.segment().set(ValueLayout.JAVA_BYTE, 5, (byte) 77);
      assertEquals(77, Files.readAllBytes(file)[4096 + 5]);
    }
  }

  @Test
  void argumentsAreChecked() throws Exception {
    for (long size : new long[] {0, -1, Long.MIN_VALUE}) {
      assertEquals(
          "size=" + size + " is not positive",
          assertThrows(IllegalArgumentException.class, () -> Mapping.anonymous(size)).getMessage());
    }
    try (OwnedFd fd = OwnedFd.openReadWrite("/dev/zero")) {
      assertEquals(
          "size=0 is not positive",
          assertThrows(IllegalArgumentException.class, () -> Mapping.shared(fd, -1, 0))
              .getMessage());
      assertEquals(
          "offset=-1 is negative",
          assertThrows(IllegalArgumentException.class, () -> Mapping.shared(fd, -1, 1))
              .getMessage());
      assertEquals(
          "mmap(/dev/zero, offset=1, size=4096): EINVAL (invalid argument)",
          assertThrows(SystemCallException.class, () -> Mapping.shared(fd, 1, 4096)).getMessage());
    }
    OwnedFd closed = OwnedFd.openReadWrite("/dev/zero");
    closed.close();
    assertThrows(IllegalStateException.class, () -> Mapping.shared(closed, 0, 4096));
    assertEquals(
        "mmap(anonymous, offset=0, size=4611686018427387904): ENOMEM (out of memory)",
        assertThrows(SystemCallException.class, () -> Mapping.anonymous(1L << 62)).getMessage());
  }

  private static long permissionsChanged(long address) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
      String[] range = line.substring(0, line.indexOf(' ')).split("-", 2);
      if (Long.parseUnsignedLong(range[0], 16) <= address
          && address < Long.parseUnsignedLong(range[1], 16)) {
        return line.charAt(line.indexOf(' ') + 1) == 'r'
            ? line.charAt(line.indexOf(' ') + 2) == 'w' ? 2 : 1
            : 0;
      }
    }
    return -1;
  }

  @Test
  void guardPagesSurroundTheMemoryAndGoWithIt() throws Exception {
    Mapping mapping =
        Mapping.builder(8192).guardPages(4096).alignment(1 << 20).noReserve(false).build();
    long address = mapping.address();
    assertEquals(0, address % (1 << 20));
    assertEquals(8192, mapping.size());
    assertEquals(4096, mapping.pageSize());
    assertEquals(2, permissionsChanged(address));
    assertEquals(2, permissionsChanged(address + 8191));
    assertEquals(0, permissionsChanged(address - 1));
    assertEquals(0, permissionsChanged(address + 8192));
    assertEquals(0, permissionsChanged(address - 4096));
    assertEquals(0, permissionsChanged(address + 8192 + 4095));
    mapping.segment().fill((byte) 3);
    mapping.close();
    // All of it is free again: exactly the reservation can be mapped anew.
    Mapping.fixedAt(address - 4096, 8192 + 8192).close();
  }

  @Test
  void readOnlyMemoryIsSoForBothSides() throws Exception {
    try (Mapping mapping = Mapping.builder(4096).readOnly().build()) {
      assertTrue(mapping.segment().isReadOnly());
      assertEquals(1, permissionsChanged(mapping.address()));
    }
    try (Mapping mapping = Mapping.anonymous(8192)) {
      mapping.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 9);
      mapping.protectReadOnly();
      assertTrue(mapping.segment().isReadOnly());
      assertEquals(1, permissionsChanged(mapping.address()));
      assertEquals(9, mapping.segment().get(ValueLayout.JAVA_BYTE, 0));
      Descriptors.close(mapping);
      assertEquals(
          "mapping is closed: anonymous",
          assertThrows(IllegalStateException.class, mapping::protectReadOnly).getMessage());
    }
    try (Mapping mapping = Mapping.anonymous(4096);
        FaultInjection _ = FaultInjection.fail("mprotect", Errno.ENOMEM)) {
      assertEquals(
          "mprotect(anonymous, size=4096, PROT_READ): ENOMEM (out of memory)",
          assertThrows(SystemCallException.class, mapping::protectReadOnly).getMessage());
      assertFalse(mapping.segment().isReadOnly());
    }
  }

  @Test
  void privateFileMappingsLeaveTheFileAlone(@TempDir Path folder) throws Exception {
    Path file = Files.write(folder.resolve("f"), new byte[4096]);
    try (OwnedFd fd = OwnedFd.openReadOnly(file.toString());
        Mapping mapping = Mapping.builder(4096).file(fd, 0).shared(false).build()) {
      mapping.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 9);
      assertEquals(0, Files.readAllBytes(file)[0]);
      assertEquals(
          "mmap(" + file + ", offset=0, size=4096): EACCES (permission denied)",
          assertThrows(SystemCallException.class, () -> Mapping.builder(4096).file(fd, 0).build())
              .getMessage());
      // With guard pages the reservation goes when the file cannot be mapped into it.
      long before = Files.readAllLines(Path.of("/proc/self/maps")).size();
      assertThrows(
          SystemCallException.class,
          () -> Mapping.builder(4096).file(fd, 0).guardPages(1 << 20).build());
      long after = Files.readAllLines(Path.of("/proc/self/maps")).size();
      assertTrue(Math.abs(after - before) < 3, before + " lines before, " + after + " after");
    }
  }

  @Test
  void sharedAnonymousMemoryCanBeHad() throws Exception {
    try (Mapping mapping = Mapping.builder(4096).shared(true).build()) {
      mapping.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
      boolean found = false;
      for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
        found |= line.startsWith(Long.toHexString(mapping.address())) && line.contains("rw-s");
      }
      assertTrue(found);
    }
  }

  @Test
  void hugePagesAreTakenOrTheErrorNamesThem() throws Exception {
    for (HugePageSize pages : new HugePageSize[] {HugePageSize.SIZE_2M, HugePageSize.SIZE_1G}) {
      long page = pages.bytes();
      for (long guard : new long[] {0, 4096}) {
        try (Mapping mapping =
            Mapping.builder(page).hugePages(pages).guardPages(guard).noReserve(false).build()) {
          assertEquals(page, mapping.pageSize());
          assertEquals(0, mapping.address() % page);
          mapping.segment().set(ValueLayout.JAVA_BYTE, page - 1, (byte) 1);
        } catch (SystemCallException e) {
          assertEquals(
              "mmap(anonymous of pages of " + page + ", offset=0, size=" + page + ")", e.call());
        }
      }
      assertEquals(
          "size=4096 is not a multiple of the huge page size " + page,
          assertThrows(
                  IllegalArgumentException.class,
                  () -> Mapping.builder(4096).hugePages(pages).build())
              .getMessage());
    }
    assertEquals(4096, HugePageSize.NONE.bytes());
  }

  @Test
  void residencyIsOfEveryPage() throws Exception {
    try (Mapping mapping = Mapping.anonymous(1 << 20)) {
      mapping.advise(Advice.NOHUGEPAGE);
      assertFalse(mapping.isResident(0, 1));
      assertTrue(mapping.isResident(0, 0));
      mapping.segment().set(ValueLayout.JAVA_BYTE, 4096, (byte) 5);
      mapping.segment().set(ValueLayout.JAVA_BYTE, 8192, (byte) 6);
      assertTrue(mapping.isResident(4096, 8192));
      assertFalse(mapping.isResident(4096, 8193));
      assertFalse(mapping.isResident(0, 8192));
      mapping.advise(Advice.POPULATE_WRITE);
      assertTrue(mapping.isResident(0, 1 << 20));
      assertThrows(IndexOutOfBoundsException.class, () -> mapping.isResident(4096, 1 << 20));
      assertEquals(
          "mincore(anonymous, offset=0x1, length=0x1000): EINVAL (invalid argument)",
          assertThrows(SystemCallException.class, () -> mapping.isResident(1, 4096)).getMessage());
      try (FaultInjection fault = FaultInjection.fail("mincore", Errno.EAGAIN).times(2)) {
        assertTrue(mapping.isResident(0, 4096));
        assertEquals(2, fault.hits());
      }
      Descriptors.close(mapping);
      assertThrows(IllegalStateException.class, () -> mapping.isResident(0, 4096));
    }
  }

  @Test
  void adviceIsHeard() throws Exception {
    try (Mapping mapping = Mapping.anonymous(4 << 20)) {
      mapping.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 5);
      mapping.segment().set(ValueLayout.JAVA_BYTE, 8192, (byte) 6);
      mapping.advise(Advice.DONTNEED, 0, 4096);
      assertEquals(0, mapping.segment().get(ValueLayout.JAVA_BYTE, 0));
      assertEquals(6, mapping.segment().get(ValueLayout.JAVA_BYTE, 8192));
      for (Advice advice :
          new Advice[] {
            Advice.HUGEPAGE,
            Advice.NOHUGEPAGE,
            Advice.DONTDUMP,
            Advice.DODUMP,
            Advice.DONTFORK,
            Advice.COLD,
            Advice.PAGEOUT,
            Advice.POPULATE_READ,
            Advice.POPULATE_WRITE
          }) {
        mapping.advise(advice);
      }
      assertThrows(
          IndexOutOfBoundsException.class, () -> mapping.advise(Advice.COLD, 4096, 4 << 20));
      assertEquals(
          "madvise(anonymous, offset=0x1, length=0x1000, MADV_COLD): EINVAL (invalid argument)",
          assertThrows(SystemCallException.class, () -> mapping.advise(Advice.COLD, 1, 4096))
              .getMessage());
      try (FaultInjection fault = FaultInjection.fail("madvise", Errno.EINTR).times(2)) {
        mapping.advise(Advice.POPULATE_WRITE);
        assertEquals(2, fault.hits());
      }
      Descriptors.close(mapping);
      assertThrows(IllegalStateException.class, () -> mapping.advise(Advice.COLD));
      assertThrows(IllegalStateException.class, () -> mapping.bind(NumaPolicy.DEFAULT, 0));
      assertThrows(IllegalStateException.class, mapping::sync);
    }
  }

  @Test
  void memoryIsBoundToNodes() throws Exception {
    try (Mapping mapping = Mapping.anonymous(1 << 20)) {
      mapping.bind(NumaPolicy.BIND, 1, NumaPolicy.Flag.STRICT, NumaPolicy.Flag.MOVE);
      mapping.bind(NumaPolicy.INTERLEAVE, new long[] {1, 0});
      mapping.bind(NumaPolicy.PREFERRED, 1);
      boolean found = false;
      for (String line : Files.readAllLines(Path.of("/proc/self/numa_maps"))) {
        found |= line.startsWith(Long.toHexString(mapping.address()) + " prefer:0");
      }
      assertTrue(found);
      mapping.bind(NumaPolicy.DEFAULT, 0);
      assertEquals(
          "mbind(anonymous, MPOL_BIND, nodes=0x8000000000000000,0, flags=3):"
              + " EINVAL (invalid argument)",
          assertThrows(
                  SystemCallException.class,
                  () ->
                      mapping.bind(
                          NumaPolicy.BIND,
                          new long[] {0, Long.MIN_VALUE},
                          NumaPolicy.Flag.STRICT,
                          NumaPolicy.Flag.MOVE))
              .getMessage());
    }
  }

  @Test
  void syncReachesTheFileAndNamesItsErrors(@TempDir Path folder) throws Exception {
    Path file = Files.write(folder.resolve("f"), new byte[4096]);
    try (OwnedFd fd = OwnedFd.openReadWrite(file.toString());
        Mapping mapping = Mapping.shared(fd, 0, 4096)) {
      mapping.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 9);
      mapping.sync();
      try (FaultInjection _ = FaultInjection.fail("msync", Errno.EIO)) {
        assertEquals(
            "msync(" + file + ", size=4096): EIO (input/output error)",
            assertThrows(SystemCallException.class, mapping::sync).getMessage());
      }
    }
  }

  @Test
  void anAddressIsMappedOnlyIfNothingIsThere() throws Exception {
    long address;
    try (Mapping mapping = Mapping.anonymous(1 << 20)) {
      address = mapping.address();
      assertEquals(
          "mmap(anonymous at 0x"
              + Long.toHexString(address)
              + ", offset=0, size=4096): EEXIST (exists already)",
          assertThrows(SystemCallException.class, () -> Mapping.fixedAt(address, 4096))
              .getMessage());
    }
    try (Mapping again = Mapping.fixedAt(address, 4096)) {
      assertEquals(address, again.address());
    }
  }

  @Test
  void buildersCheckTheirArguments() throws Exception {
    Mapping.Builder builder = Mapping.builder(4096);
    for (long guard : new long[] {-4096, 1, 4095}) {
      assertEquals(
          "guardPages=" + guard + " is not a multiple of the page size 4096",
          assertThrows(IllegalArgumentException.class, () -> builder.guardPages(guard))
              .getMessage());
    }
    for (long alignment : new long[] {0, -1, 3, Long.MIN_VALUE}) {
      assertEquals(
          "alignment=" + alignment + " is not a power of two",
          assertThrows(IllegalArgumentException.class, () -> builder.alignment(alignment))
              .getMessage());
    }
    for (long guard : new long[] {1L << 62, Long.MAX_VALUE & -4096}) {
      assertTrue(
          String.valueOf(
                  assertThrows(
                          IllegalArgumentException.class,
                          () -> Mapping.builder(Long.MAX_VALUE).guardPages(guard).build())
                      .getMessage())
              .startsWith("size, guard pages and alignment exceed the address space"));
    }
  }

  /** A call on memory that another thread unmaps must never reach what is mapped there next. */
  @Test
  void closeWaitsForTheCallsInside() throws Exception {
    try (OwnedFd zero = OwnedFd.openReadWrite("/dev/zero")) {
      for (String call : List.of("madvise", "mbind", "msync", "mprotect")) {
        Mapping mapping = Mapping.shared(zero, 0, 1 << 20);
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        try (FaultInjection _ =
            FaultInjection.before(
                call,
                () -> {
                  inside.countDown();
                  try {
                    goOn.await();
                  } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                  }
                })) {
          Thread user =
              Thread.ofPlatform()
                  .start(() -> {
                    try {
                      switch (call) {
                        case "madvise" -> mapping.advise(Advice.POPULATE_WRITE);
                        case "mbind" -> mapping.bind(NumaPolicy.DEFAULT, 0);
                        case "msync" -> mapping.sync();
                        default -> mapping.protectReadOnly();
                      }
                    } catch (Throwable t) {
                      failure.set(t);
                    }
                  });
          inside.await();
          Thread closer = Thread.ofPlatform().start(mapping::close);
          while (closer.getState() != Thread.State.WAITING) {
            assertTrue(closer.isAlive(), call + ": closed with a call inside");
            Thread.sleep(1);
          }
          assertTrue(isMapped(mapping.address()));
          goOn.countDown();
          user.join();
          closer.join();
          assertFalse(isMapped(mapping.address()));
        }
        assertEquals(null, failure.get(), call);
      }
    }
  }
}

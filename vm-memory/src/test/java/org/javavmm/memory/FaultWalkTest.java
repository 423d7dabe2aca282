// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.javavmm.memory.RegionSpec.TransparentHugePages;
import org.javavmm.sys.Errno;
import org.javavmm.sys.FaultInjection;
import org.javavmm.sys.NumaPolicy;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.SystemCallException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Lets each system call of mapping, changing and moving memory fail in turn. */
@SuppressWarnings("try") // closing early is what is tested
class FaultWalkTest {
  private static final long SIZE = 1 << 20;

  @TempDir private Path folder = Path.of("");

  private void everything(OwnedFd file) throws IOException {
    try (GuestMemory memory =
        GuestMemory.builder()
            .resizable()
            .region(
                RegionSpec.anonymous("a", 0, SIZE)
                    .transparentHugePages(TransparentHugePages.ON)
                    .numa(NumaPolicy.PREFERRED, 0)
                    .dump(false)
                    .guardPages(4096)
                    .prefault(1, bytes -> {}))
            .region(RegionSpec.memfd("b", SIZE, SIZE).contents(s -> {}).readOnly())
            .region(RegionSpec.file("c", 2 * SIZE, SIZE, file, 0))
            .build()) {
      GuestRegion added = memory.addRegion(RegionSpec.memfd("d", 3 * SIZE, SIZE));
      GuestRegion changed =
          memory.replaceRegion(added, RegionSpec.file("e", 3 * SIZE, SIZE, file, 0));
      try (GuestIoVector vector = new GuestIoVector(4)) {
        vector.add(memory, 0, 8192, Access.READ);
        vector.writeFully(file, 0);
        vector.clear();
        vector.add(memory, 3 * SIZE - 4096, 8192, Access.WRITE);
        vector.readFully(file, 4096);
      }
      memory.removeRegion(changed);
    }
  }

  @Test
  void nothingLeaksWhicheverCallFails() throws Exception {
    Path path = Files.write(folder.resolve("file"), new byte[(int) SIZE]);
    try (OwnedFd file = OwnedFd.openReadWrite(path.toString())) {
      everything(file);
      int calls = 0;
      for (int errno : new int[] {Errno.EIO, Errno.ENOMEM}) {
        boolean hit = true;
        for (int n = 1; hit; n++) {
          Map<String, Long> before = resources();
          try (FaultInjection fault =
              FaultInjection.failNth(n, errno).onThread(Thread.currentThread())) {
            try {
              everything(file);
              assertTrue(
                  fault.hits() == 0 || List.of("close", "munmap").contains(fault.hitCall()),
                  () -> "nobody heard of " + fault.hitCall() + " failing");
            } catch (SystemCallException e) {
              String message = String.valueOf(e.getMessage());
              assertTrue(message.contains(fault.hitCall() + "("), fault.hitCall() + ": " + message);
              assertEquals(errno, e.errno());
            }
            hit = fault.hits() > 0;
            calls++;
            assertEquals(before, resources(), "call " + n + ", " + fault.hitCall());
          }
        }
      }
      assertTrue(calls > 40, "only " + calls + " calls");
    }
  }

  @Test
  void shortTransfersLoseNothing() throws Exception {
    byte[] bytes = new byte[12_288];
    new java.util.SplittableRandom(5).nextBytes(bytes);
    Path path = Files.write(folder.resolve("file"), bytes);
    try (OwnedFd file = OwnedFd.openReadWrite(path.toString());
        GuestMemory memory =
            GuestMemory.builder()
                .anonymous("a", 0, 4096)
                .anonymous("b", 4096, 8192)
                .anonymous("c", 16_384, 4096)
                .build();
        GuestIoVector vector = new GuestIoVector(8)) {
      for (int step : new int[] {1, 7, 100, 4095, 4096, 5000}) {
        memory.fill(0, 12_288, (byte) 0);
        try (FaultInjection _ = FaultInjection.shorten("preadv", step).times(Integer.MAX_VALUE)) {
          vector.add(memory, 3000, 5000, Access.WRITE);
          vector.add(memory, 16_384, 4000, Access.WRITE);
          vector.readFully(file, 17);
          vector.clear();
        }
        byte[] there = new byte[5000];
        memory.read(3000, there);
        for (int i = 0; i < 5000; i++) {
          assertEquals(bytes[17 + i], there[i], "step " + step + ", byte " + i);
        }
        for (int i = 0; i < 4000; i++) {
          assertEquals(bytes[5017 + i], memory.getByte(16_384 + i));
        }
      }
    }
  }

  /** Descriptors and mappings by what they lead to. */
  private static Map<String, Long> resources() throws IOException {
    Map<String, Long> found = new TreeMap<>();
    try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
      for (Path fd : fds.toList()) {
        try {
          String target = Files.readSymbolicLink(fd).toString();
          if (target.contains("memfd") || target.contains("/file")) {
            found.merge("fd " + target, 1L, Long::sum);
          }
        } catch (IOException e) {
          // The descriptor of the listing itself.
        }
      }
    }
    for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
      if (line.contains("memfd") || line.endsWith("/file")) {
        found.merge("mapping " + line.replaceAll(".* ", ""), 1L, Long::sum);
      }
    }
    return found;
  }
}

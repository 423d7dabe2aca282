// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FaultInjectionTest {
  @Test
  void aCallFailsWhenItsTurnComes() throws Exception {
    assertTrue(FaultInjection.isEnabled());
    Thread me = Thread.currentThread();
    try (FaultInjection fault =
        FaultInjection.fail("open", Errno.ENXIO).after(1).times(2).onThread(me)) {
      OwnedFd.openReadWrite("/dev/null").close();
      for (int i = 0; i < 2; i++) {
        assertEquals(
            "open(/dev/null, O_RDWR): ENXIO (no such device or address)",
            assertThrows(SystemCallException.class, () -> OwnedFd.openReadWrite("/dev/null"))
                .getMessage());
      }
      OwnedFd.openReadWrite("/dev/null").close();
      assertEquals(2, fault.hits());
      assertEquals("open", fault.hitCall());
      assertEquals(List.of("open", "open", "open", "open"), fault.calls());
    }
    OwnedFd.openReadWrite("/dev/null").close();
  }

  @Test
  void otherThreadsAreSparedIfAskedFor() throws Exception {
    try (FaultInjection fault =
        FaultInjection.fail("open", Errno.EIO).onThread(Thread.ofPlatform().unstarted(() -> {}))) {
      OwnedFd.openReadWrite("/dev/null").close();
      assertEquals(0, fault.hits());
      assertEquals(List.of(), fault.calls());
    }
  }

  @Test
  void closeAndMunmapDoTheirWorkAllTheSame() throws Exception {
    Thread me = Thread.currentThread();
    long before = Descriptors.open("anon_inode:[eventfd]");
    try (FaultInjection fault = FaultInjection.fail("close", Errno.EIO).onThread(me)) {
      EventFd.create("one").close();
      assertEquals(1, fault.hits());
    }
    assertEquals(before, Descriptors.open("anon_inode:[eventfd]"));
    long address;
    try (FaultInjection fault = FaultInjection.fail("munmap", Errno.EIO).onThread(me)) {
      try (Mapping mapping = Mapping.anonymous(1 << 24)) {
        address = mapping.address();
      }
      assertEquals(1, fault.hits());
    }
    Mapping.fixedAt(address, 1 << 24).close();
  }

  @Test
  void theNthCallOfAnyKindFailsAndSystemCallsHaveTheirNames() throws Exception {
    Thread me = Thread.currentThread();
    try (Mapping mapping = Mapping.anonymous(1 << 16)) {
      try (FaultInjection fault = FaultInjection.failNth(2, Errno.EIO).onThread(me)) {
        mapping.advise(Advice.DONTDUMP);
        SystemCallException e =
            assertThrows(
                SystemCallException.class, () -> mapping.bind(NumaPolicy.INTERLEAVE, 0b101));
        assertEquals(
            "mbind(anonymous, MPOL_INTERLEAVE, nodes=0x5, flags=0): EIO (input/output error)",
            e.getMessage());
        assertEquals("mbind", fault.hitCall());
        mapping.advise(Advice.DODUMP);
        assertEquals(List.of("madvise", "mbind", "madvise"), fault.calls());
      }
    }
  }

  @Test
  void severalInjectionsWorkSideBySide() throws Exception {
    Thread me = Thread.currentThread();
    try (FaultInjection recorder = FaultInjection.record().onThread(me);
        FaultInjection first = FaultInjection.fail("open", Errno.EIO).times(1).onThread(me);
        FaultInjection second = FaultInjection.fail("open", Errno.EPERM).onThread(me)) {
      assertEquals(
          Errno.EIO,
          assertThrows(SystemCallException.class, () -> OwnedFd.openReadOnly("/dev/null")).errno());
      assertEquals(
          Errno.EPERM,
          assertThrows(SystemCallException.class, () -> OwnedFd.openReadOnly("/dev/null")).errno());
      assertEquals(List.of("open", "open"), recorder.calls());
      assertEquals(0, recorder.hits());
      assertEquals("", recorder.hitCall());
      assertEquals(1, first.hits());
      assertEquals(1, second.hits());
    }
  }

  @Test
  void transfersBecomeShortAndTheVectorIsLeftAsItWas(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("f");
    try (OwnedFd fd = OwnedFd.create(file.toString());
        Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(10);
      IoVector vector = new IoVector(4);
      vector.add(bytes.asSlice(0, 3));
      vector.add(bytes.asSlice(3, 0));
      vector.add(bytes.asSlice(3, 4));
      vector.add(bytes.asSlice(7, 3));
      List<String> plain = List.of("write", "pwrite", "read", "pread");
      for (int most = 1; most <= 12; most++) {
        for (String call : plain) {
          try (FaultInjection fault = FaultInjection.shorten(call, most)) {
            long n =
                switch (call) {
                  case "write" -> fd.write(bytes);
                  case "pwrite" -> fd.pwrite(bytes, 0);
                  case "read" -> {
                    try (OwnedFd again = OwnedFd.openReadOnly(file.toString())) {
                      yield again.read(bytes);
                    }
                  }
                  default -> fd.pread(bytes, 0);
                };
            assertEquals(Math.min(most, 10), n, call);
            assertEquals(1, fault.hits());
          }
          fd.pwriteFully(bytes, 0);
        }
        for (String call : List.of("writev", "pwritev", "pwritev2", "preadv", "preadv2")) {
          try (FaultInjection _ = FaultInjection.shorten(call, most)) {
            long n =
                switch (call) {
                  case "writev" -> fd.writev(vector);
                  case "pwritev" -> fd.pwritev(vector, 0);
                  case "pwritev2" -> fd.pwritev2(vector, 0, 0);
                  case "preadv" -> fd.preadv(vector, 0);
                  default -> fd.preadv2(vector, 0, 0);
                };
            assertEquals(Math.min(most, 10), n, call);
          }
          assertEquals(10, fd.pwritev(vector, 0));
          assertEquals(10, vector.byteCount());
        }
      }
    }
    assertTrue(Files.size(file) >= 10);
  }

  @Test
  void misuseIsRefused() {
    assertEquals(
        "errno=0 is not positive",
        assertThrows(IllegalArgumentException.class, () -> FaultInjection.fail("open", 0))
            .getMessage());
    assertEquals(
        "n=0 is not positive",
        assertThrows(IllegalArgumentException.class, () -> FaultInjection.failNth(0, 5))
            .getMessage());
    assertEquals(
        "open cannot be shortened",
        assertThrows(IllegalArgumentException.class, () -> FaultInjection.shorten("open", 1))
            .getMessage());
    assertEquals(
        "bytes=0 is less than 1",
        assertThrows(IllegalArgumentException.class, () -> FaultInjection.shorten("read", 0))
            .getMessage());
    try (FaultInjection fault = FaultInjection.record()) {
      assertEquals(
          "skip=-1 is negative",
          assertThrows(IllegalArgumentException.class, () -> fault.after(-1)).getMessage());
      assertEquals(
          "count=-1 is negative",
          assertThrows(IllegalArgumentException.class, () -> fault.times(-1)).getMessage());
    }
  }

  /** In a JVM without the property every factory refuses: shown in one of its own. */
  @Test
  void withoutThePropertyNothingCanBeInjected() throws Exception {
    String path = System.getProperty("jdk.module.path", System.getProperty("java.class.path"));
    String main =
        "public class Main { public static void main(String[] a) { try {"
            + " org.javavmm.sys.FaultInjection.fail(\"open\", 5); } catch (IllegalStateException e)"
            + " { System.out.print(e.getMessage()); } } }";
    Path source = Files.createTempDirectory("fault").resolve("Main.java");
    Files.writeString(source, main);
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                String.valueOf(path).contains("classes") ? path : "target/classes",
                "--enable-native-access=ALL-UNNAMED",
                source.toString())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    assertEquals("faults can be injected only with -Dorg.javavmm.sys.faultInjection=true", output);
    Files.delete(source);
    Files.delete(source.getParent());
  }

  @Test
  void nothingIsAllocatedWhileNoneIsAtWork() throws Exception {
    try (EventFd event = EventFd.create("hot")) {
      long bytes = Allocation.bytes(100_000, i -> event.signal());
      assertTrue(bytes < 10_000, bytes + " bytes for 100,000 calls");
      MemorySegment one = Arena.global().allocateFrom(ValueLayout.JAVA_LONG, 1);
      assertEquals(8, event.fd().write(one));
    }
  }
}

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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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
}

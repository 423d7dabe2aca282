// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.util.NoSuchElementException;
import org.junit.jupiter.api.Test;

class LibcTest {
  @Test
  void errnoIsTheOnlyCapturedStateAndStandsFirst() {
    assertEquals(4, Libc.CAPTURE_LAYOUT.byteSize());
    assertEquals(0, Libc.CAPTURE_LAYOUT.byteOffset(PathElement.groupElement("errno")));
  }

  @Test
  void anUnknownFunctionIsNamed() {
    NoSuchElementException e =
        assertThrows(NoSuchElementException.class, () -> Libc.function("no_such_function"));
    assertTrue(String.valueOf(e.getMessage()).contains("no_such_function"), e.getMessage());
  }

  @Test
  void aFailureIsTheNegativeErrorOfThisThreadsCall() throws InterruptedException {
    MemorySegment close = Libc.function("close");
    MemorySegment lseek = Libc.function("lseek");
    assertEquals(-Errno.EBADF, Libc.callInt(close, -1));
    assertEquals(-Errno.EBADF, Libc.callLong(lseek, -1, 0, 0, 0, 0, 0));
    int[] other = new int[1];
    Thread thread = Thread.ofPlatform().start(() -> other[0] = Libc.callInt(close, 1 << 30));
    thread.join();
    assertEquals(-Errno.EBADF, other[0]);
  }

  @Test
  void argumentsArriveInOrderAndLongResultsWhole() {
    // mmap takes six arguments and returns an address above 2^32.
    MemorySegment mmap = Libc.function("mmap");
    MemorySegment munmap = Libc.function("munmap");
    long address = Libc.callLong(mmap, 0x6_0000_0000L, 4096, 3, 0x22 | 0x100000, -1, 0);
    assertEquals(0x6_0000_0000L, address);
    assertEquals(0, Libc.callInt(munmap, address, 4096));
    assertEquals(-Errno.EINVAL, Libc.callLong(mmap, 0, 0, 3, 0x22, -1, 0));
    // An offset that is not a page's is the sixth argument's error.
    assertEquals(-Errno.EINVAL, Libc.callLong(mmap, 0, 4096, 3, 0x22, -1, 1));
  }

  @Test
  void memoryForTheKernelIsNativeAndAlive() {
    assertEquals(
        "memory for a system call must be native memory",
        assertThrows(
                IllegalArgumentException.class,
                () -> Libc.checkPassable(MemorySegment.ofArray(new byte[8])))
            .getMessage());
    MemorySegment freed;
    try (Arena arena = Arena.ofConfined()) {
      freed = arena.allocate(8);
      Libc.checkPassable(freed);
    }
    assertEquals(
        "memory for a system call was freed",
        assertThrows(IllegalStateException.class, () -> Libc.checkPassable(freed)).getMessage());
  }
}

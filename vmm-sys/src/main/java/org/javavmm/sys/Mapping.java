// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A mapping of memory, unmapped when closed.
 *
 * <p>Java's accesses go through {@link #segment} and fail cleanly after {@link #close}. The kernel
 * knows only the address: whoever hands that out must keep the mapping open for as long as the
 * kernel may use it ({@code vm-memory}'s leases do this for guest memory).
 *
 * <p>Thread-safe.
 */
public final class Mapping implements AutoCloseable {
  private static final MemorySegment MMAP = Libc.function("mmap");
  private static final MemorySegment MUNMAP = Libc.function("munmap");

  private static final int PROT_READ = 1;
  private static final int PROT_WRITE = 2;
  private static final int MAP_SHARED = 1;
  private static final int MAP_PRIVATE = 2;
  private static final int MAP_ANONYMOUS = 0x20;
  private static final int MAP_NORESERVE = 0x4000;

  private final Arena arena;
  private final MemorySegment segment;

  private Mapping(long address, long size) {
    this.arena = Arena.ofShared();
    this.segment = reinterpret(address, size, arena);
  }

  @SuppressWarnings("restricted")
  private static MemorySegment reinterpret(long address, long size, Arena arena) {
    return MemorySegment.ofAddress(address)
        .reinterpret(
            size,
            arena,
            unmapped -> {
              // Unmapping what was mapped whole cannot fail.
              var _ = Libc.callInt(MUNMAP, address, size);
            });
  }

  /**
   * Maps private, zeroed memory without reserving swap space for it.
   *
   * @param size the size in bytes, positive; rounded up to a page by the kernel
   * @return the mapping, readable and writable
   * @throws IllegalArgumentException if {@code size} is not positive
   * @throws SystemCallException if the kernel has no room for it
   */
  public static Mapping anonymous(long size) throws SystemCallException {
    checkSize(size);
    return map(size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, "anonymous");
  }

  /**
   * Maps a file shared, readable and writable.
   *
   * @param fd the file
   * @param offset the first byte's offset in the file, a multiple of the page size
   * @param size the size in bytes, positive
   * @return the mapping, which outlives {@code fd}
   * @throws IllegalArgumentException if {@code size} is not positive or {@code offset} is negative
   * @throws IllegalStateException if {@code fd} is closed
   * @throws SystemCallException if the file cannot be mapped so
   */
  public static Mapping shared(OwnedFd fd, long offset, long size) throws SystemCallException {
    checkSize(size);
    if (offset < 0) {
      throw new IllegalArgumentException("offset=" + offset + " is negative");
    }
    int number = fd.acquire();
    try {
      return map(size, MAP_SHARED, number, offset, fd.name());
    } finally {
      fd.release();
    }
  }

  private static void checkSize(long size) {
    if (size <= 0) {
      throw new IllegalArgumentException("size=" + size + " is not positive");
    }
  }

  private static Mapping map(long size, int flags, int fd, long offset, String what)
      throws SystemCallException {
    long address = Libc.callLong(MMAP, 0, size, PROT_READ | PROT_WRITE, flags, fd, offset);
    if (address < 0) {
      throw new SystemCallException(
          "mmap(" + what + ", offset=" + offset + ", size=" + size + ")", (int) -address);
    }
    return new Mapping(address, size);
  }

  /** {@return the memory; accesses after {@link #close} throw {@link IllegalStateException}} */
  public MemorySegment segment() {
    return segment;
  }

  /** {@return the host virtual address of the first byte} */
  public long address() {
    return segment.address();
  }

  /** {@return the size in bytes} */
  public long size() {
    return segment.byteSize();
  }

  /**
   * Unmaps the memory. Closing twice is safe.
   *
   * @throws IllegalStateException if the JDK itself holds the segment at this moment, as a channel
   *     does that reads into a buffer of it; nothing was unmapped
   */
  @Override
  public synchronized void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }

  @Override
  public String toString() {
    return "mapping of " + size() + " bytes at 0x" + Long.toHexString(address());
  }
}

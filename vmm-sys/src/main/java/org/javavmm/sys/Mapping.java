// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * A mapping of memory, unmapped when closed.
 *
 * <p>Java's accesses go through {@link #segment} and fail cleanly after {@link #close}. The kernel
 * knows only the address: whoever hands that out must keep the mapping open for as long as the
 * kernel may use it ({@code vm-memory}'s leases do this for guest memory).
 *
 * <p>Thread-safe. {@link #close} waits for the calls of other threads that are inside the kernel
 * with this memory ({@link #advise}, {@link #bind}, {@link #sync}).
 */
public final class Mapping implements AutoCloseable {
  private static final MemorySegment MMAP = Libc.function("mmap");
  private static final MemorySegment MUNMAP = Libc.function("munmap");
  private static final MemorySegment MADVISE = Libc.function("madvise");
  private static final MemorySegment MPROTECT = Libc.function("mprotect");
  private static final MemorySegment MSYNC = Libc.function("msync");
  private static final MemorySegment MINCORE = Libc.function("mincore");
  private static final long MBIND = Libc.syscallNumber("mbind", 237, 235);

  static final int PROT_NONE = 0;
  static final int PROT_READ = 1;
  static final int PROT_WRITE = 2;
  static final int MAP_SHARED = 1;
  static final int MAP_PRIVATE = 2;
  static final int MAP_FIXED = 0x10;
  static final int MAP_ANONYMOUS = 0x20;
  static final int MAP_NORESERVE = 0x4000;
  static final int MAP_POPULATE = 0x8000;
  static final int MAP_HUGETLB = 0x4_0000;
  static final int MAP_FIXED_NOREPLACE = 0x10_0000;
  static final int MS_SYNC = 4;

  /** The largest address space of Linux on either architecture, 2^52 with arm64's LPA. */
  private static final long ADDRESS_SPACE = 1L << 52;

  private final Arena arena;
  private final String what;
  private final long pageSize;
  private final Lock using;
  private final Lock closing;
  private MemorySegment segment;

  /** {@return the size in bytes of the host's pages, those that are not huge} */
  public static long basePageSize() {
    return PageSize.BASE;
  }

  private Mapping(Place place, boolean readOnly, String what, long pageSize) {
    ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
    this.using = lock.readLock();
    this.closing = lock.writeLock();
    this.arena = Arena.ofShared();
    this.what = what;
    this.pageSize = pageSize;
    MemorySegment all = reinterpret(place, arena);
    this.segment = readOnly ? all.asReadOnly() : all;
  }

  /** Where a mapping lies, and the reservation around it that goes with it. */
  private record Place(long address, long size, long reservedAddress, long reservedSize) {}

  @SuppressWarnings("restricted")
  private static MemorySegment reinterpret(Place place, Arena arena) {
    return MemorySegment.ofAddress(place.address)
        .reinterpret(
            place.size, arena, unmapped -> unmap(place.reservedAddress, place.reservedSize));
  }

  private static void unmap(long address, long size) {
    // Unmapping what was mapped whole cannot fail.
    var _ = Libc.callInt(MUNMAP, address, size);
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
    return builder(size).build();
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
    return builder(size).file(fd, offset).build();
  }

  /**
   * Maps private, zeroed memory at a given address where nothing is mapped: for tests of what stale
   * addresses reach.
   *
   * @param address the address, a multiple of the page size
   * @param size the size in bytes, positive
   * @return the mapping, readable and writable
   * @throws IllegalArgumentException if {@code size} is not positive
   * @throws SystemCallException {@code EEXIST} if something is mapped there
   */
  public static Mapping fixedAt(long address, long size) throws SystemCallException {
    checkSize(size);
    String where = "anonymous at 0x" + Long.toHexString(address);
    long result =
        map(
            address,
            size,
            PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
            -1,
            0,
            where);
    return new Mapping(new Place(result, size, result, size), false, where, PageSize.BASE);
  }

  /**
   * Starts a mapping with more choices. Anonymous, private and without reserved swap space unless
   * told otherwise.
   *
   * @param size the size in bytes, positive; rounded up to a page by the kernel
   * @return the builder
   * @throws IllegalArgumentException if {@code size} is not positive
   */
  public static Builder builder(long size) {
    checkSize(size);
    return new Builder(size);
  }

  private static void checkSize(long size) {
    if (size <= 0) {
      throw new IllegalArgumentException("size=" + size + " is not positive");
    }
  }

  private static long map(
      long at, long size, int protection, int flags, int fd, long offset, String what)
      throws SystemCallException {
    long address = Libc.callLong(MMAP, at, size, protection, flags, fd, offset);
    if (address < 0) {
      throw new SystemCallException(
          "mmap(" + what + ", offset=" + offset + ", size=" + size + ")", (int) -address);
    }
    return address;
  }

  /** What a mapping shall be. Not thread-safe. */
  public static final class Builder {
    private final long size;
    private @Nullable OwnedFd fd;
    private long offset;
    private @Nullable Boolean shared;
    private @Nullable Boolean noReserve;
    private boolean readOnly;
    private HugePageSize pages = HugePageSize.NONE;
    private long guard;
    private long alignment = 1;

    private Builder(long size) {
      this.size = size;
    }

    /**
     * Maps a file, shared unless {@link #shared} says otherwise. The file's length is not checked:
     * beyond it an access of Java fails with an {@link InternalError}, one of the kernel with
     * {@code EFAULT}.
     *
     * @param file the file, needed until {@link #build} returns
     * @param fileOffset the first byte's offset in the file, a multiple of the page size
     * @return this
     * @throws IllegalArgumentException if {@code fileOffset} is negative
     */
    public Builder file(OwnedFd file, long fileOffset) {
      if (fileOffset < 0) {
        throw new IllegalArgumentException("offset=" + fileOffset + " is negative");
      }
      this.fd = file;
      this.offset = fileOffset;
      return this;
    }

    /**
     * Says whether writes reach the file, and children of this process.
     *
     * @param value true if so; the default is true for files and false for anonymous memory
     * @return this
     */
    public Builder shared(boolean value) {
      this.shared = value;
      return this;
    }

    /**
     * Makes the memory read-only, for Java and for the kernel.
     *
     * @return this
     */
    public Builder readOnly() {
      this.readOnly = true;
      return this;
    }

    /**
     * Says whether swap space, or huge pages, are reserved now for memory touched later.
     *
     * @param value true for no reservation; the default is true for anonymous memory and false for
     *     files and for huge pages
     * @return this
     */
    public Builder noReserve(boolean value) {
      this.noReserve = value;
      return this;
    }

    /**
     * Takes pages of hugetlbfs. For a file it says what pages the file has.
     *
     * @param value the size of the pages, of which {@code size} must be a multiple
     * @return this
     */
    public Builder hugePages(HugePageSize value) {
      this.pages = value;
      return this;
    }

    /**
     * Reserves address space before and after the memory, where an access by the kernel or by
     * native code faults.
     *
     * @param bytes how much on each side, a multiple of the base page size; 0 for none
     * @return this
     * @throws IllegalArgumentException if {@code bytes} is negative or not a multiple
     */
    public Builder guardPages(long bytes) {
      if (bytes < 0 || bytes % PageSize.BASE != 0) {
        throw new IllegalArgumentException(
            "guardPages=" + bytes + " is not a multiple of the page size " + PageSize.BASE);
      }
      this.guard = bytes;
      return this;
    }

    /**
     * Aligns the first byte more strictly than the page size does.
     *
     * @param bytes the alignment, a power of two
     * @return this
     * @throws IllegalArgumentException if {@code bytes} is not a power of two
     */
    public Builder alignment(long bytes) {
      if (bytes <= 0 || Long.bitCount(bytes) != 1) {
        throw new IllegalArgumentException("alignment=" + bytes + " is not a power of two");
      }
      this.alignment = bytes;
      return this;
    }

    /**
     * Maps the memory.
     *
     * @return the mapping, which outlives the file's descriptor
     * @throws IllegalArgumentException if {@code size} is not a multiple of the huge page size, or
     *     with its guard pages and alignment exceeds any address space
     * @throws IllegalStateException if the file is closed
     * @throws SystemCallException if the kernel refuses: {@code ENOMEM} without room or without
     *     enough huge pages, {@code EINVAL} for an offset that is not a page's, {@code EACCES} for
     *     a file not opened so
     */
    public Mapping build() throws SystemCallException {
      long page = pages.bytes();
      if (pages != HugePageSize.NONE && size % page != 0) {
        throw new IllegalArgumentException(
            "size=" + size + " is not a multiple of the huge page size " + page);
      }
      boolean isShared = shared == null ? fd != null : shared;
      boolean unreserved = noReserve == null ? fd == null && page == PageSize.BASE : noReserve;
      int flags = (isShared ? MAP_SHARED : MAP_PRIVATE) | (unreserved ? MAP_NORESERVE : 0);
      String pagesText = pages == HugePageSize.NONE ? "" : " of pages of " + page;
      OwnedFd file = fd;
      if (file == null) {
        flags |= MAP_ANONYMOUS;
        if (pages != HugePageSize.NONE) {
          flags |= MAP_HUGETLB | pages.flagBits();
        }
        return place(flags, -1, "anonymous" + pagesText, page);
      }
      int number = file.acquire();
      try {
        return place(flags, number, file.name() + pagesText, page);
      } finally {
        file.release();
      }
    }

    private Mapping place(int flags, int number, String what, long page)
        throws SystemCallException {
      int protection = readOnly ? PROT_READ : PROT_READ | PROT_WRITE;
      long align = Math.max(alignment, page);
      if (guard == 0 && (align == PageSize.BASE || (align == page && number < 0))) {
        long address = map(0, size, protection, flags, number, offset, what);
        return new Mapping(new Place(address, size, address, size), readOnly, what, page);
      }
      long reserved = checkedSum(roundUp(size, page), guard, guard, align);
      int none = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
      long start = map(0, reserved, PROT_NONE, none, -1, 0, "reservation for " + what);
      long address = roundUp(start + guard, align);
      try {
        // Over our own reservation: nothing of anybody else's can be there.
        var _ = map(address, size, protection, flags | MAP_FIXED, number, offset, what);
      } catch (SystemCallException e) {
        unmap(start, reserved);
        throw e;
      }
      return new Mapping(new Place(address, size, start, reserved), readOnly, what, page);
    }

    private static long checkedSum(long... parts) {
      long sum = 0;
      for (long part : parts) {
        if (part < 0 || part > ADDRESS_SPACE - sum) {
          throw new IllegalArgumentException(
              "size, guard pages and alignment exceed the address space: "
                  + Arrays.toString(parts));
        }
        sum += part;
      }
      return sum;
    }

    private static long roundUp(long value, long to) {
      return (value + to - 1) & -to;
    }
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

  /** {@return the size in bytes of the pages asked for: the base size, or that of hugetlbfs} */
  public long pageSize() {
    return pageSize;
  }

  /**
   * Gives the kernel advice on all of the memory.
   *
   * @param advice what
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses, as it does what it was built without
   */
  public void advise(Advice advice) throws SystemCallException {
    advise(advice, 0, size());
  }

  /**
   * Gives the kernel advice on a part. Several threads may advise at once, as for faulting in.
   *
   * @param advice what
   * @param offset the first byte, a multiple of the page size
   * @param length the length in bytes, rounded up to a page by the kernel
   * @throws IndexOutOfBoundsException if the part is not inside the memory
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public void advise(Advice advice, long offset, long length) throws SystemCallException {
    Objects.checkFromIndexSize(offset, length, /* length= */ size());
    using.lock();
    try {
      checkOpen();
      int result;
      do {
        result = Libc.callInt(MADVISE, address() + offset, length, advice.number());
        // Faulting in ends early for a signal; it goes on where it was.
      } while (result == -Errno.EINTR);
      if (result < 0) {
        throw failed("madvise", offset, length, ", MADV_" + advice, result);
      }
    } finally {
      using.unlock();
    }
  }

  /**
   * Asks whether all pages of a part are in memory, so that an access does not wait for them
   * ({@code mincore}). An answer of this moment, good for saving work only. Pages of a file count
   * when they are in the page cache, mapped or not.
   *
   * @param offset the first byte, a multiple of the page size
   * @param length the length in bytes
   * @return whether they are; true if there are none
   * @throws IndexOutOfBoundsException if the part is not inside the memory
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public boolean isResident(long offset, long length) throws SystemCallException {
    Objects.checkFromIndexSize(offset, length, /* length= */ size());
    long pages = (length + PageSize.BASE - 1) / PageSize.BASE;
    using.lock();
    try (Arena buffer = Arena.ofConfined()) {
      checkOpen();
      MemorySegment vector = buffer.allocate(pages);
      int result;
      do {
        result = Libc.callInt(MINCORE, address() + offset, length, vector.address());
      } while (result == -Errno.EAGAIN);
      if (result < 0) {
        throw failed("mincore", offset, length, "", result);
      }
      for (long page = 0; page < pages; page++) {
        if ((vector.get(ValueLayout.JAVA_BYTE, page) & 1) == 0) {
          return false;
        }
      }
      return true;
    } finally {
      using.unlock();
    }
  }

  private SystemCallException failed(
      String call, long offset, long length, String more, int result) {
    return new SystemCallException(
        call
            + "("
            + what
            + ", offset=0x"
            + Long.toHexString(offset)
            + ", length=0x"
            + Long.toHexString(length)
            + more
            + ")",
        -result);
  }

  /**
   * Makes the memory read-only, for Java and for the kernel, for good. A segment obtained before
   * must not be written through any more, for that would end the process.
   *
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public void protectReadOnly() throws SystemCallException {
    using.lock();
    try {
      checkOpen();
      // Java's view first: a write that comes meanwhile is refused instead of faulting.
      MemorySegment before = segment;
      segment = before.asReadOnly();
      int result = Libc.callInt(MPROTECT, address(), size(), PROT_READ);
      if (result < 0) {
        segment = before;
        throw new SystemCallException(
            "mprotect(" + what + ", size=" + size() + ", PROT_READ)", -result);
      }
    } finally {
      using.unlock();
    }
  }

  /**
   * Says from which NUMA nodes the memory is taken, for nodes 0 to 63.
   *
   * @param policy how
   * @param nodeMask the nodes: bit n is node n; 0 with {@link NumaPolicy#DEFAULT}
   * @param flags what is done about pages that are there already
   * @throws IllegalStateException if closed
   * @throws SystemCallException {@code EINVAL} if a node does not exist or the mask does not fit
   *     the policy, {@code EIO} if a page could not be moved
   */
  public void bind(NumaPolicy policy, long nodeMask, NumaPolicy.Flag... flags)
      throws SystemCallException {
    bind(policy, new long[] {nodeMask}, flags);
  }

  /**
   * Says from which NUMA nodes the memory is taken.
   *
   * @param policy how
   * @param nodeMask the nodes: bit n of element i is node {@code 64 * i + n}
   * @param flags what is done about pages that are there already
   * @throws IllegalStateException if closed
   * @throws SystemCallException {@code EINVAL} if a node does not exist or the mask does not fit
   *     the policy, {@code EIO} if a page could not be moved
   */
  public void bind(NumaPolicy policy, long[] nodeMask, NumaPolicy.Flag... flags)
      throws SystemCallException {
    int bits = 0;
    for (NumaPolicy.Flag flag : flags) {
      bits |= flag.bit();
    }
    using.lock();
    try (Arena call = Arena.ofConfined()) {
      checkOpen();
      MemorySegment mask = call.allocateFrom(ValueLayout.JAVA_LONG, nodeMask);
      // One more than there are: the kernel takes one off.
      long nodes = nodeMask.length * 64L + 1;
      int result =
          Libc.syscall(MBIND, address(), size(), policy.number(), mask.address(), nodes, bits);
      if (result < 0) {
        StringBuilder text = new StringBuilder();
        for (int i = nodeMask.length - 1; i >= 0; i--) {
          text.append(text.isEmpty() ? "0x" : ",").append(Long.toHexString(nodeMask[i]));
        }
        throw new SystemCallException(
            "mbind(" + what + ", MPOL_" + policy + ", nodes=" + text + ", flags=" + bits + ")",
            -result);
      }
    } finally {
      using.unlock();
    }
  }

  /**
   * Writes what was changed to the file and waits until it is on the disk.
   *
   * @throws IllegalStateException if closed
   * @throws SystemCallException if it cannot be written
   */
  public void sync() throws SystemCallException {
    using.lock();
    try {
      checkOpen();
      int result = Libc.callInt(MSYNC, address(), size(), MS_SYNC);
      if (result < 0) {
        throw new SystemCallException("msync(" + what + ", size=" + size() + ")", -result);
      }
    } finally {
      using.unlock();
    }
  }

  private void checkOpen() {
    if (!arena.scope().isAlive()) {
      throw new IllegalStateException("mapping is closed: " + what);
    }
  }

  /**
   * Unmaps the memory, and the guard pages with it. Closing twice is safe.
   *
   * @throws IllegalStateException if the JDK itself holds the segment at this moment, as a channel
   *     does that reads into a buffer of it; nothing was unmapped
   */
  @Override
  public void close() {
    closing.lock();
    try {
      if (arena.scope().isAlive()) {
        arena.close();
      }
    } finally {
      closing.unlock();
    }
  }

  @Override
  public String toString() {
    return "mapping of " + size() + " bytes at 0x" + Long.toHexString(address());
  }
}

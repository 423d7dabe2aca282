// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongConsumer;
import org.javavmm.sys.Advice;
import org.javavmm.sys.Errno;
import org.javavmm.sys.FileStatus;
import org.javavmm.sys.HugePageSize;
import org.javavmm.sys.Mapping;
import org.javavmm.sys.MemFd;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.SystemCallException;
import org.jspecify.annotations.Nullable;

/**
 * A piece of guest-physical address space with memory behind it. Thread-safe.
 *
 * <p>Regions belong to a {@link GuestMemory}, which closes them.
 */
public final class GuestRegion {
  /** The granularity of a region's {@link DirtyLog}, that of KVM's log on x86-64. */
  static final long DIRTY_PAGE = 4096;

  private static final long PREFAULT_CHUNK = 64L << 20;

  /** What the map of a memory without regions finds. */
  static final GuestRegion NOTHING = new GuestRegion();

  /** Set in {@link #state} once closing; the bits below count leases and transfers under way. */
  private static final int CLOSING = 0x8000_0000;

  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(GuestRegion.class, "state", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final @Nullable RegionSpec spec;
  private final @Nullable Mapping mapping;
  private final @Nullable OwnedFd file;

  final long gpa;
  final long size;

  /** What all accesses go through; read-only if the region is. */
  final MemorySegment segment;

  final @Nullable DirtyLog dirty;
  private final boolean readOnly;
  private final List<Lease> leases = new ArrayList<>();
  private volatile int state;

  private GuestRegion() {
    this.spec = null;
    this.mapping = null;
    this.file = null;
    this.gpa = 0;
    this.size = 0;
    this.segment = MemorySegment.NULL;
    this.dirty = null;
    this.readOnly = false;
  }

  private GuestRegion(RegionSpec spec, Mapping mapping, @Nullable OwnedFd file) {
    this.spec = spec;
    this.mapping = mapping;
    this.file = file;
    this.gpa = spec.gpa();
    this.size = spec.size();
    this.segment = spec.readOnly ? mapping.segment().asReadOnly() : mapping.segment();
    this.dirty = spec.dirtyLog ? new DirtyLog(size, DIRTY_PAGE) : null;
    this.readOnly = spec.readOnly;
  }

  // ---- mapping -----------------------------------------------------------------------------

  static GuestRegion map(RegionSpec spec) throws SystemCallException {
    OwnedFd file = null;
    Mapping mapping = null;
    try {
      file = open(spec);
      Mapping.Builder builder =
          Mapping.builder(spec.size()).noReserve(!spec.reserve).guardPages(spec.guard);
      if (file != null) {
        builder.file(file, spec.fileOffset);
        if (spec.hugePages != HugePageSize.NONE) {
          builder.alignment(spec.hugePages.bytes());
        }
      } else {
        builder.hugePages(spec.hugePages);
      }
      if (spec.readOnly && spec.backing() == RegionSpec.Backing.FILE) {
        builder.readOnly();
      }
      mapping = builder.build();
      prepare(spec, mapping);
      return new GuestRegion(spec, mapping, file);
    } catch (SystemCallException e) {
      release(mapping, file);
      throw e.in(spec.toString());
    } catch (RuntimeException | Error e) {
      release(mapping, file);
      throw e;
    }
  }

  private static void release(@Nullable Mapping mapping, @Nullable OwnedFd file) {
    if (mapping != null) {
      mapping.close();
    }
    if (file != null) {
      file.close();
    }
  }

  private static @Nullable OwnedFd open(RegionSpec spec) throws SystemCallException {
    return switch (spec.backing()) {
      case ANONYMOUS -> null;
      case MEMFD -> MemFd.sealed("guest memory " + spec.name(), spec.size(), spec.hugePages).fd();
      case FILE -> longEnough(spec, Objects.requireNonNull(spec.file)).duplicate();
    };
  }

  private static OwnedFd longEnough(RegionSpec spec, OwnedFd file) throws SystemCallException {
    long length = FileStatus.of(file).size();
    long end = spec.fileOffset + spec.size();
    if (length < end) {
      // The kernel maps beyond the end of a file, and says so only when it is touched.
      throw new SystemCallException(
          "mmap(" + file + ", offset=" + spec.fileOffset + ", size=" + spec.size() + ")",
          Errno.EINVAL,
          "the file has " + length + " bytes, the region ends at " + end);
    }
    return file;
  }

  private static void prepare(RegionSpec spec, Mapping mapping) throws SystemCallException {
    switch (spec.transparent) {
      case ON -> mapping.advise(Advice.HUGEPAGE);
      case OFF -> mapping.advise(Advice.NOHUGEPAGE);
      case HOST -> {}
    }
    if (spec.numa != null) {
      mapping.bind(spec.numa, spec.numaMask());
    }
    if (spec.mergeable) {
      mapping.advise(Advice.MERGEABLE);
    }
    if (!spec.dump) {
      mapping.advise(Advice.DONTDUMP);
    }
    if (spec.prefaultThreads != 0) {
      prefault(
          mapping,
          spec.readOnly && spec.contents == null ? Advice.POPULATE_READ : Advice.POPULATE_WRITE,
          spec.prefaultThreads,
          Objects.requireNonNull(spec.prefaultProgress));
    }
    if (spec.contents != null) {
      spec.contents.accept(mapping.segment());
    }
    if (spec.readOnly && spec.backing() != RegionSpec.Backing.FILE) {
      mapping.protectReadOnly();
    }
  }

  private static void prefault(Mapping mapping, Advice advice, int wanted, LongConsumer progress)
      throws SystemCallException {
    long size = mapping.size();
    AtomicLong next = new AtomicLong();
    AtomicLong done = new AtomicLong();
    AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    Runnable work =
        () -> {
          try {
            long from;
            while (failure.get() == null && (from = next.getAndAdd(PREFAULT_CHUNK)) < size) {
              long length = Math.min(PREFAULT_CHUNK, size - from);
              mapping.advise(advice, from, length);
              progress.accept(done.addAndGet(length));
            }
          } catch (SystemCallException | RuntimeException | Error e) {
            failure.compareAndSet(null, e);
          }
        };
    int threads = (int) Math.min(wanted, (size - 1) / PREFAULT_CHUNK + 1);
    List<Thread> others = new ArrayList<>();
    for (int i = 1; i < threads; i++) {
      others.add(Thread.ofPlatform().name("prefault " + i).daemon(true).start(work));
    }
    work.run();
    boolean interrupted = false;
    for (Thread other : others) {
      while (other.isAlive()) {
        try {
          other.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    switch (failure.get()) {
      case null -> {}
      case SystemCallException e -> throw e;
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      case Throwable e -> throw new AssertionError(e);
    }
  }

  /** Looking takes a byte for each page. */
  private static final long LOOK_LIMIT = 1L << 30;

  /** Faults a part in for writing, as far as the kernel does. */
  void prefault(long offset, long length) {
    if (readOnly) {
      return;
    }
    long start = offset & -pageSize();
    Mapping memory = Objects.requireNonNull(mapping);
    try {
      // Looking costs a fifth of faulting in what is there. Of a file it would tell of the page
      // cache, not of the mapping.
      if (spec().backing() == RegionSpec.Backing.ANONYMOUS
          && length <= LOOK_LIMIT
          && memory.isResident(start, offset + length - start)) {
        return;
      }
      memory.advise(Advice.POPULATE_WRITE, start, offset + length - start);
    } catch (SystemCallException e) {
      // Whoever writes faults for each page, and learns if there is none.
    }
  }

  // ---- what it is --------------------------------------------------------------------------

  RegionSpec spec() {
    return Objects.requireNonNull(spec);
  }

  /** {@return the region's name, for messages} */
  public String name() {
    return spec().name();
  }

  /** {@return the guest-physical address of the first byte} */
  public long gpa() {
    return gpa;
  }

  /** {@return the size in bytes} */
  public long size() {
    return size;
  }

  /** {@return the last guest-physical address of the region} */
  public long lastGpa() {
    return gpa + size - 1;
  }

  /** {@return whether devices and the guest may only read it} */
  public boolean isReadOnly() {
    return readOnly;
  }

  /** {@return what is behind it} */
  public RegionSpec.Backing backing() {
    return spec().backing();
  }

  /** {@return the size of its pages in bytes: 4096, or that of its huge pages} */
  public long pageSize() {
    HugePageSize huge = spec().hugePages;
    return huge == HugePageSize.NONE ? 4096 : huge.bytes();
  }

  /**
   * {@return the file behind it, for a process that is to map it too} It stays the region's. Empty
   * for anonymous memory.
   */
  public Optional<OwnedFd> file() {
    return Optional.ofNullable(file);
  }

  /** {@return where the region begins in its file, in bytes} */
  public long fileOffset() {
    return spec().fileOffset;
  }

  /** {@return which of its pages were written, if it was built to know} */
  public Optional<DirtyLog> dirtyLog() {
    return Optional.ofNullable(dirty);
  }

  /**
   * {@return the memory, bounds-checked; read-only if the region is} Accesses throw {@link
   * IllegalStateException} once closed. Writes through it are not marked in the {@link #dirtyLog}:
   * the writer marks.
   */
  public MemorySegment segment() {
    return segment;
  }

  String describeBacking() {
    return spec().describe();
  }

  // ---- access ------------------------------------------------------------------------------

  /** Whether a range lies in this region. */
  boolean holds(long address, long length) {
    long offset = address - gpa;
    return Long.compareUnsigned(offset, size) < 0
        ? Long.compareUnsigned(length, size - offset) <= 0
        : length == 0;
  }

  /** Whether a range has a byte in common with this region. */
  boolean touches(long address, long length) {
    return length != 0
        && (Long.compareUnsigned(address - gpa, size) < 0
            || Long.compareUnsigned(gpa - address, length) < 0);
  }

  /** How many bytes of a range that begins here lie here. */
  long atMost(long address, long length) {
    long left = size - (address - gpa);
    return Long.compareUnsigned(length, left) <= 0 ? length : left;
  }

  boolean permits(Access access) {
    return !readOnly || !access.writes();
  }

  void wrote(long offset, long length) {
    DirtyLog log = dirty;
    if (log != null) {
      log.markChecked(offset, length);
    }
  }

  long hva() {
    return segment.address();
  }

  // ---- leases ------------------------------------------------------------------------------

  /**
   * Takes a lease, so that the kernel may be given the region's address.
   *
   * @param holder who takes it and for what, for messages
   * @return the lease
   * @throws IllegalStateException if the region is closed
   */
  public Lease lease(String holder) {
    synchronized (leases) {
      if (!hold()) {
        throw new IllegalStateException(this + " is closed; no lease for " + holder);
      }
      Lease lease = new Lease(this, holder);
      leases.add(lease);
      return lease;
    }
  }

  void end(Lease lease) {
    synchronized (leases) {
      if (leases.remove(lease)) {
        unhold();
      }
    }
  }

  /**
   * Keeps the region mapped for a transfer, without a name and without allocation.
   *
   * @return whether it is not closed
   */
  boolean hold() {
    int s;
    do {
      s = state;
      if (s < 0) {
        return false;
      }
    } while (!STATE.compareAndSet(this, s, s + 1));
    return true;
  }

  void unhold() {
    var _ = (int) STATE.getAndAdd(this, -1);
  }

  /** {@return who holds leases at this moment} */
  public List<String> holders() {
    synchronized (leases) {
      List<String> holders = new ArrayList<>();
      for (Lease lease : leases) {
        holders.add(lease.holder());
      }
      int transfers = (state & ~CLOSING) - holders.size();
      if (transfers > 0) {
        holders.add(transfers == 1 ? "a transfer under way" : transfers + " transfers under way");
      }
      return holders;
    }
  }

  /** Refuses further leases, or throws naming those who hold one. */
  void startClosing() {
    // A region closed in part before is closed again.
    while (!STATE.compareAndSet(this, 0, CLOSING) && state != CLOSING) {
      List<String> holders = holders();
      if (!holders.isEmpty()) { // else the last one let go meanwhile
        throw new IllegalStateException(this + " is still leased by " + String.join(", ", holders));
      }
    }
  }

  void cancelClosing() {
    if (!isUnmapped()) {
      var _ = STATE.compareAndSet(this, CLOSING, 0);
    }
  }

  boolean isUnmapped() {
    return !segment.scope().isAlive();
  }

  void unmap() {
    release(mapping, null);
    release(null, file);
  }

  // ---- lost pages --------------------------------------------------------------------------

  /** Why pages of this region may be missing, or the empty string. */
  String backingProblem() {
    if (spec == null || isUnmapped()) {
      return "";
    }
    try {
      if (spec.backing() == RegionSpec.Backing.FILE) {
        long length = FileStatus.of(Objects.requireNonNull(file)).size();
        long end = spec.fileOffset + size;
        return length < end
            ? file + " was truncated to " + length + " bytes; the region ends at " + end
            : "";
      }
      if (spec.hugePages != HugePageSize.NONE && !spec.reserve) {
        Path pool =
            Path.of("/sys/kernel/mm/hugepages/hugepages-" + spec.hugePages.bytes() / 1024 + "kB");
        // Those reserved by others are free, but not to be had.
        return number(pool.resolve("free_hugepages")) <= number(pool.resolve("resv_hugepages"))
            ? "no free huge page of " + RegionMap.size(spec.hugePages.bytes()) + " is left"
            : "";
      }
      return "";
    } catch (IOException | IllegalStateException e) {
      return "its state cannot be read: " + e.getMessage();
    }
  }

  private static long number(Path file) throws IOException {
    return Long.parseLong(Files.readString(file).strip());
  }

  @Override
  public String toString() {
    return spec == null
        ? "no region"
        : "region "
            + spec.name()
            + " [0x"
            + Long.toHexString(gpa)
            + "..0x"
            + Long.toHexString(lastGpa())
            + "]";
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import org.javavmm.sys.HugePageSize;
import org.javavmm.sys.NumaPolicy;
import org.javavmm.sys.OwnedFd;
import org.jspecify.annotations.Nullable;

/**
 * What a region of guest memory is to be: where it lies, what is behind it and how the host treats
 * it. Immutable: each method that changes something returns a new one.
 */
public final class RegionSpec implements Cloneable {
  /** What is behind a region. */
  public enum Backing {
    /** Private memory of this process. */
    ANONYMOUS,
    /** A sealed memory file, which other processes can map as well (vhost-user, virtiofsd). */
    MEMFD,
    /** A part of a file, shared with all who map it. */
    FILE
  }

  /** Whether the kernel backs ordinary memory with huge pages when it can. */
  public enum TransparentHugePages {
    /** As the host is set up. */
    HOST,
    /** Wherever possible. */
    ON,
    /** Never. */
    OFF
  }

  private static final long PAGE = 4096;
  private static final int MAX_NODES = 1024;

  private final String name;
  private final long gpa;
  private final long size;
  private final Backing backing;

  final @Nullable OwnedFd file;
  final long fileOffset;

  HugePageSize hugePages = HugePageSize.NONE;
  TransparentHugePages transparent = TransparentHugePages.HOST;
  @Nullable NumaPolicy numa;
  private BitSet numaNodes = new BitSet();
  boolean mergeable;
  boolean reserve;
  boolean dump = true;
  boolean readOnly;
  long guard;
  boolean dirtyLog;
  int prefaultThreads;
  @Nullable LongConsumer prefaultProgress;
  @Nullable Consumer<MemorySegment> contents;

  private RegionSpec(
      String name, long gpa, long size, Backing backing, @Nullable OwnedFd file, long fileOffset) {
    this.name = Objects.requireNonNull(name, "name");
    this.gpa = gpa;
    this.size = size;
    this.backing = backing;
    this.file = file;
    this.fileOffset = fileOffset;
    if (size <= 0 || (size & (PAGE - 1)) != 0) {
      throw new IllegalArgumentException(this + ": size is not a positive multiple of 4096 bytes");
    }
    if ((gpa & (PAGE - 1)) != 0) {
      throw new IllegalArgumentException(this + ": gpa is not a multiple of 4096");
    }
    if (Long.compareUnsigned(gpa + (size - 1), gpa) < 0) {
      throw new IllegalArgumentException(this + ": end exceeds 2^64");
    }
    if (fileOffset < 0 || (fileOffset & (PAGE - 1)) != 0 || fileOffset > Long.MAX_VALUE - size) {
      throw new IllegalArgumentException(
          this
              + ": offset="
              + fileOffset
              + " in the file is not a multiple of 4096 up to 2^63 - size");
    }
  }

  /**
   * {@return a region of private anonymous memory, zeroed}
   *
   * @param name the region's name, for messages
   * @param gpa the guest-physical address of its first byte, a multiple of 4096
   * @param size its size in bytes, a positive multiple of 4096
   * @throws IllegalArgumentException if size or address are not as said, or if the region exceeds
   *     2^64
   */
  public static RegionSpec anonymous(String name, long gpa, long size) {
    return new RegionSpec(name, gpa, size, Backing.ANONYMOUS, null, 0);
  }

  /**
   * {@return a region of memory that other processes can map too} Its descriptor is {@link
   * GuestRegion#file}; it is sealed, so that nobody can shrink it under the guest.
   *
   * @param name the region's name, for messages
   * @param gpa the guest-physical address of its first byte, a multiple of 4096
   * @param size its size in bytes, a positive multiple of 4096
   * @throws IllegalArgumentException if size or address are not as said, or if the region exceeds
   *     2^64
   */
  public static RegionSpec memfd(String name, long gpa, long size) {
    return new RegionSpec(name, gpa, size, Backing.MEMFD, null, 0);
  }

  /**
   * {@return a region over a part of a file} What the guest writes goes to the file. A file that is
   * truncated while it is mapped takes the pages away: see {@link GuestMemory#backingProblems}.
   *
   * @param name the region's name, for messages
   * @param gpa the guest-physical address of its first byte, a multiple of 4096
   * @param size its size in bytes, a positive multiple of 4096
   * @param file the file, open for reading and writing, or for reading if the region is read-only;
   *     the region keeps a duplicate
   * @param offset where the part begins in the file, a multiple of 4096
   * @throws IllegalArgumentException if size, address or offset are not as said, or if the region
   *     exceeds 2^64
   */
  public static RegionSpec file(String name, long gpa, long size, OwnedFd file, long offset) {
    return new RegionSpec(
        name, gpa, size, Backing.FILE, Objects.requireNonNull(file, "file"), offset);
  }

  @Override
  protected RegionSpec clone() {
    try {
      return (RegionSpec) super.clone();
    } catch (CloneNotSupportedException e) {
      throw new AssertionError(e);
    }
  }

  /**
   * {@return the same with huge pages from the host's pool} They are reserved when the region is
   * mapped, unless {@link #reserve reserve(false)} is called after this.
   *
   * @param page the size of the pages
   * @throws IllegalArgumentException if the region is over a file, whose file system decides, or if
   *     its size is not a multiple of the page's
   */
  public RegionSpec hugePages(HugePageSize page) {
    if (backing == Backing.FILE) {
      throw new IllegalArgumentException(this + ": a file's own file system decides its pages");
    }
    if (page != HugePageSize.NONE && size % page.bytes() != 0) {
      throw new IllegalArgumentException(
          this + ": size is not a multiple of the huge page's " + page.bytes());
    }
    RegionSpec spec = clone();
    spec.hugePages = page;
    spec.reserve = page != HugePageSize.NONE;
    return spec;
  }

  /**
   * {@return the same with transparent huge pages wished for, or not}
   *
   * @param wish whether
   */
  public RegionSpec transparentHugePages(TransparentHugePages wish) {
    RegionSpec spec = clone();
    spec.transparent = wish;
    return spec;
  }

  /**
   * {@return the same on certain NUMA nodes of the host} ({@code mbind(2)})
   *
   * @param policy how its pages are spread
   * @param nodes the nodes, 0 to 1023; none for {@code DEFAULT}
   * @throws IllegalArgumentException if a node is out of range
   */
  public RegionSpec numa(NumaPolicy policy, int... nodes) {
    BitSet set = new BitSet();
    for (int node : nodes) {
      if (node < 0 || node >= MAX_NODES) {
        throw new IllegalArgumentException(
            this + ": node=" + node + " is not in 0.." + (MAX_NODES - 1));
      }
      set.set(node);
    }
    RegionSpec spec = clone();
    spec.numa = policy;
    spec.numaNodes = set;
    return spec;
  }

  long[] numaMask() {
    return numaNodes.toLongArray();
  }

  /**
   * {@return the same, with equal pages merged by KSM} ({@code MADV_MERGEABLE}) Guests can then
   * find out by timing what others hold: for guests that trust one another only.
   */
  public RegionSpec mergeable() {
    RegionSpec spec = clone();
    spec.mergeable = true;
    return spec;
  }

  /**
   * {@return the same, with swap space or huge pages reserved when it is mapped, or not} Ordinary
   * memory is not by default, huge pages are. What is not reserved may be missing when the guest
   * touches it.
   *
   * @param reserved whether
   */
  public RegionSpec reserve(boolean reserved) {
    RegionSpec spec = clone();
    spec.reserve = reserved;
    return spec;
  }

  /**
   * {@return the same, in core dumps of this process or not} It is by default.
   *
   * @param dumped whether
   */
  public RegionSpec dump(boolean dumped) {
    RegionSpec spec = clone();
    spec.dump = dumped;
    return spec;
  }

  /**
   * {@return the same, read-only for devices and for the guest} A write by the guest becomes an
   * MMIO exit; a device's write is a fault.
   */
  public RegionSpec readOnly() {
    RegionSpec spec = clone();
    spec.readOnly = true;
    return spec;
  }

  /**
   * {@return the same with its first contents} They are written before the region becomes part of
   * the memory and, if it is, read-only.
   *
   * @param writer what writes them, given the whole region
   * @throws IllegalArgumentException if the region is over a file, which has contents
   */
  public RegionSpec contents(Consumer<MemorySegment> writer) {
    if (backing == Backing.FILE) {
      throw new IllegalArgumentException(this + ": a file has its contents");
    }
    RegionSpec spec = clone();
    spec.contents = writer;
    return spec;
  }

  /**
   * {@return the same with a guard on both sides} A stray access next to the region, by native code
   * or the kernel, then fails instead of finding other memory.
   *
   * @param bytes the guard's size on each side, a multiple of 4096 up to 2^40; 0 for none
   * @throws IllegalArgumentException if {@code bytes} is not as said
   */
  public RegionSpec guardPages(long bytes) {
    if (bytes < 0 || bytes > 1L << 40 || (bytes & (PAGE - 1)) != 0) {
      throw new IllegalArgumentException(
          this + ": guard=" + bytes + " is not a multiple of 4096 from 0 to 2^40");
    }
    RegionSpec spec = clone();
    spec.guard = bytes;
    return spec;
  }

  /** {@return the same with a {@link DirtyLog} of 4 KiB pages, marked by every write} */
  public RegionSpec dirtyLog() {
    RegionSpec spec = clone();
    spec.dirtyLog = true;
    return spec;
  }

  /**
   * {@return the same with all its pages there from the start}
   *
   * @param threads how many threads fetch them, 1 to 256; a thread takes 64 MiB at a time
   * @param progress told, by any of these threads, how many bytes have been fetched in all
   * @throws IllegalArgumentException if {@code threads} is out of range
   */
  public RegionSpec prefault(int threads, LongConsumer progress) {
    if (threads < 1 || threads > 256) {
      throw new IllegalArgumentException("threads=" + threads + " is not in 1..256");
    }
    RegionSpec spec = clone();
    spec.prefaultThreads = threads;
    spec.prefaultProgress = Objects.requireNonNull(progress, "progress");
    return spec;
  }

  /** {@return the region's name, for messages} */
  public String name() {
    return name;
  }

  /** {@return the guest-physical address of the first byte} */
  public long gpa() {
    return gpa;
  }

  /** {@return the size in bytes} */
  public long size() {
    return size;
  }

  /** {@return what is behind the region} */
  public Backing backing() {
    return backing;
  }

  /** Throws if another region has an address in common with this one. */
  void checkApart(RegionSpec other) {
    if (Long.compareUnsigned(gpa, other.gpa + (other.size - 1)) <= 0
        && Long.compareUnsigned(other.gpa, gpa + (size - 1)) <= 0) {
      throw new IllegalArgumentException(this + ": overlaps " + other);
    }
  }

  /** What people want to know of it beside address and size. */
  String describe() {
    StringBuilder text = new StringBuilder();
    switch (backing) {
      case ANONYMOUS -> text.append("anonymous");
      case MEMFD -> text.append("memfd, sealed");
      case FILE ->
          text.append("file ").append(file).append(" from 0x").append(Long.toHexString(fileOffset));
    }
    if (hugePages != HugePageSize.NONE) {
      text.append(", pages of ").append(RegionMap.size(hugePages.bytes()));
    }
    if (transparent != TransparentHugePages.HOST) {
      text.append(", transparent huge pages ")
          .append(transparent == TransparentHugePages.ON ? "on" : "off");
    }
    if (numa != null) {
      text.append(", NUMA ").append(numa).append(' ').append(numaNodes);
    }
    append(text, readOnly, ", read-only");
    append(text, mergeable, ", mergeable");
    append(text, reserve, ", reserved");
    append(text, !dump, ", not dumped");
    append(text, guard != 0, ", guarded");
    append(text, prefaultThreads != 0, ", prefaulted");
    append(text, dirtyLog, ", dirty log");
    return text.toString();
  }

  private static void append(StringBuilder text, boolean condition, String what) {
    if (condition) {
      text.append(what);
    }
  }

  @Override
  public String toString() {
    return "region " + name + "(gpa=0x" + Long.toHexString(gpa) + ", size=" + size + ")";
  }
}

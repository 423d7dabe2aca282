// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.javavmm.sys.SystemCallException;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a guest, addressed by guest-physical address (gpa).
 *
 * <p>Two implementations are chosen when the memory is built: one for memory of a single region
 * that stays as it is, and one for several regions, or for a map that changes while the guest runs
 * ({@link Builder#resizable}). A thread that accesses memory while another changes the map finds
 * the old map or the new one, never a mix; memory that is taken away under an access gives a fault.
 *
 * <p>The rules of access are those of {@link AddressSpace}.
 */
public abstract sealed class GuestMemory extends AddressSpace implements AutoCloseable
    permits SingleRegionMemory, MultiRegionMemory {

  private volatile boolean closed;

  /** Whether a close has begun to unmap, which cannot be taken back. */
  private boolean unmapping;

  GuestMemory() {}

  /** {@return a builder for a memory without regions yet} */
  public static Builder builder() {
    return new Builder();
  }

  /** Collects the regions of a memory. Not thread-safe. */
  public static final class Builder {
    private final List<RegionSpec> specs = new ArrayList<>();
    private boolean resizable;

    private Builder() {}

    /**
     * Adds a region of private anonymous memory, zeroed.
     *
     * @param name the region's name, for messages
     * @param gpa the guest-physical address of its first byte, a multiple of 4096
     * @param size its size in bytes, a positive multiple of 4096
     * @return this builder
     * @throws IllegalArgumentException if size or address are not as said, if the region exceeds
     *     2^64, or if it overlaps another, which the message names
     */
    public Builder anonymous(String name, long gpa, long size) {
      return region(RegionSpec.anonymous(name, gpa, size));
    }

    /**
     * Adds a region.
     *
     * @param spec what it is to be
     * @return this builder
     * @throws IllegalArgumentException if it overlaps another, which the message names
     */
    public Builder region(RegionSpec spec) {
      specs.forEach(spec::checkApart);
      specs.add(spec);
      return this;
    }

    /**
     * Lets regions be added and removed later. Such a memory may start without a region.
     *
     * @return this builder
     */
    public Builder resizable() {
      resizable = true;
      return this;
    }

    /**
     * Maps the regions, in the order of their addresses.
     *
     * @return the memory, owned by the caller
     * @throws IllegalStateException if there is no region and the memory is not resizable
     * @throws SystemCallException if the host refuses one, for lack of room for example, or if a
     *     file is shorter than its region needs; then none is left
     */
    public GuestMemory build() throws SystemCallException {
      if (specs.isEmpty() && !resizable) {
        throw new IllegalStateException("a guest memory needs at least one region");
      }
      List<GuestRegion> regions = new ArrayList<>();
      try {
        specs.sort((a, b) -> Long.compareUnsigned(a.gpa(), b.gpa()));
        for (RegionSpec spec : specs) {
          regions.add(GuestRegion.map(spec));
        }
      } catch (SystemCallException | RuntimeException | Error e) {
        regions.forEach(GuestRegion::unmap);
        throw e;
      }
      RegionMap map = new RegionMap(regions);
      return resizable || regions.size() > 1
          ? new MultiRegionMemory(map, resizable)
          : new SingleRegionMemory(map);
    }
  }

  // ---- the map -----------------------------------------------------------------------------

  /** The map at this moment. */
  abstract RegionMap map();

  /**
   * The region that holds an address, or another one: the segment's bounds check, with the offset
   * from that region's start, is what decides.
   */
  abstract GuestRegion region(long gpa);

  /** Puts a changed map in place, where that is possible. */
  abstract void replace(RegionMap map);

  /** Throws unless the map may change. */
  abstract void checkResizable();

  /** {@return the regions by ascending address} */
  public final List<GuestRegion> regions() {
    return map().list();
  }

  /** {@return the sum of the regions' sizes in bytes} */
  public final long size() {
    long size = 0;
    for (GuestRegion region : map().list()) {
      size += region.size();
    }
    return size;
  }

  /** {@return the last address of the last region}; -1 if there is no region */
  public final long lastGpa() {
    return map().lastGpa();
  }

  /**
   * Maps a region and adds it.
   *
   * @param spec what it is to be
   * @return the region
   * @throws IllegalStateException if the memory is not resizable, or closed
   * @throws IllegalArgumentException if it overlaps another region, which the message names
   * @throws SystemCallException if the host refuses it, or if its file is shorter than the region
   *     needs
   */
  public final synchronized GuestRegion addRegion(RegionSpec spec) throws SystemCallException {
    checkChange();
    for (GuestRegion other : regions()) {
      spec.checkApart(other.spec());
    }
    GuestRegion added = GuestRegion.map(spec);
    List<GuestRegion> regions = new ArrayList<>(regions());
    regions.add(added);
    replace(new RegionMap(regions));
    return added;
  }

  /**
   * Removes a region and unmaps it.
   *
   * @param region the region
   * @throws IllegalStateException if the memory is not resizable, or closed; if the region is
   *     leased, naming the holders; or if the JDK itself uses it at this moment. It stays as it was
   * @throws IllegalArgumentException if it is not a region of this memory
   */
  public final synchronized void removeRegion(GuestRegion region) {
    checkChange();
    List<GuestRegion> regions = without(region);
    region.startClosing();
    RegionMap before = map();
    replace(new RegionMap(regions));
    unmapOr(region, before);
  }

  /**
   * Puts one region in another's place, in one step: no reader finds neither or both.
   *
   * @param region the region to remove and unmap
   * @param spec what comes instead
   * @return the new region
   * @throws IllegalStateException as {@link #removeRegion} does
   * @throws IllegalArgumentException if {@code region} is not a region of this memory, or if {@code
   *     spec} overlaps another one
   * @throws SystemCallException if the host refuses the new one, or if its file is shorter than the
   *     region needs; the old one stays
   */
  public final synchronized GuestRegion replaceRegion(GuestRegion region, RegionSpec spec)
      throws SystemCallException {
    checkChange();
    List<GuestRegion> regions = without(region);
    for (GuestRegion other : regions) {
      spec.checkApart(other.spec());
    }
    region.startClosing();
    GuestRegion added;
    try {
      added = GuestRegion.map(spec);
    } catch (SystemCallException | RuntimeException | Error e) {
      region.cancelClosing();
      throw e;
    }
    regions.add(added);
    RegionMap before = map();
    replace(new RegionMap(regions));
    try {
      unmapOr(region, before);
    } catch (IllegalStateException e) {
      try {
        added.startClosing();
        added.unmap();
      } catch (IllegalStateException leased) {
        e.addSuppressed(leased); // by a thread that found it meanwhile
      }
      throw e;
    }
    return added;
  }

  private void checkChange() {
    if (unmapping) {
      throw new IllegalStateException("guest memory is closed");
    }
    checkResizable();
  }

  private List<GuestRegion> without(GuestRegion region) {
    List<GuestRegion> regions = new ArrayList<>(regions());
    if (!regions.remove(region)) {
      throw new IllegalArgumentException(region + " is not a region of this memory");
    }
    return regions;
  }

  private void unmapOr(GuestRegion region, RegionMap before) {
    try {
      region.unmap();
    } catch (IllegalStateException e) {
      replace(before);
      region.cancelClosing();
      throw new IllegalStateException(region + " is in use by the JDK", e);
    }
  }

  // ---- faults ------------------------------------------------------------------------------

  /**
   * The one place where a failed access becomes a fault.
   *
   * @param cause what the segment threw, if it was asked
   */
  final GuestMemoryException fault(
      long gpa, long length, Access access, @Nullable Throwable cause) {
    RegionMap map = map();
    if (closed || isUnmappedInPart(map)) {
      return new GuestMemoryException(gpa, length, access, GuestMemoryException.Reason.CLOSED);
    }
    if (cause instanceof InternalError) {
      return lostBacking(gpa, length, access);
    }
    if (length != 0 && Long.compareUnsigned(gpa + (length - 1), gpa) < 0) {
      return new GuestMemoryException(gpa, length, access, GuestMemoryException.Reason.OVERFLOW);
    }
    long last = gpa + (length - 1);
    if (map.isEmpty()
        || Long.compareUnsigned(gpa, map.lastGpa()) > 0
        || Long.compareUnsigned(last, map.lastGpa()) > 0) {
      return new GuestMemoryException(
          gpa, length, access, GuestMemoryException.Reason.END_OF_MEMORY);
    }
    if (!map.allows(gpa, length, null)) {
      return new GuestMemoryException(gpa, length, access, GuestMemoryException.Reason.HOLE);
    }
    if (!map.allows(gpa, length, access)) {
      return new GuestMemoryException(gpa, length, access, GuestMemoryException.Reason.PERMISSION);
    }
    // Nothing is wrong now: it crosses regions, or its region was replaced under the access.
    return new GuestMemoryException(
        gpa,
        length,
        access,
        map.find(gpa).holds(gpa, length)
            ? GuestMemoryException.Reason.CLOSED
            : GuestMemoryException.Reason.REGION_BOUNDARY);
  }

  /** Whether a close could unmap only some regions. */
  private static boolean isUnmappedInPart(RegionMap map) {
    for (GuestRegion region : map.list()) {
      if (region.isUnmapped()) {
        return true;
      }
    }
    return false;
  }

  private GuestMemoryException lostBacking(long gpa, long length, Access access) {
    RegionMap map = map();
    GuestRegion region = map.find(gpa);
    // A range may cross into the region that lost its pages.
    for (GuestRegion other : map.list()) {
      if (other.touches(gpa, length) && !other.backingProblem().isEmpty()) {
        region = other;
        break;
      }
    }
    String problem = region.backingProblem();
    return new GuestMemoryException(
        gpa,
        length,
        access,
        GuestMemoryException.Reason.BACKING,
        region + ": " + (problem.isEmpty() ? "the host has no page for it" : problem));
  }

  /**
   * Says which regions have lost the pages behind them: their file was truncated, or no huge page
   * is left. The kernel's answer to an access of such memory is a SIGBUS, which the JVM turns into
   * an {@link InternalError}: accesses by this class give a fault ({@link
   * GuestMemoryException.Reason#BACKING}); but the JVM may also throw it somewhat later, and KVM
   * ends {@code KVM_RUN} with {@code EFAULT}. Whoever catches one of these asks here for the
   * reason.
   *
   * @return a line for each such region, which names it; empty if all is well
   */
  public final List<String> backingProblems() {
    List<String> problems = new ArrayList<>();
    for (GuestRegion region : regions()) {
      String problem = region.backingProblem();
      if (!problem.isEmpty()) {
        problems.add(region + ": " + problem);
      }
    }
    return problems;
  }

  private static boolean isLost(RegionMap map, long gpa, long length) {
    for (GuestRegion region : map.list()) {
      if (region.touches(gpa, length) && !region.backingProblem().isEmpty()) {
        return true;
      }
    }
    return false;
  }

  /**
   * As {@link #fault}, of an ordered access: the handle that threw checks the alignment as well, so
   * that nobody does it twice.
   */
  final GuestMemoryException orderedFault(
      long gpa, int width, Access access, @Nullable Throwable cause) {
    return (gpa & (width - 1)) != 0
        ? new GuestMemoryException(gpa, width, access, GuestMemoryException.Reason.ALIGNMENT)
        : fault(gpa, width, access, cause);
  }

  static void checkAligned(long gpa, int width, Access access) {
    if ((gpa & (width - 1)) != 0) {
      throw new GuestMemoryException(gpa, width, access, GuestMemoryException.Reason.ALIGNMENT);
    }
  }

  // ---- scalars -----------------------------------------------------------------------------

  @Override
  public final byte getByte(long gpa) {
    GuestRegion r = region(gpa);
    try {
      return r.segment.get(LittleEndian.BYTE, gpa - r.gpa);
    } catch (RuntimeException | InternalError e) {
      throw fault(gpa, 1, Access.READ, e);
    }
  }

  @Override
  public final short getShort(long gpa) {
    GuestRegion r = region(gpa);
    try {
      return r.segment.get(LittleEndian.SHORT, gpa - r.gpa);
    } catch (RuntimeException | InternalError e) {
      throw fault(gpa, 2, Access.READ, e);
    }
  }

  @Override
  public final int getInt(long gpa) {
    GuestRegion r = region(gpa);
    try {
      return r.segment.get(LittleEndian.INT, gpa - r.gpa);
    } catch (RuntimeException | InternalError e) {
      throw fault(gpa, 4, Access.READ, e);
    }
  }

  @Override
  public final long getLong(long gpa) {
    GuestRegion r = region(gpa);
    try {
      return r.segment.get(LittleEndian.LONG, gpa - r.gpa);
    } catch (RuntimeException | InternalError e) {
      throw fault(gpa, 8, Access.READ, e);
    }
  }

  @Override
  public final void putByte(long gpa, byte value) {
    GuestRegion r = region(gpa);
    try {
      r.segment.set(LittleEndian.BYTE, gpa - r.gpa, value);
    } catch (RuntimeException | InternalError e) {
      throw fault(gpa, 1, Access.WRITE, e);
    }
    r.wrote(gpa - r.gpa, 1);
  }

  @Override
  public final void putShort(long gpa, short value) {
    GuestRegion r = region(gpa);
    try {
      r.segment.set(LittleEndian.SHORT, gpa - r.gpa, value);
    } catch (RuntimeException | InternalError e) {
      throw fault(gpa, 2, Access.WRITE, e);
    }
    r.wrote(gpa - r.gpa, 2);
  }

  @Override
  public final void putInt(long gpa, int value) {
    GuestRegion r = region(gpa);
    try {
      r.segment.set(LittleEndian.INT, gpa - r.gpa, value);
    } catch (RuntimeException | InternalError e) {
      throw fault(gpa, 4, Access.WRITE, e);
    }
    r.wrote(gpa - r.gpa, 4);
  }

  @Override
  public final void putLong(long gpa, long value) {
    GuestRegion r = region(gpa);
    try {
      r.segment.set(LittleEndian.LONG, gpa - r.gpa, value);
    } catch (RuntimeException | InternalError e) {
      throw fault(gpa, 8, Access.WRITE, e);
    }
    r.wrote(gpa - r.gpa, 8);
  }

  @Override
  public final byte getByteAcquire(long gpa) {
    GuestRegion r = region(gpa);
    try {
      return LittleEndian.Ordered.getByte(r.segment, gpa - r.gpa);
    } catch (RuntimeException | InternalError e) {
      throw fault(gpa, 1, Access.READ, e);
    }
  }

  @Override
  public final short getShortAcquire(long gpa) {
    GuestRegion r = region(gpa);
    try {
      return LittleEndian.Ordered.getShort(r.segment, gpa - r.gpa);
    } catch (RuntimeException | InternalError e) {
      throw orderedFault(gpa, 2, Access.READ, e);
    }
  }

  @Override
  public final int getIntAcquire(long gpa) {
    GuestRegion r = region(gpa);
    try {
      return LittleEndian.Ordered.getInt(r.segment, gpa - r.gpa);
    } catch (RuntimeException | InternalError e) {
      throw orderedFault(gpa, 4, Access.READ, e);
    }
  }

  @Override
  public final long getLongAcquire(long gpa) {
    GuestRegion r = region(gpa);
    try {
      return LittleEndian.Ordered.getLong(r.segment, gpa - r.gpa);
    } catch (RuntimeException | InternalError e) {
      throw orderedFault(gpa, 8, Access.READ, e);
    }
  }

  @Override
  public final void putByteRelease(long gpa, byte value) {
    GuestRegion r = region(gpa);
    try {
      LittleEndian.Ordered.putByte(r.segment, gpa - r.gpa, value);
    } catch (RuntimeException | InternalError e) {
      throw fault(gpa, 1, Access.WRITE, e);
    }
    r.wrote(gpa - r.gpa, 1);
  }

  @Override
  public final void putShortRelease(long gpa, short value) {
    GuestRegion r = region(gpa);
    try {
      LittleEndian.Ordered.putShort(r.segment, gpa - r.gpa, value);
    } catch (RuntimeException | InternalError e) {
      throw orderedFault(gpa, 2, Access.WRITE, e);
    }
    r.wrote(gpa - r.gpa, 2);
  }

  @Override
  public final void putIntRelease(long gpa, int value) {
    GuestRegion r = region(gpa);
    try {
      LittleEndian.Ordered.putInt(r.segment, gpa - r.gpa, value);
    } catch (RuntimeException | InternalError e) {
      throw orderedFault(gpa, 4, Access.WRITE, e);
    }
    r.wrote(gpa - r.gpa, 4);
  }

  @Override
  public final void putLongRelease(long gpa, long value) {
    GuestRegion r = region(gpa);
    try {
      LittleEndian.Ordered.putLong(r.segment, gpa - r.gpa, value);
    } catch (RuntimeException | InternalError e) {
      throw orderedFault(gpa, 8, Access.WRITE, e);
    }
    r.wrote(gpa - r.gpa, 8);
  }

  @Override
  public final boolean compareAndSetByte(long gpa, byte expected, byte value) {
    GuestRegion r = region(gpa);
    boolean done;
    try {
      done = LittleEndian.Ordered.compareAndSetByte(r.segment, gpa - r.gpa, expected, value);
    } catch (RuntimeException | InternalError e) {
      throw fault(gpa, 1, Access.WRITE, e);
    }
    if (done) {
      r.wrote(gpa - r.gpa, 1);
    }
    return done;
  }

  @Override
  public final boolean compareAndSetShort(long gpa, short expected, short value) {
    checkAligned(gpa, 2, Access.WRITE);
    GuestRegion r = region(gpa);
    boolean done;
    try {
      done = LittleEndian.Ordered.compareAndSetShort(r.segment, gpa - r.gpa, expected, value);
    } catch (RuntimeException | InternalError e) {
      throw fault(gpa, 2, Access.WRITE, e);
    }
    if (done) {
      r.wrote(gpa - r.gpa, 2);
    }
    return done;
  }

  @Override
  public final boolean compareAndSetInt(long gpa, int expected, int value) {
    GuestRegion r = region(gpa);
    boolean done;
    try {
      done = LittleEndian.Ordered.compareAndSetInt(r.segment, gpa - r.gpa, expected, value);
    } catch (RuntimeException | InternalError e) {
      throw orderedFault(gpa, 4, Access.WRITE, e);
    }
    if (done) {
      r.wrote(gpa - r.gpa, 4);
    }
    return done;
  }

  @Override
  public final boolean compareAndSetLong(long gpa, long expected, long value) {
    GuestRegion r = region(gpa);
    boolean done;
    try {
      done = LittleEndian.Ordered.compareAndSetLong(r.segment, gpa - r.gpa, expected, value);
    } catch (RuntimeException | InternalError e) {
      throw orderedFault(gpa, 8, Access.WRITE, e);
    }
    if (done) {
      r.wrote(gpa - r.gpa, 8);
    }
    return done;
  }

  // ---- ranges ------------------------------------------------------------------------------

  @Override
  public final boolean allows(long gpa, long length, Access access) {
    return map().allows(gpa, length, Objects.requireNonNull(access, "access"));
  }

  private void check(RegionMap map, long gpa, long length, Access access) {
    if (!map.allows(gpa, length, access)) {
      throw fault(gpa, length, access, null);
    }
  }

  /**
   * Turns what a copy threw into a fault, if guest memory was the reason: the other side may be
   * closed, or have lost its pages, as well, and that is the caller's mistake.
   */
  private RuntimeException copyFailed(
      Throwable cause, RegionMap map, long gpa, long length, Access access, MemorySegment other) {
    if (cause instanceof InternalError error) {
      if (other.isNative() && !isLost(map, gpa, length)) {
        throw error;
      }
      return fault(gpa, length, access, cause);
    }
    return closed || map.isUnmapped(gpa, length) || !(cause instanceof RuntimeException e)
        ? fault(gpa, length, access, cause)
        : e;
  }

  /** Marks a range that was checked, of which a part may have been written. */
  private static void markPieces(RegionMap map, long gpa, long length) {
    int i = map.indexOf(gpa);
    long done = 0;
    while (done != length) {
      GuestRegion r = map.at(i++);
      long n = r.atMost(gpa + done, length - done);
      r.wrote(gpa + done - r.gpa, n);
      done += n;
    }
  }

  /**
   * Asks the kernel for the pages of a range, before much of it is written for the first time: one
   * call, where the writing would fault for each page. Contents do not change, and nothing is
   * marked as dirty. What the kernel does not do, for it is older than 5.14 or lacks memory, is
   * left to the writing; so are ranges of read-only regions.
   *
   * @param gpa the guest-physical address of the first byte
   * @param length the length in bytes
   * @throws GuestMemoryException if a part of the range is not in memory
   * @throws IllegalStateException if the memory is closed
   */
  public final void prefault(long gpa, long length) {
    RegionMap map = map();
    check(map, gpa, length, Access.READ);
    int i = map.indexOf(gpa);
    long done = 0;
    while (done != length) {
      GuestRegion r = map.at(i++);
      long n = r.atMost(gpa + done, length - done);
      r.prefault(gpa + done - r.gpa, n);
      done += n;
    }
  }

  @Override
  public final void read(long gpa, MemorySegment target) {
    long length = target.byteSize();
    GuestRegion r = region(gpa);
    if (length != 0 && r.holds(gpa, length)) {
      try {
        MemorySegment.copy(r.segment, gpa - r.gpa, target, 0, length);
        return;
      } catch (IllegalStateException | InternalError e) {
        throw r.isUnmapped()
            ? fault(gpa, length, Access.READ, e)
            : copyFailed(e, map(), gpa, length, Access.READ, target);
      }
    }
    readPieces(gpa, target, length);
  }

  private void readPieces(long gpa, MemorySegment target, long length) {
    RegionMap map = map();
    check(map, gpa, length, Access.READ);
    int i = map.indexOf(gpa);
    long done = 0;
    try {
      while (done < length) {
        GuestRegion r = map.at(i++);
        long n = r.atMost(gpa + done, length - done);
        MemorySegment.copy(r.segment, gpa + done - r.gpa, target, done, n);
        done += n;
      }
    } catch (IllegalStateException | InternalError e) {
      throw copyFailed(e, map, gpa, length, Access.READ, target);
    }
  }

  @Override
  public final void read(long gpa, byte[] target, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, target.length);
    GuestRegion r = region(gpa);
    if (length != 0 && r.holds(gpa, length)) {
      try {
        MemorySegment.copy(r.segment, ValueLayout.JAVA_BYTE, gpa - r.gpa, target, offset, length);
        return;
      } catch (IllegalStateException | InternalError e) {
        throw fault(gpa, length, Access.READ, e);
      }
    }
    readPieces(gpa, MemorySegment.ofArray(target).asSlice(offset, length), length);
  }

  @Override
  public final void write(long gpa, MemorySegment source) {
    long length = source.byteSize();
    GuestRegion r = region(gpa);
    if (length != 0 && r.holds(gpa, length) && !r.isReadOnly()) {
      try {
        MemorySegment.copy(source, 0, r.segment, gpa - r.gpa, length);
      } catch (IllegalStateException | InternalError e) {
        r.wrote(gpa - r.gpa, length); // a part of it may be
        throw r.isUnmapped()
            ? fault(gpa, length, Access.WRITE, e)
            : copyFailed(e, map(), gpa, length, Access.WRITE, source);
      }
      r.wrote(gpa - r.gpa, length);
      return;
    }
    writePieces(gpa, source, length);
  }

  private void writePieces(long gpa, MemorySegment source, long length) {
    RegionMap map = map();
    check(map, gpa, length, Access.WRITE);
    int i = map.indexOf(gpa);
    long done = 0;
    try {
      while (done < length) {
        GuestRegion r = map.at(i++);
        long n = r.atMost(gpa + done, length - done);
        MemorySegment.copy(source, done, r.segment, gpa + done - r.gpa, n);
        r.wrote(gpa + done - r.gpa, n);
        done += n;
      }
    } catch (IllegalStateException | InternalError e) {
      markPieces(map, gpa, length);
      throw copyFailed(e, map, gpa, length, Access.WRITE, source);
    }
  }

  @Override
  public final void write(long gpa, byte[] source, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, source.length);
    GuestRegion r = region(gpa);
    if (length != 0 && r.holds(gpa, length) && !r.isReadOnly()) {
      try {
        MemorySegment.copy(source, offset, r.segment, ValueLayout.JAVA_BYTE, gpa - r.gpa, length);
      } catch (IllegalStateException | InternalError e) {
        r.wrote(gpa - r.gpa, length); // a part of it may be
        throw fault(gpa, length, Access.WRITE, e);
      }
      r.wrote(gpa - r.gpa, length);
      return;
    }
    writePieces(gpa, MemorySegment.ofArray(source).asSlice(offset, length), length);
  }

  @Override
  public final void fill(long gpa, long length, byte value) {
    RegionMap map = map();
    check(map, gpa, length, Access.WRITE);
    int i = map.indexOf(gpa);
    long done = 0;
    try {
      while (done != length) {
        GuestRegion r = map.at(i++);
        long n = r.atMost(gpa + done, length - done);
        r.segment.asSlice(gpa + done - r.gpa, n).fill(value);
        r.wrote(gpa + done - r.gpa, n);
        done += n;
      }
    } catch (IllegalStateException | InternalError e) {
      markPieces(map, gpa, length);
      throw fault(gpa, length, Access.WRITE, e);
    }
  }

  @Override
  public final void copy(long source, long target, long length) {
    RegionMap map = map();
    check(map, source, length, Access.READ);
    check(map, target, length, Access.WRITE);
    // A target inside the source is filled from its end, so that nothing is read that was written.
    boolean backwards = Long.compareUnsigned(target - source, length) < 0;
    long left = length;
    try {
      while (left != 0) {
        long n;
        long from;
        long to;
        GuestRegion s;
        GuestRegion t;
        if (backwards) {
          s = map.find(source + left - 1);
          t = map.find(target + left - 1);
          n = Math.min(left, Math.min(source + left - s.gpa, target + left - t.gpa));
          from = source + left - n;
          to = target + left - n;
        } else {
          from = source + (length - left);
          to = target + (length - left);
          s = map.find(from);
          t = map.find(to);
          n = s.atMost(from, t.atMost(to, left));
        }
        MemorySegment.copy(s.segment, from - s.gpa, t.segment, to - t.gpa, n);
        t.wrote(to - t.gpa, n);
        left -= n;
      }
    } catch (IllegalStateException | InternalError e) {
      markPieces(map, target, length);
      throw map.isUnmapped(source, length) || isLost(map, source, length)
          ? fault(source, length, Access.READ, e)
          : fault(target, length, Access.WRITE, e);
    }
  }

  @Override
  public final long mismatch(long gpa, MemorySegment other) {
    long length = other.byteSize();
    RegionMap map = map();
    check(map, gpa, length, Access.READ);
    int i = map.indexOf(gpa);
    long done = 0;
    try {
      while (done < length) {
        GuestRegion r = map.at(i++);
        long n = r.atMost(gpa + done, length - done);
        long at = mismatch(r.segment, gpa + done - r.gpa, other, done, n);
        if (at >= 0) {
          return done + at;
        }
        done += n;
      }
    } catch (IllegalStateException | InternalError e) {
      throw copyFailed(e, map, gpa, length, Access.READ, other);
    }
    return -1;
  }

  /** Not the segments' own mismatch: its stub crashes the JVM where a file was truncated. */
  private static long mismatch(MemorySegment a, long at, MemorySegment b, long bt, long length) {
    long i = 0;
    for (; i + 8 <= length; i += 8) {
      long difference = a.get(LittleEndian.LONG, at + i) ^ b.get(LittleEndian.LONG, bt + i);
      if (difference != 0) {
        return i + (Long.numberOfTrailingZeros(difference) >>> 3);
      }
    }
    for (; i < length; i++) {
      if (a.get(LittleEndian.BYTE, at + i) != b.get(LittleEndian.BYTE, bt + i)) {
        return i;
      }
    }
    return -1;
  }

  /** The region that holds a range alone, for what is resolved once. */
  private GuestRegion alone(long gpa, long length, Access access) {
    GuestRegion r = region(gpa);
    if (length != 0 && (!r.holds(gpa, length) || !r.permits(access) || r.isUnmapped())) {
      throw fault(gpa, length, access, null);
    }
    return r;
  }

  @Override
  public final MemorySegment slice(long gpa, long length) {
    if (length == 0) {
      return MemorySegment.NULL;
    }
    GuestRegion r = alone(gpa, length, Access.READ);
    return r.segment.asSlice(gpa - r.gpa, length).asReadOnly();
  }

  @Override
  public final GuestView view(long gpa, long length, Access access) {
    return new GuestView(this, alone(gpa, length, access), gpa, length, access);
  }

  @Override
  public final GuestLoan borrow(long gpa, long length, Access access, String holder) {
    GuestRegion r = alone(gpa, length, access);
    Lease lease;
    try {
      lease = r.lease(holder);
    } catch (IllegalStateException e) {
      throw fault(gpa, length, access, e);
    }
    return new GuestLoan(lease, gpa, length, access);
  }

  @Override
  final void collect(long gpa, long length, Access access, GuestIoVector vector) {
    RegionMap map = map();
    check(map, gpa, length, access);
    int i = map.indexOf(gpa);
    long done = 0;
    while (done != length) {
      GuestRegion r = map.at(i++);
      long n = r.atMost(gpa + done, length - done);
      if (!vector.addPiece(r, gpa + done - r.gpa, n)) {
        throw fault(gpa, length, access, null);
      }
      done += n;
    }
  }

  // ---- life --------------------------------------------------------------------------------

  /** {@return whether {@link #close} was called and succeeded} */
  public final boolean isClosed() {
    return closed;
  }

  /**
   * Unmaps all regions, or none: leased memory cannot be closed. Closing twice is safe.
   *
   * <p>A thread that is accessing the memory meanwhile gets a fault ({@code CLOSED}); a copy may
   * have been done in part by then.
   *
   * @throws IllegalStateException if a region is leased; the message names the holders. Or if the
   *     JDK itself uses a region at this moment, as a channel does that reads into a buffer of it:
   *     then the other regions are unmapped, no lease is given any more, and a later close unmaps
   *     the rest
   */
  @Override
  public final synchronized void close() {
    List<GuestRegion> closing = new ArrayList<>();
    try {
      for (GuestRegion region : regions()) {
        region.startClosing();
        closing.add(region);
      }
    } catch (IllegalStateException e) {
      closing.forEach(GuestRegion::cancelClosing);
      throw e;
    }
    unmapping = true;
    IllegalStateException failure = null;
    for (GuestRegion region : regions()) {
      try {
        region.unmap();
      } catch (IllegalStateException e) {
        failure = new IllegalStateException(region + " is in use by the JDK", e);
      }
    }
    if (failure != null) {
      throw failure;
    }
    closed = true;
  }

  /** {@return the map for people: a line for each region and hole, by ascending address} */
  public final String describe() {
    return map().describe();
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder("guest memory, ").append(size()).append(" bytes:");
    for (GuestRegion region : regions()) {
      text.append(' ').append(region);
    }
    return text.toString();
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.javavmm.sys.SystemCallException;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a guest, addressed by guest-physical address (gpa).
 *
 * <p>Multi-byte values are little-endian, whatever the host. An access is checked as a whole before
 * its first byte moves; one that is not possible throws {@link GuestMemoryException} and has no
 * effect. The scalar accessors must lie within one region; copies may cross from one region into an
 * adjacent one. A zero-length copy succeeds at any address and touches nothing.
 *
 * <p>Plain accessors of any alignment may tear when the guest writes at the same time. The ordered
 * ones ({@code …Acquire}, {@code …Release}, {@code compareAndSet…}) need natural alignment and
 * never tear; a plain access of a naturally aligned value up to 8 bytes does not tear either.
 *
 * <p>Two implementations, one for memory of a single region and one for several, are chosen when
 * the memory is built, so that a monitor's accessors have one shape. Accessors allocate nothing.
 * All methods may be called by any thread.
 */
public abstract sealed class GuestMemory implements AutoCloseable
    permits SingleRegionMemory, MultiRegionMemory {

  private final List<GuestRegion> regions;

  GuestMemory(List<GuestRegion> regions) {
    this.regions = List.copyOf(regions);
  }

  /** {@return a builder for a memory without regions yet} */
  public static Builder builder() {
    return new Builder();
  }

  /** Collects the regions of a memory. Not thread-safe. */
  public static final class Builder {
    private record Plan(String name, long gpa, long size) {
      long last() {
        return gpa + size - 1;
      }

      @Override
      public String toString() {
        return "region " + name + "(gpa=0x" + Long.toHexString(gpa) + ", size=" + size + ")";
      }
    }

    private final List<Plan> plans = new ArrayList<>();

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
      Plan plan = new Plan(name, gpa, size);
      if (size <= 0 || (size & 0xfff) != 0) {
        throw new IllegalArgumentException(
            plan + ": size is not a positive multiple of 4096 bytes");
      }
      if ((gpa & 0xfff) != 0) {
        throw new IllegalArgumentException(plan + ": gpa is not a multiple of 4096");
      }
      if (Long.compareUnsigned(gpa + (size - 1), gpa) < 0) {
        throw new IllegalArgumentException(plan + ": end exceeds 2^64");
      }
      for (Plan other : plans) {
        if (Long.compareUnsigned(plan.gpa, other.last()) <= 0
            && Long.compareUnsigned(other.gpa, plan.last()) <= 0) {
          throw new IllegalArgumentException(plan + ": overlaps " + other);
        }
      }
      plans.add(plan);
      return this;
    }

    /**
     * Maps the regions.
     *
     * @return the memory, owned by the caller
     * @throws IllegalStateException if there is no region
     * @throws SystemCallException if the host has no room
     */
    public GuestMemory build() throws SystemCallException {
      if (plans.isEmpty()) {
        throw new IllegalStateException("a guest memory needs at least one region");
      }
      plans.sort(Comparator.comparing(Plan::gpa, Long::compareUnsigned));
      List<GuestRegion> regions = new ArrayList<>();
      try {
        for (Plan plan : plans) {
          regions.add(GuestRegion.anonymous(plan.name, plan.gpa, plan.size));
        }
      } catch (SystemCallException e) {
        regions.forEach(GuestRegion::unmap);
        throw e;
      }
      return regions.size() == 1 ? new SingleRegionMemory(regions) : new MultiRegionMemory(regions);
    }
  }

  /**
   * The one place where a failed access becomes a fault.
   *
   * @param cause what the segment threw, if it was asked
   */
  final GuestMemoryException fault(
      long gpa, long length, Access access, @Nullable RuntimeException cause) {
    return new GuestMemoryException(gpa, length, access, reason(gpa, length, cause));
  }

  private GuestMemoryException.Reason reason(
      long gpa, long length, @Nullable RuntimeException cause) {
    if (cause instanceof IllegalStateException || isClosed()) {
      return GuestMemoryException.Reason.CLOSED;
    }
    if (length != 0 && Long.compareUnsigned(gpa + (length - 1), gpa) < 0) {
      return GuestMemoryException.Reason.OVERFLOW;
    }
    long end = regions.getLast().lastGpa();
    if (Long.compareUnsigned(gpa, end) > 0 || Long.compareUnsigned(gpa + (length - 1), end) > 0) {
      return GuestMemoryException.Reason.END_OF_MEMORY;
    }
    return contains(gpa, length)
        ? GuestMemoryException.Reason.REGION_BOUNDARY
        : GuestMemoryException.Reason.HOLE;
  }

  /** Whether the memory is closed, wholly or for now in part. */
  final boolean isClosed() {
    for (GuestRegion region : regions) {
      if (!region.segment().scope().isAlive()) {
        return true;
      }
    }
    return false;
  }

  static void checkAligned(long gpa, int width, Access access) {
    if ((gpa & (width - 1)) != 0) {
      throw new GuestMemoryException(gpa, width, access, GuestMemoryException.Reason.ALIGNMENT);
    }
  }

  /**
   * Copies a piece of a range that was checked; only a close in between can make it fail.
   *
   * @param gpa the address of the whole range, for the fault
   * @param whole the length of the whole range, for the fault
   */
  final void copy(
      MemorySegment source,
      long sourceOffset,
      MemorySegment target,
      long targetOffset,
      long length,
      long gpa,
      long whole,
      Access access) {
    try {
      MemorySegment.copy(source, sourceOffset, target, targetOffset, length);
    } catch (IllegalStateException e) {
      // The other side's memory may be closed as well; that is the caller's mistake.
      if (!isClosed()) {
        throw e;
      }
      throw fault(gpa, whole, access, e);
    }
  }

  /** {@return the regions by ascending address} */
  public final List<GuestRegion> regions() {
    return regions;
  }

  /** {@return the sum of the regions' sizes in bytes} */
  public final long size() {
    return regions.stream().mapToLong(GuestRegion::size).sum();
  }

  /**
   * {@return whether a range lies in memory without a gap}; an empty range always does
   *
   * @param gpa the first address
   * @param length the length in bytes, unsigned
   */
  public abstract boolean contains(long gpa, long length);

  /**
   * {@return a byte}
   *
   * @param gpa its address
   * @throws GuestMemoryException if it is not in memory
   */
  public abstract byte getByte(long gpa);

  /**
   * {@return two bytes, little-endian}
   *
   * @param gpa the first byte's address
   * @throws GuestMemoryException if they are not in one region
   */
  public abstract short getShort(long gpa);

  /**
   * {@return four bytes, little-endian}
   *
   * @param gpa the first byte's address
   * @throws GuestMemoryException if they are not in one region
   */
  public abstract int getInt(long gpa);

  /**
   * {@return eight bytes, little-endian}
   *
   * @param gpa the first byte's address
   * @throws GuestMemoryException if they are not in one region
   */
  public abstract long getLong(long gpa);

  /**
   * Writes a byte.
   *
   * @param gpa its address
   * @param value the byte
   * @throws GuestMemoryException if it is not in memory
   */
  public abstract void putByte(long gpa, byte value);

  /**
   * Writes two bytes, little-endian.
   *
   * @param gpa the first byte's address
   * @param value the value
   * @throws GuestMemoryException if they are not in one region
   */
  public abstract void putShort(long gpa, short value);

  /**
   * Writes four bytes, little-endian.
   *
   * @param gpa the first byte's address
   * @param value the value
   * @throws GuestMemoryException if they are not in one region
   */
  public abstract void putInt(long gpa, int value);

  /**
   * Writes eight bytes, little-endian.
   *
   * @param gpa the first byte's address
   * @param value the value
   * @throws GuestMemoryException if they are not in one region
   */
  public abstract void putLong(long gpa, long value);

  /**
   * {@return two bytes, little-endian, read with acquire order}
   *
   * @param gpa the address, a multiple of 2
   * @throws GuestMemoryException if they are not in memory, or misaligned
   */
  public abstract short getShortAcquire(long gpa);

  /**
   * {@return four bytes, little-endian, read with acquire order}
   *
   * @param gpa the address, a multiple of 4
   * @throws GuestMemoryException if they are not in memory, or misaligned
   */
  public abstract int getIntAcquire(long gpa);

  /**
   * Writes two bytes, little-endian, with release order.
   *
   * @param gpa the address, a multiple of 2
   * @param value the value
   * @throws GuestMemoryException if they are not in memory, or misaligned
   */
  public abstract void putShortRelease(long gpa, short value);

  /**
   * Writes four bytes, little-endian, with release order.
   *
   * @param gpa the address, a multiple of 4
   * @param value the value
   * @throws GuestMemoryException if they are not in memory, or misaligned
   */
  public abstract void putIntRelease(long gpa, int value);

  /**
   * Writes four bytes if they hold an expected value, atomically.
   *
   * @param gpa the address, a multiple of 4
   * @param expected the value that must be there
   * @param value the value to write
   * @return whether it was written
   * @throws GuestMemoryException if they are not in memory, or misaligned
   */
  public abstract boolean compareAndSetInt(long gpa, int expected, int value);

  /**
   * Copies guest memory out.
   *
   * @param gpa the first byte's address
   * @param target where the bytes go; filled whole
   * @throws GuestMemoryException if the range is not in memory; nothing was copied
   * @throws IllegalArgumentException if {@code target} is read-only
   * @throws IllegalStateException if {@code target} was freed
   */
  public abstract void read(long gpa, MemorySegment target);

  /**
   * Copies into guest memory.
   *
   * @param gpa the first byte's address
   * @param source the bytes; copied whole
   * @throws GuestMemoryException if the range is not in memory; nothing was copied
   * @throws IllegalStateException if {@code source} was freed
   */
  public abstract void write(long gpa, MemorySegment source);

  /**
   * Fills guest memory with one value.
   *
   * @param gpa the first byte's address
   * @param length the length in bytes, unsigned
   * @param value the value of each byte
   * @throws GuestMemoryException if the range is not in memory; nothing was written
   */
  public abstract void fill(long gpa, long length, byte value);

  /**
   * {@return a view of a range that lies in one region, with the memory's own lifetime} An access
   * through it costs a bounds check and nothing more, and fails as those of {@link MemorySegment}
   * do: with an {@link IllegalStateException} once the memory is closed.
   *
   * @param gpa the first byte's address
   * @param length the length in bytes, unsigned
   * @throws GuestMemoryException if the range is not in one region
   */
  public abstract MemorySegment slice(long gpa, long length);

  /**
   * Copies guest memory out.
   *
   * @param gpa the first byte's address
   * @param target where the bytes go; filled whole
   * @throws GuestMemoryException if the range is not in memory; nothing was copied
   */
  public final void read(long gpa, byte[] target) {
    read(gpa, MemorySegment.ofArray(target));
  }

  /**
   * Copies into guest memory.
   *
   * @param gpa the first byte's address
   * @param source the bytes; copied whole
   * @throws GuestMemoryException if the range is not in memory; nothing was copied
   */
  public final void write(long gpa, byte[] source) {
    write(gpa, MemorySegment.ofArray(source));
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
      for (GuestRegion region : regions) {
        region.startClosing();
        closing.add(region);
      }
    } catch (IllegalStateException e) {
      closing.forEach(GuestRegion::cancelClosing);
      throw e;
    }
    IllegalStateException failure = null;
    for (GuestRegion region : regions) {
      try {
        region.unmap();
      } catch (IllegalStateException e) {
        failure = new IllegalStateException(region + " is in use by the JDK", e);
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder("guest memory, ").append(size()).append(" bytes:");
    for (GuestRegion region : regions) {
      text.append(' ').append(region);
    }
    return text.toString();
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Guest memory as a device behind an IOMMU sees it: by I/O virtual address (iova), which the IOMMU
 * translates and permits or refuses, page by page.
 *
 * <p>Translations are kept in a bounded {@link Iotlb} until they are invalidated. {@link
 * #invalidate} makes accesses that begin later ask again; one under way, a {@link GuestView} and a
 * {@link GuestLoan} go on with what they found: who invalidates has the device stop using them
 * first, as the driver of a real IOMMU does.
 *
 * <p>Copies may cross from one translation into the next; scalars, slices, views and loans may, if
 * what lies behind is in a row. A copy looks its translations up twice if they are several, to
 * check them and to copy: an invalidation in between can end it in the middle, with a fault.
 *
 * <p>Scalars, and copies between a buffer and a range that one kept translation covers, allocate
 * nothing, nor does {@link #allows} of such a range. Other ranges cost a question to the IOMMU for
 * each translation, and a few objects: a device bounds the length of what the guest asks for before
 * it asks here.
 */
public final class IommuView extends AddressSpace {
  private final GuestMemory memory;
  private final Iommu iommu;
  private final Iotlb tlb;
  private volatile boolean bypass;

  /**
   * Creates a view that knows no translation yet.
   *
   * @param memory the guest's memory, which the view does not own
   * @param iommu what is asked for translations
   * @param tlbCapacity how many of them are kept, 1 to 65,536
   * @throws IllegalArgumentException if {@code tlbCapacity} is out of range
   */
  public IommuView(GuestMemory memory, Iommu iommu, int tlbCapacity) {
    this.memory = Objects.requireNonNull(memory, "memory");
    this.iommu = Objects.requireNonNull(iommu, "iommu");
    this.tlb = new Iotlb(tlbCapacity);
  }

  /** {@return the memory behind the view} */
  public GuestMemory memory() {
    return memory;
  }

  /** {@return the translations kept} */
  public Iotlb tlb() {
    return tlb;
  }

  /**
   * Turns translation off, or on again: while it is off, addresses are guest-physical.
   *
   * @param newBypass whether it is off
   */
  public void bypass(boolean newBypass) {
    bypass = newBypass;
  }

  /**
   * Forgets the translations of a range.
   *
   * @param iova the first address
   * @param length the length in bytes, unsigned; cut where an address would exceed 2^64
   */
  public void invalidate(long iova, long length) {
    tlb.invalidate(iova, length);
  }

  /** Forgets all translations. */
  public void invalidateAll() {
    tlb.invalidateAll();
  }

  // ---- translation -------------------------------------------------------------------------

  /** The guest-physical address of a range that lies in a row, or a fault. */
  private long translate(long iova, long length, Access access) {
    if (bypass) {
      return iova;
    }
    Iotlb.Entries known = tlb.entries();
    int i = covering(known, iova, length, access);
    if (i >= 0) {
      return known.gpa(i, iova);
    }
    return translateSlowly(iova, length, access);
  }

  /** The same where several translations cover the range, if they lie in a row. */
  private long translateSlowly(long iova, long length, Access access) {
    if (length == 0) {
      return 0; // nothing is accessed
    }
    Translation found = new Translation();
    GuestMemoryException.Reason problem = problem(iova, length, access, found);
    if (problem != null) {
      throw GuestMemoryException.ofIova(iova, length, access, problem);
    }
    long first = 0;
    long done = 0;
    while (done != length) {
      if (!lookUp(iova + done, access, found, done == 0) || !found.permitted().covers(access)) {
        throw GuestMemoryException.ofIova(
            iova, length, access, GuestMemoryException.Reason.UNTRANSLATED);
      }
      long gpa = found.gpa() + (iova + done - found.iova());
      if (done == 0) {
        first = gpa;
      } else if (gpa != first + done) {
        throw GuestMemoryException.ofIova(
            iova, length, access, GuestMemoryException.Reason.REGION_BOUNDARY);
      }
      done += piece(found, iova + done, length - done);
    }
    return first;
  }

  /**
   * Finds a translation that permits the access, in the table or by asking; whether there is one.
   *
   * @param keep whether to keep the answer: of a long range only the first is, for a change of the
   *     table costs its size
   */
  private boolean lookUp(long iova, Access access, Translation found, boolean keep) {
    if (tlb.lookup(iova, found) && found.permitted().covers(access)) {
      return true;
    }
    // Before the question, so that an answer which is invalidated meanwhile is not kept.
    long epoch = tlb.epoch();
    if (!iommu.translate(iova, access, found)) {
      return false;
    }
    if (!found.holds(iova)) {
      if (found.names(iova)) {
        return false; // cut: the rest would lie beyond 2^64
      }
      throw new IllegalStateException(
          "the IOMMU was asked for iova=0x" + Long.toHexString(iova) + " and gave " + found);
    }
    if (keep) {
      tlb.insertIf(epoch, found);
    }
    return true;
  }

  /** Why a range has no translation that permits the access; null if it has. */
  private GuestMemoryException.@Nullable Reason problem(
      long iova, long length, Access access, Translation found) {
    if (Long.compareUnsigned(iova + (length - 1), iova) < 0) {
      return GuestMemoryException.Reason.OVERFLOW;
    }
    long done = 0;
    while (done != length) {
      if (!lookUp(iova + done, access, found, done == 0)) {
        return GuestMemoryException.Reason.UNTRANSLATED;
      }
      if (!found.permitted().covers(access)) {
        return GuestMemoryException.Reason.PERMISSION;
      }
      long n = piece(found, iova + done, length - done);
      long gpa = found.gpa() + (iova + done - found.iova());
      if (!memory.allows(gpa, n, access)) {
        throw memory.fault(gpa, n, access, null);
      }
      done += n;
    }
    return null;
  }

  private static long piece(Translation found, long iova, long length) {
    long left = found.length() - (iova - found.iova());
    return Long.compareUnsigned(length, left) <= 0 ? length : left;
  }

  /** What one look-up says: the entry that covers a range and permits the access, or -1. */
  private static int covering(Iotlb.Entries known, long iova, long length, Access access) {
    int i = known.find(iova);
    return i >= 0
            && known.permitted[i].covers(access)
            && Long.compareUnsigned(length - 1, known.lasts[i] - iova) <= 0
        ? i
        : -1;
  }

  /** What is done to each piece of a range. */
  @FunctionalInterface
  private interface Piece {
    void handle(long gpa, long done, long length);
  }

  /** Checks a range wholly, then goes over its pieces. */
  private void forEach(long iova, long length, Access access, Piece action) {
    check(iova, length, access);
    Translation found = new Translation();
    if (bypass) {
      if (length != 0) {
        action.handle(iova, 0, length);
      }
      return;
    }
    long done = 0;
    while (done != length) {
      if (!lookUp(iova + done, access, found, done == 0) || !found.permitted().covers(access)) {
        throw GuestMemoryException.ofIova(
            iova, length, access, GuestMemoryException.Reason.UNTRANSLATED);
      }
      long n = piece(found, iova + done, length - done);
      action.handle(found.gpa() + (iova + done - found.iova()), done, n);
      done += n;
    }
  }

  private void check(long iova, long length, Access access) {
    if (length == 0) {
      return;
    }
    if (bypass) {
      if (!memory.allows(iova, length, access)) {
        throw memory.fault(iova, length, access, null);
      }
      return;
    }
    GuestMemoryException.Reason problem = problem(iova, length, access, new Translation());
    if (problem != null) {
      throw GuestMemoryException.ofIova(iova, length, access, problem);
    }
  }

  @Override
  public boolean allows(long iova, long length, Access access) {
    if (bypass) {
      return memory.allows(iova, length, access);
    }
    Iotlb.Entries known = tlb.entries();
    int i = covering(known, iova, length, access);
    if (i >= 0) {
      return memory.allows(known.gpa(i, iova), length, access);
    }
    try {
      check(iova, length, access);
      return true;
    } catch (GuestMemoryException e) {
      return false;
    }
  }

  // ---- scalars -----------------------------------------------------------------------------

  @Override
  public byte getByte(long iova) {
    return memory.getByte(translate(iova, 1, Access.READ));
  }

  @Override
  public short getShort(long iova) {
    return memory.getShort(translate(iova, 2, Access.READ));
  }

  @Override
  public int getInt(long iova) {
    return memory.getInt(translate(iova, 4, Access.READ));
  }

  @Override
  public long getLong(long iova) {
    return memory.getLong(translate(iova, 8, Access.READ));
  }

  @Override
  public void putByte(long iova, byte value) {
    memory.putByte(translate(iova, 1, Access.WRITE), value);
  }

  @Override
  public void putShort(long iova, short value) {
    memory.putShort(translate(iova, 2, Access.WRITE), value);
  }

  @Override
  public void putInt(long iova, int value) {
    memory.putInt(translate(iova, 4, Access.WRITE), value);
  }

  @Override
  public void putLong(long iova, long value) {
    memory.putLong(translate(iova, 8, Access.WRITE), value);
  }

  @Override
  public byte getByteAcquire(long iova) {
    return memory.getByteAcquire(translate(iova, 1, Access.READ));
  }

  @Override
  public short getShortAcquire(long iova) {
    return memory.getShortAcquire(translate(iova, 2, Access.READ));
  }

  @Override
  public int getIntAcquire(long iova) {
    return memory.getIntAcquire(translate(iova, 4, Access.READ));
  }

  @Override
  public long getLongAcquire(long iova) {
    return memory.getLongAcquire(translate(iova, 8, Access.READ));
  }

  @Override
  public void putByteRelease(long iova, byte value) {
    memory.putByteRelease(translate(iova, 1, Access.WRITE), value);
  }

  @Override
  public void putShortRelease(long iova, short value) {
    memory.putShortRelease(translate(iova, 2, Access.WRITE), value);
  }

  @Override
  public void putIntRelease(long iova, int value) {
    memory.putIntRelease(translate(iova, 4, Access.WRITE), value);
  }

  @Override
  public void putLongRelease(long iova, long value) {
    memory.putLongRelease(translate(iova, 8, Access.WRITE), value);
  }

  @Override
  public boolean compareAndSetByte(long iova, byte expected, byte value) {
    return memory.compareAndSetByte(translate(iova, 1, Access.READ_WRITE), expected, value);
  }

  @Override
  public boolean compareAndSetShort(long iova, short expected, short value) {
    return memory.compareAndSetShort(translate(iova, 2, Access.READ_WRITE), expected, value);
  }

  @Override
  public boolean compareAndSetInt(long iova, int expected, int value) {
    return memory.compareAndSetInt(translate(iova, 4, Access.READ_WRITE), expected, value);
  }

  @Override
  public boolean compareAndSetLong(long iova, long expected, long value) {
    return memory.compareAndSetLong(translate(iova, 8, Access.READ_WRITE), expected, value);
  }

  // ---- ranges ------------------------------------------------------------------------------

  @Override
  public void read(long iova, MemorySegment target) {
    long length = target.byteSize();
    Iotlb.Entries known = tlb.entries();
    int i = covering(known, iova, length, Access.READ);
    if (bypass) {
      memory.read(iova, target);
    } else if (i >= 0) {
      memory.read(known.gpa(i, iova), target);
    } else {
      forEach(
          iova, length, Access.READ, (gpa, done, n) -> memory.read(gpa, target.asSlice(done, n)));
    }
  }

  @Override
  public void read(long iova, byte[] target, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, target.length);
    Iotlb.Entries known = tlb.entries();
    int i = covering(known, iova, length, Access.READ);
    if (bypass) {
      memory.read(iova, target, offset, length);
    } else if (i >= 0) {
      memory.read(known.gpa(i, iova), target, offset, length);
    } else {
      forEach(
          iova,
          length,
          Access.READ,
          (gpa, done, n) -> memory.read(gpa, target, offset + (int) done, (int) n));
    }
  }

  @Override
  public void write(long iova, MemorySegment source) {
    long length = source.byteSize();
    Iotlb.Entries known = tlb.entries();
    int i = covering(known, iova, length, Access.WRITE);
    if (bypass) {
      memory.write(iova, source);
    } else if (i >= 0) {
      memory.write(known.gpa(i, iova), source);
    } else {
      forEach(
          iova, length, Access.WRITE, (gpa, done, n) -> memory.write(gpa, source.asSlice(done, n)));
    }
  }

  @Override
  public void write(long iova, byte[] source, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, source.length);
    Iotlb.Entries known = tlb.entries();
    int i = covering(known, iova, length, Access.WRITE);
    if (bypass) {
      memory.write(iova, source, offset, length);
    } else if (i >= 0) {
      memory.write(known.gpa(i, iova), source, offset, length);
    } else {
      forEach(
          iova,
          length,
          Access.WRITE,
          (gpa, done, n) -> memory.write(gpa, source, offset + (int) done, (int) n));
    }
  }

  @Override
  public void fill(long iova, long length, byte value) {
    forEach(iova, length, Access.WRITE, (gpa, done, n) -> memory.fill(gpa, n, value));
  }

  /**
   * {@inheritDoc}
   *
   * <p>Here the ranges overlap if their I/O virtual addresses do: two of these may be one place of
   * the memory, and then what arrives there is undefined.
   */
  @Override
  public void copy(long source, long target, long length) {
    check(source, length, Access.READ);
    check(target, length, Access.WRITE);
    boolean backwards = Long.compareUnsigned(target - source, length) < 0;
    byte[] buffer = new byte[(int) Math.min(1 << 16, length < 0 ? 1 << 16 : length)];
    long left = length;
    while (left != 0) {
      int n = left < 0 ? buffer.length : (int) Math.min(buffer.length, left);
      long at = backwards ? left - n : length - left;
      read(source + at, buffer, 0, n);
      write(target + at, buffer, 0, n);
      left -= n;
    }
  }

  @Override
  public long mismatch(long iova, MemorySegment other) {
    long[] at = {-1};
    forEach(
        iova,
        other.byteSize(),
        Access.READ,
        (gpa, done, n) -> {
          if (at[0] < 0) {
            long found = memory.mismatch(gpa, other.asSlice(done, n));
            if (found >= 0) {
              at[0] = done + found;
            }
          }
        });
    return at[0];
  }

  @Override
  public MemorySegment slice(long iova, long length) {
    return memory.slice(translate(iova, length, Access.READ), length);
  }

  @Override
  public GuestView view(long iova, long length, Access access) {
    return memory.view(translate(iova, length, access), length, access);
  }

  @Override
  public GuestLoan borrow(long iova, long length, Access access, String holder) {
    return memory.borrow(translate(iova, length, access), length, access, holder);
  }

  @Override
  void collect(long iova, long length, Access access, GuestIoVector vector) {
    Iotlb.Entries known = tlb.entries();
    int i = covering(known, iova, length, access);
    if (!bypass && i >= 0) {
      memory.collect(known.gpa(i, iova), length, access, vector);
    } else {
      forEach(iova, length, access, (gpa, done, n) -> memory.collect(gpa, n, access, vector));
    }
  }

  @Override
  public String toString() {
    return "IOMMU view" + (bypass ? " (bypassed)" : "") + " of " + memory;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import java.lang.foreign.MemorySegment;

/**
 * Memory as a device sees it: either the guest's memory itself, by guest-physical address ({@link
 * GuestMemory}), or through an IOMMU, by I/O virtual address ({@link IommuView}). A device that is
 * written against this class works behind both.
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
 * <p>Every write, by whichever method, is marked in the region's {@link DirtyLog} if it has one.
 *
 * <p>The scalar accessors, the copies between memory and a buffer and the accesses of a view
 * allocate nothing; an {@link IommuView} says where it does. All methods may be called by any
 * thread.
 */
public abstract sealed class AddressSpace permits GuestMemory, IommuView {
  AddressSpace() {}

  /**
   * {@return whether a range can be accessed without a gap}; an empty range always can
   *
   * @param address the first address
   * @param length the length in bytes, unsigned
   * @param access what is to be done with it
   */
  public abstract boolean allows(long address, long length, Access access);

  /**
   * {@return whether a range lies in readable memory without a gap}; an empty range always does
   *
   * @param address the first address
   * @param length the length in bytes, unsigned
   */
  public final boolean contains(long address, long length) {
    return allows(address, length, Access.READ);
  }

  /**
   * {@return a byte}
   *
   * @param address its address
   * @throws GuestMemoryException if it is not in memory
   */
  public abstract byte getByte(long address);

  /**
   * {@return two bytes, little-endian}
   *
   * @param address the first byte's address
   * @throws GuestMemoryException if they are not in one region
   */
  public abstract short getShort(long address);

  /**
   * {@return four bytes, little-endian}
   *
   * @param address the first byte's address
   * @throws GuestMemoryException if they are not in one region
   */
  public abstract int getInt(long address);

  /**
   * {@return eight bytes, little-endian}
   *
   * @param address the first byte's address
   * @throws GuestMemoryException if they are not in one region
   */
  public abstract long getLong(long address);

  /**
   * Writes a byte.
   *
   * @param address its address
   * @param value the value
   * @throws GuestMemoryException if it is not in memory, or read-only
   */
  public abstract void putByte(long address, byte value);

  /**
   * Writes two bytes, little-endian.
   *
   * @param address the first byte's address
   * @param value the value
   * @throws GuestMemoryException if they are not in one region, or read-only
   */
  public abstract void putShort(long address, short value);

  /**
   * Writes four bytes, little-endian.
   *
   * @param address the first byte's address
   * @param value the value
   * @throws GuestMemoryException if they are not in one region, or read-only
   */
  public abstract void putInt(long address, int value);

  /**
   * Writes eight bytes, little-endian.
   *
   * @param address the first byte's address
   * @param value the value
   * @throws GuestMemoryException if they are not in one region, or read-only
   */
  public abstract void putLong(long address, long value);

  /**
   * {@return a byte read with acquire order: later accesses of this thread stay later}
   *
   * @param address the address
   * @throws GuestMemoryException if not in memory
   */
  public abstract byte getByteAcquire(long address);

  /**
   * {@return two bytes read with acquire order: later accesses of this thread stay later}
   *
   * @param address the address, a multiple of 2
   * @throws GuestMemoryException if not in memory, or misaligned
   */
  public abstract short getShortAcquire(long address);

  /**
   * {@return four bytes read with acquire order: later accesses of this thread stay later}
   *
   * @param address the address, a multiple of 4
   * @throws GuestMemoryException if not in memory, or misaligned
   */
  public abstract int getIntAcquire(long address);

  /**
   * {@return eight bytes read with acquire order: later accesses of this thread stay later}
   *
   * @param address the address, a multiple of 8
   * @throws GuestMemoryException if not in memory, or misaligned
   */
  public abstract long getLongAcquire(long address);

  /**
   * Writes a byte with release order: earlier accesses of this thread stay earlier.
   *
   * @param address the address
   * @param value the value
   * @throws GuestMemoryException if not in memory, read-only
   */
  public abstract void putByteRelease(long address, byte value);

  /**
   * Writes two bytes with release order: earlier accesses of this thread stay earlier.
   *
   * @param address the address, a multiple of 2
   * @param value the value
   * @throws GuestMemoryException if not in memory, read-only, or misaligned
   */
  public abstract void putShortRelease(long address, short value);

  /**
   * Writes four bytes with release order: earlier accesses of this thread stay earlier.
   *
   * @param address the address, a multiple of 4
   * @param value the value
   * @throws GuestMemoryException if not in memory, read-only, or misaligned
   */
  public abstract void putIntRelease(long address, int value);

  /**
   * Writes eight bytes with release order: earlier accesses of this thread stay earlier.
   *
   * @param address the address, a multiple of 8
   * @param value the value
   * @throws GuestMemoryException if not in memory, read-only, or misaligned
   */
  public abstract void putLongRelease(long address, long value);

  /**
   * Writes a byte if an expected value is there, atomically and in order with all else.
   *
   * @param address the address
   * @param expected the value that must be there
   * @param value the value to write
   * @return whether it was written
   * @throws GuestMemoryException if not in memory, read-only
   */
  public abstract boolean compareAndSetByte(long address, byte expected, byte value);

  /**
   * Writes two bytes if an expected value is there, atomically and in order with all else.
   *
   * @param address the address, a multiple of 2
   * @param expected the value that must be there
   * @param value the value to write
   * @return whether it was written
   * @throws GuestMemoryException if not in memory, read-only, or misaligned
   */
  public abstract boolean compareAndSetShort(long address, short expected, short value);

  /**
   * Writes four bytes if an expected value is there, atomically and in order with all else.
   *
   * @param address the address, a multiple of 4
   * @param expected the value that must be there
   * @param value the value to write
   * @return whether it was written
   * @throws GuestMemoryException if not in memory, read-only, or misaligned
   */
  public abstract boolean compareAndSetInt(long address, int expected, int value);

  /**
   * Writes eight bytes if an expected value is there, atomically and in order with all else.
   *
   * @param address the address, a multiple of 8
   * @param expected the value that must be there
   * @param value the value to write
   * @return whether it was written
   * @throws GuestMemoryException if not in memory, read-only, or misaligned
   */
  public abstract boolean compareAndSetLong(long address, long expected, long value);

  /**
   * Copies memory out.
   *
   * @param address the first byte's address
   * @param target where the bytes go; filled whole
   * @throws GuestMemoryException if the range is not in memory; nothing was copied
   * @throws IllegalArgumentException if {@code target} is read-only
   * @throws IllegalStateException if {@code target} was freed
   */
  public abstract void read(long address, MemorySegment target);

  /**
   * Copies memory out into a part of an array.
   *
   * @param address the first byte's address
   * @param target where the bytes go
   * @param offset the index of the first of them
   * @param length how many
   * @throws IndexOutOfBoundsException if the part is not in the array
   * @throws GuestMemoryException if the range is not in memory; nothing was copied
   */
  public abstract void read(long address, byte[] target, int offset, int length);

  /**
   * Copies memory out.
   *
   * @param address the first byte's address
   * @param target where the bytes go; filled whole
   * @throws GuestMemoryException if the range is not in memory; nothing was copied
   */
  public final void read(long address, byte[] target) {
    read(address, target, 0, target.length);
  }

  /**
   * Copies into memory.
   *
   * @param address the first byte's address
   * @param source the bytes; copied whole
   * @throws GuestMemoryException if the range is not in memory, or read-only; nothing was copied
   * @throws IllegalStateException if {@code source} was freed
   */
  public abstract void write(long address, MemorySegment source);

  /**
   * Copies a part of an array into memory.
   *
   * @param address the first byte's address
   * @param source the bytes
   * @param offset the index of the first of them
   * @param length how many
   * @throws IndexOutOfBoundsException if the part is not in the array
   * @throws GuestMemoryException if the range is not in memory, or read-only; nothing was copied
   */
  public abstract void write(long address, byte[] source, int offset, int length);

  /**
   * Copies into memory.
   *
   * @param address the first byte's address
   * @param source the bytes; copied whole
   * @throws GuestMemoryException if the range is not in memory, or read-only; nothing was copied
   */
  public final void write(long address, byte[] source) {
    write(address, source, 0, source.length);
  }

  /**
   * Fills memory with one value.
   *
   * @param address the first byte's address
   * @param length the length in bytes, unsigned
   * @param value the value of each byte
   * @throws GuestMemoryException if the range is not in memory, or read-only; nothing was written
   */
  public abstract void fill(long address, long length, byte value);

  /**
   * Copies from one place of the memory to another. The ranges may overlap: what arrives is what
   * was at the source before.
   *
   * @param source the address of the first byte to read
   * @param target the address of the first byte to write
   * @param length the length in bytes, unsigned
   * @throws GuestMemoryException if one of the ranges is not in memory, the source checked first,
   *     or the target is read-only; nothing was copied
   */
  public abstract void copy(long source, long target, long length);

  /**
   * {@return the index of the first byte that differs from the bytes given, or -1}
   *
   * @param address the first byte's address
   * @param other the bytes to compare with, all of them
   * @throws GuestMemoryException if the range is not in memory
   * @throws IllegalStateException if {@code other} was freed
   */
  public abstract long mismatch(long address, MemorySegment other);

  /**
   * {@return memory of one region, without a copy and read-only, with the region's own lifetime} An
   * access through it costs a bounds check and nothing more, and fails as those of {@link
   * MemorySegment} do: with an {@link IllegalStateException} once the memory is closed. {@link
   * #view} and {@link #borrow} are for writing.
   *
   * <p>{@link MemorySegment#mismatch} and what else the JVM does by stubs of its own crash the JVM
   * on memory whose file was truncated; the methods of this class and the segment's accessors do
   * not.
   *
   * @param address the first byte's address
   * @param length the length in bytes, unsigned
   * @throws GuestMemoryException if the range is not in one region
   */
  public abstract MemorySegment slice(long address, long length);

  /**
   * {@return a view of a range that lies in one region, resolved once for many accesses} It is what
   * a ring shared with the guest is accessed by. Through an IOMMU it keeps the translation found
   * now; whoever invalidates that translation has to have the view resolved anew.
   *
   * @param address the first byte's address
   * @param length the length in bytes, unsigned
   * @param access what it is for; writes through a view made for reading fault
   * @throws GuestMemoryException if the range is not in one region, or read-only and to be written
   */
  public abstract GuestView view(long address, long length, Access access);

  /**
   * Lends a range that lies in one region to the kernel or to code that works on segments and
   * addresses. Until the loan is closed its region cannot be unmapped; what was lent for writing is
   * marked dirty when it is closed.
   *
   * @param address the first byte's address
   * @param length the length in bytes, unsigned
   * @param access what it is for
   * @param holder who borrows and for what, for messages
   * @return the loan
   * @throws GuestMemoryException if the range is not in one region, or read-only and to be written
   */
  public abstract GuestLoan borrow(long address, long length, Access access, String holder);

  /** Adds the pieces of a range to a vector, after all checks. */
  abstract void collect(long address, long length, Access access, GuestIoVector vector);
}

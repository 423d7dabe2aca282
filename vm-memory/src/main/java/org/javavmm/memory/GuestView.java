// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * A range of guest memory resolved once, for a structure that a device and the guest share, such as
 * a ring: an access by offset costs a bounds check and nothing more, is marked if the region has a
 * dirty log, and faults like an access by address.
 *
 * <p>A view holds nothing: once its region is removed or the memory is closed, its accesses fault.
 * All methods may be called by any thread; none of the accessors allocates.
 */
public final class GuestView {
  private final GuestMemory memory;
  private final MemorySegment segment;
  private final long gpa;

  private final @Nullable DirtyLog dirty;

  /** Where the view begins in its region. */
  private final long start;

  GuestView(GuestMemory memory, GuestRegion region, long gpa, long length, Access access) {
    this.memory = memory;
    this.gpa = gpa;
    this.start = length == 0 ? 0 : gpa - region.gpa;
    MemorySegment range = region.segment.asSlice(start, length);
    this.segment = access.writes() ? range : range.asReadOnly();
    this.dirty = region.dirty;
  }

  /** {@return the guest-physical address of the first byte} */
  public long gpa() {
    return gpa;
  }

  /** {@return the length in bytes} */
  public long length() {
    return segment.byteSize();
  }

  private void wrote(long offset, long length) {
    DirtyLog log = dirty;
    if (log != null) {
      log.markChecked(start + offset, length);
    }
  }

  private GuestMemoryException orderedFault(
      long offset, int width, Access access, @Nullable Throwable cause) {
    return ((gpa + offset) & (width - 1)) != 0
        ? new GuestMemoryException(
            gpa + offset, width, access, GuestMemoryException.Reason.ALIGNMENT)
        : fault(offset, width, access, cause);
  }

  private GuestMemoryException fault(
      long offset, long length, Access access, @Nullable Throwable cause) {
    if (cause instanceof IndexOutOfBoundsException) {
      return new GuestMemoryException(
          gpa + offset, length, access, GuestMemoryException.Reason.VIEW_BOUNDARY);
    }
    if (cause instanceof IllegalArgumentException) {
      return new GuestMemoryException(
          gpa + offset, length, access, GuestMemoryException.Reason.PERMISSION);
    }
    if (cause instanceof IllegalStateException) {
      return new GuestMemoryException(
          gpa + offset, length, access, GuestMemoryException.Reason.CLOSED);
    }
    return memory.fault(gpa + offset, length, access, cause);
  }

  /**
   * {@return a byte}
   *
   * @param offset where, in bytes from the view's start
   * @throws GuestMemoryException if not in the view
   */
  public byte getByte(long offset) {
    try {
      return segment.get(LittleEndian.BYTE, offset);
    } catch (RuntimeException | InternalError e) {
      throw fault(offset, 1, Access.READ, e);
    }
  }

  /**
   * {@return two bytes, little-endian}
   *
   * @param offset where, in bytes from the view's start
   * @throws GuestMemoryException if not in the view
   */
  public short getShort(long offset) {
    try {
      return segment.get(LittleEndian.SHORT, offset);
    } catch (RuntimeException | InternalError e) {
      throw fault(offset, 2, Access.READ, e);
    }
  }

  /**
   * {@return four bytes, little-endian}
   *
   * @param offset where, in bytes from the view's start
   * @throws GuestMemoryException if not in the view
   */
  public int getInt(long offset) {
    try {
      return segment.get(LittleEndian.INT, offset);
    } catch (RuntimeException | InternalError e) {
      throw fault(offset, 4, Access.READ, e);
    }
  }

  /**
   * {@return eight bytes, little-endian}
   *
   * @param offset where, in bytes from the view's start
   * @throws GuestMemoryException if not in the view
   */
  public long getLong(long offset) {
    try {
      return segment.get(LittleEndian.LONG, offset);
    } catch (RuntimeException | InternalError e) {
      throw fault(offset, 8, Access.READ, e);
    }
  }

  /**
   * Writes a byte.
   *
   * @param offset where, in bytes from the view's start
   * @param value the value
   * @throws GuestMemoryException if not in the view, or read-only
   */
  public void putByte(long offset, byte value) {
    try {
      segment.set(LittleEndian.BYTE, offset, value);
    } catch (RuntimeException | InternalError e) {
      throw fault(offset, 1, Access.WRITE, e);
    }
    wrote(offset, 1);
  }

  /**
   * Writes two bytes, little-endian.
   *
   * @param offset where, in bytes from the view's start
   * @param value the value
   * @throws GuestMemoryException if not in the view, or read-only
   */
  public void putShort(long offset, short value) {
    try {
      segment.set(LittleEndian.SHORT, offset, value);
    } catch (RuntimeException | InternalError e) {
      throw fault(offset, 2, Access.WRITE, e);
    }
    wrote(offset, 2);
  }

  /**
   * Writes four bytes, little-endian.
   *
   * @param offset where, in bytes from the view's start
   * @param value the value
   * @throws GuestMemoryException if not in the view, or read-only
   */
  public void putInt(long offset, int value) {
    try {
      segment.set(LittleEndian.INT, offset, value);
    } catch (RuntimeException | InternalError e) {
      throw fault(offset, 4, Access.WRITE, e);
    }
    wrote(offset, 4);
  }

  /**
   * Writes eight bytes, little-endian.
   *
   * @param offset where, in bytes from the view's start
   * @param value the value
   * @throws GuestMemoryException if not in the view, or read-only
   */
  public void putLong(long offset, long value) {
    try {
      segment.set(LittleEndian.LONG, offset, value);
    } catch (RuntimeException | InternalError e) {
      throw fault(offset, 8, Access.WRITE, e);
    }
    wrote(offset, 8);
  }

  /**
   * {@return a byte read with acquire order}
   *
   * @param offset where, in bytes from the view's start
   * @throws GuestMemoryException if not in the view
   */
  public byte getByteAcquire(long offset) {
    try {
      return LittleEndian.Ordered.getByte(segment, offset);
    } catch (RuntimeException | InternalError e) {
      throw fault(offset, 1, Access.READ, e);
    }
  }

  /**
   * {@return two bytes read with acquire order}
   *
   * @param offset where, in bytes from the view's start
   * @throws GuestMemoryException if not in the view, or if its address is not a multiple of 2
   */
  public short getShortAcquire(long offset) {
    try {
      return LittleEndian.Ordered.getShort(segment, offset);
    } catch (RuntimeException | InternalError e) {
      throw orderedFault(offset, 2, Access.READ, e);
    }
  }

  /**
   * {@return four bytes read with acquire order}
   *
   * @param offset where, in bytes from the view's start
   * @throws GuestMemoryException if not in the view, or if its address is not a multiple of 4
   */
  public int getIntAcquire(long offset) {
    try {
      return LittleEndian.Ordered.getInt(segment, offset);
    } catch (RuntimeException | InternalError e) {
      throw orderedFault(offset, 4, Access.READ, e);
    }
  }

  /**
   * {@return eight bytes read with acquire order}
   *
   * @param offset where, in bytes from the view's start
   * @throws GuestMemoryException if not in the view, or if its address is not a multiple of 8
   */
  public long getLongAcquire(long offset) {
    try {
      return LittleEndian.Ordered.getLong(segment, offset);
    } catch (RuntimeException | InternalError e) {
      throw orderedFault(offset, 8, Access.READ, e);
    }
  }

  /**
   * Writes a byte with release order.
   *
   * @param offset where, in bytes from the view's start
   * @param value the value
   * @throws GuestMemoryException if not in the view, read-only
   */
  public void putByteRelease(long offset, byte value) {
    try {
      LittleEndian.Ordered.putByte(segment, offset, value);
    } catch (RuntimeException | InternalError e) {
      throw fault(offset, 1, Access.WRITE, e);
    }
    wrote(offset, 1);
  }

  /**
   * Writes two bytes with release order.
   *
   * @param offset where, in bytes from the view's start
   * @param value the value
   * @throws GuestMemoryException if not in the view, read-only, or if its address is not a multiple
   *     of 2
   */
  public void putShortRelease(long offset, short value) {
    try {
      LittleEndian.Ordered.putShort(segment, offset, value);
    } catch (RuntimeException | InternalError e) {
      throw orderedFault(offset, 2, Access.WRITE, e);
    }
    wrote(offset, 2);
  }

  /**
   * Writes four bytes with release order.
   *
   * @param offset where, in bytes from the view's start
   * @param value the value
   * @throws GuestMemoryException if not in the view, read-only, or if its address is not a multiple
   *     of 4
   */
  public void putIntRelease(long offset, int value) {
    try {
      LittleEndian.Ordered.putInt(segment, offset, value);
    } catch (RuntimeException | InternalError e) {
      throw orderedFault(offset, 4, Access.WRITE, e);
    }
    wrote(offset, 4);
  }

  /**
   * Writes eight bytes with release order.
   *
   * @param offset where, in bytes from the view's start
   * @param value the value
   * @throws GuestMemoryException if not in the view, read-only, or if its address is not a multiple
   *     of 8
   */
  public void putLongRelease(long offset, long value) {
    try {
      LittleEndian.Ordered.putLong(segment, offset, value);
    } catch (RuntimeException | InternalError e) {
      throw orderedFault(offset, 8, Access.WRITE, e);
    }
    wrote(offset, 8);
  }

  /**
   * Writes four bytes if an expected value is there, atomically and in order with all else.
   *
   * @param offset where, in bytes from the view's start
   * @param expected the value that must be there
   * @param value the value to write
   * @return whether it was written
   * @throws GuestMemoryException if not in the view, read-only, or if its address is not a multiple
   *     of 4
   */
  public boolean compareAndSetInt(long offset, int expected, int value) {
    boolean done;
    try {
      done = LittleEndian.Ordered.compareAndSetInt(segment, offset, expected, value);
    } catch (RuntimeException | InternalError e) {
      throw orderedFault(offset, 4, Access.WRITE, e);
    }
    if (done) {
      wrote(offset, 4);
    }
    return done;
  }

  /**
   * Writes eight bytes if an expected value is there, atomically and in order with all else.
   *
   * @param offset where, in bytes from the view's start
   * @param expected the value that must be there
   * @param value the value to write
   * @return whether it was written
   * @throws GuestMemoryException if not in the view, read-only, or if its address is not a multiple
   *     of 8
   */
  public boolean compareAndSetLong(long offset, long expected, long value) {
    boolean done;
    try {
      done = LittleEndian.Ordered.compareAndSetLong(segment, offset, expected, value);
    } catch (RuntimeException | InternalError e) {
      throw orderedFault(offset, 8, Access.WRITE, e);
    }
    if (done) {
      wrote(offset, 8);
    }
    return done;
  }

  /**
   * Copies out.
   *
   * @param offset where, in bytes from the view's start
   * @param target where the bytes go; filled whole
   * @throws GuestMemoryException if not in the view
   * @throws IllegalArgumentException if {@code target} is read-only
   * @throws IllegalStateException if {@code target} was freed
   */
  public void read(long offset, MemorySegment target) {
    long length = target.byteSize();
    check(offset, length, Access.READ);
    try {
      MemorySegment.copy(segment, offset, target, 0, length);
    } catch (IllegalStateException | InternalError e) {
      throw failed(offset, length, Access.READ, e);
    }
  }

  /**
   * Copies in.
   *
   * @param offset where, in bytes from the view's start
   * @param source the bytes; copied whole
   * @throws GuestMemoryException if not in the view, or read-only
   * @throws IllegalStateException if {@code source} was freed
   */
  public void write(long offset, MemorySegment source) {
    long length = source.byteSize();
    check(offset, length, Access.WRITE);
    if (length == 0) {
      return;
    }
    if (segment.isReadOnly()) {
      throw new GuestMemoryException(
          gpa + offset, length, Access.WRITE, GuestMemoryException.Reason.PERMISSION);
    }
    try {
      MemorySegment.copy(source, 0, segment, offset, length);
    } catch (IllegalStateException | InternalError e) {
      wrote(offset, length); // a part of it may be
      throw failed(offset, length, Access.WRITE, e);
    }
    wrote(offset, length);
  }

  private void check(long offset, long length, Access access) {
    if (offset < 0 || offset > segment.byteSize() - length) {
      throw new GuestMemoryException(
          gpa + offset, length, access, GuestMemoryException.Reason.VIEW_BOUNDARY);
    }
  }

  private RuntimeException failed(long offset, long length, Access access, Throwable cause) {
    // A freed buffer of the caller's is the caller's mistake.
    if (cause instanceof IllegalStateException e && segment.scope().isAlive()) {
      return e;
    }
    return fault(offset, length, access, cause);
  }

  @Override
  public String toString() {
    return "view of guest memory [0x"
        + Long.toHexString(gpa)
        + ", "
        + length()
        + (segment.isReadOnly() ? " bytes, for reading]" : " bytes]");
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** One region: the segment's own bounds check is the check. */
final class SingleRegionMemory extends GuestMemory {
  private final long base;
  private final long size;
  private final MemorySegment segment;

  SingleRegionMemory(List<GuestRegion> regions) {
    super(regions);
    GuestRegion region = regions.getFirst();
    this.base = region.gpa();
    this.size = region.size();
    this.segment = region.segment();
  }

  @Override
  public boolean contains(long gpa, long length) {
    long offset = gpa - base;
    return length == 0
        || (Long.compareUnsigned(offset, size) < 0
            && Long.compareUnsigned(length, size - offset) <= 0);
  }

  private void check(long gpa, long length, Access access) {
    if (!contains(gpa, length)) {
      throw fault(gpa, length, access, null);
    }
  }

  @Override
  public byte getByte(long gpa) {
    try {
      return segment.get(LittleEndian.BYTE, gpa - base);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 1, Access.READ, e);
    }
  }

  @Override
  public short getShort(long gpa) {
    try {
      return segment.get(LittleEndian.SHORT, gpa - base);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 2, Access.READ, e);
    }
  }

  @Override
  public int getInt(long gpa) {
    try {
      return segment.get(LittleEndian.INT, gpa - base);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 4, Access.READ, e);
    }
  }

  @Override
  public long getLong(long gpa) {
    try {
      return segment.get(LittleEndian.LONG, gpa - base);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 8, Access.READ, e);
    }
  }

  @Override
  public void putByte(long gpa, byte value) {
    try {
      segment.set(LittleEndian.BYTE, gpa - base, value);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 1, Access.WRITE, e);
    }
  }

  @Override
  public void putShort(long gpa, short value) {
    try {
      segment.set(LittleEndian.SHORT, gpa - base, value);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 2, Access.WRITE, e);
    }
  }

  @Override
  public void putInt(long gpa, int value) {
    try {
      segment.set(LittleEndian.INT, gpa - base, value);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 4, Access.WRITE, e);
    }
  }

  @Override
  public void putLong(long gpa, long value) {
    try {
      segment.set(LittleEndian.LONG, gpa - base, value);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 8, Access.WRITE, e);
    }
  }

  @Override
  public short getShortAcquire(long gpa) {
    checkAligned(gpa, 2, Access.READ);
    try {
      return (short) LittleEndian.Ordered.SHORT.getAcquire(segment, gpa - base);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 2, Access.READ, e);
    }
  }

  @Override
  public int getIntAcquire(long gpa) {
    checkAligned(gpa, 4, Access.READ);
    try {
      return (int) LittleEndian.Ordered.INT.getAcquire(segment, gpa - base);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 4, Access.READ, e);
    }
  }

  @Override
  public void putShortRelease(long gpa, short value) {
    checkAligned(gpa, 2, Access.WRITE);
    try {
      LittleEndian.Ordered.SHORT.setRelease(segment, gpa - base, value);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 2, Access.WRITE, e);
    }
  }

  @Override
  public void putIntRelease(long gpa, int value) {
    checkAligned(gpa, 4, Access.WRITE);
    try {
      LittleEndian.Ordered.INT.setRelease(segment, gpa - base, value);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 4, Access.WRITE, e);
    }
  }

  @Override
  public boolean compareAndSetInt(long gpa, int expected, int value) {
    checkAligned(gpa, 4, Access.WRITE);
    try {
      return LittleEndian.Ordered.INT.compareAndSet(segment, gpa - base, expected, value);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 4, Access.WRITE, e);
    }
  }

  @Override
  public void read(long gpa, MemorySegment target) {
    long length = target.byteSize();
    check(gpa, length, Access.READ);
    if (length != 0) {
      copy(segment, gpa - base, target, 0, length, gpa, length, Access.READ);
    }
  }

  @Override
  public void write(long gpa, MemorySegment source) {
    long length = source.byteSize();
    check(gpa, length, Access.WRITE);
    if (length != 0) {
      copy(source, 0, segment, gpa - base, length, gpa, length, Access.WRITE);
    }
  }

  @Override
  public void fill(long gpa, long length, byte value) {
    check(gpa, length, Access.WRITE);
    if (length != 0) {
      try {
        segment.asSlice(gpa - base, length).fill(value);
      } catch (IllegalStateException e) {
        throw fault(gpa, length, Access.WRITE, e);
      }
    }
  }

  @Override
  public MemorySegment slice(long gpa, long length) {
    if (length == 0) {
      return segment.asSlice(0, 0);
    }
    if (isClosed() || !contains(gpa, length)) {
      throw fault(gpa, length, Access.READ, null);
    }
    return segment.asSlice(gpa - base, length);
  }
}

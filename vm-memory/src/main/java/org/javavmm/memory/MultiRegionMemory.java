// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** Several regions, found by binary search. */
final class MultiRegionMemory extends GuestMemory {
  private final long[] starts;
  private final long[] lasts;
  private final MemorySegment[] segments;

  MultiRegionMemory(List<GuestRegion> regions) {
    super(regions);
    int n = regions.size();
    starts = new long[n];
    lasts = new long[n];
    segments = new MemorySegment[n];
    for (int i = 0; i < n; i++) {
      GuestRegion region = regions.get(i);
      starts[i] = region.gpa();
      lasts[i] = region.lastGpa();
      segments[i] = region.segment();
    }
  }

  /** The region that holds an address, or -1. */
  private int find(long gpa) {
    int low = 0;
    int high = starts.length - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      if (Long.compareUnsigned(gpa, starts[middle]) < 0) {
        high = middle - 1;
      } else if (Long.compareUnsigned(gpa, lasts[middle]) > 0) {
        low = middle + 1;
      } else {
        return middle;
      }
    }
    return -1;
  }

  private int region(long gpa, long length, Access access) {
    int i = find(gpa);
    if (i < 0) {
      throw fault(gpa, length, access, null);
    }
    return i;
  }

  @Override
  public boolean contains(long gpa, long length) {
    if (length == 0) {
      return true;
    }
    long last = gpa + (length - 1);
    if (Long.compareUnsigned(last, gpa) < 0) {
      return false;
    }
    int i = find(gpa);
    if (i < 0) {
      return false;
    }
    while (Long.compareUnsigned(last, lasts[i]) > 0) {
      if (i + 1 == starts.length || starts[i + 1] != lasts[i] + 1) {
        return false;
      }
      i++;
    }
    return true;
  }

  private void check(long gpa, long length, Access access) {
    if (!contains(gpa, length)) {
      throw fault(gpa, length, access, null);
    }
  }

  /** How many bytes of a range lie in region {@code i}, which holds its first. */
  private long inRegion(int i, long gpa, long length) {
    long untilEnd = lasts[i] - gpa;
    return Long.compareUnsigned(length - 1, untilEnd) <= 0 ? length : untilEnd + 1;
  }

  @Override
  public byte getByte(long gpa) {
    int i = region(gpa, 1, Access.READ);
    try {
      return segments[i].get(LittleEndian.BYTE, gpa - starts[i]);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 1, Access.READ, e);
    }
  }

  @Override
  public short getShort(long gpa) {
    int i = region(gpa, 2, Access.READ);
    try {
      return segments[i].get(LittleEndian.SHORT, gpa - starts[i]);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 2, Access.READ, e);
    }
  }

  @Override
  public int getInt(long gpa) {
    int i = region(gpa, 4, Access.READ);
    try {
      return segments[i].get(LittleEndian.INT, gpa - starts[i]);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 4, Access.READ, e);
    }
  }

  @Override
  public long getLong(long gpa) {
    int i = region(gpa, 8, Access.READ);
    try {
      return segments[i].get(LittleEndian.LONG, gpa - starts[i]);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 8, Access.READ, e);
    }
  }

  @Override
  public void putByte(long gpa, byte value) {
    int i = region(gpa, 1, Access.WRITE);
    try {
      segments[i].set(LittleEndian.BYTE, gpa - starts[i], value);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 1, Access.WRITE, e);
    }
  }

  @Override
  public void putShort(long gpa, short value) {
    int i = region(gpa, 2, Access.WRITE);
    try {
      segments[i].set(LittleEndian.SHORT, gpa - starts[i], value);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 2, Access.WRITE, e);
    }
  }

  @Override
  public void putInt(long gpa, int value) {
    int i = region(gpa, 4, Access.WRITE);
    try {
      segments[i].set(LittleEndian.INT, gpa - starts[i], value);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 4, Access.WRITE, e);
    }
  }

  @Override
  public void putLong(long gpa, long value) {
    int i = region(gpa, 8, Access.WRITE);
    try {
      segments[i].set(LittleEndian.LONG, gpa - starts[i], value);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 8, Access.WRITE, e);
    }
  }

  @Override
  public short getShortAcquire(long gpa) {
    checkAligned(gpa, 2, Access.READ);
    int i = region(gpa, 2, Access.READ);
    try {
      return (short) LittleEndian.Ordered.SHORT.getAcquire(segments[i], gpa - starts[i]);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 2, Access.READ, e);
    }
  }

  @Override
  public int getIntAcquire(long gpa) {
    checkAligned(gpa, 4, Access.READ);
    int i = region(gpa, 4, Access.READ);
    try {
      return (int) LittleEndian.Ordered.INT.getAcquire(segments[i], gpa - starts[i]);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 4, Access.READ, e);
    }
  }

  @Override
  public void putShortRelease(long gpa, short value) {
    checkAligned(gpa, 2, Access.WRITE);
    int i = region(gpa, 2, Access.WRITE);
    try {
      LittleEndian.Ordered.SHORT.setRelease(segments[i], gpa - starts[i], value);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 2, Access.WRITE, e);
    }
  }

  @Override
  public void putIntRelease(long gpa, int value) {
    checkAligned(gpa, 4, Access.WRITE);
    int i = region(gpa, 4, Access.WRITE);
    try {
      LittleEndian.Ordered.INT.setRelease(segments[i], gpa - starts[i], value);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 4, Access.WRITE, e);
    }
  }

  @Override
  public boolean compareAndSetInt(long gpa, int expected, int value) {
    checkAligned(gpa, 4, Access.WRITE);
    int i = region(gpa, 4, Access.WRITE);
    try {
      return LittleEndian.Ordered.INT.compareAndSet(segments[i], gpa - starts[i], expected, value);
    } catch (IndexOutOfBoundsException | IllegalStateException e) {
      throw fault(gpa, 4, Access.WRITE, e);
    }
  }

  @Override
  public void read(long gpa, MemorySegment target) {
    long length = target.byteSize();
    check(gpa, length, Access.READ);
    long done = 0;
    while (done < length) {
      int i = find(gpa + done);
      long n = inRegion(i, gpa + done, length - done);
      copy(segments[i], gpa + done - starts[i], target, done, n, gpa, length, Access.READ);
      done += n;
    }
  }

  @Override
  public void write(long gpa, MemorySegment source) {
    long length = source.byteSize();
    check(gpa, length, Access.WRITE);
    long done = 0;
    while (done < length) {
      int i = find(gpa + done);
      long n = inRegion(i, gpa + done, length - done);
      copy(source, done, segments[i], gpa + done - starts[i], n, gpa, length, Access.WRITE);
      done += n;
    }
  }

  @Override
  public void fill(long gpa, long length, byte value) {
    check(gpa, length, Access.WRITE);
    long done = 0;
    while (done != length) {
      int i = find(gpa + done);
      long n = inRegion(i, gpa + done, length - done);
      try {
        segments[i].asSlice(gpa + done - starts[i], n).fill(value);
      } catch (IllegalStateException e) {
        throw fault(gpa, length, Access.WRITE, e);
      }
      done += n;
    }
  }

  @Override
  public MemorySegment slice(long gpa, long length) {
    if (length == 0) {
      return segments[0].asSlice(0, 0);
    }
    int i = region(gpa, length, Access.READ);
    if (isClosed() || inRegion(i, gpa, length) != length) {
      throw fault(gpa, length, Access.READ, null);
    }
    return segments[i].asSlice(gpa - starts[i], length);
  }
}

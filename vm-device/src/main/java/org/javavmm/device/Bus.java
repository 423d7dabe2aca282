// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

import java.util.Arrays;
import java.util.concurrent.atomic.LongAdder;

/**
 * A bus: address ranges and the devices behind them, for port I/O or for MMIO.
 *
 * <p>{@link #read} and {@link #write} are for vCPU threads: they take no lock and allocate nothing.
 * {@link #add} may be called at any time by any thread; an access sees the map before or after it,
 * never a mix.
 */
public final class Bus {
  /** An immutable map, sorted by address. Replaced whole. */
  private static final class Ranges {
    final long[] starts;
    final long[] lasts;
    final BusDevice[] devices;
    final String[] names;

    Ranges(long[] starts, long[] lasts, BusDevice[] devices, String[] names) {
      this.starts = starts;
      this.lasts = lasts;
      this.devices = devices;
      this.names = names;
    }

    int find(long address) {
      int low = 0;
      int high = starts.length - 1;
      while (low <= high) {
        int middle = (low + high) >>> 1;
        if (Long.compareUnsigned(address, starts[middle]) < 0) {
          high = middle - 1;
        } else if (Long.compareUnsigned(address, lasts[middle]) > 0) {
          low = middle + 1;
        } else {
          return middle;
        }
      }
      return -1;
    }
  }

  private final String name;
  private final long limit;
  private final LongAdder unclaimed = new LongAdder();
  private volatile Ranges ranges =
      new Ranges(new long[0], new long[0], new BusDevice[0], new String[0]);

  private Bus(String name, long limit) {
    this.name = name;
    this.limit = limit;
  }

  /** {@return a bus of the 65,536 x86 I/O ports} */
  public static Bus pio() {
    return new Bus("port", 0xffff);
  }

  /** {@return a bus of the whole 64-bit physical address space} */
  public static Bus mmio() {
    return new Bus("MMIO", -1);
  }

  /**
   * Puts a device on the bus.
   *
   * @param deviceName its name, for messages
   * @param start the first address of its range
   * @param size the size of its range in bytes, positive
   * @param device the device
   * @throws IllegalArgumentException if the range exceeds the bus or overlaps another device's,
   *     which the message names
   */
  public synchronized void add(String deviceName, long start, long size, BusDevice device) {
    long last = start + (size - 1);
    String range = describe(deviceName, start, last);
    if (size <= 0
        || Long.compareUnsigned(last, start) < 0
        || Long.compareUnsigned(last, limit) > 0) {
      throw new IllegalArgumentException(
          range
              + " does not fit on the "
              + name
              + " bus (size="
              + size
              + ", last address 0x"
              + Long.toHexString(limit)
              + ")");
    }
    Ranges old = ranges;
    int at = 0;
    for (int i = 0; i < old.starts.length; i++) {
      if (Long.compareUnsigned(start, old.lasts[i]) <= 0
          && Long.compareUnsigned(old.starts[i], last) <= 0) {
        throw new IllegalArgumentException(
            range + " overlaps " + describe(old.names[i], old.starts[i], old.lasts[i]));
      }
      if (Long.compareUnsigned(old.starts[i], start) < 0) {
        at = i + 1;
      }
    }
    int n = old.starts.length + 1;
    Ranges next =
        new Ranges(
            Arrays.copyOf(old.starts, n),
            Arrays.copyOf(old.lasts, n),
            Arrays.copyOf(old.devices, n),
            Arrays.copyOf(old.names, n));
    System.arraycopy(old.starts, at, next.starts, at + 1, n - 1 - at);
    System.arraycopy(old.lasts, at, next.lasts, at + 1, n - 1 - at);
    System.arraycopy(old.devices, at, next.devices, at + 1, n - 1 - at);
    System.arraycopy(old.names, at, next.names, at + 1, n - 1 - at);
    next.starts[at] = start;
    next.lasts[at] = last;
    next.devices[at] = device;
    next.names[at] = deviceName;
    ranges = next;
  }

  /**
   * The guest reads. An access is unclaimed where no device's range holds the whole of it, and
   * where its width is none that devices know: KVM splits an access that crosses a page, and its
   * parts may be 3, 5, 6 or 7 bytes wide.
   *
   * @param address the first byte's address
   * @param size the width in bytes, 1 to 8
   * @return the value, with zeroes above its {@code size} bytes; all ones if unclaimed
   * @throws IllegalArgumentException if {@code size} is out of range
   */
  public long read(long address, int size) {
    long mask = mask(size);
    Ranges map = ranges;
    int i = claimant(map, address, size);
    if (i < 0) {
      unclaimed.increment();
      return mask;
    }
    return map.devices[i].read(address - map.starts[i], size) & mask;
  }

  /**
   * The guest writes. An access that is unclaimed, as {@link #read} says, does nothing.
   *
   * @param address the first byte's address
   * @param size the width in bytes, 1 to 8
   * @param value the value in the low {@code size} bytes; the rest is ignored
   * @throws IllegalArgumentException if {@code size} is out of range
   */
  public void write(long address, int size, long value) {
    long mask = mask(size);
    Ranges map = ranges;
    int i = claimant(map, address, size);
    if (i < 0) {
      unclaimed.increment();
      return;
    }
    map.devices[i].write(address - map.starts[i], size, value & mask);
  }

  /** All ones of {@code size} bytes. */
  private static long mask(int size) {
    if (size < 1 || size > 8) {
      throw new IllegalArgumentException("size=" + size + " is not in 1..8");
    }
    return -1L >>> (64 - 8 * size);
  }

  /** The index of the device that takes an access, or -1. */
  private static int claimant(Ranges map, long address, int size) {
    if (Integer.bitCount(size) != 1) {
      return -1;
    }
    int i = map.find(address);
    if (i < 0 || Long.compareUnsigned(map.lasts[i] - address, size - 1) < 0) {
      return -1;
    }
    return i;
  }

  /** {@return how many accesses no device claimed so far} */
  public long unclaimedAccesses() {
    return unclaimed.sum();
  }

  private static String describe(String deviceName, long start, long last) {
    return deviceName + " [0x" + Long.toHexString(start) + "..0x" + Long.toHexString(last) + "]";
  }

  /** {@return the map, one device to a line} */
  @Override
  public String toString() {
    Ranges map = ranges;
    StringBuilder text = new StringBuilder(name).append(" bus\n");
    for (int i = 0; i < map.starts.length; i++) {
      text.append("  ").append(describe(map.names[i], map.starts[i], map.lasts[i])).append('\n');
    }
    return text.toString();
  }
}

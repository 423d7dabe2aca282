// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * A bus: address ranges and the devices behind them, for port I/O or for MMIO.
 *
 * <p>{@link #read} and {@link #write} are for vCPU threads: they take no lock and allocate nothing.
 * Ranges may be added, removed and moved at any time by any thread, from within an access too; an
 * access sees the map before or after a change, never a mix, and {@link #change} makes one of
 * several.
 *
 * <p>When a change returns, accesses that began before it may still be running in a device that was
 * removed or moved, but none begins there any more. {@link #awaitAccesses} waits until those have
 * ended: then the device may be closed.
 */
public final class Bus {
  /** An immutable map, sorted by address. Replaced whole. */
  private static final class Ranges {
    final long[] starts;
    final long[] lasts;
    final BusDevice[] devices;
    final String[] names;

    Ranges(List<BusRange> sorted) {
      int n = sorted.size();
      starts = new long[n];
      lasts = new long[n];
      devices = new BusDevice[n];
      names = new String[n];
      for (int i = 0; i < n; i++) {
        BusRange range = sorted.get(i);
        starts[i] = range.start();
        lasts[i] = range.last();
        devices[i] = range.device();
        names[i] = range.name();
      }
    }

    BusRange at(int i) {
      return new BusRange(names[i], starts[i], lasts[i], devices[i]);
    }

    List<BusRange> list() {
      List<BusRange> list = new ArrayList<>();
      for (int i = 0; i < starts.length; i++) {
        list.add(at(i));
      }
      return list;
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

  /** Guarded by this: whether a change is being made. */
  private boolean changing;

  private volatile Ranges ranges = new Ranges(List.of());
  private final Accesses accesses = new Accesses();

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
   * Puts a device on the bus. A device may have several ranges.
   *
   * @param deviceName its name, for messages
   * @param start the first address of its range
   * @param size the size of its range in bytes, positive
   * @param device the device
   * @throws IllegalArgumentException if the range exceeds the bus or overlaps another device's,
   *     which the message names
   */
  public void add(String deviceName, long start, long size, BusDevice device) {
    change(change -> change.add(deviceName, start, size, device));
  }

  /**
   * Takes a range off the bus. Accesses that began before may still be running in its device: see
   * {@link #awaitAccesses}.
   *
   * @param start the first address of the range
   * @return what was there
   * @throws IllegalArgumentException if no range starts there
   */
  public BusRange remove(long start) {
    BusRange[] removed = new BusRange[1];
    change(change -> removed[0] = change.remove(start));
    return removed[0];
  }

  /**
   * Moves a range in one step: each access finds it at the old place or at the new.
   *
   * @param start the first address of the range
   * @param newStart its first address from now on; the same does nothing
   * @throws IllegalArgumentException if no range starts at {@code start}, or if at the new place it
   *     exceeds the bus or overlaps another device's, which the message names; then it stays
   */
  public void move(long start, long newStart) {
    change(change -> change.move(start, newStart));
  }

  /**
   * Changes several ranges in one step, as when a device's registers are enabled together or two
   * ranges change places: each access sees the map before or after all of it.
   *
   * @param changes makes the changes, on this thread; if it throws, or if what it leaves has
   *     overlaps, nothing was changed
   * @throws IllegalArgumentException if two ranges overlap in the end, both of which the message
   *     names
   * @throws IllegalStateException if {@code changes} itself calls a method of this bus that changes
   *     it
   */
  public synchronized void change(Consumer<Change> changes) {
    if (changing) {
      throw new IllegalStateException(
          "the " + name + " bus is being changed by this thread: use the change given to it");
    }
    Change change = new Change(ranges.list());
    changing = true;
    try {
      changes.accept(change);
    } finally {
      change.over = true;
      changing = false;
    }
    ranges = change.checked();
  }

  /**
   * Changes of a bus that take effect together. For the thread and the call that it is given to.
   */
  public final class Change {
    private final List<BusRange> next;

    /** Names the newcomer first in messages. */
    private final List<BusRange> placed = new ArrayList<>();

    private boolean over;

    private Change(List<BusRange> next) {
      this.next = next;
    }

    /**
     * Adds a range.
     *
     * @param deviceName its name, for messages
     * @param start its first address
     * @param size its size in bytes, positive
     * @param device the device
     * @throws IllegalArgumentException if the range exceeds the bus
     * @throws IllegalStateException if the change is over
     */
    public void add(String deviceName, long start, long size, BusDevice device) {
      checkOpen();
      place(new BusRange(deviceName, start, start + (size - 1), device), size);
    }

    /**
     * Removes a range.
     *
     * @param start its first address
     * @return what was there
     * @throws IllegalArgumentException if no range starts there
     * @throws IllegalStateException if the change is over
     */
    public BusRange remove(long start) {
      checkOpen();
      for (BusRange range : next) {
        // One that was placed may lie, for now, where another still is: the older goes first.
        if (range.start() == start) {
          next.remove(range);
          placed.remove(range);
          return range;
        }
      }
      throw new IllegalArgumentException(
          "no range starts at 0x" + Long.toHexString(start) + " on the " + name + " bus");
    }

    /**
     * Moves a range. One that is refused stays where it was.
     *
     * @param start its first address
     * @param newStart its first address from now on
     * @throws IllegalArgumentException if no range starts at {@code start}, or if it exceeds the
     *     bus at the new place
     * @throws IllegalStateException if the change is over
     */
    public void move(long start, long newStart) {
      BusRange old = remove(start);
      long size = old.size();
      BusRange moved = new BusRange(old.name(), newStart, newStart + (size - 1), old.device());
      try {
        place(moved, size);
      } catch (IllegalArgumentException e) {
        next.add(old);
        throw e;
      }
    }

    private void place(BusRange range, long size) {
      if (size <= 0
          || Long.compareUnsigned(range.last(), range.start()) < 0
          || Long.compareUnsigned(range.last(), limit) > 0) {
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
      next.add(range);
      placed.add(range);
    }

    private void checkOpen() {
      if (over) {
        throw new IllegalStateException("the change of the " + name + " bus is over");
      }
    }

    @SuppressWarnings("ReferenceEquality") // twice the same is an overlap too
    private Ranges checked() {
      for (BusRange range : placed) {
        for (BusRange other : next) {
          if (range != other && range.overlaps(other)) {
            throw new IllegalArgumentException(range + " overlaps " + other);
          }
        }
      }
      next.sort((a, b) -> Long.compareUnsigned(a.start(), b.start()));
      return new Ranges(next);
    }
  }

  /** {@return the ranges, by address; a copy} */
  public List<BusRange> ranges() {
    return List.copyOf(ranges.list());
  }

  /**
   * {@return the range that an address lies in}
   *
   * @param address the address
   */
  public Optional<BusRange> find(long address) {
    Ranges map = ranges;
    int i = map.find(address);
    return i < 0 ? Optional.empty() : Optional.of(map.at(i));
  }

  /**
   * Waits until all accesses that began before this call have ended. After a range was removed, and
   * if its device has no other, the device is then used by nobody.
   *
   * <p>Must not be called from within an access of this bus, for it would wait for itself: a device
   * that the guest removes is closed by another thread, such as an event loop's.
   *
   * @param timeout how long to wait at most; 0 only looks
   * @param unit the unit of {@code timeout}
   * @return whether they have ended
   * @throws InterruptedException if the thread is interrupted
   */
  public boolean awaitAccesses(long timeout, TimeUnit unit) throws InterruptedException {
    return accesses.await(unit.toNanos(timeout));
  }

  /**
   * Which accesses are running, in two generations, each with counters of those that entered and of
   * those that left. A thread adds to the counters of its own stripe, so that vCPUs do not share
   * cache lines; two that share a stripe share its counters, which is as correct.
   *
   * <p>Who waits first waits for the stragglers of the other generation, then makes that the
   * current one and waits for those of the old. An access is of the generation that it read on
   * entering, which may be the older by the time it counts itself: it is counted before the map is
   * read, and so it either is seen by who waits, or sees the map that he waits with.
   */
  private static final class Accesses {
    private static final VarHandle CELL = MethodHandles.arrayElementVarHandle(long[].class);
    private static final int STRIPES = 32;

    /** Two cache lines of longs, as processors fetch them in pairs. */
    private static final int STRIDE = 16;

    private static final int LEFT = 1;
    private static final long LONGEST_SLEEP = 1_000_000;

    /** By stripe: entered and left of generation 0, entered and left of generation 1. */
    private final long[] cells = new long[(STRIPES + 1) * STRIDE];

    private final ReentrantLock waiting = new ReentrantLock();
    private volatile int generation;

    /** {@return where to count the leaving} */
    int enter() {
      int stripe = (int) Thread.currentThread().threadId() & (STRIPES - 1);
      int cell = (stripe + 1) * STRIDE + 2 * generation;
      // Fully ordered: before the map is read.
      var _ = (long) CELL.getAndAdd(cells, cell, 1L);
      return cell + LEFT;
    }

    void leave(int cell) {
      var _ = (long) CELL.getAndAddRelease(cells, cell, 1L);
    }

    private boolean running(int which) {
      long left = sum(2 * which + LEFT);
      VarHandle.fullFence();
      // Those who left are read first: who leaves meanwhile counts as running.
      return sum(2 * which) != left;
    }

    private long sum(int offset) {
      long sum = 0;
      for (int stripe = 1; stripe <= STRIPES; stripe++) {
        sum += (long) CELL.getAcquire(cells, stripe * STRIDE + offset);
      }
      return sum;
    }

    boolean await(long nanos) throws InterruptedException {
      long begun = System.nanoTime();
      VarHandle.fullFence();
      if (!waiting.tryLock(nanos, TimeUnit.NANOSECONDS)) {
        return false;
      }
      try {
        int now = generation;
        if (!drained(1 - now, begun, nanos)) {
          return false;
        }
        generation = 1 - now;
        VarHandle.fullFence();
        return drained(now, begun, nanos);
      } finally {
        waiting.unlock();
      }
    }

    private boolean drained(int which, long begun, long nanos) throws InterruptedException {
      long sleep = 1_000;
      while (running(which)) {
        if (Thread.interrupted()) {
          throw new InterruptedException();
        }
        if (System.nanoTime() - begun >= nanos) {
          return false;
        }
        LockSupport.parkNanos(sleep);
        sleep = Math.min(2 * sleep, LONGEST_SLEEP);
      }
      return true;
    }
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
    int leaving = accesses.enter();
    try {
      Ranges map = ranges;
      int i = claimant(map, address, size);
      if (i < 0) {
        unclaimed.increment();
        return mask;
      }
      return map.devices[i].read(address - map.starts[i], size) & mask;
    } finally {
      accesses.leave(leaving);
    }
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
    int leaving = accesses.enter();
    try {
      Ranges map = ranges;
      int i = claimant(map, address, size);
      if (i < 0) {
        unclaimed.increment();
        return;
      }
      map.devices[i].write(address - map.starts[i], size, value & mask);
    } finally {
      accesses.leave(leaving);
    }
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

  /** {@return the map, one device to a line} */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(name).append(" bus\n");
    for (BusRange range : ranges.list()) {
      text.append("  ").append(range).append('\n');
    }
    return text.toString();
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a machine has to give to its devices, and who has it: windows of guest-physical addresses,
 * of I/O ports and of global system interrupts. It gives numbers only; the devices are put on a
 * {@link Bus} besides.
 *
 * <p>The lowest place that fits is given, so that a machine built in the same way has the same map.
 * All numbers are unsigned. Thread-safe.
 */
public final class AddressMap {
  /** What the numbers of a window count. */
  public enum Space {
    /** I/O ports. */
    PIO("port"),
    /** Guest-physical addresses, in bytes. */
    MMIO("MMIO"),
    /** Global system interrupts. */
    GSI("GSI");

    private final String text;

    Space(String text) {
      this.text = text;
    }

    @Override
    public String toString() {
      return text;
    }
  }

  private final List<Window> windows = new ArrayList<>();

  /** Creates a map without windows. */
  public AddressMap() {}

  /**
   * Adds a window.
   *
   * @param space what it is of
   * @param name its name, for messages
   * @param start its first address, port or GSI
   * @param last its last one
   * @return the window, which is free
   * @throws IllegalArgumentException if it ends before it starts, or if it overlaps another window
   *     of the same space, which the message names
   */
  public synchronized Window window(Space space, String name, long start, long last) {
    Window window = new Window(space, name, start, last);
    if (Long.compareUnsigned(last, start) < 0) {
      throw new IllegalArgumentException(window.describe() + " ends before it starts");
    }
    int at = 0;
    for (Window other : windows) {
      int order = other.space.compareTo(space);
      if (order == 0
          && Long.compareUnsigned(start, other.last) <= 0
          && Long.compareUnsigned(other.start, last) <= 0) {
        throw new IllegalArgumentException(window.describe() + " overlaps " + other.describe());
      }
      if (order < 0 || (order == 0 && Long.compareUnsigned(other.start, start) < 0)) {
        at++;
      }
    }
    windows.add(at, window);
    return window;
  }

  /** {@return the windows, by space and address; a copy} */
  public synchronized List<Window> windows() {
    return List.copyOf(windows);
  }

  /** A window of a map, and the ranges that somebody has of it. */
  public final class Window {
    private final Space space;
    private final String name;
    private final long start;
    private final long last;

    /** Sorted, without overlaps. */
    private final List<AddressRange> taken = new ArrayList<>();

    private Window(Space space, String name, long start, long last) {
      this.space = space;
      this.name = name;
      this.start = start;
      this.last = last;
    }

    /** {@return what it is of} */
    public Space space() {
      return space;
    }

    /** {@return its name} */
    public String name() {
      return name;
    }

    /** {@return its first address, port or GSI} */
    public long start() {
      return start;
    }

    /** {@return its last address, port or GSI} */
    public long last() {
      return last;
    }

    /**
     * Gives the lowest range that is free and fits.
     *
     * @param owner who gets it, for messages
     * @param size how many, positive
     * @param alignment what its start is a multiple of, a power of two
     * @return the range
     * @throws IllegalArgumentException if {@code size} or {@code alignment} is not as said
     * @throws IllegalStateException if none is free that fits; the message says how large the
     *     largest hole is
     */
    public AddressRange allocate(String owner, long size, long alignment) {
      return allocate(owner, size, alignment, start, last);
    }

    /**
     * Gives the lowest range that is free and fits, within bounds.
     *
     * @param owner who gets it, for messages
     * @param size how many, positive
     * @param alignment what its start is a multiple of, a power of two
     * @param min the lowest that it may start at
     * @param max the highest that it may end at
     * @return the range
     * @throws IllegalArgumentException if {@code size} or {@code alignment} is not as said
     * @throws IllegalStateException if none is free that fits; the message says how large the
     *     largest hole is
     */
    public AddressRange allocate(String owner, long size, long alignment, long min, long max) {
      if (size <= 0) {
        throw new IllegalArgumentException("size=" + size + " of " + owner + " is not positive");
      }
      if (Long.bitCount(alignment) != 1) {
        throw new IllegalArgumentException(
            "alignment=0x"
                + Long.toHexString(alignment)
                + " of "
                + owner
                + " is not a power of two");
      }
      synchronized (AddressMap.this) {
        long largest = 0;
        for (AddressRange hole : gaps()) {
          long from = unsignedMax(hole.start(), min);
          long to = unsignedMin(hole.last(), max);
          if (Long.compareUnsigned(to, from) < 0) {
            continue;
          }
          // A hole of all 2^64 has room for any positive size.
          long room = to - from + 1;
          largest = room == 0 ? -1 : unsignedMax(largest, room);
          long at = (from + (alignment - 1)) & -alignment;
          boolean aligned = Long.compareUnsigned(at, from) >= 0;
          if (aligned
              && Long.compareUnsigned(at, to) <= 0
              && Long.compareUnsigned(size - 1, to - at) <= 0) {
            return put(new AddressRange(owner, at, at + (size - 1)));
          }
        }
        throw new IllegalStateException(
            "no 0x"
                + Long.toHexString(size)
                + " in multiples of 0x"
                + Long.toHexString(alignment)
                + " for "
                + owner
                + " from 0x"
                + Long.toHexString(min)
                + " to 0x"
                + Long.toHexString(max)
                + " in "
                + describe()
                + "; the largest hole has 0x"
                + Long.toHexString(largest));
      }
    }

    /**
     * Gives a certain range.
     *
     * @param owner who gets it, for messages
     * @param at its start
     * @param size how many, positive
     * @return the range
     * @throws IllegalArgumentException if it is not within the window, or if it overlaps another's,
     *     whom the message names
     */
    public AddressRange reserve(String owner, long at, long size) {
      AddressRange range = new AddressRange(owner, at, at + (size - 1));
      if (size <= 0
          || Long.compareUnsigned(range.last(), at) < 0
          || Long.compareUnsigned(at, start) < 0
          || Long.compareUnsigned(range.last(), last) > 0) {
        throw new IllegalArgumentException(range + " (size=" + size + ") is not in " + describe());
      }
      synchronized (AddressMap.this) {
        return put(range);
      }
    }

    private AddressRange put(AddressRange range) {
      int at = 0;
      for (AddressRange other : taken) {
        if (Long.compareUnsigned(range.start(), other.last()) <= 0
            && Long.compareUnsigned(other.start(), range.last()) <= 0) {
          throw new IllegalArgumentException(range + " overlaps " + other);
        }
        if (Long.compareUnsigned(other.start(), range.start()) < 0) {
          at++;
        }
      }
      taken.add(at, range);
      return range;
    }

    /**
     * Takes a range back.
     *
     * @param range what was given
     * @throws IllegalArgumentException if nobody has it
     */
    public void free(AddressRange range) {
      synchronized (AddressMap.this) {
        if (!taken.remove(range)) {
          throw new IllegalArgumentException(range + " is not given in " + describe());
        }
      }
    }

    /**
     * {@return the range that somebody has with an address in it}
     *
     * @param address the address, port or GSI
     */
    public Optional<AddressRange> find(long address) {
      synchronized (AddressMap.this) {
        return taken.stream().filter(range -> range.contains(address)).findFirst();
      }
    }

    /** {@return what somebody has, by address; a copy} */
    public List<AddressRange> taken() {
      synchronized (AddressMap.this) {
        return List.copyOf(taken);
      }
    }

    /** {@return what nobody has, by address; a copy} */
    public List<AddressRange> holes() {
      synchronized (AddressMap.this) {
        return List.copyOf(gaps());
      }
    }

    private List<AddressRange> gaps() {
      List<AddressRange> holes = new ArrayList<>();
      long from = start;
      boolean ended = false;
      for (AddressRange range : taken) {
        if (range.start() != from) {
          holes.add(new AddressRange("free", from, range.start() - 1));
        }
        from = range.last() + 1;
        ended = range.last() == last;
      }
      if (!ended) {
        holes.add(new AddressRange("free", from, last));
      }
      return holes;
    }

    private String describe() {
      return space
          + " window "
          + name
          + " [0x"
          + Long.toHexString(start)
          + "..0x"
          + Long.toHexString(last)
          + "]";
    }

    private void print(StringBuilder text) {
      text.append(describe()).append('\n');
      List<AddressRange> all = new ArrayList<>(taken);
      all.addAll(gaps());
      all.sort((a, b) -> Long.compareUnsigned(a.start(), b.start()));
      for (AddressRange range : all) {
        // Interrupts are known by decimal numbers.
        boolean decimal = space == Space.GSI;
        int width = number(last, decimal).length();
        String from = number(range.start(), decimal);
        String to = number(range.last(), decimal);
        text.append("  ").repeat(' ', width - from.length()).append(from).append("..");
        text.append(to).repeat(' ', width - to.length()).append("  ");
        text.append(range.owner()).append('\n');
      }
    }

    private static String number(long value, boolean decimal) {
      return decimal ? Long.toUnsignedString(value) : "0x" + Long.toHexString(value);
    }

    /** {@return the window with its ranges and holes, one to a line} */
    @Override
    public String toString() {
      synchronized (AddressMap.this) {
        StringBuilder text = new StringBuilder();
        print(text);
        return text.toString();
      }
    }
  }

  private static long unsignedMax(long a, long b) {
    return Long.compareUnsigned(a, b) >= 0 ? a : b;
  }

  private static long unsignedMin(long a, long b) {
    return Long.compareUnsigned(a, b) <= 0 ? a : b;
  }

  /** {@return the whole map: windows by space and address, with their ranges and holes} */
  @Override
  public synchronized String toString() {
    StringBuilder text = new StringBuilder();
    windows.forEach(window -> window.print(text));
    return text.toString();
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.atomic.LongAdder;
import org.javavmm.device.Bus;
import org.javavmm.device.BusDevice;
import org.javavmm.device.GuestLog;
import org.jspecify.annotations.Nullable;

/**
 * The windows of a host bridge: ranges of ports and of memory that it forwards to its buses, and in
 * which BARs can be. The same ranges belong into the ACPI {@code _CRS} of the bridge.
 *
 * <p>Each window is one device on a {@link Bus}, so nothing that a guest writes into a BAR can
 * touch what is outside. A BAR that does not lie wholly in one window, or that overlaps a BAR that
 * is mapped, is refused: it is nowhere, and counted. Where it only overlaps it waits, and is mapped
 * as soon as it no longer does: guests swap BARs with decode on. Moving within a window is atomic:
 * an access sees the BAR in the old or in the new place. Accesses to a window where no BAR is read
 * as all ones, and are counted. vCPUs' accesses take no lock and allocate nothing.
 */
public final class BarWindows implements BarMapper {
  private static final GuestLog LOG = GuestLog.of("org.javavmm.pci");

  /** A window: an immutable map of BARs, replaced whole. */
  private static final class Window implements BusDevice {
    final boolean io;
    final long start;
    final long last;
    final LongAdder unclaimed;
    volatile Map map = new Map(new long[0], new PciBar[0]);

    Window(boolean io, long start, long last, LongAdder unclaimed) {
      this.io = io;
      this.start = start;
      this.last = last;
      this.unclaimed = unclaimed;
    }

    boolean holds(boolean inIo, long first, long size) {
      return io == inIo
          && Long.compareUnsigned(first, start) >= 0
          && Long.compareUnsigned(first, last) <= 0
          && Long.compareUnsigned(last - first, size - 1) >= 0;
    }

    @Override
    public long read(long offset, int size) {
      Map m = map;
      int i = m.find(offset);
      if (i < 0 || offset - m.starts[i] > m.bars[i].spec().size() - size) {
        unclaimed.increment();
        return -1;
      }
      return m.bars[i].read(offset - m.starts[i], size);
    }

    @Override
    public void write(long offset, int size, long value) {
      Map m = map;
      int i = m.find(offset);
      if (i < 0 || offset - m.starts[i] > m.bars[i].spec().size() - size) {
        unclaimed.increment();
        return;
      }
      m.bars[i].write(offset - m.starts[i], size, value);
    }
  }

  /** BARs by their offset in the window. */
  private static final class Map {
    final long[] starts;
    final PciBar[] bars;

    Map(long[] starts, PciBar[] bars) {
      this.starts = starts;
      this.bars = bars;
    }

    /** The last BAR that does not begin behind an offset. */
    int find(long offset) {
      int low = 0;
      int high = starts.length - 1;
      while (low <= high) {
        int middle = (low + high) >>> 1;
        if (Long.compareUnsigned(offset, starts[middle]) < 0) {
          high = middle - 1;
        } else {
          low = middle + 1;
        }
      }
      return high >= 0 && Long.compareUnsigned(offset - starts[high], bars[high].spec().size()) < 0
          ? high
          : -1;
    }

    int indexOf(PciBar bar) {
      for (int i = 0; i < bars.length; i++) {
        if (bars[i] == bar) {
          return i;
        }
      }
      return -1;
    }

    Map without(PciBar bar) {
      int at = indexOf(bar);
      if (at < 0) {
        return this;
      }
      int n = bars.length - 1;
      long[] newStarts = Arrays.copyOf(starts, n);
      PciBar[] newBars = Arrays.copyOf(bars, n);
      System.arraycopy(starts, at + 1, newStarts, at, n - at);
      System.arraycopy(bars, at + 1, newBars, at, n - at);
      return new Map(newStarts, newBars);
    }

    Map with(PciBar bar, long start) {
      int n = bars.length;
      int at = 0;
      while (at < n && Long.compareUnsigned(starts[at], start) < 0) {
        at++;
      }
      long[] newStarts = Arrays.copyOf(starts, n + 1);
      PciBar[] newBars = Arrays.copyOf(bars, n + 1);
      System.arraycopy(starts, at, newStarts, at + 1, n - at);
      System.arraycopy(bars, at, newBars, at + 1, n - at);
      newStarts[at] = start;
      newBars[at] = bar;
      return new Map(newStarts, newBars);
    }

    boolean overlaps(long start, long size) {
      for (int i = 0; i < bars.length; i++) {
        if (Long.compareUnsigned(start, starts[i] + (bars[i].spec().size() - 1)) <= 0
            && Long.compareUnsigned(starts[i], start + (size - 1)) <= 0) {
          return true;
        }
      }
      return false;
    }
  }

  private record Waiting(PciBar bar, long address) {}

  private final List<Window> windows;
  private final LongAdder refusals = new LongAdder();
  private final LongAdder unclaimed;
  private final List<Waiting> waiting = new ArrayList<>();

  private BarWindows(List<Window> windows, LongAdder unclaimed) {
    this.windows = List.copyOf(windows);
    this.unclaimed = unclaimed;
  }

  /** {@return a builder} */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Puts the windows on the buses.
   *
   * @param pio the bus of ports
   * @param mmio the bus of memory
   * @throws IllegalArgumentException if a range is taken; windows before it stay on the bus
   */
  public void addTo(Bus pio, Bus mmio) {
    for (Window window : windows) {
      (window.io ? pio : mmio)
          .add(
              "PCI " + (window.io ? "I/O" : "memory") + " window",
              window.start,
              window.last - window.start + 1,
              window);
    }
  }

  /** {@return how often a BAR could not be where the guest wanted it} */
  public long refusals() {
    return refusals.sum();
  }

  /** {@return how many accesses to a window found no BAR} */
  public long unclaimedAccesses() {
    return unclaimed.sum();
  }

  @Override
  public synchronized void map(PciBar bar, long address) {
    waiting.removeIf(w -> w.bar == bar);
    if (!place(bar, address)) {
      refusals.increment();
      Window window = windowOf(bar, address);
      LOG.warn(() ->
          "%s cannot be at 0x%x: %s"
              .formatted(
                  bar.name(),
                  address,
                  window == null ? "not in a window" : "overlaps another BAR"));
      if (window != null) {
        waiting.add(new Waiting(bar, address));
      }
      takeOut(bar);
    }
    retry();
  }

  @Override
  public synchronized void unmap(PciBar bar) {
    waiting.removeIf(w -> w.bar == bar);
    if (takeOut(bar)) {
      retry();
    }
  }

  private @Nullable Window windowOf(PciBar bar, long address) {
    boolean io = bar.spec().type() == BarSpec.Type.IO;
    for (Window window : windows) {
      if (window.holds(io, address, bar.spec().size())) {
        return window;
      }
    }
    return null;
  }

  private boolean place(PciBar bar, long address) {
    Window window = windowOf(bar, address);
    if (window == null) {
      return false;
    }
    Map others = window.map.without(bar);
    long offset = address - window.start;
    if (others.overlaps(offset, bar.spec().size())) {
      return false;
    }
    window.map = others.with(bar, offset);
    for (Window other : windows) {
      if (other != window) {
        other.map = other.map.without(bar);
      }
    }
    bar.onMapped(address);
    return true;
  }

  private boolean takeOut(PciBar bar) {
    for (Window window : windows) {
      window.map = window.map.without(bar);
    }
    boolean was = bar.isMapped();
    bar.onUnmapped();
    return was;
  }

  private void retry() {
    for (Iterator<Waiting> i = waiting.iterator(); i.hasNext(); ) {
      Waiting w = i.next();
      if (place(w.bar, w.address)) {
        i.remove();
      }
    }
  }

  /**
   * Programs all BARs of a root's functions that have no address, largest first, in the first place
   * that no other BAR's registers name; 64-bit BARs in the windows above 4 GiB if there are any and
   * they fit. What firmware does before a guest starts, and a monitor when it adds a function.
   *
   * @param root the root
   * @return the BARs that found no place; their registers stay 0
   */
  public List<PciBar> assign(PciRoot root) {
    record Place(PciFunction function, PciBar bar) {}
    List<Place> open = new ArrayList<>();
    List<long[]> taken = new ArrayList<>(); // I/O or not, first, last
    for (PciFunction function : root.functions()) {
      for (int i = 0; i < 6; i++) {
        PciBar bar = function.bar(i).orElse(null);
        if (bar == null) {
          continue;
        }
        long at = function.barAddress(i);
        if (at == 0) {
          open.add(new Place(function, bar));
        } else {
          taken.add(range(bar, at));
        }
      }
    }
    open.sort((a, b) -> Long.compare(b.bar.spec().size(), a.bar.spec().size()));
    List<PciBar> without = new ArrayList<>();
    for (Place place : open) {
      OptionalLong at = firstFit(place.bar.spec(), taken);
      if (at.isPresent()) {
        taken.add(range(place.bar, at.getAsLong()));
        place.function.setBarAddress(place.bar.index(), at.getAsLong());
      } else {
        without.add(place.bar);
      }
    }
    return without;
  }

  private static long[] range(PciBar bar, long at) {
    return new long[] {
      bar.spec().type() == BarSpec.Type.IO ? 1 : 0, at, at + (bar.spec().size() - 1)
    };
  }

  private OptionalLong firstFit(BarSpec spec, List<long[]> taken) {
    boolean wide = spec.type() == BarSpec.Type.MEMORY_64;
    for (int pass = wide ? 0 : 1; pass < 2; pass++) {
      for (Window window : windows) {
        boolean high = window.start >>> 32 != 0;
        if (window.io == (spec.type() == BarSpec.Type.IO) && high == (pass == 0)) {
          OptionalLong found = firstFit(window, spec, taken);
          if (found.isPresent()) {
            return found;
          }
        }
      }
    }
    return OptionalLong.empty();
  }

  private static OptionalLong firstFit(Window window, BarSpec spec, List<long[]> taken) {
    boolean narrow = spec.type() == BarSpec.Type.MEMORY_32;
    long size = spec.size();
    long at = window.start == 0 ? size : up(window.start, size);
    search:
    while (window.holds(window.io, at, size) && !(narrow && at >>> 32 != 0)) {
      for (long[] range : taken) {
        if ((range[0] == 1) == window.io
            && Long.compareUnsigned(at, range[2]) <= 0
            && Long.compareUnsigned(range[1], at + (size - 1)) <= 0) {
          long next = up(range[2] + 1, size);
          if (Long.compareUnsigned(next, at) <= 0) {
            return OptionalLong.empty(); // around the end of the address space
          }
          at = next;
          continue search;
        }
      }
      return OptionalLong.of(at);
    }
    return OptionalLong.empty();
  }

  private static long up(long address, long size) {
    return (address + (size - 1)) & -size;
  }

  /** {@return the windows and the BARs in them} */
  @Override
  public synchronized String toString() {
    StringBuilder text = new StringBuilder();
    for (Window window : windows) {
      text.append(
          "%s window 0x%x..0x%x%n"
              .formatted(window.io ? "I/O" : "memory", window.start, window.last));
      for (PciBar bar : window.map.bars) {
        text.append("  ").append(bar).append(System.lineSeparator());
      }
    }
    for (Waiting w : waiting) {
      text.append("waiting for 0x%x: %s%n".formatted(w.address, w.bar));
    }
    return text.toString();
  }

  /** Builds windows. For one thread. */
  public static final class Builder {
    private final List<Window> windows = new ArrayList<>();
    private final LongAdder unclaimed = new LongAdder();

    private Builder() {}

    /**
     * Adds a window of ports.
     *
     * @param start the first port, 1 to 0xffff
     * @param size how many, positive
     * @return this
     * @throws IllegalArgumentException if it exceeds the ports or overlaps another window
     */
    public Builder io(int start, int size) {
      if (start < 0 || size <= 0 || start > 0x10000 - size) {
        throw new IllegalArgumentException(
            "I/O window start=0x%x size=0x%x is not in 0..0xffff".formatted(start, size));
      }
      return add(true, start, size);
    }

    /**
     * Adds a window of memory.
     *
     * @param start the first address
     * @param size bytes, positive
     * @return this
     * @throws IllegalArgumentException if it exceeds the address space, crosses 4 GiB or overlaps
     *     another window
     */
    public Builder memory(long start, long size) {
      long last = start + (size - 1);
      if (size <= 0
          || Long.compareUnsigned(last, start) < 0
          || (start >>> 32 == 0) != (last >>> 32 == 0)) {
        throw new IllegalArgumentException(
            "memory window start=0x%x size=0x%x is empty, wraps or crosses 4 GiB"
                .formatted(start, size));
      }
      return add(false, start, size);
    }

    private Builder add(boolean io, long start, long size) {
      long last = start + (size - 1);
      for (Window w : windows) {
        if (w.io == io
            && Long.compareUnsigned(start, w.last) <= 0
            && Long.compareUnsigned(w.start, last) <= 0) {
          throw new IllegalArgumentException(
              "window 0x%x..0x%x overlaps window 0x%x..0x%x"
                  .formatted(start, last, w.start, w.last));
        }
      }
      windows.add(new Window(io, start, last, unclaimed));
      return this;
    }

    /**
     * Makes the windows.
     *
     * @return the windows, on no bus yet
     */
    public BarWindows build() {
      return new BarWindows(windows, unclaimed);
    }
  }
}

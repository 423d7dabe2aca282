// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.IntFunction;
import org.javavmm.device.LevelLine;
import org.javavmm.device.SharedLevelLine;
import org.jspecify.annotations.Nullable;

/**
 * A PCI segment: the buses behind one host bridge, what maps their BARs and what their pins lead
 * to. The guest reaches it through {@link ConfigPorts} and {@link Ecam}.
 *
 * <p>Bus {@code first} is the root bus. The others are there for bridges and for further root
 * buses; without either a guest does not look at them. Thread-safe; {@link #readConfig} and {@link
 * #writeConfig} are for vCPU threads.
 */
public final class PciRoot {
  private final int first;
  private final PciBus[] buses;
  private final BarMapper mapper;
  private final PciInterruptRouter router;
  private final IntFunction<LevelLine> lines;
  private final Map<Integer, SharedLevelLine> shared = new HashMap<>();
  private final List<PciListener> listeners = new CopyOnWriteArrayList<>();

  private PciRoot(Builder b) {
    first = b.first;
    mapper = b.mapper;
    router = b.router;
    lines = b.lines;
    buses = new PciBus[b.last - b.first + 1];
    for (int i = 0; i < buses.length; i++) {
      buses[i] = new PciBus(this, first + i);
    }
    b.hostBridge.ifPresent(bridge -> buses[0].add(bridge, 0, 0));
  }

  /**
   * {@return a builder}
   *
   * @param mapper maps the BARs
   */
  public static Builder builder(BarMapper mapper) {
    return new Builder(mapper);
  }

  /**
   * {@return a host bridge with no registers but its header: class 0x060000}
   *
   * @param vendor its vendor, 0 to 0xfffe
   * @param device its device, 0 to 0xffff
   * @throws IllegalArgumentException if a number is out of range
   */
  public static PciFunction hostBridge(int vendor, int device) {
    return PciFunction.builder("host bridge", vendor, device).classCode(0x060000).build();
  }

  /** {@return the number of the root bus} */
  public int firstBus() {
    return first;
  }

  /** {@return the number of the last bus} */
  public int lastBus() {
    return first + buses.length - 1;
  }

  /** {@return the root bus} */
  public PciBus rootBus() {
    return buses[0];
  }

  /**
   * {@return a bus}
   *
   * @param number its number
   * @throws IllegalArgumentException if it is not in {@link #firstBus} to {@link #lastBus}
   */
  public PciBus bus(int number) {
    if (number < first || number > lastBus()) {
      throw new IllegalArgumentException(
          "bus=" + number + " is not in " + first + ".." + lastBus());
    }
    return buses[number - first];
  }

  /**
   * {@return a function that the guest reaches}
   *
   * @param address where
   */
  public Optional<PciFunction> function(PciAddress address) {
    return Optional.ofNullable(find(address.bdf()));
  }

  private @Nullable PciFunction find(int bdf) {
    int i = (bdf >>> 8) - first;
    return bdf < 0 || i < 0 || i >= buses.length ? null : buses[i].reachable(bdf & 0xff);
  }

  /**
   * The guest reads configuration space.
   *
   * @param bdf bus, device and function, as {@link PciAddress#bdf}; any number
   * @param offset the register
   * @param size the width
   * @return the value; all ones where no function is, and for accesses that do not exist
   */
  public long readConfig(int bdf, int offset, int size) {
    PciFunction function = find(bdf);
    return function == null ? ConfigurationSpace.ones(size) : function.readConfig(offset, size);
  }

  /**
   * The guest writes configuration space; nothing happens where no function is.
   *
   * @param bdf bus, device and function, as {@link PciAddress#bdf}; any number
   * @param offset the register
   * @param size the width
   * @param value the value
   */
  public void writeConfig(int bdf, int offset, int size, long value) {
    PciFunction function = find(bdf);
    if (function != null) {
      function.writeConfig(offset, size, value);
    }
  }

  /**
   * Says who is told when functions come and go from now on.
   *
   * @param listener the listener
   */
  public void addListener(PciListener listener) {
    listeners.add(listener);
  }

  /** {@return all functions, in order of their addresses} */
  public List<PciFunction> functions() {
    List<PciFunction> all = new ArrayList<>();
    for (PciBus bus : buses) {
      all.addAll(bus.functions());
    }
    return all;
  }

  void attach(PciFunction function, PciAddress at) {
    int gsi = function.pin().map(pin -> router.gsi(at.device(), pin)).orElse(-1);
    LevelLine line = LevelLine.NONE;
    if (gsi >= 0) {
      synchronized (shared) {
        line = shared.computeIfAbsent(gsi, g -> new SharedLevelLine(lines.apply(g))).source();
      }
    }
    function.attach(at, mapper, line, gsi);
  }

  void added(PciFunction function, PciAddress at) {
    for (PciListener listener : listeners) {
      listener.added(function, at);
    }
  }

  void removed(PciFunction function, PciAddress at) {
    for (PciListener listener : listeners) {
      listener.removed(function, at);
    }
  }

  /** {@return all functions as lspci would show them} */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    for (PciFunction function : functions()) {
      text.append(function);
    }
    return text.toString();
  }

  /** Builds a root. For one thread. */
  public static final class Builder {
    private final BarMapper mapper;
    private int first;
    private int last;
    private PciInterruptRouter router = (device, pin) -> -1;
    private IntFunction<LevelLine> lines = gsi -> LevelLine.NONE;
    private Optional<PciFunction> hostBridge = Optional.of(PciRoot.hostBridge(0x8086, 0x0d57));

    private Builder(BarMapper mapper) {
      this.mapper = mapper;
    }

    /**
     * Sets which buses there are; bus 0 alone if it is not called.
     *
     * @param newFirst the root bus, 0 to 255
     * @param newLast the last, from {@code newFirst} to 255
     * @return this
     * @throws IllegalArgumentException if a number is out of range
     */
    public Builder buses(int newFirst, int newLast) {
      if (newFirst < 0 || newLast < newFirst || newLast > 255) {
        throw new IllegalArgumentException(
            "buses " + newFirst + ".." + newLast + " are not in 0..255");
      }
      first = newFirst;
      last = newLast;
      return this;
    }

    /**
     * Connects the pins; they lead nowhere if it is not called.
     *
     * @param newRouter which pin leads to which interrupt
     * @param newLines the line of an interrupt; called once for each that is used
     * @return this
     */
    public Builder interrupts(PciInterruptRouter newRouter, IntFunction<LevelLine> newLines) {
      router = newRouter;
      lines = newLines;
      return this;
    }

    /**
     * Sets the function at device 0; a bridge 8086:0d57 if it is not called.
     *
     * @param function the host bridge
     * @return this
     */
    public Builder hostBridge(PciFunction function) {
      hostBridge = Optional.of(function);
      return this;
    }

    /**
     * Makes the root.
     *
     * @return the root
     * @throws IllegalStateException if the host bridge is on a bus already
     */
    public PciRoot build() {
      return new PciRoot(this);
    }
  }
}

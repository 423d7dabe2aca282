// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One bus of a {@link PciRoot}: 32 devices of up to 8 functions.
 *
 * <p>The guest reaches a device only while it has a function 0, and its header says that it is a
 * multi-function device while it has others. To plug several functions in at once, add function 0
 * last; all of them appear together then. Functions come and go at any time, by any thread: an
 * access sees the bus before or after. One that has found a function before it was removed still
 * ends on it, and finds registers that do nothing.
 */
public final class PciBus {
  private static final int SLOTS = 32 * 8;

  private final PciRoot root;
  private final int number;

  /** By device and function; replaced whole. */
  private volatile @Nullable PciFunction[] functions = new PciFunction[SLOTS];

  PciBus(PciRoot root, int number) {
    this.root = root;
    this.number = number;
  }

  /** {@return its number} */
  public int number() {
    return number;
  }

  /**
   * Puts a function in the first device number that has no function.
   *
   * @param function the function, which becomes function 0
   * @return where it is
   * @throws IllegalStateException if all 32 are taken, or if the function is or was on a bus
   */
  public PciAddress add(PciFunction function) {
    PciAddress at;
    synchronized (this) {
      int device = firstFree();
      if (device < 0) {
        throw new IllegalStateException(
            function.name() + ": all 32 devices of bus " + number + " are taken");
      }
      at = place(function, device, 0);
    }
    root.added(function, at);
    return at;
  }

  /**
   * Puts a function on the bus.
   *
   * @param function the function
   * @param device 0 to 31
   * @param index the function's number, 0 to 7
   * @return where it is
   * @throws IllegalArgumentException if a number is out of range
   * @throws IllegalStateException if the place is taken, or if the function is or was on a bus
   */
  public PciAddress add(PciFunction function, int device, int index) {
    PciAddress at;
    synchronized (this) {
      at = place(function, device, index);
    }
    root.added(function, at);
    return at;
  }

  private int firstFree() {
    for (int device = 0; device < 32; device++) {
      if (count(functions, device) == 0) {
        return device;
      }
    }
    return -1;
  }

  private static int count(@Nullable PciFunction[] map, int device) {
    int n = 0;
    for (int i = 0; i < 8; i++) {
      if (map[device * 8 + i] != null) {
        n++;
      }
    }
    return n;
  }

  private PciAddress place(PciFunction function, int device, int index) {
    PciAddress at = new PciAddress(number, device, index);
    int slot = device * 8 + index;
    PciFunction taken = functions[slot];
    if (taken != null) {
      throw new IllegalStateException(function.name() + ": " + at + " is taken by " + taken.name());
    }
    root.attach(function, at);
    replace(slot, function);
    return at;
  }

  private void replace(int slot, @Nullable PciFunction function) {
    @Nullable PciFunction[] next = Arrays.copyOf(functions, SLOTS);
    next[slot] = function;
    PciFunction first = next[slot & ~7];
    if (first != null) {
      first.setMultifunction(count(next, slot / 8) > 1);
    }
    functions = next;
  }

  /**
   * Removes all functions of a device: their BARs are unmapped, their pins released, their vectors
   * given back. A function cannot be added again.
   *
   * @param device 0 to 31
   * @return the functions, in order; empty if there were none
   * @throws IllegalArgumentException if {@code device} is out of range
   */
  public List<PciFunction> remove(int device) {
    List<PciFunction> removed = new ArrayList<>();
    List<PciAddress> from = new ArrayList<>();
    synchronized (this) {
      // Function 0 first: the guest loses the device at once.
      for (int i = 0; i < 8; i++) {
        PciAddress at = new PciAddress(number, device, i);
        PciFunction function = functions[device * 8 + i];
        if (function != null) {
          replace(device * 8 + i, null);
          function.detach();
          removed.add(function);
          from.add(at);
        }
      }
    }
    for (int i = 0; i < removed.size(); i++) {
      root.removed(removed.get(i), from.get(i));
    }
    return removed;
  }

  /**
   * Removes one function of a device.
   *
   * @param device 0 to 31
   * @param index the function's number, 0 to 7
   * @return the function, or empty if there was none
   * @throws IllegalArgumentException if a number is out of range
   * @throws IllegalStateException if it is function 0 and there are others: remove the device
   */
  public Optional<PciFunction> remove(int device, int index) {
    PciAddress at = new PciAddress(number, device, index);
    PciFunction function;
    synchronized (this) {
      function = functions[device * 8 + index];
      if (function == null) {
        return Optional.empty();
      }
      if (index == 0 && count(functions, device) > 1) {
        throw new IllegalStateException(
            at + ": function 0 of a device with other functions, remove the device");
      }
      replace(device * 8 + index, null);
      function.detach();
    }
    root.removed(function, at);
    return Optional.of(function);
  }

  /**
   * {@return a function, also one that the guest cannot reach for want of a function 0}
   *
   * @param device 0 to 31
   * @param index 0 to 7
   * @throws IllegalArgumentException if a number is out of range
   */
  public Optional<PciFunction> function(int device, int index) {
    PciAddress at = new PciAddress(number, device, index);
    return Optional.ofNullable(functions[at.bdf() & 0xff]);
  }

  /** {@return all functions, in order} */
  public List<PciFunction> functions() {
    List<PciFunction> all = new ArrayList<>();
    for (PciFunction function : functions) {
      if (function != null) {
        all.add(function);
      }
    }
    return all;
  }

  /** What the guest reaches at a device and function number of 8 bits. */
  @Nullable PciFunction reachable(int slot) {
    @Nullable PciFunction[] map = functions;
    return map[slot & ~7] == null ? null : map[slot];
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import org.javavmm.device.BusDevice;
import org.jspecify.annotations.Nullable;

/**
 * A BAR of a function and the device behind it. Offsets are in bytes from the BAR's start.
 *
 * <p>As a {@link BusDevice} it is what a {@link BarMapper} puts on a bus; {@link #read} and {@link
 * #write} also serve windows such as virtio's PCI configuration access, which reach the BAR whether
 * it is mapped or not. Both take any offset and width: what does not lie in the BAR, or is not 1,
 * 2, 4 or 8 bytes wide, reads as all ones and is not written. Thread-safe as far as the device is.
 */
public final class PciBar implements BusDevice {
  private static final long NOT_MAPPED = -1;

  private final String functionName;
  private final int index;
  private final BarSpec spec;
  private final BusDevice device;
  private final BarListener listener;

  // The parts that belong to MSI-X; empty where they are in another BAR.
  private final @Nullable Msix msix;
  private final long tableStart;
  private final long tableEnd;
  private final long pbaStart;
  private final long pbaEnd;

  // BARs are aligned to at least 4, so all ones is no address of one.
  private volatile long mappedAt = NOT_MAPPED;

  PciBar(
      String functionName,
      int index,
      BarSpec spec,
      BusDevice device,
      BarListener listener,
      @Nullable Msix msix,
      long[] table,
      long[] pba) {
    this.functionName = functionName;
    this.index = index;
    this.spec = spec;
    this.device = device;
    this.listener = listener;
    this.msix = msix;
    this.tableStart = table[0];
    this.tableEnd = table[1];
    this.pbaStart = pba[0];
    this.pbaEnd = pba[1];
  }

  /** {@return the number of its register, of the lower one if it has two: 0 to 5} */
  public int index() {
    return index;
  }

  /** {@return what it is} */
  public BarSpec spec() {
    return spec;
  }

  /** {@return a name for messages: the function's and the number} */
  public String name() {
    return functionName + " BAR" + index;
  }

  /** {@return whether the guest reaches it now} */
  public boolean isMapped() {
    return mappedAt != NOT_MAPPED;
  }

  /** {@return where the guest reaches it now; all ones if nowhere} */
  public long mappedAt() {
    return mappedAt;
  }

  /**
   * For a {@link BarMapper}: the BAR is mapped now.
   *
   * @param address where
   */
  public void onMapped(long address) {
    long old = mappedAt;
    if (old == address) {
      return;
    }
    if (old != NOT_MAPPED) {
      listener.unmapped(this, old);
    }
    mappedAt = address;
    listener.mapped(this, address);
  }

  /** For a {@link BarMapper}: the BAR is not mapped any more, or could not be. */
  public void onUnmapped() {
    long old = mappedAt;
    if (old != NOT_MAPPED) {
      mappedAt = NOT_MAPPED;
      listener.unmapped(this, old);
    }
  }

  private boolean isInside(long offset, int size) {
    return (size == 1 || size == 2 || size == 4 || size == 8)
        && offset >= 0
        && offset <= spec.size() - size;
  }

  private static boolean touches(long offset, int size, long start, long end) {
    return offset < end && offset + size > start;
  }

  @Override
  public long read(long offset, int size) {
    if (!isInside(offset, size)) {
      return ConfigurationSpace.ones(size);
    }
    Msix m = msix;
    if (m != null) {
      if (touches(offset, size, tableStart, tableEnd)) {
        return m.readTable(offset - tableStart, size);
      }
      if (touches(offset, size, pbaStart, pbaEnd)) {
        return m.readPba(offset - pbaStart, size);
      }
    }
    return device.read(offset, size) & ConfigurationSpace.ones(size);
  }

  @Override
  public void write(long offset, int size, long value) {
    if (!isInside(offset, size)) {
      return;
    }
    Msix m = msix;
    if (m != null) {
      if (touches(offset, size, tableStart, tableEnd)) {
        m.writeTable(offset - tableStart, size, value);
        return;
      }
      if (touches(offset, size, pbaStart, pbaEnd)) {
        return; // read-only
      }
    }
    device.write(offset, size, value & ConfigurationSpace.ones(size));
  }

  @Override
  public String toString() {
    long at = mappedAt;
    return name() + " " + spec + (at == NOT_MAPPED ? "" : " at 0x" + Long.toHexString(at));
  }
}

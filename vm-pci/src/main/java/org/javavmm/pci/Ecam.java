// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import org.javavmm.device.BusDevice;

/**
 * The enhanced configuration access mechanism: 4096 bytes of MMIO for each function, 1 MiB for each
 * bus (PCI Express Base §7.2.2). Its place belongs into the ACPI table MCFG, and must be reserved
 * there or by a device for Linux to use it. Thread-safe.
 *
 * <p>Accesses are 1, 2 or 4 bytes within a dword; all others, those of 8 bytes among them, read as
 * all ones and write nothing.
 */
public final class Ecam implements BusDevice {
  private static final long BUS_SIZE = 1 << 20;

  private final PciRoot root;

  /**
   * Makes the window of all buses of a root.
   *
   * @param root what it reaches; the window begins with its first bus
   */
  public Ecam(PciRoot root) {
    this.root = root;
  }

  /** {@return bytes of the window: 1 MiB for each bus} */
  public long size() {
    return (root.lastBus() - root.firstBus() + 1) * BUS_SIZE;
  }

  private boolean isInside(long offset) {
    return offset >= 0 && offset < size();
  }

  @Override
  public long read(long offset, int size) {
    return isInside(offset)
        ? root.readConfig(bdf(offset), (int) offset & 0xfff, size)
        : ConfigurationSpace.ones(size);
  }

  @Override
  public void write(long offset, int size, long value) {
    if (isInside(offset)) {
      root.writeConfig(bdf(offset), (int) offset & 0xfff, size, value);
    }
  }

  private int bdf(long offset) {
    return (root.firstBus() << 8) + (int) (offset >>> 12);
  }
}

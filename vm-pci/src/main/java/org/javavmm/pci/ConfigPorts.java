// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import org.javavmm.device.BusDevice;

/**
 * Configuration mechanism #1: the ports 0xcf8 to 0xcff (PCI Local Bus 3.0 §3.2.2.3.2).
 * CONFIG_ADDRESS at 0xcf8 is written and read as 4 bytes; CONFIG_DATA at 0xcfc gives 1, 2 or 4
 * bytes of the register that it names.
 *
 * <p>What is no such access is an ordinary I/O access to one of the ports, and goes to another
 * device: 0xcf9 is a PC's reset register, for example. Thread-safe; a guest that uses the pair of
 * ports from several vCPUs needs a lock, as on any PC.
 */
public final class ConfigPorts implements BusDevice {
  /** The first port. */
  public static final int BASE = 0xcf8;

  /** How many ports there are. */
  public static final int PORTS = 8;

  private static final BusDevice NOBODY =
      new BusDevice() {
        @Override
        public long read(long offset, int size) {
          return -1;
        }

        @Override
        public void write(long offset, int size, long value) {}
      };

  private static final int ENABLE = 0x8000_0000;
  private static final int WRITABLE = 0x80ff_fffc;

  private final PciRoot root;
  private final BusDevice others;
  private volatile int address;

  /**
   * Makes the ports, with nobody behind them for other accesses.
   *
   * @param root what they reach
   */
  public ConfigPorts(PciRoot root) {
    this(root, NOBODY);
  }

  /**
   * Makes the ports.
   *
   * @param root what they reach
   * @param others gets the accesses that are not the mechanism's, with the offset from {@link
   *     #BASE}: not 4 bytes wide below 0xcfc, or to the data port while the enable bit is off
   */
  public ConfigPorts(PciRoot root, BusDevice others) {
    this.root = root;
    this.others = others;
  }

  /** {@return CONFIG_ADDRESS, for saving} */
  public int address() {
    return address;
  }

  /**
   * Sets CONFIG_ADDRESS as a guest's write does: reserved bits stay 0.
   *
   * @param newAddress the value
   */
  public void setAddress(int newAddress) {
    address = newAddress & WRITABLE;
  }

  private static boolean isData(long offset, int size, int selected) {
    return (selected & ENABLE) != 0 && offset >= 4 && offset + size <= PORTS;
  }

  @Override
  public long read(long offset, int size) {
    int selected = address;
    if (offset == 0 && size == 4) {
      return selected & 0xffff_ffffL;
    }
    if (isData(offset, size, selected)) {
      return root.readConfig(
          (selected >>> 8) & 0xffff, (selected & 0xfc) + (int) (offset - 4), size);
    }
    return others.read(offset, size) & ConfigurationSpace.ones(size);
  }

  @Override
  public void write(long offset, int size, long value) {
    int selected = address;
    if (offset == 0 && size == 4) {
      setAddress((int) value);
    } else if (isData(offset, size, selected)) {
      root.writeConfig(
          (selected >>> 8) & 0xffff, (selected & 0xfc) + (int) (offset - 4), size, value);
    } else {
      others.write(offset, size, value);
    }
  }
}

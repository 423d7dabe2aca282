// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

/** An interrupt pin of a device (PCI Local Bus 3.0 §2.2.6). */
public enum IntxPin {
  /** INTA#. */
  A(1),
  /** INTB#. */
  B(2),
  /** INTC#. */
  C(3),
  /** INTD#. */
  D(4);

  private final int register;

  IntxPin(int register) {
    this.register = register;
  }

  /** {@return the value of the register: 1 for A to 4 for D} */
  public int register() {
    return register;
  }

  /**
   * {@return the pin of a bridge that the pin of a device behind it is connected to} (PCI-to-PCI
   * Bridge Architecture 1.2 §9.1)
   *
   * @param device the device's number behind the bridge, 0 to 31
   * @throws IllegalArgumentException if {@code device} is out of range
   */
  public IntxPin swizzle(int device) {
    if (device < 0 || device > 31) {
      throw new IllegalArgumentException("device=" + device + " is not in 0..31");
    }
    return switch ((register - 1 + device) & 3) {
      case 0 -> A;
      case 1 -> B;
      case 2 -> C;
      default -> D;
    };
  }
}

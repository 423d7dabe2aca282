// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

/**
 * Where a function is: bus, device and function number.
 *
 * @param bus 0 to 255
 * @param device 0 to 31
 * @param function 0 to 7
 */
public record PciAddress(int bus, int device, int function) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is out of range
   */
  public PciAddress {
    check("bus", bus, 255);
    check("device", device, 31);
    check("function", function, 7);
  }

  private static void check(String field, int value, int limit) {
    if (value < 0 || value > limit) {
      throw new IllegalArgumentException(field + "=" + value + " is not in 0.." + limit);
    }
  }

  /** {@return the number of 16 bits: bus, 5 bits of device, 3 of function} */
  public int bdf() {
    return bus << 8 | device << 3 | function;
  }

  /** {@return the address as lspci writes it, such as 00:1f.0} */
  @Override
  public String toString() {
    return String.format("%02x:%02x.%x", bus, device, function);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

/**
 * Which interrupt the pins of the devices on a root bus lead to. The same answers belong into the
 * ACPI {@code _PRT} of the host bridge.
 */
@FunctionalInterface
public interface PciInterruptRouter {
  /**
   * {@return the interrupt's number (GSI), or -1 if the pin is not connected}
   *
   * @param device the device's number on the root bus, 0 to 31
   * @param pin the pin
   */
  int gsi(int device, IntxPin pin);

  /**
   * {@return a router that spreads the devices over four interrupts: pin A of device 0 leads to the
   * first, of device 1 to the second, and so on}
   *
   * @param a GSI of pin A of device 0
   * @param b GSI of pin B of device 0
   * @param c GSI of pin C of device 0
   * @param d GSI of pin D of device 0
   */
  static PciInterruptRouter swizzled(int a, int b, int c, int d) {
    return (device, pin) ->
        switch (pin.swizzle(device)) {
          case A -> a;
          case B -> b;
          case C -> c;
          case D -> d;
        };
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/**
 * The address space of a {@link GenericAddress} or an operation region (ACPI §5.2.3.2, §19.6.100).
 */
public enum AddressSpace {
  /** Guest-physical memory. */
  SYSTEM_MEMORY(0),
  /** Ports. */
  SYSTEM_IO(1),
  /** PCI configuration space. */
  PCI_CONFIG(2);

  private final int code;

  AddressSpace(int code) {
    this.code = code;
  }

  /** {@return the number of the space in tables and AML} */
  public int code() {
    return code;
  }
}

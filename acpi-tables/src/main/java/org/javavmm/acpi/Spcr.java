// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/**
 * The serial port console redirection table, signature SPCR, revision 2 (Microsoft's specification,
 * version 1.03): which serial port is the machine's console.
 */
public final class Spcr {
  private static final int REVISION = 2;

  private Spcr() {}

  /**
   * {@return the table for a 16550 at ports, at the speed that it has}
   *
   * @param port the serial port
   * @param gsi the global system interrupt that its device in the DSDT has, 0 to 0xffffffff
   * @throws IllegalArgumentException if the interrupt is out of range
   */
  public static Sdt of(ComPort port, long gsi) {
    Check.range("GSI", gsi, 0, 0xffff_ffffL);
    boolean isa = gsi < 16;
    return Sdt.builder("SPCR", REVISION)
        .u8(0) // interface: 16550
        .zeros(3)
        .address(GenericAddress.ioByte(port.base()))
        .u8(isa ? 0b11 : 0b10) // interrupts: bit 0 8259, bit 1 I/O APIC
        .u8(isa ? (int) gsi : 0)
        .u32(gsi)
        .u8(0) // baud rate: as it is
        .u8(0) // no parity
        .u8(1) // one stop bit
        .u8(0) // no flow control
        .u8(3) // terminal: ANSI
        .u8(0)
        .u16(0xffff) // not a PCI device
        .u16(0xffff)
        .zeros(3) // bus, device, function
        .u32(0)
        .u8(0) // segment
        .zeros(4)
        .build();
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/** Devices of a PC for the DSDT, composed from {@link Aml}. They belong in {@code \_SB}. */
public final class AmlDevices {
  private AmlDevices() {}

  /**
   * {@return a 16550A serial port, {@code PNP0501}}
   *
   * @param name the device's name, such as {@code COM1}
   * @param uid its {@code _UID}, another one for each serial port; not negative
   * @param base the first of its eight ports, 0 to 0xfff8
   * @param interrupt its interrupt
   * @throws IllegalArgumentException if a value is malformed or out of range
   */
  public static AmlTerm serialPort(String name, int uid, int base, AmlResource interrupt) {
    return Aml.device(
        name,
        Aml.name("_HID", Aml.eisaId("PNP0501")),
        Aml.name("_UID", Aml.integer(Check.range("_UID", uid, 0, Integer.MAX_VALUE))),
        Aml.name("_DDN", Aml.string(name)),
        Aml.name("_CRS", Aml.resourceTemplate(AmlResource.io(base, ComPort.LENGTH), interrupt)));
  }
}

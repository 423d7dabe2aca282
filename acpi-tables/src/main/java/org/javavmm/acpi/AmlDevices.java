// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import java.util.ArrayList;
import java.util.List;

/** Devices of a PC for the DSDT, composed from {@link Aml}. They belong in {@code \_SB}. */
public final class AmlDevices {
  /** The port at which a {@link #pvpanic} device usually is. */
  public static final int PVPANIC_PORT = 0x505;

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

  /**
   * {@return a virtio-mmio device, {@code LNRO0005}, whose accesses to memory are coherent}
   *
   * @param name the device's name, such as {@code V000}
   * @param uid its {@code _UID}, another one for each; not negative
   * @param gpa where its registers are, a guest-physical address below 4 GiB
   * @param length their bytes
   * @param interrupt its interrupt
   * @throws IllegalArgumentException if a value is malformed or out of range
   */
  public static AmlTerm virtioMmio(
      String name, int uid, long gpa, long length, AmlResource interrupt) {
    return Aml.device(
        name,
        Aml.name("_HID", Aml.string("LNRO0005")),
        Aml.name("_UID", Aml.integer(Check.range("_UID", uid, 0, Integer.MAX_VALUE))),
        Aml.name("_CCA", Aml.integer(1)),
        Aml.name(
            "_CRS", Aml.resourceTemplate(AmlResource.memory32Fixed(gpa, length, true), interrupt)));
  }

  /**
   * {@return a PCI Express root bus without a bridge above it, {@code PNP0A08}, of segment 0}
   *
   * @param name the device's name, such as {@code PCI0}
   * @param firstBus the number of the root bus, 0 to 255
   * @param resources what it forwards and takes itself: {@link AmlResource#busNumbers}, {@link
   *     AmlResource#ioWindow}, {@link AmlResource#memoryWindow}, and the ports of mechanism #1
   * @param routes {@link #pciRoute} for each pin that is connected; without any there is no {@code
   *     _PRT}
   * @throws IllegalArgumentException if a value is malformed or out of range
   */
  public static AmlTerm pciRoot(
      String name, int firstBus, List<AmlResource> resources, List<? extends AmlElement> routes) {
    List<AmlTerm> terms =
        new ArrayList<>(
            List.of(
                Aml.name("_HID", Aml.eisaId("PNP0A08")),
                Aml.name("_CID", Aml.eisaId("PNP0A03")),
                Aml.name("_UID", Aml.integer(firstBus)),
                Aml.name("_SEG", Aml.integer(0)),
                Aml.name("_BBN", Aml.integer(Check.range("root bus", firstBus, 0, 0xff))),
                Aml.name("_CCA", Aml.integer(1)),
                Aml.name("_CRS", Aml.resourceTemplate(resources))));
    if (!routes.isEmpty()) {
      terms.add(Aml.name("_PRT", Aml.pkg(routes)));
    }
    return Aml.device(name, terms);
  }

  /**
   * {@return an element of a {@code _PRT} that leads to a global system interrupt for good (ACPI
   * §6.2.13)} A guest takes it for level-triggered and active low.
   *
   * @param device the device's number on the root bus, 0 to 31; all its functions are meant
   * @param pin 0 for INTA# to 3 for INTD#
   * @param gsi the global system interrupt, 0 to 0xffffffff
   * @throws IllegalArgumentException if a value is out of range
   */
  public static AmlData pciRoute(int device, int pin, long gsi) {
    Check.range("PCI device", device, 0, 31);
    Check.range("PCI pin", pin, 0, 3);
    Check.range("GSI", gsi, 0, 0xffff_ffffL);
    return Aml.pkg(
        Aml.integer((long) device << 16 | 0xffff),
        Aml.integer(pin),
        Aml.integer(0),
        Aml.integer(gsi));
  }

  /**
   * {@return resources of the board that no other device claims, {@code PNP0C02}} A guest uses an
   * area of {@link Mcfg} only if it is reserved so, or in the memory map.
   *
   * @param name the device's name, such as {@code MBRD}
   * @param uid its {@code _UID}; not negative
   * @param resources the resources
   * @throws IllegalArgumentException if a value is malformed or out of range
   */
  public static AmlTerm motherboard(String name, int uid, AmlResource... resources) {
    return Aml.device(
        name,
        Aml.name("_HID", Aml.eisaId("PNP0C02")),
        Aml.name("_UID", Aml.integer(Check.range("_UID", uid, 0, Integer.MAX_VALUE))),
        Aml.name("_CRS", Aml.resourceTemplate(resources)));
  }

  /**
   * {@return the keyboard of an 8042 controller, {@code PNP0303}, at ports 0x60 and 0x64}
   *
   * @param name the device's name, such as {@code KBD}
   * @param interrupt its interrupt; {@code AmlResource.irq(1)} on a PC
   * @throws IllegalArgumentException if the name is malformed
   */
  public static AmlTerm keyboard(String name, AmlResource interrupt) {
    return Aml.device(
        name,
        Aml.name("_HID", Aml.eisaId("PNP0303")),
        Aml.name(
            "_CRS",
            Aml.resourceTemplate(AmlResource.io(0x60, 1), AmlResource.io(0x64, 1), interrupt)));
  }

  /**
   * {@return the mouse of an 8042 controller, {@code PNP0F13}, whose ports the {@linkplain
   * #keyboard keyboard} has}
   *
   * @param name the device's name, such as {@code MOU}
   * @param interrupt its interrupt; {@code AmlResource.irq(12)} on a PC
   * @throws IllegalArgumentException if the name is malformed
   */
  public static AmlTerm mouse(String name, AmlResource interrupt) {
    return Aml.device(
        name,
        Aml.name("_HID", Aml.eisaId("PNP0F13")),
        Aml.name("_CRS", Aml.resourceTemplate(interrupt)));
  }

  /**
   * {@return a CMOS real-time clock, {@code PNP0B00}, at ports 0x70 and 0x71} The FADT must then
   * not say {@link Fadt.BootArch#CMOS_RTC_NOT_PRESENT}.
   *
   * @param name the device's name, such as {@code RTC}
   * @param interrupt its interrupt; {@code AmlResource.irq(8)} on a PC
   * @throws IllegalArgumentException if the name is malformed
   */
  public static AmlTerm rtc(String name, AmlResource interrupt) {
    return Aml.device(
        name,
        Aml.name("_HID", Aml.eisaId("PNP0B00")),
        Aml.name("_CRS", Aml.resourceTemplate(AmlResource.io(0x70, 2), interrupt)));
  }

  /**
   * {@return a power button, {@code PNP0C0C}, for a FADT with {@link Fadt.Flag#PWR_BUTTON}} It is
   * pressed by a notification of {@link GenericEventDevice#BUTTON_PRESSED}.
   *
   * @param name the device's name, such as {@code PWRB}
   * @throws IllegalArgumentException if it is malformed
   */
  public static AmlTerm powerButton(String name) {
    return Aml.device(name, Aml.name("_HID", Aml.eisaId("PNP0C0C")));
  }

  /**
   * {@return a sleep button, {@code PNP0C0E}, for a FADT with {@link Fadt.Flag#SLP_BUTTON}} It is
   * pressed by a notification of {@link GenericEventDevice#BUTTON_PRESSED}.
   *
   * @param name the device's name, such as {@code SLPB}
   * @throws IllegalArgumentException if it is malformed
   */
  public static AmlTerm sleepButton(String name) {
    return Aml.device(name, Aml.name("_HID", Aml.eisaId("PNP0C0E")));
  }

  /**
   * {@return a pvpanic device, {@code QEMU0001}, by which a guest tells that its kernel has
   * panicked or crashed}
   *
   * @param name the device's name, such as {@code PEVT}
   * @param register its one byte: {@code AmlResource.io(PVPANIC_PORT, 1)}, or a byte of memory
   * @throws IllegalArgumentException if the name is malformed
   */
  public static AmlTerm pvpanic(String name, AmlResource register) {
    return Aml.device(
        name,
        Aml.name("_HID", Aml.string("QEMU0001")),
        Aml.name("_CRS", Aml.resourceTemplate(register)));
  }

  /**
   * {@return a container of processor devices, {@code ACPI0010} and {@code ACPI0007}, whose ACPI
   * ids are those of {@link Madt.Builder#processors}: 0 to {@code count - 1}}
   *
   * <p>ACPI §5.2.12.12 demands them for local x2APICs, so for more than 255 processors.
   *
   * @param name the container's name, such as {@code CPUS}
   * @param count how many processors, 1 to 4096
   * @throws IllegalArgumentException if the name is malformed or the count is out of range
   */
  public static AmlTerm processors(String name, int count) {
    Check.range("number of processors", count, 1, 0x1000);
    List<AmlTerm> terms =
        new ArrayList<>(
            List.of(
                Aml.name("_HID", Aml.string("ACPI0010")), Aml.name("_CID", Aml.eisaId("PNP0A05"))));
    for (int uid = 0; uid < count; uid++) {
      terms.add(
          Aml.device(
              "C%03X".formatted(uid),
              Aml.name("_HID", Aml.string("ACPI0007")),
              Aml.name("_UID", Aml.integer(uid))));
    }
    return Aml.device(name, terms);
  }
}

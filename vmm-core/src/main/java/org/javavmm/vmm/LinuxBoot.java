// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.javavmm.acpi.AcpiTables;
import org.javavmm.acpi.Aml;
import org.javavmm.acpi.AmlData;
import org.javavmm.acpi.AmlDevices;
import org.javavmm.acpi.AmlResource;
import org.javavmm.acpi.AmlTerm;
import org.javavmm.acpi.ComPort;
import org.javavmm.acpi.Dsdt;
import org.javavmm.acpi.Fadt;
import org.javavmm.acpi.GenericAddress;
import org.javavmm.acpi.Madt;
import org.javavmm.acpi.Mcfg;
import org.javavmm.acpi.PlacedTables;
import org.javavmm.acpi.Polarity;
import org.javavmm.acpi.Sharing;
import org.javavmm.acpi.Trigger;
import org.javavmm.arch.BootState;
import org.javavmm.arch.Gdt;
import org.javavmm.arch.PageTables;
import org.javavmm.device.AddressRange;
import org.javavmm.device.InterruptLine;
import org.javavmm.kvm.KvmException;
import org.javavmm.loader.BootEntry;
import org.javavmm.loader.BootPlan;
import org.javavmm.loader.LoaderException;
import org.javavmm.loader.X86Layout;
import org.javavmm.pci.ConfigPorts;
import org.javavmm.pci.IntxPin;
import org.javavmm.superio.AcpiPower;
import org.javavmm.superio.I8042;
import org.javavmm.virtio.VirtioMmioLayout;

/**
 * Puts a Linux kernel into a machine: the plan of {@code linux-loader}, the ACPI tables that
 * describe the machine, descriptor and page tables, and the boot processor's registers. The other
 * vCPUs wait for the kernel's INIT.
 */
public final class LinuxBoot {
  /** The address of the first IOAPIC of KVM. */
  private static final long IOAPIC_ADDRESS = 0xfec0_0000L;

  /** How many devices a bus has. */
  private static final int PCI_DEVICES = 32;

  private LinuxBoot() {}

  /**
   * The interrupt of a serial port. The four ports of a PC share two; ours have one each, for a
   * shared edge-triggered line loses interrupts.
   *
   * @param port the port
   * @return the ISA interrupt, which is its pin of the IOAPIC as well
   */
  public static int serialInterrupt(ComPort port) {
    return switch (port) {
      case COM1 -> 4;
      case COM2 -> 3;
      case COM3 -> 5;
      case COM4 -> 7;
    };
  }

  /**
   * The ACPI tables of a hardware-reduced machine: its processors, its serial ports, and a register
   * for power-off and reset at {@link AcpiPower#PORT}.
   *
   * @param cpus the number of processors, whose APIC ids are their numbers
   * @param serialPorts the serial ports that exist
   * @return the tables
   */
  public static AcpiTables acpiTables(int cpus, Set<ComPort> serialPorts) {
    return acpiTables(cpus, serialPorts, Board.Slots.NONE);
  }

  /**
   * The ACPI tables of a machine: those of {@link #acpiTables(int, Set)}, and its virtio-mmio
   * devices and PCI root as they are now.
   *
   * @param vmm the machine, with all its devices
   * @param serialPorts the serial ports that exist
   * @return the tables
   */
  public static AcpiTables acpiTables(Vmm vmm, Set<ComPort> serialPorts) {
    return acpiTables(vmm.cpus(), serialPorts, vmm.slots());
  }

  static AcpiTables acpiTables(int cpus, Set<ComPort> serialPorts, Board.Slots slots) {
    Madt.Builder madt = Madt.builder();
    for (int id = 0; id < cpus; id++) {
      madt.processor(id, id, Madt.ProcessorState.ENABLED);
    }
    List<AmlTerm> devices = new ArrayList<>();
    for (ComPort port : new TreeSet<>(serialPorts)) {
      devices.add(port.device(AmlResource.irq(serialInterrupt(port))));
    }
    for (int i = 0; i < slots.mmio().size(); i++) {
      Board.MmioSlot slot = slots.mmio().get(i);
      devices.add(
          AmlDevices.virtioMmio(
              "V%03X".formatted(i),
              i,
              slot.gpa(),
              VirtioMmioLayout.SIZE,
              AmlResource.interrupt(
                  slot.gsi(), Trigger.EDGE, Polarity.ACTIVE_HIGH, Sharing.EXCLUSIVE)));
    }
    slots.pci().ifPresent(slot -> devices.addAll(pciDevices(slot)));
    GenericAddress power = GenericAddress.ioByte(AcpiPower.PORT);
    AcpiTables.Builder tables = AcpiTables.builder();
    slots.pci().ifPresent(slot -> tables.add(Mcfg.of(slot.ecam(), 0, slot.lastBus())));
    return tables
        .add(
            Fadt.hardwareReduced()
                .resetRegister(power, AcpiPower.RESET)
                .sleepRegisters(power, power)
                .build())
        .add(madt.ioApic(0, IOAPIC_ADDRESS, 0).localApicNmi(1).build())
        .add(Dsdt.of(Aml.scope("\\_SB", devices), Aml.sleepState(5, AcpiPower.SLEEP_TYPE_S5)))
        .build();
  }

  private static List<AmlTerm> pciDevices(Board.PciSlot slot) {
    List<AmlResource> resources = new ArrayList<>();
    resources.add(AmlResource.busNumbers(0, slot.lastBus()));
    resources.add(AmlResource.io(ConfigPorts.BASE, ConfigPorts.PORTS));
    resources.add(AmlResource.ioWindow(slot.firstPort(), slot.lastPort()));
    for (AddressRange window : slot.memory()) {
      resources.add(AmlResource.memoryWindow(window.start(), window.last()));
    }
    List<AmlData> routes = new ArrayList<>();
    for (int device = 0; device < PCI_DEVICES; device++) {
      for (IntxPin pin : IntxPin.values()) {
        routes.add(AmlDevices.pciRoute(device, pin.register() - 1, slot.router().gsi(device, pin)));
      }
    }
    return List.of(
        AmlDevices.pciRoot("PCI0", 0, resources, routes),
        AmlDevices.motherboard(
            "MBRD", 0, AmlResource.memory32Fixed(slot.ecam(), slot.ecamSize(), true)));
  }

  /**
   * Adds what {@link #acpiTables} describes besides serial ports, and the keyboard controller's
   * reset: power-off and reset stop the machine.
   *
   * @param vmm the machine
   */
  public static void addPowerDevices(Vmm vmm) {
    AcpiPower power =
        new AcpiPower(
            () -> vmm.stop(new StopReason.PowerOff()), () -> vmm.stop(new StopReason.Reset()));
    vmm.pio().add("ACPI power", AcpiPower.PORT, AcpiPower.SIZE, power);
    I8042 keyboard = new I8042(InterruptLine.NONE, () -> vmm.stop(new StopReason.Reset()));
    keyboard.addTo(vmm.pio());
  }

  /**
   * Writes kernel, tables and boot parameters into the machine's memory and sets the boot
   * processor's registers.
   *
   * @param vmm the machine, not running
   * @param plan a plan for its memory
   * @param tables the tables that describe it
   * @throws KvmException if KVM refuses the registers
   * @throws LoaderException if a file of the plan was cut short meanwhile
   * @throws IllegalArgumentException if the plan is not for the 64-bit entry or not below 4 GiB, or
   *     if the tables do not fit below 1 MiB
   */
  public static void prepare(Vmm vmm, BootPlan plan, AcpiTables tables)
      throws KvmException, LoaderException {
    if (plan.bootEntry() != BootEntry.LINUX_64) {
      throw new IllegalArgumentException(
          "plan for the entry " + plan.bootEntry() + ": must be for LINUX_64");
    }
    if (plan.identityMap().getLast().end() > X86Layout.HOLE_END) {
      throw new IllegalArgumentException(
          "plan for "
              + plan.identityMap()
              + ": all must lie below 4 GiB, what the page tables map");
    }
    PlacedTables placed =
        tables.place(X86Layout.ACPI_START, X86Layout.ACPI_END - X86Layout.ACPI_START);
    plan.writeTo(vmm.memory(), placed.rsdpAddress());
    vmm.memory().write(placed.gpa(), placed.bytes());
    Gdt.write(vmm.memory(), X86Layout.GDT);
    PageTables.writeIdentity(vmm.memory(), X86Layout.PML4);
    BootState.linux64(
        vmm.vcpu(0),
        plan.entry(),
        plan.zeroPage(),
        X86Layout.BOOT_STACK,
        X86Layout.GDT,
        X86Layout.PML4);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
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
import org.javavmm.acpi.GenericEventDevice;
import org.javavmm.acpi.Madt;
import org.javavmm.acpi.Mcfg;
import org.javavmm.acpi.PlacedTables;
import org.javavmm.acpi.Polarity;
import org.javavmm.acpi.Sdt;
import org.javavmm.acpi.Sharing;
import org.javavmm.acpi.Slit;
import org.javavmm.acpi.Srat;
import org.javavmm.acpi.Trigger;
import org.javavmm.arch.BootState;
import org.javavmm.arch.Gdt;
import org.javavmm.arch.MpTable;
import org.javavmm.arch.PageTables;
import org.javavmm.arch.Smbios;
import org.javavmm.arch.Topology;
import org.javavmm.device.AddressRange;
import org.javavmm.device.InterruptLine;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vcpu;
import org.javavmm.loader.BootEntry;
import org.javavmm.loader.BootPlan;
import org.javavmm.loader.BootRegisters;
import org.javavmm.loader.LoaderException;
import org.javavmm.loader.MemoryRange;
import org.javavmm.loader.X86Layout;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestRegion;
import org.javavmm.pci.ConfigPorts;
import org.javavmm.pci.IntxPin;
import org.javavmm.superio.AcpiPower;
import org.javavmm.superio.CmosRtc;
import org.javavmm.superio.I8042;
import org.javavmm.superio.PowerButton;
import org.javavmm.superio.RtcLayout;
import org.javavmm.sys.SystemCallException;
import org.javavmm.virtio.VirtioMmioLayout;

/**
 * Puts a Linux kernel into a machine: the plan of {@code linux-loader}, the ACPI tables that
 * describe the machine, descriptor and page tables, and the boot processor's registers. The other
 * vCPUs wait for the kernel's INIT.
 */
public final class LinuxBoot {
  /** The address of the first IOAPIC of KVM. */
  private static final long IOAPIC_ADDRESS = 0xfec0_0000L;

  /** An ISA interrupt that no other device has: a PC's floppy drive had it. */
  private static final int POWER_BUTTON_GSI = 6;

  /** Processors with larger ids are x2APICs to a guest; 255 means all to an xAPIC. */
  private static final int MAX_XAPIC_ID = 254;

  /** How many devices a bus has. */
  private static final int PCI_DEVICES = 32;

  /** The distance between NUMA nodes that tables give by custom; to itself it is 10. */
  private static final int FAR = 20;

  private static final int CHASSIS_OTHER = 1;

  /** The SMBIOS value for a machine whose id is not set. */
  private static final UUID NO_ID = new UUID(0, 0);

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
   * The interrupt of a serial port where no table tells the guest: as in a PC, the first and the
   * third share one, and the second and the fourth.
   *
   * @param port the port
   * @return the ISA interrupt, which is its pin of the IOAPIC as well
   */
  public static int isaSerialInterrupt(ComPort port) {
    return switch (port) {
      case COM1, COM3 -> 4;
      case COM2, COM4 -> 3;
    };
  }

  /**
   * The ACPI tables of a hardware-reduced machine: its processors, its serial ports, and what
   * {@link #addPowerDevices} adds: a register for power-off and reset at {@link AcpiPower#PORT}, a
   * clock and a power button.
   *
   * @param cpus the number of processors, whose APIC ids are their numbers
   * @param serialPorts the serial ports that exist
   * @return the tables
   */
  public static AcpiTables acpiTables(int cpus, Set<ComPort> serialPorts) {
    return acpiTables(Topology.ofCores(cpus), serialPorts, Board.Slots.NONE, List.of());
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
    return acpiTables(vmm, serialPorts, List.of());
  }

  /**
   * The ACPI tables of a machine with NUMA nodes: those of {@link #acpiTables(Vmm, Set)}, with SRAT
   * and SLIT.
   *
   * @param vmm the machine, with all its devices
   * @param serialPorts the serial ports that exist
   * @param nodes the nodes; none for a machine that has all near to all
   * @return the tables
   */
  public static AcpiTables acpiTables(Vmm vmm, Set<ComPort> serialPorts, List<NumaNode> nodes) {
    return acpiTables(vmm.topology(), serialPorts, vmm.slots(), nodes);
  }

  static AcpiTables acpiTables(
      Topology topology, Set<ComPort> serialPorts, Board.Slots slots, List<NumaNode> nodes) {
    Madt.Builder madt = Madt.builder();
    for (int cpu = 0; cpu < topology.cpus(); cpu++) {
      madt.processor(cpu, topology.apicId(cpu), Madt.ProcessorState.ENABLED);
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
    devices.add(AmlDevices.rtc("RTC", AmlResource.irq(CmosRtc.IRQ)));
    devices.add(AmlDevices.powerButton("PWRB"));
    devices.add(
        GenericEventDevice.builder("GED")
            .notify(POWER_BUTTON_GSI, "\\_SB.PWRB", GenericEventDevice.BUTTON_PRESSED)
            .build());
    if (topology.maxApicId() > MAX_XAPIC_ID) {
      devices.add(AmlDevices.processors("CPUS", topology.cpus())); // ACPI 5.2.12.12 demands them
    }
    GenericAddress power = GenericAddress.ioByte(AcpiPower.PORT);
    AcpiTables.Builder tables = AcpiTables.builder();
    if (!nodes.isEmpty()) {
      tables.add(srat(topology, nodes)).add(Slit.uniform(nodes.size(), FAR));
    }
    slots.pci().ifPresent(slot -> tables.add(Mcfg.of(slot.ecam(), 0, slot.lastBus())));
    return tables
        .add(
            Fadt.hardwareReduced()
                .resetRegister(power, AcpiPower.RESET)
                .sleepRegisters(power, power)
                .bootArch(Fadt.BootArch.VGA_NOT_PRESENT)
                .century(RtcLayout.CENTURY)
                .build())
        .add(madt.ioApic(0, IOAPIC_ADDRESS, 0).localApicNmi(1).build())
        .add(Dsdt.of(Aml.scope("\\_SB", devices), Aml.sleepState(5, AcpiPower.SLEEP_TYPE_S5)))
        .build();
  }

  private static Sdt srat(Topology topology, List<NumaNode> nodes) {
    Srat.Builder srat = Srat.builder();
    for (int domain = 0; domain < nodes.size(); domain++) {
      for (int cpu : nodes.get(domain).cpus()) {
        srat.processor(topology.apicId(cpu), domain);
      }
      for (MemoryRange range : nodes.get(domain).memory()) {
        srat.memory(range.gpa(), range.size(), domain);
      }
    }
    return srat.build();
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
   * reset: power-off and reset stop the machine; a clock of UTC and a power button with their
   * interrupts.
   *
   * @param vmm the machine
   * @return the power button, for the host to press
   * @throws SystemCallException if KVM refuses an interrupt, or no descriptor is left for a timer
   */
  public static PowerButton addPowerDevices(Vmm vmm) throws SystemCallException {
    AcpiPower power =
        new AcpiPower(
            () -> vmm.stop(new StopReason.PowerOff()), () -> vmm.stop(new StopReason.Reset()));
    vmm.pio().add("ACPI power", AcpiPower.PORT, AcpiPower.SIZE, power);
    addClock(vmm);
    new I8042(InterruptLine.NONE, () -> vmm.stop(new StopReason.Reset())).addTo(vmm.pio());
    return new PowerButton(vmm.interrupt(POWER_BUTTON_GSI));
  }

  /**
   * Adds what a guest without ACPI looks for where a PC has it: clock, keyboard and its controller,
   * whose reset stops the machine. It has no way to switch itself off.
   *
   * @param vmm the machine, made with {@link Vmm.Builder#intervalTimer}
   * @throws SystemCallException if KVM refuses an interrupt, or no descriptor is left for a timer
   */
  public static void addIsaDevices(Vmm vmm) throws SystemCallException {
    addClock(vmm);
    new I8042(vmm.interrupt(I8042.IRQ), () -> vmm.stop(new StopReason.Reset())).addTo(vmm.pio());
  }

  private static void addClock(Vmm vmm) throws SystemCallException {
    long below4G = 0;
    long above4G = 0;
    for (GuestRegion region : vmm.memory().regions()) {
      if (Long.compareUnsigned(region.gpa(), X86Layout.HOLE_START) < 0) {
        below4G = Math.max(below4G, region.gpa() + region.size());
      } else if (region.gpa() == X86Layout.HOLE_END) {
        above4G = region.size();
      }
    }
    CmosRtc clock =
        CmosRtc.builder()
            .interrupt(vmm.events(), vmm.interrupt(CmosRtc.IRQ))
            .memory(Math.min(below4G, X86Layout.HOLE_END), above4G)
            .processors(vmm.cpus())
            .build();
    clock.addTo(vmm.pio());
    vmm.own(clock::close);
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
   * @throws IllegalArgumentException if the ACPI tables do not fit below 0xf0000, or the page
   *     tables of a plan above 4 GiB not below the command line
   */
  public static void prepare(Vmm vmm, BootPlan plan, AcpiTables tables)
      throws KvmException, LoaderException {
    PlacedTables placed = tables.place(X86Layout.ACPI_START, Smbios.AREA - X86Layout.ACPI_START);
    enter(vmm, plan, placed.rsdpAddress());
    vmm.memory().write(placed.gpa(), placed.bytes());
    smbios(vmm).writeTo(vmm.memory(), Smbios.AREA);
  }

  /** What the guest's tools show as the machine's maker, processors and memory. */
  private static Smbios smbios(Vmm vmm) {
    List<AddressRange> memory = new ArrayList<>();
    for (GuestRegion region : vmm.memory().regions()) {
      if (region.gpa() == 0 || region.gpa() == X86Layout.HOLE_END) {
        memory.add(new AddressRange("ram", region.gpa(), region.gpa() + region.size() - 1));
      }
    }
    Smbios.Builder tables =
        Smbios.builder()
            .bios("java-vmm", "1", "01/01/2026")
            .system(
                new Smbios.SystemInformation("java-vmm", "virtual machine", "1", "", "", "", NO_ID))
            .chassis(new Smbios.Chassis(CHASSIS_OTHER, "java-vmm", "", "", "", ""))
            .memory(memory)
            .bootInformation();
    return tables.build();
  }

  /**
   * Writes a kernel and an MP table into the memory of a machine without ACPI tables and sets the
   * boot processor's registers. A kernel that does not read MP tables uses one processor and the
   * 8259 interrupt controllers.
   *
   * @param vmm the machine, not running, made with {@link Vmm.Builder#intervalTimer}
   * @param plan a plan for its memory
   * @throws KvmException if KVM refuses the registers
   * @throws LoaderException if a file of the plan was cut short meanwhile
   * @throws IllegalArgumentException if the table does not fit into the last KiB below 640 KiB:
   *     with more than 40 processors
   */
  public static void prepareWithoutAcpi(Vmm vmm, BootPlan plan)
      throws KvmException, LoaderException {
    // Before anything is written, for it may not fit.
    byte[] table = mpTable(vmm.topology()).toBytes(MpTable.BASE_MEMORY);
    enter(vmm, plan, 0);
    vmm.memory().write(MpTable.BASE_MEMORY, table);
  }

  /** KVM leads the interval timer's interrupt to pin 0. */
  static MpTable mpTable(Topology topology) {
    return MpTable.pc(topology, MpTable.TIMER_PIN_0).build();
  }

  private static void enter(Vmm vmm, BootPlan plan, long rsdp)
      throws KvmException, LoaderException {
    BootRegisters registers = plan.registers();
    GuestMemory memory = vmm.memory();
    Vcpu vcpu = vmm.vcpu(0);
    // What can be refused, before anything is written.
    Optional<PageTables> tables = pageTables(plan.identityMap());
    plan.writeTo(memory, rsdp);
    if (plan.entryMode() == BootEntry.Mode.PROTECTED) {
      Gdt.write32(memory, X86Layout.GDT);
    }
    switch (plan.bootEntry()) {
      case LINUX_64 -> {
        Gdt.write(memory, X86Layout.GDT);
        if (tables.isPresent()) {
          tables.get().write(memory, X86Layout.PML4);
        } else {
          PageTables.writeIdentity(memory, X86Layout.PML4);
        }
        BootState.linux64(
            vcpu,
            registers.rip(),
            registers.rsi(),
            X86Layout.BOOT_STACK,
            X86Layout.GDT,
            X86Layout.PML4);
      }
      case LINUX_32 ->
          BootState.linux32(
              vcpu, registers.rip(), registers.rsi(), X86Layout.BOOT_STACK, X86Layout.GDT);
      case PVH -> BootState.pvh(vcpu, registers.rip(), registers.rbx(), X86Layout.GDT);
      case MULTIBOOT -> BootState.multiboot(vcpu, registers.rip(), registers.rbx(), X86Layout.GDT);
    }
  }

  /** All below 4 GiB and what else a plan uses; empty if that is nothing. */
  private static Optional<PageTables> pageTables(List<MemoryRange> ranges) {
    if (ranges.isEmpty() || ranges.getLast().end() <= X86Layout.HOLE_END) {
      return Optional.empty();
    }
    List<AddressRange> mapped = new ArrayList<>();
    mapped.add(new AddressRange("low", 0, X86Layout.HOLE_END - 1));
    ranges.forEach(range -> mapped.add(new AddressRange("high", range.gpa(), range.end() - 1)));
    PageTables tables = PageTables.identity(mapped, false);
    long room = X86Layout.COMMAND_LINE - X86Layout.PML4;
    if (tables.size() > room) {
      throw new IllegalArgumentException(
          "page tables of " + tables.size() + " bytes: there is room for " + room);
    }
    return Optional.of(tables);
  }
}

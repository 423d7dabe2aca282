// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.javavmm.acpi.Aml;
import org.javavmm.acpi.AmlDevices;
import org.javavmm.acpi.AmlResource;
import org.javavmm.acpi.AmlTerm;
import org.javavmm.acpi.ComPort;
import org.javavmm.acpi.PlacedTables;
import org.javavmm.acpi.Polarity;
import org.javavmm.acpi.Sharing;
import org.javavmm.acpi.Trigger;
import org.javavmm.arch.CpuidTemplate;
import org.javavmm.arch.MpTable;
import org.javavmm.arch.Smbios;
import org.javavmm.arch.Topology;
import org.javavmm.device.AddressRange;
import org.javavmm.kvm.Cpuid;
import org.javavmm.loader.X86Layout;
import org.javavmm.pci.PciInterruptRouter;
import org.javavmm.superio.AcpiPower;
import org.junit.jupiter.api.Test;

/** The tables that describe a machine. */
class LinuxBootTest {
  private static final int HEADER = 36;

  /** Where {@link LinuxBoot#prepare} puts the tables: SMBIOS has the rest of the BIOS's place. */
  private static final long ROOM = Smbios.AREA - X86Layout.ACPI_START;

  private static final long GIB = 1L << 30;

  private static PlacedTables placed(int cpus, Set<ComPort> ports) {
    return LinuxBoot.acpiTables(cpus, ports).place(X86Layout.ACPI_START, ROOM);
  }

  private static ByteBuffer table(PlacedTables tables, String signature) {
    PlacedTables.Entry entry =
        tables.entries().stream().filter(e -> e.signature().equals(signature)).findFirst().get();
    int from = (int) (entry.gpa() - tables.gpa());
    byte[] bytes = Arrays.copyOfRange(tables.bytes(), from, from + entry.length());
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static boolean dsdtHas(PlacedTables tables, String part) {
    return new String(table(tables, "DSDT").array(), StandardCharsets.ISO_8859_1).contains(part);
  }

  @Test
  void processorsHaveTheirNumbers() {
    for (int cpus : new int[] {1, 2, 254}) {
      ByteBuffer madt = table(placed(cpus, Set.of()), "APIC");
      List<Integer> ids = new ArrayList<>();
      int ioApics = 0;
      // ACPI 5.2.12: a type and a length begin each structure behind 8 bytes of its own.
      for (int at = HEADER + 8; at < madt.capacity(); at += madt.get(at + 1)) {
        if (madt.get(at) == 0) { // processor local APIC: uid, APIC id, flags
          assertEquals(madt.get(at + 2), madt.get(at + 3));
          assertEquals(1, madt.getInt(at + 4));
          ids.add(madt.get(at + 3) & 0xff);
        } else if (madt.get(at) == 1) { // IOAPIC: id, reserved, address, first GSI
          assertEquals(0xfec0_0000, madt.getInt(at + 4));
          assertEquals(0, madt.getInt(at + 8));
          ioApics++;
        }
      }
      assertEquals(new TreeSet<>(ids).stream().toList(), ids);
      assertEquals(cpus, ids.size());
      assertEquals(cpus - 1, ids.getLast());
      assertEquals(1, ioApics);
    }
  }

  @Test
  void serialPortsThatExist() {
    for (ComPort port : ComPort.values()) {
      PlacedTables one = placed(1, Set.of(port));
      PlacedTables others = placed(1, EnumSet.complementOf(EnumSet.of(port)));
      assertTrue(dsdtHas(one, port.name()));
      assertFalse(dsdtHas(others, port.name()));
      // An I/O port descriptor: 16-bit decoding, base twice, alignment, length (ACPI 6.4.2.5).
      String base = "" + (char) (port.base() & 0xff) + (char) (port.base() >> 8);
      assertTrue(dsdtHas(one, "G\u0001" + base + base));
      // An IRQ descriptor: a mask of 16 interrupts (ACPI 6.4.2.1).
      int mask = 1 << LinuxBoot.serialInterrupt(port);
      assertTrue(dsdtHas(one, "\"" + (char) mask + "\0") || dsdtHas(one, "#" + (char) mask + "\0"));
    }
  }

  @Test
  void serialInterruptsDiffer() {
    assertEquals(
        List.of(4, 3, 5, 7),
        Arrays.stream(ComPort.values()).map(LinuxBoot::serialInterrupt).toList());
  }

  /** The same machine has the same tables, in whatever order its ports are given. */
  @Test
  void orderOfThePortsDoesNotMatter() {
    Set<ComPort> upwards = new LinkedHashSet<>(List.of(ComPort.values()));
    Set<ComPort> downwards = new LinkedHashSet<>(List.of(ComPort.values()).reversed());
    assertArrayEquals(placed(1, upwards).bytes(), placed(1, downwards).bytes());
  }

  @Test
  void powerRegister() {
    ByteBuffer fadt = table(placed(1, Set.of()), "FACP");
    int flags = fadt.getInt(112);
    assertTrue((flags & 1 << 20) != 0, "hardware-reduced");
    assertTrue((flags & 1 << 10) != 0, "reset register");
    // ACPI 5.2.9: reset register, its value, sleep control and status.
    for (int register : new int[] {116, 244, 256}) {
      assertEquals(1, fadt.get(register), "space: I/O ports");
      assertEquals(8, fadt.get(register + 1), "bits");
      assertEquals(AcpiPower.PORT, fadt.getLong(register + 4));
    }
    assertEquals(AcpiPower.RESET, fadt.get(128));
    assertTrue(dsdtHas(placed(1, Set.of()), "_S5_"));
  }

  private static final Board.PciSlot PCI =
      new Board.PciSlot(
          0xe000_0000L,
          0x10_0000,
          0,
          0x1000,
          0xffff,
          List.of(
              new AddressRange("low", 0xc000_0000L, 0xdfff_ffffL),
              new AddressRange("high", 0x1_0000_0000L, 0xf_ffff_ffffL)),
          PciInterruptRouter.swizzled(20, 21, 22, 23));

  private static PlacedTables placed(Board.Slots slots) {
    return LinuxBoot.acpiTables(Topology.ofCores(1), Set.of(), slots, List.of())
        .place(X86Layout.ACPI_START, ROOM);
  }

  private static String latin(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  @Test
  void virtioMmioDevices() {
    PlacedTables tables =
        placed(
            new Board.Slots(
                List.of(new Board.MmioSlot(0xf000_0000L, 16), new Board.MmioSlot(0xf000_1000L, 9)),
                Optional.empty()));
    for (int i = 0; i < 2; i++) {
      assertTrue(dsdtHas(tables, "V00" + i));
      long gpa = 0xf000_0000L + 0x1000L * i;
      AmlResource memory = AmlResource.memory32Fixed(gpa, 0x1000, true);
      AmlResource interrupt =
          AmlResource.interrupt(
              i == 0 ? 16 : 9, Trigger.EDGE, Polarity.ACTIVE_HIGH, Sharing.EXCLUSIVE);
      assertTrue(dsdtHas(tables, latin(memory.toBytes()) + latin(interrupt.toBytes())));
    }
    assertFalse(dsdtHas(tables, "V002"));
    assertFalse(dsdtHas(tables, "PCI0"));
    assertTrue(tables.entries().stream().noneMatch(e -> e.signature().equals("MCFG")));
  }

  @Test
  void aPciRootWithItsWindowsPinsAndConfigurationSpace() {
    PlacedTables tables = placed(new Board.Slots(List.of(), Optional.of(PCI)));
    ByteBuffer mcfg = table(tables, "MCFG");
    assertEquals(0xe000_0000L, mcfg.getLong(HEADER + 8));
    assertEquals(0, mcfg.get(HEADER + 8 + 10), "first bus");
    assertEquals(0, mcfg.get(HEADER + 8 + 11), "last bus");
    String resources =
        latin(AmlResource.busNumbers(0, 0).toBytes())
            + latin(AmlResource.io(0xcf8, 8).toBytes())
            + latin(AmlResource.ioWindow(0x1000, 0xffff).toBytes())
            + latin(AmlResource.memoryWindow(0xc000_0000L, 0xdfff_ffffL).toBytes())
            + latin(AmlResource.memoryWindow(0x1_0000_0000L, 0xf_ffff_ffffL).toBytes());
    assertTrue(dsdtHas(tables, resources));
    // Reserved, so that a guest uses it.
    assertTrue(
        dsdtHas(tables, latin(AmlResource.memory32Fixed(0xe000_0000L, 0x10_0000, true).toBytes())));
    // Pin B of device 3 is one of four: (3 + 1) & 3.
    assertTrue(dsdtHas(tables, latin(AmlDevices.pciRoute(3, 1, 20).toBytes())));
    assertTrue(dsdtHas(tables, latin(AmlDevices.pciRoute(31, 3, 22).toBytes())));
  }

  @Test
  void theMostDevicesFit() {
    List<Board.MmioSlot> all = new ArrayList<>();
    for (int i = 0; i < 14; i++) {
      all.add(new Board.MmioSlot(0xf000_0000L + 0x1000L * i, 9 + i));
    }
    PlacedTables tables =
        LinuxBoot.acpiTables(
                Topology.ofCores(254),
                EnumSet.allOf(ComPort.class),
                new Board.Slots(all, Optional.of(PCI)),
                List.of())
            .place(X86Layout.ACPI_START, ROOM);
    assertTrue(tables.bytes().length < 0x4000, tables.bytes().length + " bytes");
  }

  // ---- clock, power button, NUMA
  // -----------------------------------------------------------------

  private static String latin(AmlTerm term) {
    return latin(term.toBytes());
  }

  @Test
  void clockAndPowerButton() {
    PlacedTables tables = placed(1, Set.of());
    assertTrue(dsdtHas(tables, latin(AmlDevices.rtc("RTC", AmlResource.irq(8)))));
    assertTrue(dsdtHas(tables, latin(AmlDevices.powerButton("PWRB"))));
    // The event device: its interrupt, and what that tells the button.
    assertTrue(dsdtHas(tables, "ACPI0013"));
    assertTrue(
        dsdtHas(
            tables,
            latin(
                AmlResource.interrupt(6, Trigger.EDGE, Polarity.ACTIVE_HIGH, Sharing.EXCLUSIVE)
                    .toBytes())));
    assertTrue(dsdtHas(tables, latin(Aml.notify(Aml.path("\\_SB.PWRB"), Aml.integer(0x80)))));
  }

  /** ACPI 5.2.9, 5.2.9.3: the flags tell Linux that there is a clock, and no VGA to probe. */
  @Test
  void whatTheFadtSaysOfThePc() {
    ByteBuffer fadt = table(placed(1, Set.of()), "FACP");
    assertEquals(0x32, fadt.get(108), "the century's place in the clock's memory");
    assertEquals(1 << 2, fadt.getShort(109), "VGA not present; the clock is, the 8042 is not said");
    int flags = fadt.getInt(112);
    assertTrue((flags & 1 << 4) != 0, "the power button is a device");
  }

  private static List<NumaNode> nodes(int count, long memory, Topology topology) {
    return NumaNode.equal(count, memory, topology.cpus());
  }

  private static PlacedTables placed(Topology topology, List<NumaNode> nodes) {
    return LinuxBoot.acpiTables(topology, Set.of(), Board.Slots.NONE, nodes)
        .place(X86Layout.ACPI_START, ROOM);
  }

  @Test
  void withoutNodesThereIsNoNuma() {
    List<String> names =
        placed(2, Set.of()).entries().stream().map(PlacedTables.Entry::signature).toList();
    assertFalse(names.contains("SRAT"), names::toString);
    assertFalse(names.contains("SLIT"), names::toString);
  }

  @Test
  void nodesHaveMemoryOnBothSidesOfTheHole() {
    Topology topology = Topology.ofCores(3);
    PlacedTables tables = placed(topology, nodes(3, 6 * GIB, topology));
    ByteBuffer srat = table(tables, "SRAT");
    List<String> memory = new ArrayList<>();
    // ACPI 5.2.16: a type and a length begin each structure behind 12 bytes of its own.
    for (int at = HEADER + 12; at < srat.capacity(); at += srat.get(at + 1)) {
      if (srat.get(at) == 1) { // memory: domain, reserved, base, length, reserved, flags
        assertEquals(1, srat.getInt(at + 28), "enabled");
        memory.add(
            "%d: %x+%x"
                .formatted(srat.getInt(at + 2), srat.getLong(at + 8), srat.getLong(at + 16)));
      }
    }
    assertEquals(
        List.of(
            "0: 0+80000000",
            "1: 80000000+40000000",
            "1: 100000000+40000000",
            "2: 140000000+80000000"),
        memory);
    ByteBuffer slit = table(tables, "SLIT");
    assertEquals(3, slit.getLong(HEADER));
    byte[] distances = new byte[9];
    slit.get(HEADER + 8, distances);
    assertEquals(HEADER + 8 + 9, slit.capacity());
    assertArrayEquals(new byte[] {10, 20, 20, 20, 10, 20, 20, 20, 10}, distances);
  }

  // ---- APIC ids
  // ----------------------------------------------------------------------------------

  private static final int INDEXED = Cpuid.KVM_CPUID_FLAG_SIGNIFCANT_INDEX;

  private static Cpuid host(int ebx, int ecx, int edx) {
    return new Cpuid(
        List.of(
            new Cpuid.Entry(0, 0, 0, 0x1f, ebx, ecx, edx),
            new Cpuid.Entry(1, 0, 0, 0, 0, 1 << 21, 0),
            new Cpuid.Entry(0xb, 0, INDEXED, 0, 0, 0, 0),
            new Cpuid.Entry(0x8000_0000, 0, 0, 0x8000_001e, ebx, ecx, edx),
            new Cpuid.Entry(0x8000_001e, 0, 0, 0, 0, 0, 0)));
  }

  private static final Cpuid INTEL = host(0x756e_6547, 0x6c65_746e, 0x4965_6e69);
  private static final Cpuid AMD = host(0x6874_7541, 0x444d_4163, 0x6974_6e65);

  /** Ways to arrange so many vCPUs. */
  private static List<Topology> topologies(int cpus) {
    List<Topology> all = new ArrayList<>();
    all.add(Topology.ofCores(cpus));
    if (cpus % 2 == 0) {
      all.add(new Topology(1, 1, cpus / 2, 2));
      all.add(new Topology(2, 1, cpus / 2, 1));
    }
    if (cpus % 6 == 0) {
      all.add(new Topology(3, 1, cpus / 6, 2));
      all.add(new Topology(1, 2, cpus / 6, 3));
    }
    return all;
  }

  /** The ids of the processors in a MADT, in their order. */
  private static List<Integer> idsOfMadt(ByteBuffer madt) {
    List<Integer> ids = new ArrayList<>();
    for (int at = HEADER + 8; at < madt.capacity(); at += madt.get(at + 1)) {
      int id = -1;
      int uid = -1;
      int flags = 0;
      switch (madt.get(at)) {
        case 0 -> {
          id = madt.get(at + 3) & 0xff;
          uid = madt.get(at + 2) & 0xff;
          flags = madt.getInt(at + 4);
          assertTrue(id < 255, "255 is all to an xAPIC");
        }
        case 9 -> { // processor local x2APIC: reserved, id, flags, uid
          id = madt.getInt(at + 4);
          flags = madt.getInt(at + 8);
          uid = madt.getInt(at + 12);
          assertTrue(id >= 255, "must be a local APIC by ACPI 5.2.12.12");
        }
        default -> {}
      }
      if (id >= 0) {
        assertEquals(ids.size(), uid);
        assertEquals(1, flags);
        ids.add(id);
      }
    }
    return ids;
  }

  /** The ids of the processors in a SRAT, in their order. */
  private static List<Integer> idsOfSrat(ByteBuffer srat, List<NumaNode> nodes) {
    List<Integer> ids = new ArrayList<>();
    for (int at = HEADER + 12; at < srat.capacity(); at += srat.get(at + 1)) {
      int domain;
      switch (srat.get(at)) {
        case 0 -> { // local APIC: domain in two parts, id
          assertEquals(1, srat.getInt(at + 4), "enabled");
          domain = srat.get(at + 2);
          ids.add(srat.get(at + 3) & 0xff);
        }
        case 2 -> { // local x2APIC: reserved, domain, id
          assertEquals(1, srat.getInt(at + 12), "enabled");
          domain = srat.getInt(at + 4);
          ids.add(srat.getInt(at + 8));
        }
        default -> {
          continue;
        }
      }
      assertTrue(nodes.get(domain).cpus().contains(ids.size() - 1));
    }
    return ids;
  }

  private static Cpuid.Entry leaf(Cpuid cpuid, int function) {
    return cpuid.find(function, 0).orElseThrow();
  }

  private static List<Integer> idsOfCpuid(Cpuid host, Topology topology) {
    CpuidTemplate template = CpuidTemplate.of(host, true);
    List<Integer> ids = new ArrayList<>();
    for (int vcpu = 0; vcpu < topology.cpus(); vcpu++) {
      Cpuid cpuid = template.forVcpu(vcpu, topology);
      int id = leaf(cpuid, 0xb).edx();
      assertEquals(id & 0xff, leaf(cpuid, 1).ebx() >>> 24, "the initial APIC id");
      if (host.equals(AMD)) {
        assertEquals(id, leaf(cpuid, 0x8000_001e).eax(), "AMD's extended APIC id");
      } else {
        assertEquals(id, leaf(cpuid, 0x1f).edx());
      }
      ids.add(id);
    }
    return ids;
  }

  /** Whoever tells a guest of a processor tells the same APIC id, and each has another. */
  @Test
  void apicIdsAgree() {
    for (int cpus = 1; cpus <= 288; cpus++) {
      for (Topology topology : topologies(cpus)) {
        List<NumaNode> nodes = nodes(Math.min(cpus, 4), GIB, topology);
        PlacedTables tables = placed(topology, nodes);
        List<Integer> ids = idsOfMadt(table(tables, "APIC"));
        assertEquals(cpus, ids.size(), topology::toString);
        assertEquals(cpus, Set.copyOf(ids).size(), topology::toString);
        assertEquals(0, ids.getFirst(), "the boot processor");
        assertEquals(ids, idsOfSrat(table(tables, "SRAT"), nodes), topology::toString);
        assertEquals(ids, idsOfCpuid(cpus % 2 == 0 ? INTEL : AMD, topology), topology::toString);
        // The I/O APIC of an MP table has the next id, at most 254.
        if (topology.maxApicId() < 254) {
          assertEquals(ids, idsOfMpTable(topology), topology::toString);
        }
        // ACPI 5.2.12.12: x2APICs have devices.
        assertEquals(topology.maxApicId() > 254, dsdtHas(tables, "ACPI0007"), topology::toString);
      }
    }
  }

  private static List<Integer> idsOfMpTable(Topology topology) {
    // Behind the floating pointer of 16 bytes; in the BIOS's place, where any number fits.
    ByteBuffer bytes =
        ByteBuffer.wrap(LinuxBoot.mpTable(topology).toBytes(MpTable.BIOS_AREA))
            .order(ByteOrder.LITTLE_ENDIAN);
    List<Integer> ids = new ArrayList<>();
    int entries = bytes.getShort(16 + 34);
    int at = 16 + 44;
    for (int i = 0; i < entries; i++) {
      if (bytes.get(at) == 0) { // processor: id, version, flags (enabled, boot)
        assertEquals(ids.isEmpty() ? 3 : 1, bytes.get(at + 3));
        ids.add(bytes.get(at + 1) & 0xff);
        at += 20;
      } else {
        at += 8;
      }
    }
    assertEquals(bytes.capacity(), at);
    return ids;
  }

  @Test
  void theTablesOf288ProcessorsFit() {
    List<Board.MmioSlot> all = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      all.add(new Board.MmioSlot(0xf000_0000L + 0x1000L * i, 9 + i));
    }
    for (Topology topology : topologies(288)) {
      PlacedTables tables =
          LinuxBoot.acpiTables(
                  topology,
                  EnumSet.allOf(ComPort.class),
                  new Board.Slots(all, Optional.of(PCI)),
                  nodes(128, 8 * GIB, topology))
              .place(X86Layout.ACPI_START, ROOM);
      assertTrue(tables.bytes().length < ROOM - 0x1000, tables.bytes().length + " bytes");
    }
  }

  // ---- without ACPI
  // ------------------------------------------------------------------------------

  /** As a PC's, but for the timer: KVM leads it to pin 0. */
  @Test
  void mpTableOfAPc() {
    for (int cpus : new int[] {1, 2, 16}) {
      assertArrayEquals(
          MpTable.pc(cpus, MpTable.TIMER_PIN_0).build().toBytes(MpTable.BASE_MEMORY),
          LinuxBoot.mpTable(Topology.ofCores(cpus)).toBytes(MpTable.BASE_MEMORY));
    }
  }

  @Test
  void mpTableHasRoomForFortyProcessors() {
    assertTrue(LinuxBoot.mpTable(Topology.ofCores(40)).toBytes(MpTable.BASE_MEMORY).length <= 1024);
    MpTable more = LinuxBoot.mpTable(Topology.ofCores(41));
    assertEquals(
        "MP table of 1032 bytes with 41 processors does not fit into the 1024 bytes at 0x9fc00",
        assertThrows(IllegalArgumentException.class, () -> more.toBytes(MpTable.BASE_MEMORY))
            .getMessage());
  }

  @Test
  void isaSerialPortsShareInterrupts() {
    assertEquals(
        List.of(4, 3, 4, 3),
        Arrays.stream(ComPort.values()).map(LinuxBoot::isaSerialInterrupt).toList());
  }
}

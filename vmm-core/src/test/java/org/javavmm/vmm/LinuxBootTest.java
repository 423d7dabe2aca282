// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
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
import org.javavmm.acpi.AmlDevices;
import org.javavmm.acpi.AmlResource;
import org.javavmm.acpi.ComPort;
import org.javavmm.acpi.PlacedTables;
import org.javavmm.acpi.Polarity;
import org.javavmm.acpi.Sharing;
import org.javavmm.acpi.Trigger;
import org.javavmm.arch.Topology;
import org.javavmm.device.AddressRange;
import org.javavmm.loader.X86Layout;
import org.javavmm.pci.PciInterruptRouter;
import org.javavmm.superio.AcpiPower;
import org.junit.jupiter.api.Test;

/** The tables that describe a machine. */
class LinuxBootTest {
  private static final int HEADER = 36;

  private static PlacedTables placed(int cpus, Set<ComPort> ports) {
    return LinuxBoot.acpiTables(cpus, ports)
        .place(X86Layout.ACPI_START, X86Layout.ACPI_END - X86Layout.ACPI_START);
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
        .place(X86Layout.ACPI_START, X86Layout.ACPI_END - X86Layout.ACPI_START);
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
            .place(X86Layout.ACPI_START, X86Layout.ACPI_END - X86Layout.ACPI_START);
    assertTrue(tables.bytes().length < 0x4000, tables.bytes().length + " bytes");
  }
}

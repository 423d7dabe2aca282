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
import java.util.Set;
import java.util.TreeSet;
import org.javavmm.acpi.ComPort;
import org.javavmm.acpi.PlacedTables;
import org.javavmm.loader.X86Layout;
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
}

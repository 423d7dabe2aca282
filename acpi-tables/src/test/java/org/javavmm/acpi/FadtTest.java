// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class FadtTest {

  @Test
  void fieldsStandAtTheirOffsets() {
    byte[] bytes =
        Fadt.hardwareReduced()
            .resetRegister(GenericAddress.ioByte(0x601), 0x42)
            .sleepRegisters(GenericAddress.ioByte(0x602), GenericAddress.memoryByte(-16))
            .hypervisorVendor("VENDOR")
            .build()
            .toBytes(
                new TableContext() {
                  @Override
                  public long addressOf(String signature) {
                    return signature.equals("DSDT") ? 0x1122_3344_5566_7788L : 0x99;
                  }

                  @Override
                  public OemIds ids() {
                    return OemIds.DEFAULT;
                  }
                });
    ByteBuffer fadt = TableReader.little(bytes);
    assertEquals(276, bytes.length);
    assertEquals("FACP", TableReader.signature(bytes));
    assertEquals(276, fadt.getInt(4));
    assertEquals(6, fadt.get(8));
    assertEquals(0, fadt.getInt(36), "FIRMWARE_CTRL");
    assertEquals(0, fadt.getInt(40), "DSDT");
    assertEquals(101, fadt.getShort(96), "P_LVL2_LAT");
    assertEquals(1001, fadt.getShort(98), "P_LVL3_LAT");
    assertEquals(0b10_0100, fadt.getShort(109), "IAPC_BOOT_ARCH");
    assertEquals(1 << 20 | 1 << 10 | 0b11_0101, fadt.getInt(112), "flags");
    assertEquals("01080001" + "0106000000000000", hex(bytes, 116, 12), "RESET_REG");
    assertEquals(0x42, fadt.get(128), "RESET_VALUE");
    assertEquals(5, fadt.get(131), "minor version");
    assertEquals(0x99, fadt.getLong(132), "X_FIRMWARE_CTRL");
    assertEquals(0x1122_3344_5566_7788L, fadt.getLong(140), "X_DSDT");
    assertEquals("01080001" + "0206000000000000", hex(bytes, 244, 12), "SLEEP_CONTROL_REG");
    assertEquals("00080001" + "f0ffffffffffffff", hex(bytes, 256, 12), "SLEEP_STATUS_REG");
    assertEquals("56454e444f520000", hex(bytes, 268, 8), "vendor");
    assertEquals(0, TableReader.sum(bytes));
    assertArrayEquals(new byte[96], Arrays.copyOfRange(bytes, 148, 244), "X_ blocks");
  }

  @Test
  void withoutRegistersThereAreNone() {
    byte[] bytes = Fadt.hardwareReduced().bootArch().build().toBytes();
    ByteBuffer fadt = TableReader.little(bytes);
    assertEquals(0, fadt.getShort(109), "IAPC_BOOT_ARCH");
    assertEquals(1 << 20 | 0b11_0101, fadt.getInt(112), "flags");
    assertArrayEquals(new byte[13], Arrays.copyOfRange(bytes, 116, 129), "reset");
    assertArrayEquals(new byte[32], Arrays.copyOfRange(bytes, 244, 276), "sleep and vendor");
  }

  @Test
  void flagsHaveTheirBits() {
    byte[] bytes =
        Fadt.hardwareReduced()
            .flags(Fadt.Flag.HEADLESS, Fadt.Flag.FORCE_APIC_PHYSICAL_DESTINATION_MODE)
            .bootArch(Fadt.BootArch.values())
            .build()
            .toBytes();
    ByteBuffer fadt = TableReader.little(bytes);
    assertEquals(0x3f, fadt.getShort(109), "IAPC_BOOT_ARCH");
    assertEquals(1 << 20 | 1 << 19 | 1 << 12 | 0b11_0101, fadt.getInt(112), "flags");
  }

  @Test
  void fixedRegistersStandInBothForms() {
    byte[] bytes =
        Fadt.fixedHardware(0x1234, 0x600, 0x604, 0x608)
            .gpe0(0xafe0, 4)
            .century(0x32)
            .flags(Fadt.Flag.TMR_VAL_EXT)
            .fixedPowerButton()
            .fixedSleepButton()
            .build()
            .toBytes();
    ByteBuffer fadt = TableReader.little(bytes);
    assertEquals(276, bytes.length);
    assertEquals(0x1234, fadt.getShort(46), "SCI_INT");
    assertEquals("00".repeat(8), hex(bytes, 48, 8), "SMI_CMD, ACPI_ENABLE ..");
    assertEquals("00060000" + "00000000", hex(bytes, 56, 8), "PM1a_EVT_BLK, PM1b");
    assertEquals("04060000" + "00000000", hex(bytes, 64, 8), "PM1a_CNT_BLK, PM1b");
    assertEquals("00000000" + "08060000", hex(bytes, 72, 8), "PM2_CNT_BLK, PM_TMR_BLK");
    assertEquals("e0af0000" + "00000000", hex(bytes, 80, 8), "GPE0_BLK, GPE1_BLK");
    assertEquals("04" + "02" + "00" + "04" + "04" + "000000", hex(bytes, 88, 8), "lengths");
    assertEquals(0x32, fadt.get(108), "CENTURY");
    assertEquals(1 << 8 | 1 << 6 | 0b101, fadt.getInt(112), "flags");
    assertEquals("01200002" + "0006000000000000", hex(bytes, 148, 12), "X_PM1a_EVT_BLK");
    assertEquals("01100002" + "0406000000000000", hex(bytes, 172, 12), "X_PM1a_CNT_BLK");
    assertEquals("01200003" + "0806000000000000", hex(bytes, 208, 12), "X_PM_TMR_BLK");
    assertEquals("01200001" + "e0af000000000000", hex(bytes, 220, 12), "X_GPE0_BLK");
    for (int absent : new int[] {160, 184, 196, 232}) {
      assertEquals("00".repeat(12), hex(bytes, absent, 12), "block at " + absent);
    }
    assertEquals("00".repeat(32), hex(bytes, 244, 32), "sleep registers, vendor");
    assertEquals(0, TableReader.sum(bytes));
  }

  @Test
  void withoutTimerAndEventsThereAreNone() {
    byte[] bytes = Fadt.fixedHardware(9, 1, 5, 0).build().toBytes();
    ByteBuffer fadt = TableReader.little(bytes);
    assertEquals(1 << 6 | 0b11_0101, fadt.getInt(112), "flags: the buttons are devices");
    assertEquals("00".repeat(16), hex(bytes, 72, 16), "PM2_CNT_BLK .. GPE1_BLK");
    assertEquals("0402" + "00".repeat(6), hex(bytes, 88, 8), "lengths");
    assertEquals("00".repeat(60), hex(bytes, 184, 60), "X_PM1b_CNT_BLK .. X_GPE1_BLK");
  }

  @Test
  void fixedRegistersThatAreRefused() {
    refused("SCI 0x10000 (65536) is outside 0x0..0xffff", () -> fixed(0x1_0000, 1, 5, 7));
    refused("port of PM1a_EVT_BLK 0x0 (0) is outside 0x1..0xfffc", () -> fixed(9, 0, 0x604, 0x608));
    refused(
        "port of PM1a_CNT_BLK 0xffff (65535) is outside 0x1..0xfffe",
        () -> fixed(9, 0x600, 0xffff, 0x608));
    refused(
        "port of PM_TMR_BLK 0xfffd (65533) is outside 0x1..0xfffc",
        () -> fixed(9, 0x600, 0x604, 0xfffd));
    refused(
        "PM1a_CNT_BLK at port 0x603 and PM1a_EVT_BLK at port 0x600 overlap",
        () -> fixed(9, 0x600, 0x603, 0x608));
    refused(
        "PM_TMR_BLK at port 0x5fd and PM1a_EVT_BLK at port 0x600 overlap",
        () -> fixed(9, 0x600, 0x604, 0x5fd));
    refused(
        "PM_TMR_BLK at port 0x605 and PM1a_CNT_BLK at port 0x604 overlap",
        () -> fixed(9, 0x600, 0x604, 0x605));
    Fadt.Builder fixed = fixed(9, 0x600, 0x604, 0x608);
    refused("length of GPE0_BLK 0x20 (32) is outside 0x2..0x1e", () -> fixed.gpe0(0x620, 32));
    refused("length 3 of GPE0_BLK is odd", () -> fixed.gpe0(0x620, 3));
    refused("port of GPE0_BLK 0xffff (65535) is outside 0x1..0xfffe", () -> fixed.gpe0(0xffff, 2));
    refused(
        "GPE0_BLK at port 0x5fe and PM1a_EVT_BLK at port 0x600 overlap",
        () -> fixed.gpe0(0x5fe, 4));
    refused(
        "GPE0_BLK at port 0x605 and PM1a_CNT_BLK at port 0x604 overlap",
        () -> fixed.gpe0(0x605, 2));
    refused(
        "GPE0_BLK at port 0x60a and PM_TMR_BLK at port 0x608 overlap", () -> fixed.gpe0(0x60a, 2));
    refused(
        "HW_REDUCED_ACPI and fixed registers exclude another",
        () -> fixed.flags(Fadt.Flag.HW_REDUCED_ACPI));
    refused(
        "TMR_VAL_EXT without a PM timer",
        () -> fixed(9, 0x600, 0x604, 0).flags(Fadt.Flag.TMR_VAL_EXT));
    refused(
        "TMR_VAL_EXT without a PM timer",
        () -> Fadt.hardwareReduced().flags(Fadt.Flag.TMR_VAL_EXT));
    refused("index of the century 0x80 (128) is outside 0x1..0x7f", () -> fixed.century(128));
    impossible(
        "a machine with fixed registers sleeps by PM1a_CNT_BLK",
        () -> fixed.sleepRegisters(GenericAddress.ioByte(1), GenericAddress.ioByte(1)));
    Fadt.Builder reduced = Fadt.hardwareReduced();
    impossible(
        "a hardware-reduced machine has no fixed registers, so no power button there",
        reduced::fixedPowerButton);
    impossible(
        "a hardware-reduced machine has no fixed registers, so no sleep button there",
        reduced::fixedSleepButton);
    impossible(
        "a hardware-reduced machine has no fixed registers, so no GPE0 there",
        () -> reduced.gpe0(0x620, 2));
  }

  private static Fadt.Builder fixed(int sci, int event, int control, int timer) {
    return Fadt.fixedHardware(sci, event, control, timer);
  }

  private static void impossible(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalStateException.class, call).getMessage());
  }

  @Test
  void refusals() {
    Fadt.Builder fadt = Fadt.hardwareReduced();
    GenericAddress word =
        new GenericAddress(AddressSpace.SYSTEM_IO, 16, 0, GenericAddress.AccessSize.WORD, 0x600);
    GenericAddress shifted =
        new GenericAddress(AddressSpace.SYSTEM_MEMORY, 8, 4, GenericAddress.AccessSize.BYTE, 0x600);
    GenericAddress good = GenericAddress.ioByte(0x600);
    refused(
        "reset register has 16 bits at offset 0, not 8 at 0", () -> fadt.resetRegister(word, 1));
    refused("reset value 0x100 (256) is outside 0x0..0xff", () -> fadt.resetRegister(good, 256));
    refused(
        "sleep control register has 8 bits at offset 4, not 8 at 0",
        () -> fadt.sleepRegisters(shifted, good));
    refused(
        "sleep status register has 16 bits at offset 0, not 8 at 0",
        () -> fadt.sleepRegisters(good, word));
    refused("RESET_REG_SUP comes with a reset register", () -> fadt.flags(Fadt.Flag.RESET_REG_SUP));
    refused(
        "hypervisor vendor \"123456789\" has 9 characters, not 1..8",
        () -> fadt.hypervisorVendor("123456789"));
    refused("port 0x10000 (65536) is outside 0x0..0xffff", () -> GenericAddress.ioByte(0x1_0000));
    refused(
        "register width in bits 0x100 (256) is outside 0x0..0xff",
        () ->
            new GenericAddress(
                AddressSpace.PCI_CONFIG, 256, 0, GenericAddress.AccessSize.QWORD, 0));
    refused(
        "register offset in bits -1 (-1) is outside 0x0..0xff",
        () ->
            new GenericAddress(
                AddressSpace.PCI_CONFIG, 32, -1, GenericAddress.AccessSize.DWORD, 0));
  }

  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  private static String hex(byte[] bytes, int from, int length) {
    return HexFormat.of().formatHex(bytes, from, from + length);
  }
}

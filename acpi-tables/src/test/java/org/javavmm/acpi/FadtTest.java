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

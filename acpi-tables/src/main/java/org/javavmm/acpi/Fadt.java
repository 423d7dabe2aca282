// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import java.util.EnumSet;
import java.util.Set;

/**
 * The fixed ACPI description table, signature FACP, revision 6 of 276 bytes (ACPI §5.2.9).
 *
 * <p>It points to the DSDT and, if the set has one, to the FACS.
 */
public final class Fadt {
  private static final int REVISION = 6;
  private static final int MINOR_REVISION = 5;

  private Fadt() {}

  /** Bits of the field IAPC_BOOT_ARCH: what of a PC is there (ACPI §5.2.9.3). */
  public enum BootArch {
    /** Devices on an ISA bus that the guest may probe. */
    LEGACY_DEVICES(0),
    /** A keyboard controller at ports 0x60 and 0x64. */
    I8042(1),
    /** No VGA: the guest must not probe for it. */
    VGA_NOT_PRESENT(2),
    /** Message-signalled interrupts do not work. */
    MSI_NOT_SUPPORTED(3),
    /** The guest must not control PCIe's active state power management. */
    NO_PCIE_ASPM(4),
    /** No CMOS real-time clock at ports 0x70 and 0x71. */
    CMOS_RTC_NOT_PRESENT(5);

    private final int bit;

    BootArch(int bit) {
      this.bit = bit;
    }
  }

  /** Bits of the field Flags (ACPI §5.2.9, table 5.10). */
  public enum Flag {
    /** The instruction WBINVD flushes and invalidates the caches. */
    WBINVD(0),
    /** Every processor can halt in C1. */
    PROC_C1(2),
    /** No power button among the fixed registers; if there is one, it is a device. */
    PWR_BUTTON(4),
    /** No sleep button among the fixed registers; if there is one, it is a device. */
    SLP_BUTTON(5),
    /** The reset register works. Set by {@link Builder#resetRegister}. */
    RESET_REG_SUP(10),
    /** No display, keyboard or mouse can be expected. */
    HEADLESS(12),
    /** Processors' local APICs must use physical destination mode. */
    FORCE_APIC_PHYSICAL_DESTINATION_MODE(19),
    /** The fixed registers do not exist. */
    HW_REDUCED_ACPI(20);

    private final int bit;

    Flag(int bit) {
      this.bit = bit;
    }
  }

  /**
   * {@return a builder of a FADT for a machine without ACPI's fixed registers}
   *
   * <p>Set are the flags {@code WBINVD}, {@code PROC_C1}, {@code PWR_BUTTON}, {@code SLP_BUTTON}
   * and {@code HW_REDUCED_ACPI}, and the boot architecture {@code VGA_NOT_PRESENT} and {@code
   * CMOS_RTC_NOT_PRESENT}.
   *
   * <p>Linux takes such a machine to have neither 8259 interrupt controllers nor an 8254 timer, so
   * it needs a local APIC timer of known frequency; and it uses an ISA interrupt only if a device
   * in the DSDT claims it.
   */
  public static Builder hardwareReduced() {
    return new Builder();
  }

  /** Collects the fields. Not safe for use by several threads. */
  public static final class Builder {
    private final Set<Flag> flags =
        EnumSet.of(
            Flag.WBINVD, Flag.PROC_C1, Flag.PWR_BUTTON, Flag.SLP_BUTTON, Flag.HW_REDUCED_ACPI);
    private final Set<BootArch> bootArch =
        EnumSet.of(BootArch.VGA_NOT_PRESENT, BootArch.CMOS_RTC_NOT_PRESENT);
    private GenericAddress resetRegister = GenericAddress.NONE;
    private int resetValue;
    private GenericAddress sleepControl = GenericAddress.NONE;
    private GenericAddress sleepStatus = GenericAddress.NONE;
    private String hypervisorVendor = "";

    private Builder() {}

    /**
     * Adds flags to those that are set.
     *
     * @param more the flags
     * @return this builder
     * @throws IllegalArgumentException if {@code RESET_REG_SUP} is among them: give the register
     */
    public Builder flags(Flag... more) {
      for (Flag flag : more) {
        if (flag == Flag.RESET_REG_SUP) {
          throw new IllegalArgumentException("RESET_REG_SUP comes with a reset register");
        }
        flags.add(flag);
      }
      return this;
    }

    /**
     * Replaces the boot architecture flags.
     *
     * @param all the flags to set; none means none
     * @return this builder
     */
    public Builder bootArch(BootArch... all) {
      bootArch.clear();
      bootArch.addAll(Set.of(all));
      return this;
    }

    /**
     * Gives the register that resets the machine, and sets {@code RESET_REG_SUP} (ACPI §4.8.3.6).
     *
     * @param register an 8-bit register at bit offset 0
     * @param value the byte that resets, 0 to 255
     * @return this builder
     * @throws IllegalArgumentException if the register is not 8 bits at offset 0, or the value does
     *     not fit
     */
    public Builder resetRegister(GenericAddress register, int value) {
      this.resetRegister = byteRegister("reset register", register);
      this.resetValue = Check.range("reset value", value, 0, 0xff);
      flags.add(Flag.RESET_REG_SUP);
      return this;
    }

    /**
     * Gives the registers by which a hardware-reduced machine goes to sleep or off (ACPI §4.8.3.7).
     * The guest writes {@code SLP_TYP << 2 | SLP_EN} with SLP_EN = {@code 1 << 5} to the first, and
     * polls bit 7, WAK_STS, of the second when it wakes. They may be one register.
     *
     * @param control SLEEP_CONTROL_REG, an 8-bit register at bit offset 0
     * @param status SLEEP_STATUS_REG, likewise
     * @return this builder
     * @throws IllegalArgumentException if a register is not 8 bits at offset 0
     */
    public Builder sleepRegisters(GenericAddress control, GenericAddress status) {
      this.sleepControl = byteRegister("sleep control register", control);
      this.sleepStatus = byteRegister("sleep status register", status);
      return this;
    }

    /**
     * Names the hypervisor in the field Hypervisor Vendor Identity; empty if never called.
     *
     * @param vendor 1 to 8 printable ASCII characters
     * @return this builder
     * @throws IllegalArgumentException if the text is empty, too long or not printable ASCII
     */
    public Builder hypervisorVendor(String vendor) {
      this.hypervisorVendor = Check.printable("hypervisor vendor", vendor, 8);
      return this;
    }

    /** {@return the table} */
    public Sdt build() {
      Sdt.Builder table =
          Sdt.builder("FACP", REVISION)
              .u32(0) // FIRMWARE_CTRL: X_FIRMWARE_CTRL is used
              .u32(0) // DSDT: X_DSDT is used
              .u8(0)
              .u8(0) // Preferred_PM_Profile: unspecified
              .u16(0) // SCI_INT
              .u32(0) // SMI_CMD
              .zeros(4) // ACPI_ENABLE .. PSTATE_CNT
              .zeros(8 * 4) // PM1a_EVT_BLK .. GPE1_BLK
              .zeros(8) // PM1_EVT_LEN .. CST_CNT
              .u16(101) // P_LVL2_LAT: above 100 means no C2
              .u16(1001) // P_LVL3_LAT: above 1000 means no C3
              .zeros(9); // FLUSH_SIZE .. CENTURY
      int boot = 0;
      for (BootArch flag : bootArch) {
        boot |= 1 << flag.bit;
      }
      int bits = 0;
      for (Flag flag : flags) {
        bits |= 1 << flag.bit;
      }
      table
          .u16(boot)
          .u8(0)
          .u32(bits)
          .address(resetRegister)
          .u8(resetValue)
          .u16(0) // ARM_BOOT_ARCH
          .u8(MINOR_REVISION)
          .pointer("FACS")
          .pointer("DSDT")
          .zeros(8 * 12) // X_PM1a_EVT_BLK .. X_GPE1_BLK
          .address(sleepControl)
          .address(sleepStatus);
      byte[] vendor = new byte[8];
      for (int i = 0; i < hypervisorVendor.length(); i++) {
        vendor[i] = (byte) hypervisorVendor.charAt(i);
      }
      return table.bytes(vendor).build();
    }

    private static GenericAddress byteRegister(String what, GenericAddress register) {
      if (register.bitWidth() != 8 || register.bitOffset() != 0) {
        throw new IllegalArgumentException(
            "%s has %d bits at offset %d, not 8 at 0"
                .formatted(what, register.bitWidth(), register.bitOffset()));
      }
      return register;
    }
  }
}

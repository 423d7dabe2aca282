// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import java.util.EnumSet;
import java.util.Set;
import org.javavmm.acpi.GenericAddress.AccessSize;
import org.jspecify.annotations.Nullable;

/**
 * The fixed ACPI description table, signature FACP, revision 6 of 276 bytes (ACPI §5.2.9).
 *
 * <p>It points to the DSDT and, if the set has one, to the FACS.
 */
public final class Fadt {
  private static final int REVISION = 6;
  private static final int MINOR_REVISION = 5;

  private static final int FLAGS_OFFSET = 112;

  private Fadt() {}

  /** Whether a FADT, of whatever origin, says that there are no fixed registers. */
  static boolean isHardwareReduced(byte[] fadt) {
    int at = FLAGS_OFFSET + Flag.HW_REDUCED_ACPI.bit / 8;
    return fadt.length > at && (fadt[at] & 1 << Flag.HW_REDUCED_ACPI.bit % 8) != 0;
  }

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
    /** No status of the real-time clock's alarm among the fixed registers. */
    FIX_RTC(6),
    /** The PM timer counts 32 bits, not 24. Needs {@link #fixedHardware}. */
    TMR_VAL_EXT(8),
    /** The reset register works. Set by {@link Builder#resetRegister}. */
    RESET_REG_SUP(10),
    /** No display, keyboard or mouse can be expected. */
    HEADLESS(12),
    /** Processors' local APICs must use physical destination mode. */
    FORCE_APIC_PHYSICAL_DESTINATION_MODE(19),
    /** The fixed registers do not exist. {@link #hardwareReduced} sets it. */
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
    return new Builder(null);
  }

  /**
   * {@return a builder of a FADT for a machine with ACPI's fixed registers (ACPI §4.8), all of them
   * ports, and in ACPI mode from the start: there is no SMI_CMD}
   *
   * <p>Set are the flags {@code WBINVD}, {@code PROC_C1}, {@code PWR_BUTTON}, {@code SLP_BUTTON}
   * and {@code FIX_RTC}, and no boot architecture flag but {@code VGA_NOT_PRESENT} and {@code
   * CMOS_RTC_NOT_PRESENT}. Such a set needs a {@link Facs}, and a MADT that says {@link
   * Madt.Builder#pcatCompat} if there are 8259 controllers.
   *
   * @param sciInterrupt the interrupt SCI: an ISA interrupt where there are 8259 controllers (9 on
   *     a PC), otherwise a global system interrupt; level-triggered, active low, unless an override
   *     of the MADT says otherwise; 0 to 0xffff
   * @param pm1Event the first of the four ports PM1a_EVT_BLK: status and enable, 16 bits each; 1 to
   *     0xfffc
   * @param pm1Control the first of the two ports PM1a_CNT_BLK, 16 bits: SCI_EN, bits 12:10 SLP_TYP,
   *     bit 13 SLP_EN; 1 to 0xfffe
   * @param pmTimer the first of the four ports PM_TMR_BLK, 3.579545 MHz; 0 for none, else to 0xfffc
   * @throws IllegalArgumentException if a value is out of range, or two blocks overlap
   */
  public static Builder fixedHardware(int sciInterrupt, int pm1Event, int pm1Control, int pmTimer) {
    Builder builder = new Builder(new FixedHardware(sciInterrupt, pm1Event, pm1Control, pmTimer));
    builder.flags.remove(Flag.HW_REDUCED_ACPI);
    builder.flags.add(Flag.FIX_RTC);
    return builder;
  }

  /** The fixed registers, as ports. */
  private static final class FixedHardware {
    final int sciInterrupt;
    final Block event;
    final Block control;
    final Block timer;
    Block gpe0 = Block.NONE;

    FixedHardware(int sciInterrupt, int pm1Event, int pm1Control, int pmTimer) {
      this.sciInterrupt = Check.range("SCI", sciInterrupt, 0, 0xffff);
      this.event = Block.of("PM1a_EVT_BLK", pm1Event, 4, AccessSize.WORD);
      this.control = Block.of("PM1a_CNT_BLK", pm1Control, 2, AccessSize.WORD);
      this.timer = pmTimer == 0 ? Block.NONE : Block.of("PM_TMR_BLK", pmTimer, 4, AccessSize.DWORD);
      control.checkClear(event);
      timer.checkClear(event);
      timer.checkClear(control);
    }
  }

  /** Ports that hold registers; of length 0 if there are none. */
  private record Block(String name, int port, int length, AccessSize accessSize) {
    static final Block NONE = new Block("none", 0, 0, AccessSize.UNDEFINED);

    static Block of(String name, int port, int length, AccessSize accessSize) {
      Check.range("port of " + name, port, 1, 0x1_0000 - length);
      return new Block(name, port, length, accessSize);
    }

    void checkClear(Block other) {
      if (port < other.port + other.length && other.port < port + length) {
        throw new IllegalArgumentException(
            "%s at port 0x%x and %s at port 0x%x overlap"
                .formatted(name, port, other.name, other.port));
      }
    }

    /** The X_ field, which says the same as the legacy ones. */
    GenericAddress address() {
      return length == 0
          ? GenericAddress.NONE
          : new GenericAddress(AddressSpace.SYSTEM_IO, 8 * length, 0, accessSize, port);
    }
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
    private int century;
    private final @Nullable FixedHardware fixed;

    private Builder(@Nullable FixedHardware fixed) {
      this.fixed = fixed;
    }

    /**
     * Adds flags to those that are set.
     *
     * @param more the flags
     * @return this builder
     * @throws IllegalArgumentException if {@code RESET_REG_SUP} is among them (give the register),
     *     or {@code HW_REDUCED_ACPI} and there are fixed registers, or {@code TMR_VAL_EXT} and
     *     there is no PM timer
     */
    public Builder flags(Flag... more) {
      for (Flag flag : more) {
        if (flag == Flag.RESET_REG_SUP) {
          throw new IllegalArgumentException("RESET_REG_SUP comes with a reset register");
        }
        if (flag == Flag.HW_REDUCED_ACPI && fixed != null) {
          throw new IllegalArgumentException("HW_REDUCED_ACPI and fixed registers exclude another");
        }
        if (flag == Flag.TMR_VAL_EXT && (fixed == null || fixed.timer.length == 0)) {
          throw new IllegalArgumentException("TMR_VAL_EXT without a PM timer");
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
     * Says that the power button is among the fixed registers (PWRBTN_STS and PWRBTN_EN, bit 8 of
     * PM1a_EVT_BLK, ACPI §4.8.3.2.2.1.1): clears the flag {@code PWR_BUTTON}.
     *
     * @return this builder
     * @throws IllegalStateException if the machine is hardware-reduced
     */
    public Builder fixedPowerButton() {
      fixedRegisters("power button");
      flags.remove(Flag.PWR_BUTTON);
      return this;
    }

    /**
     * Says that the sleep button is among the fixed registers (SLPBTN_STS and SLPBTN_EN, bit 9 of
     * PM1a_EVT_BLK, ACPI §4.8.3.2.2.2.1): clears the flag {@code SLP_BUTTON}.
     *
     * @return this builder
     * @throws IllegalStateException if the machine is hardware-reduced
     */
    public Builder fixedSleepButton() {
      fixedRegisters("sleep button");
      flags.remove(Flag.SLP_BUTTON);
      return this;
    }

    /**
     * Gives the block of general-purpose events GPE0 (ACPI §4.8.4.1): its first half holds status
     * bits, its second half enable bits.
     *
     * @param port the first of its ports, 1 to 0xffff
     * @param length how many ports, an even number from 2 to 30
     * @return this builder
     * @throws IllegalStateException if the machine is hardware-reduced
     * @throws IllegalArgumentException if a value is out of range, the length is odd, or the block
     *     overlaps another
     */
    public Builder gpe0(int port, int length) {
      FixedHardware registers = fixedRegisters("GPE0");
      Check.range("length of GPE0_BLK", length, 2, 30);
      if (length % 2 != 0) {
        throw new IllegalArgumentException("length %d of GPE0_BLK is odd".formatted(length));
      }
      Block block = Block.of("GPE0_BLK", port, length, AccessSize.BYTE);
      block.checkClear(registers.event);
      block.checkClear(registers.control);
      block.checkClear(registers.timer);
      registers.gpe0 = block;
      return this;
    }

    /**
     * Says where the real-time clock's CMOS memory has the century in BCD: the field CENTURY; 0 if
     * never called, which means that it has none.
     *
     * @param index the index of the byte, 1 to 127; 0x32 on a PC
     * @return this builder
     * @throws IllegalArgumentException if it is out of range
     */
    public Builder century(int index) {
      this.century = Check.range("index of the century", index, 1, 0x7f);
      return this;
    }

    private FixedHardware fixedRegisters(String what) {
      if (fixed == null) {
        throw new IllegalStateException(
            "a hardware-reduced machine has no fixed registers, so no %s there".formatted(what));
      }
      return fixed;
    }

    /**
     * Gives the registers by which a hardware-reduced machine goes to sleep or off (ACPI §4.8.3.7).
     * The guest writes {@code SLP_TYP << 2 | SLP_EN} with SLP_EN = {@code 1 << 5} to the first, and
     * polls bit 7, WAK_STS, of the second when it wakes. They may be one register.
     *
     * @param control SLEEP_CONTROL_REG, an 8-bit register at bit offset 0
     * @param status SLEEP_STATUS_REG, likewise
     * @return this builder
     * @throws IllegalStateException if the machine has fixed registers, whose PM1 control does that
     * @throws IllegalArgumentException if a register is not 8 bits at offset 0
     */
    public Builder sleepRegisters(GenericAddress control, GenericAddress status) {
      if (fixed != null) {
        throw new IllegalStateException("a machine with fixed registers sleeps by PM1a_CNT_BLK");
      }
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
      Block event = fixed == null ? Block.NONE : fixed.event;
      Block control = fixed == null ? Block.NONE : fixed.control;
      Block timer = fixed == null ? Block.NONE : fixed.timer;
      Block gpe0 = fixed == null ? Block.NONE : fixed.gpe0;
      Sdt.Builder table =
          Sdt.builder("FACP", REVISION)
              .u32(0) // FIRMWARE_CTRL: X_FIRMWARE_CTRL is used
              .u32(0) // DSDT: X_DSDT is used
              .u8(0)
              .u8(0) // Preferred_PM_Profile: unspecified
              .u16(fixed == null ? 0 : fixed.sciInterrupt)
              .u32(0) // SMI_CMD: always in ACPI mode
              .zeros(4) // ACPI_ENABLE, ACPI_DISABLE, S4BIOS_REQ, PSTATE_CNT
              .u32(event.port)
              .u32(0) // PM1b_EVT_BLK
              .u32(control.port)
              .u32(0) // PM1b_CNT_BLK
              .u32(0) // PM2_CNT_BLK
              .u32(timer.port)
              .u32(gpe0.port)
              .u32(0) // GPE1_BLK
              .u8(event.length)
              .u8(control.length)
              .u8(0) // PM2_CNT_LEN
              .u8(timer.length)
              .u8(gpe0.length)
              .zeros(3) // GPE1_BLK_LEN, GPE1_BASE, CST_CNT
              .u16(101) // P_LVL2_LAT: above 100 means no C2
              .u16(1001) // P_LVL3_LAT: above 1000 means no C3
              .zeros(8) // FLUSH_SIZE .. MON_ALRM
              .u8(century);
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
          .address(event.address())
          .zeros(12) // X_PM1b_EVT_BLK
          .address(control.address())
          .zeros(2 * 12) // X_PM1b_CNT_BLK, X_PM2_CNT_BLK
          .address(timer.address())
          .address(gpe0.address())
          .zeros(12) // X_GPE1_BLK
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

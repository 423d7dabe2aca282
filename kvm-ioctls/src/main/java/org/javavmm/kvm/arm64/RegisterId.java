// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_ARM64_SVE_MAX_SLICES;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_ARM64_SVE_NUM_PREGS;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_ARM64_SVE_NUM_ZREGS;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_ARM64;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_ARM64_SVE;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_ARM64_SVE_FFR_BASE;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_ARM64_SVE_PREG_BASE;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_ARM64_SVE_ZREG_BASE;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_ARM64_SYSREG;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_ARM64_SYSREG_CRM_SHIFT;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_ARM64_SYSREG_CRN_SHIFT;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_ARM64_SYSREG_OP0_SHIFT;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_ARM64_SYSREG_OP1_SHIFT;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_ARM64_SYSREG_OP2_SHIFT;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_ARM_COPROC_MASK;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_ARM_CORE;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_ARM_DEMUX;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_ARM_DEMUX_ID_CCSIDR;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_ARM_DEMUX_ID_MASK;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_ARM_DEMUX_VAL_MASK;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_ARM_FW;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_ARM_FW_FEAT_BMAP;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_SIZE_MASK;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_SIZE_SHIFT;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_SIZE_U128;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_SIZE_U2048;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_SIZE_U256;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_SIZE_U32;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_SIZE_U512;
import static org.javavmm.kvm.arm64.RegisterIdLayout.KVM_REG_SIZE_U64;

/**
 * The id of a register of a vCPU, as {@code KVM_GET_ONE_REG} and {@code KVM_GET_REG_LIST} use it.
 * It holds the architecture, the register's size, its kind and its number. Any 64 bits are an id,
 * for KVM may list registers that this version does not know; {@link #kind} tells what it is.
 *
 * @param value the 64 bits
 */
public record RegisterId(long value) {
  /** What a register is. */
  public enum Kind {
    /** A general, status or SIMD register: {@link #x}, {@link #PC}, {@link #v} and so on. */
    CORE,
    /** A register behind a selector: {@link #ccsidr}. */
    DEMUX,
    /** A system register: {@link #sysReg}. */
    SYSREG,
    /** A register of the firmware that KVM is to the guest: {@link #firmware}. */
    FIRMWARE,
    /** A register of the Scalable Vector Extension: {@link #sveZ} and so on. */
    SVE,
    /** A bitmap of features of the firmware: {@link #firmwareFeatures}. */
    FIRMWARE_FEATURES,
    /** None that this version knows. */
    UNKNOWN
  }

  /** The number of the slices of an SVE register, of which Linux uses the first alone. */
  public static final int MAX_SLICES = KVM_ARM64_SVE_MAX_SLICES;

  /** The stack pointer of EL0, 64 bits. */
  public static final RegisterId SP = core(RegsLayout.SP, KVM_REG_SIZE_U64);

  /** The program counter, 64 bits. */
  public static final RegisterId PC = core(RegsLayout.PC, KVM_REG_SIZE_U64);

  /** The state of the processor, 64 bits. */
  public static final RegisterId PSTATE = core(RegsLayout.PSTATE, KVM_REG_SIZE_U64);

  /** The stack pointer of EL1, 64 bits. */
  public static final RegisterId SP_EL1 = core(RegsLayout.SP_EL1, KVM_REG_SIZE_U64);

  /** The address that an exception taken to EL1 returns to, 64 bits. */
  public static final RegisterId ELR_EL1 = core(RegsLayout.ELR_EL1, KVM_REG_SIZE_U64);

  /** The status of floating point, 32 bits. */
  public static final RegisterId FPSR = core(RegsLayout.FPSR, KVM_REG_SIZE_U32);

  /** The control of floating point, 32 bits. */
  public static final RegisterId FPCR = core(RegsLayout.FPCR, KVM_REG_SIZE_U32);

  /** Firmware: the version of PSCI that the guest sees; {@link PsciVersion}. */
  public static final RegisterId PSCI_VERSION = firmware(0);

  /** Firmware: the workaround for Spectre variant 2; {@code …_WORKAROUND_1_…} of {@link Smccc}. */
  public static final RegisterId SMCCC_ARCH_WORKAROUND_1 = firmware(1);

  /** Firmware: the workaround for Spectre variant 4; {@code …_WORKAROUND_2_…} of {@link Smccc}. */
  public static final RegisterId SMCCC_ARCH_WORKAROUND_2 = firmware(2);

  /** Firmware: the workaround for Spectre-BHB; {@code …_WORKAROUND_3_…} of {@link Smccc}. */
  public static final RegisterId SMCCC_ARCH_WORKAROUND_3 = firmware(3);

  /** Firmware: standard services, {@code KVM_REG_ARM_STD_BIT_…} of {@link Smccc}. */
  public static final RegisterId STD_BMAP = firmwareFeatures(0);

  /** Firmware: standard hypervisor services, {@code KVM_REG_ARM_STD_HYP_BIT_…} of {@link Smccc}. */
  public static final RegisterId STD_HYP_BMAP = firmwareFeatures(1);

  /** Firmware: KVM's own services, {@code KVM_REG_ARM_VENDOR_HYP_BIT_…} of {@link Smccc}. */
  public static final RegisterId VENDOR_HYP_BMAP = firmwareFeatures(2);

  /**
   * SVE: the vector lengths that the guest may use, 512 bits; {@link ArmVcpu#getSveVectorLengths}.
   */
  public static final RegisterId SVE_VLS =
      new RegisterId(KVM_REG_ARM64 | KVM_REG_ARM64_SVE | KVM_REG_SIZE_U512 | 0xffff);

  private static final int INDEX_MASK = 0xffff;
  private static final int SLICE_BITS = 5;
  private static final int X_REGISTERS = 31;
  private static final int V_REGISTERS = 32;

  private static RegisterId core(int offset, long size) {
    // The number of a core register counts words of 32 bits.
    return new RegisterId(KVM_REG_ARM64 | size | KVM_REG_ARM_CORE | offset / Integer.BYTES);
  }

  /**
   * {@return a general register, 64 bits}
   *
   * @param number 0 to 30
   * @throws IllegalArgumentException if there is no such register
   */
  public static RegisterId x(int number) {
    Check.range("x", number, 0, X_REGISTERS - 1);
    return core(RegsLayout.REGS + Long.BYTES * number, KVM_REG_SIZE_U64);
  }

  /**
   * {@return a saved program status register, 64 bits}
   *
   * @param number 0 for SPSR_EL1 (SVC), 1 for ABT, 2 for UND, 3 for IRQ, 4 for FIQ
   * @throws IllegalArgumentException if there is no such register
   */
  public static RegisterId spsr(int number) {
    Check.range("spsr", number, 0, RegsLayout.KVM_NR_SPSR - 1);
    return core(RegsLayout.SPSR + Long.BYTES * number, KVM_REG_SIZE_U64);
  }

  /**
   * {@return a SIMD and floating-point register, 128 bits} A vCPU with {@link VcpuFeature#SVE} has
   * {@link #sveZ} instead.
   *
   * @param number 0 to 31
   * @throws IllegalArgumentException if there is no such register
   */
  public static RegisterId v(int number) {
    Check.range("v", number, 0, V_REGISTERS - 1);
    return core(RegsLayout.VREGS + 2 * Long.BYTES * number, KVM_REG_SIZE_U128);
  }

  /**
   * {@return a system register, 64 bits} {@link SysReg} has the usual ones by name; of the virtual
   * timer's, two have each other's encoding in KVM.
   *
   * @param op0 0 to 3
   * @param op1 0 to 7
   * @param crn 0 to 15
   * @param crm 0 to 15
   * @param op2 0 to 7
   * @throws IllegalArgumentException if one of them is out of range
   */
  public static RegisterId sysReg(int op0, int op1, int crn, int crm, int op2) {
    return new RegisterId(
        KVM_REG_ARM64
            | KVM_REG_SIZE_U64
            | KVM_REG_ARM64_SYSREG
            | (long) Check.range("op0", op0, 0, 3) << KVM_REG_ARM64_SYSREG_OP0_SHIFT
            | (long) Check.range("op1", op1, 0, 7) << KVM_REG_ARM64_SYSREG_OP1_SHIFT
            | (long) Check.range("crn", crn, 0, 15) << KVM_REG_ARM64_SYSREG_CRN_SHIFT
            | (long) Check.range("crm", crm, 0, 15) << KVM_REG_ARM64_SYSREG_CRM_SHIFT
            | (long) Check.range("op2", op2, 0, 7) << KVM_REG_ARM64_SYSREG_OP2_SHIFT);
  }

  /**
   * {@return the size and shape of a cache, 32 bits}
   *
   * @param selector which cache, as in register CSSELR_EL1: 0 to 255
   * @throws IllegalArgumentException if it is out of range
   */
  public static RegisterId ccsidr(int selector) {
    return new RegisterId(
        KVM_REG_ARM64
            | KVM_REG_SIZE_U32
            | KVM_REG_ARM_DEMUX
            | KVM_REG_ARM_DEMUX_ID_CCSIDR
            | Check.range("selector", selector, 0, KVM_REG_ARM_DEMUX_VAL_MASK));
  }

  /**
   * {@return a register of the firmware, 64 bits}
   *
   * @param number 0 to 65535; {@link #PSCI_VERSION} and so on name those of Linux 6.12
   * @throws IllegalArgumentException if it is out of range
   */
  public static RegisterId firmware(int number) {
    return new RegisterId(
        KVM_REG_ARM64
            | KVM_REG_SIZE_U64
            | KVM_REG_ARM_FW
            | Check.range("number", number, 0, INDEX_MASK));
  }

  /**
   * {@return a bitmap of features of the firmware, 64 bits} To be set before the vCPU runs.
   *
   * @param number 0 to 65535; {@link #STD_BMAP} and so on name those of Linux 6.12
   * @throws IllegalArgumentException if it is out of range
   */
  public static RegisterId firmwareFeatures(int number) {
    return new RegisterId(
        KVM_REG_ARM64
            | KVM_REG_SIZE_U64
            | KVM_REG_ARM_FW_FEAT_BMAP
            | Check.range("number", number, 0, INDEX_MASK));
  }

  /**
   * {@return 2048 bits of an SVE vector register} The first slice is the only one that Linux has.
   *
   * @param number 0 to 31
   * @param slice 0 to 31
   * @throws IllegalArgumentException if one of them is out of range
   */
  public static RegisterId sveZ(int number, int slice) {
    Check.range("z", number, 0, KVM_ARM64_SVE_NUM_ZREGS - 1);
    return sve(KVM_REG_SIZE_U2048, KVM_REG_ARM64_SVE_ZREG_BASE, number, slice);
  }

  /**
   * {@return 256 bits of an SVE predicate register}
   *
   * @param number 0 to 15
   * @param slice 0 to 31
   * @throws IllegalArgumentException if one of them is out of range
   */
  public static RegisterId sveP(int number, int slice) {
    Check.range("p", number, 0, KVM_ARM64_SVE_NUM_PREGS - 1);
    return sve(KVM_REG_SIZE_U256, KVM_REG_ARM64_SVE_PREG_BASE, number, slice);
  }

  /**
   * {@return 256 bits of the SVE first-fault register}
   *
   * @param slice 0 to 31
   * @throws IllegalArgumentException if it is out of range
   */
  public static RegisterId sveFfr(int slice) {
    return sve(KVM_REG_SIZE_U256, KVM_REG_ARM64_SVE_FFR_BASE, 0, slice);
  }

  private static RegisterId sve(long size, int base, int number, int slice) {
    Check.range("slice", slice, 0, KVM_ARM64_SVE_MAX_SLICES - 1);
    return new RegisterId(
        KVM_REG_ARM64 | size | KVM_REG_ARM64_SVE | base | number << SLICE_BITS | slice);
  }

  /**
   * {@return the register's size in bytes: 1 to 2048, a power of two}
   *
   * @throws IllegalStateException if the id holds a larger one
   */
  public int size() {
    int log = sizeField();
    if (log > 11) {
      throw new IllegalStateException(
          "register " + Check.hex(value) + " has no size that is known");
    }
    return 1 << log;
  }

  private int sizeField() {
    return (int) ((value & KVM_REG_SIZE_MASK) >>> KVM_REG_SIZE_SHIFT);
  }

  private int index() {
    return (int) value & INDEX_MASK;
  }

  private boolean is(long kind, long size) {
    return value == (KVM_REG_ARM64 | size | kind | index());
  }

  /** {@return what this is, {@link Kind#UNKNOWN} if size or number do not fit} */
  public Kind kind() {
    if (!known().isEmpty()) {
      return switch ((int) (value & KVM_REG_ARM_COPROC_MASK)) {
        case (int) KVM_REG_ARM_CORE -> Kind.CORE;
        case (int) KVM_REG_ARM_DEMUX -> Kind.DEMUX;
        case (int) KVM_REG_ARM64_SYSREG -> Kind.SYSREG;
        case (int) KVM_REG_ARM_FW -> Kind.FIRMWARE;
        case (int) KVM_REG_ARM64_SVE -> Kind.SVE;
        default -> Kind.FIRMWARE_FEATURES;
      };
    }
    return Kind.UNKNOWN;
  }

  /**
   * {@return the field of a system register, 0 to 3}
   *
   * @throws IllegalStateException if it is none
   */
  public int op0() {
    return field(KVM_REG_ARM64_SYSREG_OP0_SHIFT, 3);
  }

  /**
   * {@return the field of a system register, 0 to 7}
   *
   * @throws IllegalStateException if it is none
   */
  public int op1() {
    return field(KVM_REG_ARM64_SYSREG_OP1_SHIFT, 7);
  }

  /**
   * {@return the field of a system register, 0 to 15}
   *
   * @throws IllegalStateException if it is none
   */
  public int crn() {
    return field(KVM_REG_ARM64_SYSREG_CRN_SHIFT, 15);
  }

  /**
   * {@return the field of a system register, 0 to 15}
   *
   * @throws IllegalStateException if it is none
   */
  public int crm() {
    return field(KVM_REG_ARM64_SYSREG_CRM_SHIFT, 15);
  }

  /**
   * {@return the field of a system register, 0 to 7}
   *
   * @throws IllegalStateException if it is none
   */
  public int op2() {
    return field(KVM_REG_ARM64_SYSREG_OP2_SHIFT, 7);
  }

  private int field(int shift, int mask) {
    if (!is(KVM_REG_ARM64_SYSREG, KVM_REG_SIZE_U64)) {
      throw new IllegalStateException("register " + this + " is no system register");
    }
    return index() >>> shift & mask;
  }

  /** The register's name, empty if it is none that is known. */
  private String known() {
    if (is(KVM_REG_ARM64_SYSREG, KVM_REG_SIZE_U64)) {
      String fields =
          "op0=" + op0() + " op1=" + op1() + " crn=" + crn() + " crm=" + crm() + " op2=" + op2();
      return SysReg.of(this).map(name -> name + " (" + fields + ")").orElse("sysreg " + fields);
    }
    if (is(KVM_REG_ARM_FW, KVM_REG_SIZE_U64)) {
      return switch (index()) {
        case 0 -> "PSCI_VERSION";
        case 1, 2, 3 -> "SMCCC_ARCH_WORKAROUND_" + index();
        default -> "firmware " + index();
      };
    }
    if (is(KVM_REG_ARM_FW_FEAT_BMAP, KVM_REG_SIZE_U64)) {
      return switch (index()) {
        case 0 -> "STD_BMAP";
        case 1 -> "STD_HYP_BMAP";
        case 2 -> "VENDOR_HYP_BMAP";
        default -> "firmware features " + index();
      };
    }
    if (is(KVM_REG_ARM_DEMUX, KVM_REG_SIZE_U32)
        && (index() & KVM_REG_ARM_DEMUX_ID_MASK) == KVM_REG_ARM_DEMUX_ID_CCSIDR) {
      return "CCSIDR of cache " + index();
    }
    if ((value & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM64_SVE) {
      return knownSve();
    }
    return knownCore();
  }

  private String knownSve() {
    if (value == SVE_VLS.value) {
      return "SVE_VLS";
    }
    int slice = index() & (KVM_ARM64_SVE_MAX_SLICES - 1);
    int number = index() >>> SLICE_BITS;
    int p = number - (KVM_REG_ARM64_SVE_PREG_BASE >>> SLICE_BITS);
    if (is(KVM_REG_ARM64_SVE, KVM_REG_SIZE_U2048) && number < KVM_ARM64_SVE_NUM_ZREGS) {
      return "z" + number + " slice " + slice;
    }
    if (is(KVM_REG_ARM64_SVE, KVM_REG_SIZE_U256)) {
      if (p >= 0 && p < KVM_ARM64_SVE_NUM_PREGS) {
        return "p" + p + " slice " + slice;
      }
      if (number == KVM_REG_ARM64_SVE_FFR_BASE >>> SLICE_BITS) {
        return "ffr slice " + slice;
      }
    }
    return "";
  }

  private String knownCore() {
    int offset = index() * Integer.BYTES;
    if (is(KVM_REG_ARM_CORE, KVM_REG_SIZE_U64) && offset % Long.BYTES == 0) {
      if (offset < RegsLayout.SP) {
        return "x" + offset / Long.BYTES;
      }
      int spsr = (offset - RegsLayout.SPSR) / Long.BYTES;
      if (offset >= RegsLayout.SPSR && spsr < RegsLayout.KVM_NR_SPSR) {
        return "spsr[" + spsr + "]";
      }
      return switch (offset) {
        case RegsLayout.SP -> "sp";
        case RegsLayout.PC -> "pc";
        case RegsLayout.PSTATE -> "pstate";
        case RegsLayout.SP_EL1 -> "sp_el1";
        case RegsLayout.ELR_EL1 -> "elr_el1";
        default -> "";
      };
    }
    if (is(KVM_REG_ARM_CORE, KVM_REG_SIZE_U128)
        && offset >= RegsLayout.VREGS
        && offset < RegsLayout.FPSR
        && offset % (2 * Long.BYTES) == 0) {
      return "v" + (offset - RegsLayout.VREGS) / (2 * Long.BYTES);
    }
    if (is(KVM_REG_ARM_CORE, KVM_REG_SIZE_U32)) {
      return offset == RegsLayout.FPSR ? "fpsr" : offset == RegsLayout.FPCR ? "fpcr" : "";
    }
    return "";
  }

  /** {@return what the register is, and the id: {@code pc [0x6030000000100040]}} */
  @Override
  public String toString() {
    String known = known();
    return (known.isEmpty() ? "unknown register" : known) + " [" + Check.hex(value) + "]";
  }
}

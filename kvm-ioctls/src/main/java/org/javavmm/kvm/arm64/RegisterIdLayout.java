// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** The parts of a register's id. */
final class RegisterIdLayout {
  static final long KVM_REG_ARM64 = 0x6000_0000_0000_0000L;
  static final int KVM_REG_SIZE_SHIFT = 52;
  static final long KVM_REG_SIZE_MASK = 0x00f0_0000_0000_0000L;
  static final long KVM_REG_SIZE_U32 = 0x0020_0000_0000_0000L;
  static final long KVM_REG_SIZE_U64 = 0x0030_0000_0000_0000L;
  static final long KVM_REG_SIZE_U128 = 0x0040_0000_0000_0000L;
  static final long KVM_REG_SIZE_U256 = 0x0050_0000_0000_0000L;
  static final long KVM_REG_SIZE_U512 = 0x0060_0000_0000_0000L;
  static final long KVM_REG_SIZE_U2048 = 0x0080_0000_0000_0000L;
  static final long KVM_REG_ARM_COPROC_MASK = 0x0fff_0000;
  static final long KVM_REG_ARM_CORE = 0x10_0000;
  static final long KVM_REG_ARM_DEMUX = 0x11_0000;
  static final long KVM_REG_ARM64_SYSREG = 0x13_0000;
  static final long KVM_REG_ARM_FW = 0x14_0000;
  static final long KVM_REG_ARM64_SVE = 0x15_0000;
  static final long KVM_REG_ARM_FW_FEAT_BMAP = 0x16_0000;
  static final long KVM_REG_ARM_DEMUX_ID_CCSIDR = 0;
  static final int KVM_REG_ARM_DEMUX_ID_MASK = 0xff00;
  static final int KVM_REG_ARM_DEMUX_VAL_MASK = 0xff;
  static final int KVM_REG_ARM64_SYSREG_OP0_SHIFT = 14;
  static final int KVM_REG_ARM64_SYSREG_OP1_SHIFT = 11;
  static final int KVM_REG_ARM64_SYSREG_CRN_SHIFT = 7;
  static final int KVM_REG_ARM64_SYSREG_CRM_SHIFT = 3;
  static final int KVM_REG_ARM64_SYSREG_OP2_SHIFT = 0;
  static final int KVM_REG_ARM64_SVE_ZREG_BASE = 0;
  static final int KVM_REG_ARM64_SVE_PREG_BASE = 0x400;
  static final int KVM_REG_ARM64_SVE_FFR_BASE = 0x600;
  static final int KVM_ARM64_SVE_NUM_ZREGS = 32;
  static final int KVM_ARM64_SVE_NUM_PREGS = 16;
  static final int KVM_ARM64_SVE_MAX_SLICES = 32;
  static final int KVM_ARM64_SVE_VQ_MIN = 1;
  static final int KVM_ARM64_SVE_VQ_MAX = 512;
  static final int KVM_ARM64_SVE_VLS_WORDS = 8;

  private RegisterIdLayout() {}
}

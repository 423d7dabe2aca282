// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** Groups, attributes and fields of the interrupt controllers' device attributes. */
final class VgicLayout {
  static final int KVM_DEV_TYPE_ARM_VGIC_V2 = 5;
  static final int KVM_DEV_TYPE_ARM_VGIC_V3 = 7;
  static final int KVM_DEV_TYPE_ARM_VGIC_ITS = 8;
  static final int KVM_DEV_ARM_VGIC_GRP_ADDR = 0;
  static final int KVM_DEV_ARM_VGIC_GRP_DIST_REGS = 1;
  static final int KVM_DEV_ARM_VGIC_GRP_CPU_REGS = 2;
  static final int KVM_DEV_ARM_VGIC_GRP_NR_IRQS = 3;
  static final int KVM_DEV_ARM_VGIC_GRP_CTRL = 4;
  static final int KVM_DEV_ARM_VGIC_GRP_REDIST_REGS = 5;
  static final int KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS = 6;
  static final int KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO = 7;
  static final int KVM_DEV_ARM_VGIC_GRP_ITS_REGS = 8;
  static final int KVM_DEV_ARM_VGIC_CPUID_SHIFT = 32;
  static final int KVM_DEV_ARM_VGIC_V3_MPIDR_SHIFT = 32;
  static final long KVM_DEV_ARM_VGIC_OFFSET_MASK = 0xffff_ffffL;
  static final int KVM_DEV_ARM_VGIC_LINE_LEVEL_INFO_SHIFT = 10;
  static final int KVM_DEV_ARM_VGIC_LINE_LEVEL_INTID_MASK = 0x3ff;
  static final int KVM_DEV_ARM_VGIC_CTRL_INIT = 0;
  static final int KVM_DEV_ARM_ITS_SAVE_TABLES = 1;
  static final int KVM_DEV_ARM_ITS_RESTORE_TABLES = 2;
  static final int KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES = 3;
  static final int KVM_DEV_ARM_ITS_CTRL_RESET = 4;
  static final int KVM_VGIC_V2_ADDR_TYPE_DIST = 0;
  static final int KVM_VGIC_V2_ADDR_TYPE_CPU = 1;
  static final int KVM_VGIC_V3_ADDR_TYPE_DIST = 2;
  static final int KVM_VGIC_V3_ADDR_TYPE_REDIST = 3;
  static final int KVM_VGIC_ITS_ADDR_TYPE = 4;
  static final int KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION = 5;

  // VGIC_LEVEL_INFO_LINE_LEVEL of the header: the level of interrupt lines.
  static final int LEVEL_INFO_LINE_LEVEL = 0;

  private VgicLayout() {}
}

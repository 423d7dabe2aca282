// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** Values of the firmware's registers, under the header's names. */
public final class Smccc {
  /** {@link RegisterId#SMCCC_ARCH_WORKAROUND_1}: the guest has no workaround. */
  public static final int KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1_NOT_AVAIL = 0;

  /** {@link RegisterId#SMCCC_ARCH_WORKAROUND_1}: the workaround can be called and is needed. */
  public static final int KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1_AVAIL = 1;

  /** {@link RegisterId#SMCCC_ARCH_WORKAROUND_1}: the workaround is not needed. */
  public static final int KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1_NOT_REQUIRED = 2;

  /** {@link RegisterId#SMCCC_ARCH_WORKAROUND_2}: the guest has no workaround. */
  public static final int KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_NOT_AVAIL = 0;

  /** {@link RegisterId#SMCCC_ARCH_WORKAROUND_2}: not known; a host of today takes it for none. */
  public static final int KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_UNKNOWN = 1;

  /**
   * {@link RegisterId#SMCCC_ARCH_WORKAROUND_2}: there is one; a host of today takes it for none.
   */
  public static final int KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_AVAIL = 2;

  /** {@link RegisterId#SMCCC_ARCH_WORKAROUND_2}: the workaround is not needed. */
  public static final int KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_NOT_REQUIRED = 3;

  /** {@link RegisterId#SMCCC_ARCH_WORKAROUND_2}: flag of old hosts: the workaround is on. */
  public static final int KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_ENABLED = 16;

  /** {@link RegisterId#SMCCC_ARCH_WORKAROUND_3}: the guest has no workaround. */
  public static final int KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3_NOT_AVAIL = 0;

  /** {@link RegisterId#SMCCC_ARCH_WORKAROUND_3}: the workaround can be called and is needed. */
  public static final int KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3_AVAIL = 1;

  /** {@link RegisterId#SMCCC_ARCH_WORKAROUND_3}: the workaround is not needed. */
  public static final int KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3_NOT_REQUIRED = 2;

  /** {@link RegisterId#STD_BMAP}, number of the bit: random numbers (TRNG 1.0). */
  public static final int KVM_REG_ARM_STD_BIT_TRNG_V1_0 = 0;

  /** {@link RegisterId#STD_HYP_BMAP}, number of the bit: stolen time. */
  public static final int KVM_REG_ARM_STD_HYP_BIT_PV_TIME = 0;

  /** {@link RegisterId#VENDOR_HYP_BMAP}, number of the bit: the features can be asked for. */
  public static final int KVM_REG_ARM_VENDOR_HYP_BIT_FUNC_FEAT = 0;

  /** {@link RegisterId#VENDOR_HYP_BMAP}, number of the bit: the host's clock (PTP). */
  public static final int KVM_REG_ARM_VENDOR_HYP_BIT_PTP = 1;

  private Smccc() {}
}

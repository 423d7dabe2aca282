// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/**
 * Capabilities of KVM that only arm64 has, {@code KVM_CAP_ARM_…} of the header of Linux 6.12. What
 * {@link ArmVm#checkExtension} answers is 0 for an absent one, 1 for a present one, or the value
 * that stands here.
 */
public enum ArmCap {
  /** The guest has PSCI 0.1. */
  ARM_PSCI(87),

  /** {@link ArmVm#setVgicV2Address}. */
  ARM_SET_DEVICE_ADDR(88),

  /** {@link VcpuFeature#EL1_32BIT}. */
  ARM_EL1_32BIT(93),

  /** {@link VcpuFeature#PSCI_0_2}. */
  ARM_PSCI_0_2(102),

  /** {@link VcpuFeature#PMU_V3}. */
  ARM_PMU_V3(126),

  /**
   * The timers work with an interrupt controller in user space; enabled by {@link ArmVm#enableCap}.
   */
  ARM_USER_IRQ(144),

  /** An SError may have a syndrome: {@link ArmVcpuEvents#serror}. */
  ARM_INJECT_SERROR_ESR(158),

  /** The largest size of guest-physical addresses in bits; {@link ArmVm#createVm}. */
  ARM_VM_IPA_SIZE(165),

  /** {@link VcpuFeature#SVE}. */
  ARM_SVE(170),

  /** {@link VcpuFeature#PTRAUTH_ADDRESS}. */
  ARM_PTRAUTH_ADDRESS(171),

  /** {@link VcpuFeature#PTRAUTH_GENERIC}. */
  ARM_PTRAUTH_GENERIC(172),

  /** {@link ArmIrq} may name vCPUs above 255. */
  ARM_IRQ_LINE_LAYOUT_2(174),

  /**
   * An access that the processor does not describe is an exit {@code ARM_NISV}; enabled by {@link
   * ArmVm#enableCap}.
   */
  ARM_NISV_TO_USER(177),

  /** {@link ArmVcpuEvents#externalDataAbort}. */
  ARM_INJECT_EXT_DABT(178),

  /**
   * The guest has memory tags; enabled by {@link ArmVm#enableCap} before the first vCPU. {@link
   * ArmVm#copyMteTags}.
   */
  ARM_MTE(205),

  /** SYSTEM_SUSPEND of PSCI is an exit; enabled by {@link ArmVm#enableCap}. */
  ARM_SYSTEM_SUSPEND(216),

  /**
   * How much memory huge pages are split in at a time for the dirty log, in bytes; enabled by
   * {@link ArmVm#enableCap} with that size.
   */
  ARM_EAGER_SPLIT_CHUNK_SIZE(228),

  /** The sizes that {@link #ARM_EAGER_SPLIT_CHUNK_SIZE} takes: bit n is 2^n bytes. */
  ARM_SUPPORTED_BLOCK_SIZES(229),

  /** The ranges that {@link ArmVm#getRegWritableMasks} knows: bit n is range n. */
  ARM_SUPPORTED_REG_MASK_RANGES(230);

  private final int number;

  ArmCap(int number) {
    this.number = number;
  }

  /** {@return the number of the capability in the header} */
  public int number() {
    return number;
  }
}

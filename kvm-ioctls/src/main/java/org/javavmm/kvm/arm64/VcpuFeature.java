// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** Features that a vCPU starts with, bits of {@code struct kvm_vcpu_init}. */
public enum VcpuFeature {
  /** The vCPU is off until another starts it by PSCI; for all but the first. */
  POWER_OFF(0),

  /** EL1 is in AArch32. Needs {@link ArmCap#ARM_EL1_32BIT}. */
  EL1_32BIT(1),

  /** The guest has PSCI 0.2 or newer; without it, PSCI 0.1. Needs {@link ArmCap#ARM_PSCI_0_2}. */
  PSCI_0_2(2),

  /** The guest has performance counters. Needs {@link ArmCap#ARM_PMU_V3}. */
  PMU_V3(3),

  /**
   * The guest has the Scalable Vector Extension. Needs {@link ArmCap#ARM_SVE}, and {@link
   * ArmVcpu#finalizeFeature} before the vCPU runs.
   */
  SVE(4),

  /**
   * The guest has address authentication. Needs {@link ArmCap#ARM_PTRAUTH_ADDRESS}, and {@link
   * #PTRAUTH_GENERIC} with it.
   */
  PTRAUTH_ADDRESS(5),

  /**
   * The guest has generic authentication. Needs {@link ArmCap#ARM_PTRAUTH_GENERIC}, and {@link
   * #PTRAUTH_ADDRESS} with it.
   */
  PTRAUTH_GENERIC(6),

  /** The guest has EL2: a hypervisor of its own may run in it. Linux 6.12 does not offer it. */
  HAS_EL2(7);

  private final int bit;

  VcpuFeature(int bit) {
    this.bit = bit;
  }

  /** {@return the number of the feature's bit in the header} */
  public int bit() {
    return bit;
  }
}

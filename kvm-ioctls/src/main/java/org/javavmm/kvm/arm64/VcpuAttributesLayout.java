// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** Groups and attributes of a vCPU. */
final class VcpuAttributesLayout {
  static final int KVM_ARM_VCPU_PMU_V3_CTRL = 0;
  static final int KVM_ARM_VCPU_PMU_V3_IRQ = 0;
  static final int KVM_ARM_VCPU_PMU_V3_INIT = 1;
  static final int KVM_ARM_VCPU_PMU_V3_FILTER = 2;
  static final int KVM_ARM_VCPU_PMU_V3_SET_PMU = 3;
  static final int KVM_ARM_VCPU_TIMER_CTRL = 1;
  static final int KVM_ARM_VCPU_PVTIME_CTRL = 2;
  static final int KVM_ARM_VCPU_PVTIME_IPA = 0;

  private VcpuAttributesLayout() {}
}

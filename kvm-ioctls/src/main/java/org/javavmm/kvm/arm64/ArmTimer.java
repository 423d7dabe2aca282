// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** The timers of a vCPU, each with an interrupt (PPI) that can be chosen. */
public enum ArmTimer {
  /** The virtual timer of EL1; interrupt 27 if nothing else was set. */
  VIRTUAL(0),

  /** The physical timer of EL1; interrupt 30 if nothing else was set. */
  PHYSICAL(1),

  /** The virtual timer of EL2, for guests with {@link VcpuFeature#HAS_EL2}. */
  HYPERVISOR_VIRTUAL(2),

  /** The physical timer of EL2, for guests with {@link VcpuFeature#HAS_EL2}. */
  HYPERVISOR_PHYSICAL(3);

  private final int attribute;

  ArmTimer(int attribute) {
    this.attribute = attribute;
  }

  /** {@return the number of its attribute, {@code KVM_ARM_VCPU_TIMER_IRQ_…}} */
  public int attribute() {
    return attribute;
  }
}

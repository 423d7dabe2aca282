// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** Capabilities of KVM, {@code KVM_CAP_…} in the header. */
public enum Cap {
  IRQCHIP(0),
  HLT(1),
  USER_MEMORY(3),
  SET_TSS_ADDR(4),
  EXT_CPUID(7),
  NR_VCPUS(9),
  NR_MEMSLOTS(10),
  MP_STATE(14),
  IRQ_ROUTING(25),
  IRQFD(32),
  PIT2(33),
  IOEVENTFD(36),
  SET_IDENTITY_MAP_ADDR(37),
  XSAVE(55),
  GET_TSC_KHZ(61),
  MAX_VCPUS(66),
  TSC_DEADLINE_TIMER(72),
  READONLY_MEM(81),
  MAX_VCPU_ID(128),
  IMMEDIATE_EXIT(136);

  private final int number;

  Cap(int number) {
    this.number = number;
  }

  /** {@return the number of the capability in the header} */
  public int number() {
    return number;
  }
}

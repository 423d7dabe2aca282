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
  IMMEDIATE_EXIT(136),
  SET_GUEST_DEBUG(23),
  MCE(31),
  XEN_HVM(38),
  VCPU_EVENTS(41),
  HYPERV(44),
  DEBUGREGS(50),
  XCRS(56),
  TSC_CONTROL(60),
  ONE_REG(70),
  SYNC_REGS(74),
  KVMCLOCK_CTRL(76),
  X86_SMM(117),
  HYPERV_SYNIC(123),
  VCPU_ATTRIBUTES(127),
  HYPERV_SYNIC2(148),
  NESTED_STATE(157),
  HYPERV_ENLIGHTENED_VMCS(163),
  EXCEPTION_PAYLOAD(164),
  HYPERV_CPUID(167),
  X86_USER_SPACE_MSR(188),
  DIRTY_LOG_RING(192),
  SET_GUEST_DEBUG2(195),
  HYPERV_ENFORCE_CPUID(199),
  SREGS2(200),
  XSAVE2(208),
  X86_TRIPLE_FAULT_EVENT(218),
  DIRTY_LOG_RING_ACQ_REL(223);

  private final int number;

  Cap(int number) {
    this.number = number;
  }

  /** {@return the number of the capability in the header} */
  public int number() {
    return number;
  }
}

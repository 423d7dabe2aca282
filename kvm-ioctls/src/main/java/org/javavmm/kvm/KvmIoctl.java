// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/**
 * The ioctls that this module calls, under the header's names. The numbers are literals, for the
 * generated constants would cost start-up time; a test compares each with them.
 */
enum KvmIoctl {
  KVM_GET_API_VERSION(0xae00L),
  KVM_CREATE_VM(0xae01L),
  KVM_CHECK_EXTENSION(0xae03L),
  KVM_GET_VCPU_MMAP_SIZE(0xae04L),
  KVM_GET_SUPPORTED_CPUID(0xc008ae05L),
  KVM_CREATE_VCPU(0xae41L),
  KVM_SET_USER_MEMORY_REGION(0x4020ae46L),
  KVM_SET_TSS_ADDR(0xae47L),
  KVM_SET_IDENTITY_MAP_ADDR(0x4008ae48L),
  KVM_CREATE_IRQCHIP(0xae60L),
  KVM_IRQ_LINE(0x4008ae61L),
  KVM_IRQFD(0x4020ae76L),
  KVM_CREATE_PIT2(0x4040ae77L),
  // System, VM and devices.
  KVM_GET_MSR_INDEX_LIST(0xc004ae02L),
  KVM_GET_EMULATED_CPUID(0xc008ae09L),
  KVM_GET_MSR_FEATURE_INDEX_LIST(0xc004ae0aL),
  KVM_GET_SUPPORTED_HV_CPUID(0xc008aec1L),
  KVM_X86_GET_MCE_CAP_SUPPORTED(0x8008ae9dL),
  KVM_GET_DIRTY_LOG(0x4010ae42L),
  KVM_CLEAR_DIRTY_LOG(0xc018aec0L),
  KVM_SET_NR_MMU_PAGES(0xae44L),
  KVM_GET_NR_MMU_PAGES(0xae45L),
  KVM_SET_USER_MEMORY_REGION2(0x40a0ae49L),
  KVM_CREATE_GUEST_MEMFD(0xc040aed4L),
  KVM_SET_MEMORY_ATTRIBUTES(0x4020aed2L),
  KVM_PRE_FAULT_MEMORY(0xc040aed5L),
  KVM_REGISTER_COALESCED_MMIO(0x4010ae67L),
  KVM_UNREGISTER_COALESCED_MMIO(0x4010ae68L),
  KVM_MEMORY_ENCRYPT_OP(0xc008aebaL),
  KVM_MEMORY_ENCRYPT_REG_REGION(0x8010aebbL),
  KVM_MEMORY_ENCRYPT_UNREG_REGION(0x8010aebcL),
  KVM_GET_IRQCHIP(0xc208ae62L),
  KVM_SET_IRQCHIP(0x8208ae63L),
  KVM_GET_PIT2(0x8070ae9fL),
  KVM_SET_PIT2(0x4070aea0L),
  KVM_REINJECT_CONTROL(0xae71L),
  KVM_IRQ_LINE_STATUS(0xc008ae67L),
  KVM_SET_GSI_ROUTING(0x4008ae6aL),
  KVM_SIGNAL_MSI(0x4020aea5L),
  KVM_IOEVENTFD(0x4040ae79L),
  KVM_SET_BOOT_CPU_ID(0xae78L),
  KVM_GET_CLOCK(0x8030ae7cL),
  KVM_SET_CLOCK(0x4030ae7bL),
  KVM_GET_TSC_KHZ(0xaea3L),
  KVM_SET_TSC_KHZ(0xaea2L),
  KVM_X86_SET_MSR_FILTER(0x4188aec6L),
  KVM_SET_PMU_EVENT_FILTER(0x4020aeb2L),
  KVM_ENABLE_CAP(0x4068aea3L),
  KVM_CREATE_DEVICE(0xc00caee0L),
  KVM_HAS_DEVICE_ATTR(0x4018aee3L),
  KVM_GET_DEVICE_ATTR(0x4018aee2L),
  KVM_SET_DEVICE_ATTR(0x4018aee1L),
  KVM_XEN_HVM_CONFIG(0x4038ae7aL),
  KVM_XEN_HVM_GET_ATTR(0xc048aec8L),
  KVM_XEN_HVM_SET_ATTR(0x4048aec9L),
  KVM_XEN_HVM_EVTCHN_SEND(0x400caed0L),
  KVM_HYPERV_EVENTFD(0x4018aebdL),
  KVM_GET_STATS_FD(0xaeceL),

  // vCPU.
  KVM_RUN(0xae80L),
  KVM_GET_REGS(0x8090ae81L),
  KVM_SET_REGS(0x4090ae82L),
  KVM_GET_SREGS(0x8138ae83L),
  KVM_SET_SREGS(0x4138ae84L),
  KVM_GET_MSRS(0xc008ae88L),
  KVM_SET_MSRS(0x4008ae89L),
  KVM_TRANSLATE(0xc018ae85L),
  KVM_SET_FPU(0x41a0ae8dL),
  KVM_GET_FPU(0x81a0ae8cL),
  KVM_GET_LAPIC(0x8400ae8eL),
  KVM_SET_LAPIC(0x4400ae8fL),
  KVM_SET_CPUID2(0x4008ae90L),
  KVM_GET_CPUID2(0xc008ae91L),
  KVM_GET_MP_STATE(0x8004ae98L),
  KVM_SET_MP_STATE(0x4004ae99L);

  final long number;

  /** Whether KVM ever took it in this process: how a test run learns what it has shown. */
  @SuppressWarnings("ImmutableEnumChecker") // observation for tests, no part of the value
  private volatile boolean taken;

  KvmIoctl(long number) {
    this.number = number;
  }

  /** {@return the result, unchanged} */
  int seen(int result) {
    if (result >= 0 && !taken) {
      taken = true;
    }
    return result;
  }

  boolean isTaken() {
    return taken;
  }
}

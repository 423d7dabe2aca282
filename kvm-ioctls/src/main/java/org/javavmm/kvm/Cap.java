// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/**
 * Capabilities of KVM on x86-64, {@code KVM_CAP_…} of the header of Linux 6.12; those that only
 * other architectures have are not here. What {@link Kvm#checkExtension(Cap)} answers is 0 for an
 * absent one, 1 for a present one, or the value that stands here.
 */
public enum Cap {
  /** Interrupt controllers in the kernel: {@link Vm#createIrqchip}. */
  IRQCHIP(0),

  /** {@code HLT} of the guest is seen: it waits in the kernel or is an exit. */
  HLT(1),

  /** The number of shadow pages can be limited: {@link Vm#setNrMmuPages}. */
  MMU_SHADOW_CACHE_CONTROL(2),

  /** Memory slots over the monitor's memory: {@link Vm#setUserMemoryRegion}. */
  USER_MEMORY(3),

  /** {@link Vm#setTssAddress}. */
  SET_TSS_ADDR(4),

  /** Exits for accesses to the task priority register. */
  VAPIC(6),

  /** CPUID with subleaves: {@link Kvm#supportedCpuid}. */
  EXT_CPUID(7),

  /** The guest's clock {@code kvmclock}. */
  CLOCKSOURCE(8),

  /** The number of vCPUs a VM should have at most. */
  NR_VCPUS(9),

  /** The number of memory slots a VM may have. */
  NR_MEMSLOTS(10),

  /** An interval timer in the kernel; {@link #PIT2} replaces it. */
  PIT(11),

  /** The guest need not wait after port accesses. */
  NOP_IO_DELAY(12),

  /** Page tables changed by hypercall; gone from KVM. */
  PV_MMU(13),

  /** The state of a vCPU in a multiprocessor start. */
  MP_STATE(14),

  /**
   * Writes collected in a ring; the value is the page of {@code kvm_run}'s mapping in which it
   * lies.
   */
  COALESCED_MMIO(15),

  /** Changes of the monitor's mappings reach the guest. */
  SYNC_MMU(16),

  /** Device assignment of old; VFIO replaces it. */
  IOMMU(18),

  /** A memory slot can be deleted. */
  DESTROY_MEMORY_REGION_WORKS(21),

  /** NMIs from the monitor. */
  USER_NMI(22),

  /** Breakpoints and single steps. */
  SET_GUEST_DEBUG(23),

  /** {@link Vm#reinjectControl}. */
  REINJECT_CONTROL(24),

  /** Routes of interrupts; the value is the number of routes allowed. {@link Vm#setGsiRouting}. */
  IRQ_ROUTING(25),

  /** {@link Vm#irqLineStatus}. */
  IRQ_INJECT_STATUS(26),

  /** Device assignment of old; VFIO replaces it. */
  ASSIGN_DEV_IRQ(29),

  /** Adjacent memory slots can be joined. */
  JOIN_MEMORY_REGIONS_WORKS(30),

  /** Machine checks; the value is the number of banks. */
  MCE(31),

  /** Interrupts by eventfd: {@link Vm#registerIrqfd(org.javavmm.sys.EventFd, int)}. */
  IRQFD(32),

  /** An interval timer in the kernel: {@link Vm#createPit2}. */
  PIT2(33),

  /** {@link Vm#setBootCpuId}. */
  SET_BOOT_CPU_ID(34),

  /** {@link Vm#getPit2}. */
  PIT_STATE2(35),

  /** Accesses that signal an eventfd: {@link Vm#registerIoeventfd}. */
  IOEVENTFD(36),

  /** {@link Vm#setIdentityMapAddress}. */
  SET_IDENTITY_MAP_ADDR(37),

  /** Guests made for Xen; the value is {@code KVM_XEN_HVM_CONFIG_…}, or-ed. {@link Vm#xen}. */
  XEN_HVM(38),

  /** {@link Vm#getClock}; the value is the flags that {@link Vm#setClock} knows. */
  ADJUST_CLOCK(39),

  /** An internal error has data. */
  INTERNAL_ERROR_DATA(40),

  /** Pending exceptions, interrupts and NMIs of a vCPU can be saved. */
  VCPU_EVENTS(41),

  /** The interface of Hyper-V for guests. */
  HYPERV(44),

  /** Hyper-V's MSRs for the local APIC. */
  HYPERV_VAPIC(45),

  /** Hyper-V's hint of long spins. */
  HYPERV_SPIN(46),

  /** Device assignment of old: PCI segments. */
  PCI_SEGMENT(47),

  /** The interrupt shadow is part of the vCPU's events. */
  INTR_SHADOW(49),

  /** The debug registers of a vCPU can be saved. */
  DEBUGREGS(50),

  /** Single steps do not disturb what the guest does with the trap flag. */
  X86_ROBUST_SINGLESTEP(51),

  /** Capabilities of a vCPU can be enabled. */
  ENABLE_CAP(54),

  /** The extended state of a vCPU can be saved. */
  XSAVE(55),

  /** The extended control registers can be saved. */
  XCRS(56),

  /** Page faults of the host that the guest is told of. */
  ASYNC_PF(59),

  /** The frequency of a vCPU's time stamp counter can be set. */
  TSC_CONTROL(60),

  /** {@link Vm#getTscKhz}. */
  GET_TSC_KHZ(61),

  /** The number of vCPUs a VM may have. */
  MAX_VCPUS(66),

  /** PowerPC: a TLB shared with the monitor. */
  SW_TLB(69),

  /** Single registers by their ids. */
  ONE_REG(70),

  /** The deadline mode of the local APIC's timer. */
  TSC_DEADLINE_TIMER(72),

  /** Registers in the page of {@code kvm_run}; the value is {@code KVM_SYNC_X86_…}, or-ed. */
  SYNC_REGS(74),

  /** Device assignment of old: masking by PCI 2.3. */
  PCI_2_3(75),

  /** The guest can be told that it was paused. */
  KVMCLOCK_CTRL(76),

  /** {@link Vm#signalMsi(long, int)}. */
  SIGNAL_MSI(77),

  /** Slots that the guest cannot write: {@link Vm#KVM_MEM_READONLY}. */
  READONLY_MEM(81),

  /**
   * Level-triggered interrupts by eventfd: {@link Vm#registerIrqfd(org.javavmm.sys.EventFd,
   * org.javavmm.sys.EventFd, int)}.
   */
  IRQFD_RESAMPLE(82),

  /** {@link Vm#createDevice}. */
  DEVICE_CTRL(89),

  /** PowerPC: an interrupt controller in the kernel. */
  IRQ_MPIC(90),

  /** {@link Kvm#emulatedCpuid}. */
  EXT_EMUL_CPUID(95),

  /** Hyper-V's reference counter and TSC page. */
  HYPERV_TIME(96),

  /** The IOAPIC in the kernel takes any polarity as active high. */
  IOAPIC_POLARITY_IGNORED(97),

  /** {@link Vm#enableCap}. */
  ENABLE_CAP_VM(98),

  /** An ioeventfd of length 0 takes accesses of any width. */
  IOEVENTFD_NO_LENGTH(100),

  /** {@link Vm#attributes}. */
  VM_ATTRIBUTES(101),

  /** {@link Vm#checkExtension(Cap)}. */
  CHECK_EXTENSION_VM(105),

  /** {@link VmCapabilities#disableQuirks}. */
  DISABLE_QUIRKS(116),

  /** System management mode. */
  X86_SMM(117),

  /** The number of address spaces: bits 16 to 31 of a slot's number say which. */
  MULTI_ADDRESS_SPACE(118),

  /** The number of hardware breakpoints. */
  GUEST_DEBUG_HW_BPS(119),

  /** The number of hardware watchpoints. */
  GUEST_DEBUG_HW_WPS(120),

  /** {@link VmCapabilities#splitIrqchip}. */
  SPLIT_IRQCHIP(121),

  /** An ioeventfd of length 0 works with every bus. */
  IOEVENTFD_ANY_LENGTH(122),

  /** Hyper-V's synthetic interrupt controller: {@link Vcpu#enableHypervSynic}. */
  HYPERV_SYNIC(123),

  /** Attributes of a vCPU. */
  VCPU_ATTRIBUTES(127),

  /** One more than the highest number of a vCPU; {@link VmCapabilities#maxVcpuId}. */
  MAX_VCPU_ID(128),

  /** {@link VmCapabilities#x2apicApi}; the value is the flags that it takes. */
  X2APIC_API(129),

  /** The device's id is part of an MSI. */
  MSI_DEVID(131),

  /** {@link Vcpu#kick} is never lost. */
  IMMEDIATE_EXIT(136),

  /** {@link VmCapabilities#disableExits}; the value is the flags that it takes. */
  X86_DISABLE_EXITS(143),

  /**
   * Hyper-V's synthetic interrupt controller, whose pages KVM does not clear when the guest enables
   * them: {@link Vcpu#enableHypervSynic}.
   */
  HYPERV_SYNIC2(148),

  /** Hyper-V's number of a vCPU can be set. */
  HYPERV_VP_INDEX(149),

  /** {@link Kvm#getFeatureMsrs}. */
  GET_MSR_FEATURES(153),

  /** {@link Vm#registerHypervEventfd}. */
  HYPERV_EVENTFD(154),

  /** Hyper-V's hypercalls that flush TLBs. */
  HYPERV_TLBFLUSH(155),

  /** The state of a guest's own guests can be saved; the value is its greatest size in bytes. */
  NESTED_STATE(157),

  /** {@link VmCapabilities#msrPlatformInfo}. */
  MSR_PLATFORM_INFO(159),

  /** Hyper-V's hypercalls that send interrupts to processors. */
  HYPERV_SEND_IPI(161),

  /** Port writes collected in a ring: {@link Vm#registerCoalescedPio}. */
  COALESCED_PIO(162),

  /** Hyper-V's faster way to run guests in the guest. To be enabled on a vCPU. */
  HYPERV_ENLIGHTENED_VMCS(163),

  /** {@link VmCapabilities#exceptionPayload}. */
  EXCEPTION_PAYLOAD(164),

  /** The broken first form of {@link #MANUAL_DIRTY_LOG_PROTECT2}; not offered by KVM any more. */
  MANUAL_DIRTY_LOG_PROTECT(166),

  /** The CPUID leaves of Hyper-V, asked of a vCPU. */
  HYPERV_CPUID(167),

  /** {@link VmCapabilities#manualDirtyLogProtect}; the value is the flags that it takes. */
  MANUAL_DIRTY_LOG_PROTECT2(168),

  /** {@link Vm#setPmuEventFilter}. */
  PMU_EVENT_FILTER(173),

  /** Hyper-V's flushes go straight to the outer hypervisor. To be enabled on a vCPU. */
  HYPERV_DIRECT_TLBFLUSH(175),

  /** {@link VmCapabilities#haltPoll}. */
  HALT_POLL(182),

  /** The guest learns of a page that came by an interrupt. */
  ASYNC_PF_INT(183),

  /** The processor on which a failed entry was tried is reported. */
  LAST_CPU(184),

  /** A guest may have fewer physical address bits than the host. */
  SMALLER_MAXPHYADDR(185),

  /** The guest is told how long it did not run. */
  STEAL_TIME(187),

  /** {@link VmCapabilities#userSpaceMsr}; the value is the mask that it takes. */
  X86_USER_SPACE_MSR(188),

  /** {@link Vm#setMsrFilter}. */
  X86_MSR_FILTER(189),

  /** Features of KVM work only if CPUID shows them: {@link Vcpu#enforcePvFeatureCpuid}. */
  ENFORCE_PV_FEATURE_CPUID(190),

  /** {@link Kvm#supportedHvCpuid}. */
  SYS_HYPERV_CPUID(191),

  /** Rings of dirty pages; the value is the greatest size in bytes. {@link Vm#enableDirtyRing}. */
  DIRTY_LOG_RING(192),

  /** {@link VmCapabilities#busLockExit}; the value is the modes that it takes. */
  X86_BUS_LOCK_EXIT(193),

  /** The flags that guest debugging takes. */
  SET_GUEST_DEBUG2(195),

  /** {@link VmCapabilities#sgxAttribute}. */
  SGX_ATTRIBUTE(196),

  /** {@link VmCapabilities#copyEncryptionContextFrom}. */
  VM_COPY_ENC_CONTEXT_FROM(197),

  /** The guest can compare its clock with the host's. */
  PTP_KVM(198),

  /** Features of Hyper-V work only if CPUID shows them: {@link Vcpu#enforceHypervCpuid}. */
  HYPERV_ENFORCE_CPUID(199),

  /** Segment and control registers with the page directory pointers. */
  SREGS2(200),

  /** {@link VmCapabilities#exitHypercall}; the value is the mask that it takes. */
  EXIT_HYPERCALL(201),

  /** {@link Vm#stats} and {@link Vcpu#stats}. */
  BINARY_STATS_FD(203),

  /** {@link VmCapabilities#exitOnEmulationFailure}. */
  EXIT_ON_EMULATION_FAILURE(204),

  /** {@link VmCapabilities#moveEncryptionContextFrom}. */
  VM_MOVE_ENC_CONTEXT_FROM(206),

  /** The number of bits of a guest-physical address. */
  VM_GPA_BITS(207),

  /** The size in bytes of a vCPU's extended state; asked of the VM, at least 4,096. */
  XSAVE2(208),

  /** {@link Kvm#attributes}. */
  SYS_ATTRIBUTES(209),

  /** {@link VmCapabilities#pmuCapability}; the value is the flags that it takes. */
  PMU_CAPABILITY(212),

  /** {@link VmCapabilities#disableQuirks2}; the value is the quirks that it knows. */
  DISABLE_QUIRKS2(213),

  /** {@link Vm#setTscKhz}. */
  VM_TSC_CONTROL(214),

  /** A system event has data. */
  SYSTEM_EVENT_DATA(215),

  /** {@link VmCapabilities#tripleFaultEvent}. */
  X86_TRIPLE_FAULT_EVENT(218),

  /** {@link VmCapabilities#notifyVmexit}; the value is the flags that it takes. */
  X86_NOTIFY_VMEXIT(219),

  /** {@link VmCapabilities#disableNxHugePages}. */
  VM_DISABLE_NX_HUGE_PAGES(220),

  /** As {@link #DIRTY_LOG_RING}, on processors that need barriers; x86 has both. */
  DIRTY_LOG_RING_ACQ_REL(223),

  /** {@link VmCapabilities#dirtyLogRingWithBitmap}. */
  DIRTY_LOG_RING_WITH_BITMAP(225),

  /** A filter of PMU events may have masks: {@link PmuEventFilter#maskedEvent}. */
  PMU_EVENT_MASKED_EVENTS(226),

  /** arm64: the offset of the counter can be set. */
  COUNTER_OFFSET(227),

  /** {@link Vm#setUserMemoryRegion2}. */
  USER_MEMORY2(231),

  /** {@link ExitReason#MEMORY_FAULT} tells where an access failed. */
  MEMORY_FAULT_INFO(232),

  /** {@link Vm#setMemoryAttributes}; the value is the attributes that it takes. */
  MEMORY_ATTRIBUTES(233),

  /** {@link Vm#createGuestMemfd}. */
  GUEST_MEMFD(234),

  /** The types of VM that can be created: bit n is type n. {@link VmType}. */
  VM_TYPES(235),

  /** {@link Vcpu#preFaultMemory}. */
  PRE_FAULT_MEMORY(236),

  /** {@link VmCapabilities#apicBusCyclesNs}; the value is the length of a cycle in nanoseconds. */
  X86_APIC_BUS_CYCLES_NS(237),

  /** An exit says whether the guest was running a guest of its own. */
  X86_GUEST_MODE(238);

  private final int number;

  Cap(int number) {
    this.number = number;
  }

  /** {@return the number of the capability in the header} */
  public int number() {
    return number;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import org.javavmm.sys.OwnedFd;

/**
 * The capabilities of a VM that are off until they are enabled, each with its arguments: {@code
 * KVM_ENABLE_CAP}. Whether one is there {@link Vm#checkExtension(Cap)} tells. Got from {@link
 * Vm#capabilities}. Thread-safe.
 *
 * <p>All methods throw {@link KvmException}: {@code EINVAL} if this KVM lacks the capability or
 * refuses the arguments; {@code EBUSY} or {@code EINVAL} where it is too late, for many work only
 * before the first vCPU is created.
 */
public final class VmCapabilities {
  /** {@link #x2apicApi}: APIC ids in MSIs and in the local APIC's state have 32 bits. */
  public static final int KVM_X2APIC_API_USE_32BIT_IDS = 1;

  /** {@link #x2apicApi}: 0xff is an APIC id like others, not a broadcast. */
  public static final int KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK = 2;

  /** {@link #manualDirtyLogProtect}: the log is cleared by {@link Vm#clearDirtyLog} alone. */
  public static final int KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE = 1;

  /** {@link #manualDirtyLogProtect}: a new log has all pages dirty, and protects none. */
  public static final int KVM_DIRTY_LOG_INITIALLY_SET = 2;

  /** {@link #userSpaceMsr}: an access that the processor would refuse is an exit. */
  public static final int KVM_MSR_EXIT_REASON_INVAL = 1;

  /** {@link #userSpaceMsr}: an access to a register that KVM does not know is an exit. */
  public static final int KVM_MSR_EXIT_REASON_UNKNOWN = 2;

  /** {@link #userSpaceMsr}: an access that {@link MsrFilter} denies is an exit. */
  public static final int KVM_MSR_EXIT_REASON_FILTER = 4;

  /** {@link #disableExits}: {@code MWAIT} runs on the processor. */
  public static final int KVM_X86_DISABLE_EXITS_MWAIT = 1;

  /** {@link #disableExits}: {@code HLT} runs on the processor. */
  public static final int KVM_X86_DISABLE_EXITS_HLT = 2;

  /** {@link #disableExits}: {@code PAUSE} runs on the processor. */
  public static final int KVM_X86_DISABLE_EXITS_PAUSE = 4;

  /** {@link #disableExits}: the guest reads the counters of sleep states. */
  public static final int KVM_X86_DISABLE_EXITS_CSTATE = 8;

  /** {@link #busLockExit}: nothing is done. */
  public static final int KVM_BUS_LOCK_DETECTION_OFF = 1;

  /** {@link #busLockExit}: a bus lock is an exit. */
  public static final int KVM_BUS_LOCK_DETECTION_EXIT = 2;

  /** {@link #pmuCapability}: the guest has no performance counters. */
  public static final int KVM_PMU_CAP_DISABLE = 1;

  /** {@link #notifyVmexit}: the processor watches for guests that take no events. */
  public static final int KVM_X86_NOTIFY_VMEXIT_ENABLED = 1;

  /** {@link #notifyVmexit}: and this is an exit. */
  public static final int KVM_X86_NOTIFY_VMEXIT_USER = 2;

  /** {@link #disableQuirks2}: LINT0 is enabled after reset. */
  public static final int KVM_X86_QUIRK_LINT0_REENABLED = 1;

  /** {@link #disableQuirks2}: caching is on after reset, against the manual. */
  public static final int KVM_X86_QUIRK_CD_NW_CLEARED = 2;

  /** {@link #disableQuirks2}: the local APIC's page works in x2APIC mode. */
  public static final int KVM_X86_QUIRK_LAPIC_MMIO_HOLE = 4;

  /** {@link #disableQuirks2}: the instruction pointer is behind an OUT to port 0x7e at its exit. */
  public static final int KVM_X86_QUIRK_OUT_7E_INC_RIP = 8;

  /** {@link #disableQuirks2}: CPUID's bit of MWAIT follows an MSR of the guest. */
  public static final int KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT = 0x10;

  /** {@link #disableQuirks2}: the instruction of another vendor's hypercall is patched. */
  public static final int KVM_X86_QUIRK_FIX_HYPERCALL_INSN = 0x20;

  /** {@link #disableQuirks2}: MONITOR and MWAIT do nothing rather than fault. */
  public static final int KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS = 0x40;

  /** {@link #disableQuirks2}: deleting a slot forgets all page tables. */
  public static final int KVM_X86_QUIRK_SLOT_ZAP_ALL = 0x80;

  /** {@link #disableQuirks2}: feature MSRs start as the host has them. */
  public static final int KVM_X86_QUIRK_STUFF_FEATURE_MSRS = 0x100;

  /** {@link #disableQuirks2}: the memory types that a guest wants are ignored. */
  public static final int KVM_X86_QUIRK_IGNORE_GUEST_PAT = 0x200;

  /** {@link #disableQuirks2}: a nested guest's freeze bit does not count in SMM. */
  public static final int KVM_X86_QUIRK_VMCS12_ALLOW_FREEZE_IN_SMM = 0x400;

  private final Vm vm;

  VmCapabilities(Vm vm) {
    this.vm = vm;
  }

  /**
   * Local APICs in the kernel, while PICs, IOAPIC and timer are the monitor's: {@link
   * Cap#SPLIT_IRQCHIP}. Instead of {@link Vm#createIrqchip}, before the first vCPU.
   *
   * @param routes the number of GSI routes kept for the monitor's IOAPIC, 0 to 4,096; usually 24
   * @throws KvmException {@code EEXIST} if there are interrupt controllers or vCPUs
   */
  public void splitIrqchip(int routes) throws KvmException {
    vm.enableCap(Cap.SPLIT_IRQCHIP, routes);
  }

  /**
   * APIC ids of more than 8 bits: {@link Cap#X2APIC_API}.
   *
   * @param flags {@code KVM_X2APIC_API_…}, or-ed
   * @throws KvmException if refused
   */
  public void x2apicApi(int flags) throws KvmException {
    vm.enableCap(Cap.X2APIC_API, flags);
  }

  /**
   * Reading the dirty log does not clear it: {@link Cap#MANUAL_DIRTY_LOG_PROTECT2}.
   *
   * @param flags {@code KVM_DIRTY_LOG_…}, or-ed; 0 turns it off
   * @throws KvmException if refused
   */
  public void manualDirtyLogProtect(int flags) throws KvmException {
    vm.enableCap(Cap.MANUAL_DIRTY_LOG_PROTECT2, flags);
  }

  /**
   * A bitmap besides the rings, for pages that no vCPU wrote: {@link
   * Cap#DIRTY_LOG_RING_WITH_BITMAP}. After {@link Vm#enableDirtyRing}, before the first slot.
   *
   * @throws KvmException if refused; x86 has no need of it
   */
  public void dirtyLogRingWithBitmap() throws KvmException {
    vm.enableCap(Cap.DIRTY_LOG_RING_WITH_BITMAP);
  }

  /**
   * Accesses to model-specific registers that are exits: {@link Cap#X86_USER_SPACE_MSR}.
   *
   * @param reasons {@code KVM_MSR_EXIT_REASON_…}, or-ed
   * @throws KvmException if refused
   */
  public void userSpaceMsr(int reasons) throws KvmException {
    vm.enableCap(Cap.X86_USER_SPACE_MSR, reasons);
  }

  /**
   * Pending exceptions are told with their payload: {@link Cap#EXCEPTION_PAYLOAD}.
   *
   * @param on whether
   * @throws KvmException if refused
   */
  public void exceptionPayload(boolean on) throws KvmException {
    vm.enableCap(Cap.EXCEPTION_PAYLOAD, on ? 1 : 0);
  }

  /**
   * How long a vCPU that waits looks for work before it sleeps: {@link Cap#HALT_POLL}.
   *
   * @param nanoseconds the longest time, unsigned; 0 turns it off
   * @throws KvmException if refused
   */
  public void haltPoll(int nanoseconds) throws KvmException {
    vm.enableCap(Cap.HALT_POLL, Integer.toUnsignedLong(nanoseconds));
  }

  /**
   * Instructions that the guest runs without an exit: {@link Cap#X86_DISABLE_EXITS}. Before the
   * first vCPU. A guest so holds a processor of the host for as long as it likes.
   *
   * @param flags {@code KVM_X86_DISABLE_EXITS_…}, or-ed
   * @throws KvmException if refused
   */
  public void disableExits(int flags) throws KvmException {
    vm.enableCap(Cap.X86_DISABLE_EXITS, flags);
  }

  /**
   * Locks of the bus, which slow all processors down: {@link Cap#X86_BUS_LOCK_EXIT}.
   *
   * @param mode {@code KVM_BUS_LOCK_DETECTION_…}
   * @throws KvmException if refused
   */
  public void busLockExit(int mode) throws KvmException {
    vm.enableCap(Cap.X86_BUS_LOCK_EXIT, mode);
  }

  /**
   * Guests that take no events for too long: {@link Cap#X86_NOTIFY_VMEXIT}.
   *
   * @param window how long, in cycles of the time stamp counter, unsigned; added to a minimum of
   *     the processor's
   * @param flags {@code KVM_X86_NOTIFY_VMEXIT_…}, or-ed
   * @throws KvmException if refused
   */
  public void notifyVmexit(int window, int flags) throws KvmException {
    vm.enableCap(Cap.X86_NOTIFY_VMEXIT, ((long) window << 32) | Integer.toUnsignedLong(flags));
  }

  /**
   * Hypercalls that are exits: {@link Cap#EXIT_HYPERCALL}.
   *
   * @param hypercalls bit n is hypercall n; 12 is {@code KVM_HC_MAP_GPA_RANGE}
   * @throws KvmException if refused
   */
  public void exitHypercall(long hypercalls) throws KvmException {
    vm.enableCap(Cap.EXIT_HYPERCALL, hypercalls);
  }

  /**
   * Leaves out behaviour kept for old monitors: {@link Cap#DISABLE_QUIRKS}.
   *
   * @param quirks {@code KVM_X86_QUIRK_…}, or-ed
   * @throws KvmException if refused
   */
  public void disableQuirks(long quirks) throws KvmException {
    vm.enableCap(Cap.DISABLE_QUIRKS, quirks);
  }

  /**
   * As {@link #disableQuirks}, refusing those that KVM does not know: {@link Cap#DISABLE_QUIRKS2}.
   *
   * @param quirks {@code KVM_X86_QUIRK_…}, or-ed
   * @throws KvmException {@code EINVAL} if one is not known
   */
  public void disableQuirks2(long quirks) throws KvmException {
    vm.enableCap(Cap.DISABLE_QUIRKS2, quirks);
  }

  /**
   * The highest number of a vCPU there will be, so that KVM's tables need not have room for all:
   * {@link Cap#MAX_VCPU_ID}. Before the first vCPU, once.
   *
   * @param count one more than the highest number
   * @throws KvmException if refused
   */
  public void maxVcpuId(int count) throws KvmException {
    vm.enableCap(Cap.MAX_VCPU_ID, count);
  }

  /**
   * The guest's performance counters: {@link Cap#PMU_CAPABILITY}. Before the first vCPU.
   *
   * @param flags {@link #KVM_PMU_CAP_DISABLE}, or 0
   * @throws KvmException if refused
   */
  public void pmuCapability(int flags) throws KvmException {
    vm.enableCap(Cap.PMU_CAPABILITY, flags);
  }

  /**
   * Whether the guest reads the MSR that tells of the platform: {@link Cap#MSR_PLATFORM_INFO}.
   *
   * @param on whether
   * @throws KvmException if refused
   */
  public void msrPlatformInfo(boolean on) throws KvmException {
    vm.enableCap(Cap.MSR_PLATFORM_INFO, on ? 1 : 0);
  }

  /**
   * An instruction that KVM cannot emulate is always an exit, at user privilege too: {@link
   * Cap#EXIT_ON_EMULATION_FAILURE}.
   *
   * @param on whether
   * @throws KvmException if refused
   */
  public void exitOnEmulationFailure(boolean on) throws KvmException {
    vm.enableCap(Cap.EXIT_ON_EMULATION_FAILURE, on ? 1 : 0);
  }

  /**
   * A triple fault that is pending is part of a vCPU's events: {@link Cap#X86_TRIPLE_FAULT_EVENT}.
   *
   * @param on whether
   * @throws KvmException if refused
   */
  public void tripleFaultEvent(boolean on) throws KvmException {
    vm.enableCap(Cap.X86_TRIPLE_FAULT_EVENT, on ? 1 : 0);
  }

  /**
   * Huge pages stay executable, for guests that are trusted not to use a fault of some processors:
   * {@link Cap#VM_DISABLE_NX_HUGE_PAGES}. Needs the right to restart the host.
   *
   * @throws KvmException {@code EPERM} without that right
   */
  public void disableNxHugePages() throws KvmException {
    vm.enableCap(Cap.VM_DISABLE_NX_HUGE_PAGES);
  }

  /**
   * The length of a cycle of the local APICs' timers: {@link Cap#X86_APIC_BUS_CYCLES_NS}. Before
   * the first vCPU, with local APICs in the kernel.
   *
   * @param nanoseconds the length, at least 1
   * @throws KvmException if refused
   */
  public void apicBusCyclesNs(int nanoseconds) throws KvmException {
    vm.enableCap(Cap.X86_APIC_BUS_CYCLES_NS, nanoseconds);
  }

  /**
   * Lets the guest use what a file of SGX allows, such as the provisioning key: {@link
   * Cap#SGX_ATTRIBUTE}.
   *
   * @param attribute the open file
   * @throws KvmException if refused
   */
  public void sgxAttribute(OwnedFd attribute) throws KvmException {
    withFd(Cap.SGX_ATTRIBUTE, attribute);
  }

  /**
   * Shares the memory encryption key of another VM, as a helper beside it needs: {@link
   * Cap#VM_COPY_ENC_CONTEXT_FROM}.
   *
   * @param source the other VM
   * @throws KvmException if refused
   */
  public void copyEncryptionContextFrom(Vm source) throws KvmException {
    withFd(Cap.VM_COPY_ENC_CONTEXT_FROM, source.fd());
  }

  /**
   * Takes the memory encryption key of another VM over, as a monitor that replaces itself needs:
   * {@link Cap#VM_MOVE_ENC_CONTEXT_FROM}.
   *
   * @param source the other VM
   * @throws KvmException if refused
   */
  public void moveEncryptionContextFrom(Vm source) throws KvmException {
    withFd(Cap.VM_MOVE_ENC_CONTEXT_FROM, source.fd());
  }

  private void withFd(Cap cap, OwnedFd fd) throws KvmException {
    int number = fd.acquire();
    try {
      vm.enableCap(cap, number);
    } finally {
      fd.release();
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Why something ran on none of the machines at hand: a software KVM, and {@code kvm_amd} of
 * Debian's cloud kernels on QEMU's emulated processor.
 */
final class KvmNowhere {
  /** Stands where nobody has said why; a test refuses it in the document. */
  static final String UNKNOWN = "reason unknown";

  private static final Map<Cap, String> CAPS = caps();
  private static final Map<String, String> IOCTLS = ioctls();

  private KvmNowhere() {}

  static String why(Cap cap) {
    return CAPS.getOrDefault(cap, UNKNOWN);
  }

  static String why(String ioctl) {
    return IOCTLS.getOrDefault(ioctl, UNKNOWN);
  }

  private static Map<Cap, String> caps() {
    Map<Cap, String> why = new EnumMap<>(Cap.class);
    put(why, "Linux has given it up", Cap.PV_MMU, Cap.IOMMU, Cap.ASSIGN_DEV_IRQ, Cap.PCI_2_3);
    put(
        why,
        "x86's KVM never answers for it; another architecture's does",
        Cap.SW_TLB,
        Cap.IRQ_MPIC,
        Cap.GUEST_DEBUG_HW_BPS,
        Cap.GUEST_DEBUG_HW_WPS,
        Cap.MSI_DEVID,
        Cap.PTP_KVM,
        Cap.VM_ATTRIBUTES,
        Cap.VM_GPA_BITS,
        Cap.COUNTER_OFFSET);
    put(why, "x86's KVM has it and does not announce it", Cap.INTR_SHADOW);
    put(why, "replaced by KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2", Cap.MANUAL_DIRTY_LOG_PROTECT);
    put(
        why,
        "x86 orders memory so strongly that it needs no bitmap beside the rings",
        Cap.DIRTY_LOG_RING_WITH_BITMAP);
    put(why, "kernels built without KVM_XEN", Cap.XEN_HVM);
    put(
        why,
        "kernels built without KVM_HYPERV",
        Cap.HYPERV,
        Cap.HYPERV_VAPIC,
        Cap.HYPERV_SPIN,
        Cap.HYPERV_TIME,
        Cap.HYPERV_SYNIC,
        Cap.HYPERV_SYNIC2,
        Cap.HYPERV_VP_INDEX,
        Cap.HYPERV_EVENTFD,
        Cap.HYPERV_TLBFLUSH,
        Cap.HYPERV_SEND_IPI,
        Cap.HYPERV_CPUID,
        Cap.SYS_HYPERV_CPUID,
        Cap.HYPERV_ENFORCE_CPUID);
    put(why, "only under Hyper-V itself", Cap.HYPERV_DIRECT_TLBFLUSH);
    put(
        why,
        "only with VMX",
        Cap.HYPERV_ENLIGHTENED_VMCS,
        Cap.X86_BUS_LOCK_EXIT,
        Cap.X86_NOTIFY_VMEXIT,
        Cap.SGX_ATTRIBUTE);
    put(why, "the processor cannot scale the TSC", Cap.TSC_CONTROL, Cap.VM_TSC_CONTROL);
    put(why, "the processor has no PMU that KVM knows", Cap.PMU_CAPABILITY);
    put(why, "kernels built without KVM_SMM", Cap.X86_SMM, Cap.MULTI_ADDRESS_SPACE);
    put(why, "younger than these kernels", Cap.PRE_FAULT_MEMORY);
    put(
        why,
        "needs VMs with protected memory, which these kernels and processors lack",
        Cap.MEMORY_ATTRIBUTES);
    return why;
  }

  private static void put(Map<Cap, String> reasons, String why, Cap... caps) {
    for (Cap cap : caps) {
      reasons.put(cap, why);
    }
  }

  private static Map<String, String> ioctls() {
    Map<String, String> why = new HashMap<>();
    String sev = "the processors have no SEV";
    why.put("KVM_MEMORY_ENCRYPT_OP", sev);
    why.put("KVM_MEMORY_ENCRYPT_REG_REGION", sev);
    why.put("KVM_MEMORY_ENCRYPT_UNREG_REGION", sev);
    needs(
        why,
        Cap.XEN_HVM,
        "KVM_XEN_HVM_CONFIG",
        "KVM_XEN_HVM_GET_ATTR",
        "KVM_XEN_HVM_SET_ATTR",
        "KVM_XEN_VCPU_GET_ATTR",
        "KVM_XEN_VCPU_SET_ATTR",
        "KVM_XEN_HVM_EVTCHN_SEND");
    needs(why, Cap.MEMORY_ATTRIBUTES, "KVM_SET_MEMORY_ATTRIBUTES");
    needs(why, Cap.PRE_FAULT_MEMORY, "KVM_PRE_FAULT_MEMORY");
    needs(why, Cap.HYPERV_EVENTFD, "KVM_HYPERV_EVENTFD");
    needs(why, Cap.SYS_HYPERV_CPUID, "KVM_GET_SUPPORTED_HV_CPUID");
    needs(why, Cap.X86_SMM, "KVM_SMI");
    // The host's KVM has the capability, but no test has registers of x86 for it.
    for (String ioctl : List.of("KVM_GET_ONE_REG", "KVM_SET_ONE_REG", "KVM_GET_REG_LIST")) {
      why.put(ioctl, "Linux 6.12 has `KVM_CAP_ONE_REG` for other architectures alone");
    }
    return why;
  }

  private static void needs(Map<String, String> reasons, Cap cap, String... ioctls) {
    for (String ioctl : ioctls) {
      reasons.put(ioctl, "no KVM at hand has `KVM_CAP_" + cap + "`");
    }
  }
}

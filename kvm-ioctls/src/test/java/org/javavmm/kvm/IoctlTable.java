// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Every ioctl of the header of Linux 6.12 with its methods, or with the reason why it has none. */
final class IoctlTable {
  static final String OTHER_ARCHITECTURE = "another architecture";
  static final String OBSOLETE = "obsolete in KVM's documentation";

  /** Of an ioctl that has methods, but that only mocks ever took. */
  static final String ARM64 = "arm64, not run on hardware";

  /**
   * An ioctl.
   *
   * @param methods its methods, {@code Class.method}, with the package before it if it is another;
   *     empty if it has none
   * @param absence why it has none; empty if it has
   * @param limit what is to be known of its methods, {@link #ARM64}; else empty
   */
  record Row(List<String> methods, String absence, String limit) {
    boolean isMockOnly() {
      return !limit.isEmpty();
    }
  }

  static final Map<String, Row> ROWS = rows();

  private IoctlTable() {}

  private static Map<String, Row> rows() {
    Map<String, Row> rows = new LinkedHashMap<>();
    method(rows, "KVM_GET_API_VERSION", "Kvm.apiVersion");
    method(rows, "KVM_CREATE_VM", "Kvm.createVm");
    method(rows, "KVM_GET_MSR_INDEX_LIST", "Kvm.getMsrIndexList");
    method(rows, "KVM_CHECK_EXTENSION", "Kvm.checkExtension", "Vm.checkExtension");
    method(rows, "KVM_GET_VCPU_MMAP_SIZE", "Kvm.createVm");
    method(rows, "KVM_GET_SUPPORTED_CPUID", "Kvm.supportedCpuid");
    method(rows, "KVM_GET_EMULATED_CPUID", "Kvm.emulatedCpuid");
    method(rows, "KVM_GET_MSR_FEATURE_INDEX_LIST", "Kvm.getMsrFeatureIndexList");
    method(rows, "KVM_GET_SUPPORTED_HV_CPUID", "Kvm.supportedHvCpuid", "Vcpu.supportedHvCpuid");
    method(rows, "KVM_X86_GET_MCE_CAP_SUPPORTED", "Kvm.mceCapSupported");
    method(rows, "KVM_CREATE_VCPU", "Vm.createVcpu");
    method(rows, "KVM_GET_DIRTY_LOG", "Vm.getDirtyLog");
    method(rows, "KVM_CLEAR_DIRTY_LOG", "Vm.clearDirtyLog");
    method(rows, "KVM_RESET_DIRTY_RINGS", "Vm.resetDirtyRings");
    method(rows, "KVM_SET_NR_MMU_PAGES", "Vm.setNrMmuPages");
    method(rows, "KVM_GET_NR_MMU_PAGES", "Vm.getNrMmuPages");
    method(rows, "KVM_SET_USER_MEMORY_REGION", "Vm.setUserMemoryRegion");
    method(rows, "KVM_SET_USER_MEMORY_REGION2", "Vm.setUserMemoryRegion2");
    method(rows, "KVM_CREATE_GUEST_MEMFD", "Vm.createGuestMemfd");
    method(rows, "KVM_SET_MEMORY_ATTRIBUTES", "Vm.setMemoryAttributes");
    method(rows, "KVM_SET_TSS_ADDR", "Vm.setTssAddress");
    method(rows, "KVM_SET_IDENTITY_MAP_ADDR", "Vm.setIdentityMapAddress");
    method(
        rows, "KVM_REGISTER_COALESCED_MMIO", "Vm.registerCoalescedMmio", "Vm.registerCoalescedPio");
    method(
        rows,
        "KVM_UNREGISTER_COALESCED_MMIO",
        "Vm.unregisterCoalescedMmio",
        "Vm.unregisterCoalescedPio");
    method(rows, "KVM_CREATE_IRQCHIP", "Vm.createIrqchip");
    method(rows, "KVM_IRQ_LINE", "Vm.setIrqLine");
    method(rows, "KVM_IRQ_LINE_STATUS", "Vm.irqLineStatus");
    method(rows, "KVM_GET_IRQCHIP", "Vm.getPicMaster", "Vm.getPicSlave", "Vm.getIoapic");
    method(rows, "KVM_SET_IRQCHIP", "Vm.setPicMaster", "Vm.setPicSlave", "Vm.setIoapic");
    method(rows, "KVM_CREATE_PIT", "Vm.createPit");
    method(rows, "KVM_CREATE_PIT2", "Vm.createPit2");
    method(rows, "KVM_GET_PIT2", "Vm.getPit2");
    method(rows, "KVM_SET_PIT2", "Vm.setPit2");
    method(rows, "KVM_REINJECT_CONTROL", "Vm.reinjectControl");
    method(rows, "KVM_SET_GSI_ROUTING", "Vm.setGsiRouting");
    method(rows, "KVM_SIGNAL_MSI", "Vm.signalMsi");
    method(rows, "KVM_IRQFD", "Vm.registerIrqfd", "Vm.unregisterIrqfd");
    method(rows, "KVM_IOEVENTFD", "Vm.registerIoeventfd", "Vm.unregisterIoeventfd");
    method(rows, "KVM_SET_BOOT_CPU_ID", "Vm.setBootCpuId");
    method(rows, "KVM_GET_CLOCK", "Vm.getClock");
    method(rows, "KVM_SET_CLOCK", "Vm.setClock");
    method(rows, "KVM_GET_TSC_KHZ", "Vm.getTscKhz", "Vcpu.getTscKhz");
    method(rows, "KVM_SET_TSC_KHZ", "Vm.setTscKhz", "Vcpu.setTscKhz");
    method(rows, "KVM_X86_SET_MSR_FILTER", "Vm.setMsrFilter");
    method(rows, "KVM_SET_PMU_EVENT_FILTER", "Vm.setPmuEventFilter");
    method(rows, "KVM_ENABLE_CAP", "Vm.enableCap", "Vcpu.enableCap");
    method(rows, "KVM_CREATE_DEVICE", "Vm.createDevice", "Vm.hasDevice");
    method(rows, "KVM_HAS_DEVICE_ATTR", "DeviceAttributes.has");
    method(rows, "KVM_GET_DEVICE_ATTR", "DeviceAttributes.get");
    method(rows, "KVM_SET_DEVICE_ATTR", "DeviceAttributes.set");
    method(rows, "KVM_MEMORY_ENCRYPT_OP", "Sev.launchStart", "Vm.memoryEncryptOp");
    method(rows, "KVM_MEMORY_ENCRYPT_REG_REGION", "Vm.registerEncryptedRegion");
    method(rows, "KVM_MEMORY_ENCRYPT_UNREG_REGION", "Vm.unregisterEncryptedRegion");
    method(rows, "KVM_XEN_HVM_CONFIG", "XenHvm.config");
    method(rows, "KVM_XEN_HVM_GET_ATTR", "XenHvm.getLongMode");
    method(rows, "KVM_XEN_HVM_SET_ATTR", "XenHvm.setLongMode");
    method(rows, "KVM_XEN_HVM_EVTCHN_SEND", "XenHvm.evtchnSend");
    method(rows, "KVM_HYPERV_EVENTFD", "Vm.registerHypervEventfd", "Vm.unregisterHypervEventfd");
    method(rows, "KVM_GET_STATS_FD", "Vm.stats", "Vcpu.stats");
    method(rows, "KVM_RUN", "Vcpu.run");
    method(rows, "KVM_GET_REGS", "Vcpu.getRegs");
    method(rows, "KVM_SET_REGS", "Vcpu.setRegs");
    method(rows, "KVM_GET_SREGS", "Vcpu.getSregs");
    method(rows, "KVM_SET_SREGS", "Vcpu.setSregs");
    method(rows, "KVM_GET_SREGS2", "Vcpu.getSregs2");
    method(rows, "KVM_SET_SREGS2", "Vcpu.setSregs2");
    method(rows, "KVM_TRANSLATE", "Vcpu.translate");
    method(rows, "KVM_INTERRUPT", "Vcpu.interrupt");
    method(rows, "KVM_GET_MSRS", "Vcpu.getMsrs", "Kvm.getFeatureMsrs");
    method(rows, "KVM_SET_MSRS", "Vcpu.setMsrs");
    method(rows, "KVM_SET_CPUID", "Vcpu.setCpuid");
    method(rows, "KVM_SET_CPUID2", "Vcpu.setCpuid2");
    method(rows, "KVM_GET_CPUID2", "Vcpu.getCpuid2");
    method(rows, "KVM_SET_SIGNAL_MASK", "Vcpu.setSignalMask");
    method(rows, "KVM_GET_FPU", "Vcpu.getFpu");
    method(rows, "KVM_SET_FPU", "Vcpu.setFpu");
    method(rows, "KVM_GET_LAPIC", "Vcpu.getLapic");
    method(rows, "KVM_SET_LAPIC", "Vcpu.setLapic");
    method(rows, "KVM_TPR_ACCESS_REPORTING", "Vcpu.setTprAccessReporting");
    method(rows, "KVM_SET_VAPIC_ADDR", "Vcpu.setVapicAddress");
    method(rows, "KVM_GET_MP_STATE", "Vcpu.getMpState");
    method(rows, "KVM_SET_MP_STATE", "Vcpu.setMpState");
    method(rows, "KVM_NMI", "Vcpu.nmi");
    method(rows, "KVM_SMI", "Vcpu.smi");
    method(rows, "KVM_SET_GUEST_DEBUG", "Vcpu.setGuestDebug");
    method(rows, "KVM_X86_SETUP_MCE", "Vcpu.setupMce");
    method(rows, "KVM_X86_SET_MCE", "Vcpu.setMce");
    method(rows, "KVM_GET_VCPU_EVENTS", "Vcpu.getVcpuEvents");
    method(rows, "KVM_SET_VCPU_EVENTS", "Vcpu.setVcpuEvents");
    method(rows, "KVM_GET_DEBUGREGS", "Vcpu.getDebugRegs");
    method(rows, "KVM_SET_DEBUGREGS", "Vcpu.setDebugRegs");
    method(rows, "KVM_GET_XSAVE", "Vcpu.getXsave");
    method(rows, "KVM_SET_XSAVE", "Vcpu.setXsave");
    method(rows, "KVM_GET_XSAVE2", "Vcpu.getXsave2");
    method(rows, "KVM_GET_XCRS", "Vcpu.getXcrs");
    method(rows, "KVM_SET_XCRS", "Vcpu.setXcrs");
    method(rows, "KVM_GET_ONE_REG", "Vcpu.getOneReg");
    method(rows, "KVM_SET_ONE_REG", "Vcpu.setOneReg");
    method(rows, "KVM_GET_REG_LIST", "Vcpu.getRegList");
    method(rows, "KVM_KVMCLOCK_CTRL", "Vcpu.kvmclockCtrl");
    method(rows, "KVM_GET_NESTED_STATE", "Vcpu.getNestedState");
    method(rows, "KVM_SET_NESTED_STATE", "Vcpu.setNestedState");
    method(rows, "KVM_XEN_VCPU_GET_ATTR", "Vcpu.getXenAttr");
    method(rows, "KVM_XEN_VCPU_SET_ATTR", "Vcpu.setXenAttr");
    method(rows, "KVM_PRE_FAULT_MEMORY", "Vcpu.preFaultMemory");
    arm64(rows, "KVM_ARM_PREFERRED_TARGET", "arm64.ArmVm.preferredTarget");
    arm64(rows, "KVM_ARM_SET_DEVICE_ADDR", "arm64.ArmVm.setVgicV2Address");
    arm64(rows, "KVM_ARM_SET_COUNTER_OFFSET", "arm64.ArmVm.setCounterOffset");
    arm64(rows, "KVM_ARM_MTE_COPY_TAGS", "arm64.ArmVm.copyMteTags");
    arm64(rows, "KVM_ARM_GET_REG_WRITABLE_MASKS", "arm64.ArmVm.getRegWritableMasks");
    arm64(rows, "KVM_ARM_VCPU_INIT", "arm64.ArmVcpu.init");
    arm64(rows, "KVM_ARM_VCPU_FINALIZE", "arm64.ArmVcpu.finalizeFeature");
    // The documentation of KVM_GET_PIT2 and KVM_SET_PIT2 says so.
    absent(rows, OBSOLETE, "KVM_GET_PIT", "KVM_SET_PIT");
    absent(
        rows,
        OTHER_ARCHITECTURE,
        "KVM_ALLOCATE_RMA",
        "KVM_CREATE_SPAPR_TCE",
        "KVM_CREATE_SPAPR_TCE_64",
        "KVM_DIRTY_TLB",
        "KVM_PPC_ALLOCATE_HTAB",
        "KVM_PPC_CONFIGURE_V3_MMU",
        "KVM_PPC_GET_CPU_CHAR",
        "KVM_PPC_GET_HTAB_FD",
        "KVM_PPC_GET_PVINFO",
        "KVM_PPC_GET_RMMU_INFO",
        "KVM_PPC_GET_SMMU_INFO",
        "KVM_PPC_RESIZE_HPT_COMMIT",
        "KVM_PPC_RESIZE_HPT_PREPARE",
        "KVM_PPC_RTAS_DEFINE_TOKEN",
        "KVM_PPC_SVM_OFF",
        "KVM_S390_CLEAR_RESET",
        "KVM_S390_ENABLE_SIE",
        "KVM_S390_GET_CMMA_BITS",
        "KVM_S390_GET_IRQ_STATE",
        "KVM_S390_GET_SKEYS",
        "KVM_S390_INITIAL_RESET",
        "KVM_S390_INTERRUPT",
        "KVM_S390_IRQ",
        "KVM_S390_MEM_OP",
        "KVM_S390_NORMAL_RESET",
        "KVM_S390_PV_COMMAND",
        "KVM_S390_PV_CPU_COMMAND",
        "KVM_S390_SET_CMMA_BITS",
        "KVM_S390_SET_INITIAL_PSW",
        "KVM_S390_SET_IRQ_STATE",
        "KVM_S390_SET_SKEYS",
        "KVM_S390_STORE_STATUS",
        "KVM_S390_UCAS_MAP",
        "KVM_S390_UCAS_UNMAP",
        "KVM_S390_VCPU_FAULT",
        "KVM_S390_ZPCI_OP");
    return Collections.unmodifiableMap(rows);
  }

  private static void method(Map<String, Row> rows, String ioctl, String... methods) {
    put(rows, ioctl, new Row(List.of(methods), "", ""));
  }

  private static void arm64(Map<String, Row> rows, String ioctl, String... methods) {
    put(rows, ioctl, new Row(List.of(methods), "", ARM64));
  }

  private static void absent(Map<String, Row> rows, String reason, String... ioctls) {
    for (String ioctl : ioctls) {
      put(rows, ioctl, new Row(List.of(), reason, ""));
    }
  }

  private static void put(Map<String, Row> rows, String ioctl, Row row) {
    if (rows.putIfAbsent(ioctl, row) != null) {
      throw new IllegalStateException(ioctl + " stands twice");
    }
  }

  /** Those of a row's methods that there are not. */
  static List<String> missing(Row row) {
    List<String> missing = new ArrayList<>();
    for (String method : row.methods()) {
      int dot = method.lastIndexOf('.');
      String name = method.substring(dot + 1);
      try {
        Class<?> type = Class.forName("org.javavmm.kvm." + method.substring(0, dot));
        boolean there = false;
        for (var candidate : type.getMethods()) {
          there |= candidate.getName().equals(name);
        }
        if (!there) {
          missing.add(method);
        }
      } catch (ClassNotFoundException e) {
        missing.add(method);
      }
    }
    return missing;
  }
}

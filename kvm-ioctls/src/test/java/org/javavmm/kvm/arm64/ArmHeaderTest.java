// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.javavmm.kvm.UapiHeader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Numbers against what a C compiler makes of arm64's header: macros with arguments and structures
 * that the bindings lack. gcc for x86-64 stands in for one for arm64: both are LP64 with the same
 * alignments of these types.
 */
class ArmHeaderTest {
  @TempDir private Path folder;

  private final Map<String, Long> expected = new LinkedHashMap<>();

  private void c(String expression, long inJava) {
    assertTrue(expected.putIfAbsent(expression, inJava) == null, expression);
  }

  private static String core(String field) {
    return "KVM_REG_ARM64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(" + field + ") | ";
  }

  private void registers() {
    for (int i = 0; i <= 30; i++) {
      c(core("regs.regs[" + i + "]") + "KVM_REG_SIZE_U64", RegisterId.x(i).value());
    }
    c(core("regs.sp") + "KVM_REG_SIZE_U64", RegisterId.SP.value());
    c(core("regs.pc") + "KVM_REG_SIZE_U64", RegisterId.PC.value());
    c(core("regs.pstate") + "KVM_REG_SIZE_U64", RegisterId.PSTATE.value());
    c(core("sp_el1") + "KVM_REG_SIZE_U64", RegisterId.SP_EL1.value());
    c(core("elr_el1") + "KVM_REG_SIZE_U64", RegisterId.ELR_EL1.value());
    String[] modes = {"EL1", "ABT", "UND", "IRQ", "FIQ"};
    for (int i = 0; i < modes.length; i++) {
      c(core("spsr[KVM_SPSR_" + modes[i] + "]") + "KVM_REG_SIZE_U64", RegisterId.spsr(i).value());
    }
    for (int i = 0; i < 32; i++) {
      c(core("fp_regs.vregs[" + i + "]") + "KVM_REG_SIZE_U128", RegisterId.v(i).value());
    }
    c(core("fp_regs.fpsr") + "KVM_REG_SIZE_U32", RegisterId.FPSR.value());
    c(core("fp_regs.fpcr") + "KVM_REG_SIZE_U32", RegisterId.FPCR.value());
    for (int slice : new int[] {0, 1, 31}) {
      for (int i : new int[] {0, 1, 15}) {
        c("KVM_REG_ARM64_SVE_PREG(" + i + ", " + slice + ")", RegisterId.sveP(i, slice).value());
      }
      for (int i : new int[] {0, 7, 31}) {
        c("KVM_REG_ARM64_SVE_ZREG(" + i + ", " + slice + ")", RegisterId.sveZ(i, slice).value());
      }
      c("KVM_REG_ARM64_SVE_FFR(" + slice + ")", RegisterId.sveFfr(slice).value());
    }
    c("KVM_REG_ARM_FW_REG(0x1234)", RegisterId.firmware(0x1234).value());
    c("KVM_REG_ARM_FW_FEAT_BMAP_REG(0xffff)", RegisterId.firmwareFeatures(0xffff).value());
    c(
        "KVM_REG_ARM64 | KVM_REG_SIZE_U32 | KVM_REG_ARM_DEMUX | KVM_REG_ARM_DEMUX_ID_CCSIDR | 3",
        RegisterId.ccsidr(3).value());
    for (SysReg register : SysReg.values()) {
      RegisterId id = register.id();
      c(
          "ARM64_SYS_REG(%d, %d, %d, %d, %d)"
              .formatted(id.op0(), id.op1(), id.crn(), id.crm(), id.op2()),
          id.value());
    }
    c("KVM_ARM_FEATURE_ID_RANGE_IDX(3, 0, 0, 7, 7)", WritableMasks.index(id(0, 7, 7)));
    c("KVM_ARM_FEATURE_ID_RANGE_IDX(3, 3, 0, 0, 1)", WritableMasks.index(id(3, 0, 1)));
    c("KVM_ARM_FEATURE_ID_RANGE_IDX(3, 1, 0, 2, 5)", WritableMasks.index(id(1, 2, 5)));
  }

  private static RegisterId id(int op1, int crm, int op2) {
    return RegisterId.sysReg(3, op1, 0, crm, op2);
  }

  private void structures() {
    c("sizeof(struct kvm_regs)", RegsLayout.SIZEOF);
    c("KVM_NR_SPSR", RegsLayout.KVM_NR_SPSR);
    c("sizeof(struct kvm_guest_debug)", GuestDebugLayout.SIZEOF);
    c("offsetof(struct kvm_guest_debug, control)", GuestDebugLayout.CONTROL);
    c("offsetof(struct kvm_guest_debug, arch.dbg_wvr)", GuestDebugLayout.DBG_WVR);
    c("sizeof(struct kvm_pmu_event_filter)", PmuEventFilterLayout.SIZEOF);
    c("offsetof(struct kvm_pmu_event_filter, base_event)", PmuEventFilterLayout.BASE_EVENT);
    c("offsetof(struct kvm_pmu_event_filter, nevents)", PmuEventFilterLayout.NEVENTS);
    c("offsetof(struct kvm_pmu_event_filter, action)", PmuEventFilterLayout.ACTION);
    c("KVM_PMU_EVENT_ALLOW", ArmPmuEventFilter.KVM_PMU_EVENT_ALLOW);
    c("KVM_PMU_EVENT_DENY", ArmPmuEventFilter.KVM_PMU_EVENT_DENY);
    c("VGIC_LEVEL_INFO_LINE_LEVEL", VgicLayout.LEVEL_INFO_LINE_LEVEL);
    c("KVM_VM_TYPE_ARM_IPA_SIZE(48)", 48);
    c("KVM_SMCCC_FILTER_HANDLE", SmcccAction.HANDLE.number());
    c("KVM_SMCCC_FILTER_DENY", SmcccAction.DENY.number());
    c("KVM_SMCCC_FILTER_FWD_TO_USER", SmcccAction.FORWARD_TO_USER.number());
    c("KVM_HYPERCALL_EXIT_SMC", ArmExits.KVM_HYPERCALL_EXIT_SMC);
    c("KVM_HYPERCALL_EXIT_16BIT", ArmExits.KVM_HYPERCALL_EXIT_16BIT);
    c("KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2", ArmExits.KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2);
    c("KVM_EXIT_FAIL_ENTRY_CPU_UNSUPPORTED", ArmExits.KVM_EXIT_FAIL_ENTRY_CPU_UNSUPPORTED);
    c("offsetof(struct kvm_debug_exit_arch, hsr_high)", 4);
    c("offsetof(struct kvm_debug_exit_arch, far)", 8);
    for (ArmIoctl ioctl : ArmIoctl.values()) {
      c(ioctl.name(), ioctl.number);
    }
    for (ArmCap cap : ArmCap.values()) {
      c("KVM_CAP_" + cap, cap.number());
    }
  }

  @Test
  void aCompilerSeesTheSameNumbers() throws Exception {
    Path headers = UapiHeader.folder("arm64");
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/gcc")), "capability gcc: it is not installed");
    registers();
    structures();
    StringBuilder program = new StringBuilder();
    program.append("#include <stddef.h>\n#include <stdio.h>\n#include <linux/kvm.h>\n");
    program.append("int main(void) {\n");
    for (String expression : expected.keySet()) {
      program.append("printf(\"%llu\\n\", (unsigned long long) (").append(expression);
      program.append("));\n");
    }
    program.append("return 0; }\n");
    Path source = Files.writeString(folder.resolve("probe.c"), program);
    Path probe = folder.resolve("probe");
    String flags = "-std=gnu17 -w -funsigned-char";
    String compiler = "/usr/bin/gcc " + flags + " -I " + headers + " -o " + probe + " " + source;
    assertEquals("", run(List.of(compiler.split(" ", -1))));
    List<String> lines = run(List.of(probe.toString())).lines().toList();
    assertEquals(expected.size(), lines.size());
    Map<String, String> wrong = new TreeMap<>();
    int i = 0;
    for (Map.Entry<String, Long> entry : expected.entrySet()) {
      long inC = Long.parseUnsignedLong(lines.get(i++));
      if (inC != entry.getValue()) {
        wrong.put(entry.getKey(), "%#x in Java, %#x in C".formatted(entry.getValue(), inC));
      }
    }
    assertEquals(Map.of(), wrong);
  }

  @Test
  void noCapabilityOfArmIsForgotten() throws Exception {
    Path header = UapiHeader.folder("arm64").resolve("linux").resolve("kvm.h");
    Map<String, Integer> inHeader = UapiHeader.numbers(Files.readString(header), "KVM_CAP_ARM_");
    Map<String, Integer> inJava = new TreeMap<>();
    for (ArmCap cap : ArmCap.values()) {
      inJava.put(cap.name().substring("ARM_".length()), cap.number());
    }
    assertEquals(inHeader, inJava);
  }

  private static String run(List<String> command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String out = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertEquals(0, process.waitFor(), out);
    return out;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The capabilities of the header that are neither in {@link Cap} nor in {@link
 * org.javavmm.kvm.arm64.ArmCap}: those of MIPS, PowerPC and s390. A test compares all three with
 * the header.
 */
final class CapTable {
  /** Names without {@code KVM_CAP_}, and numbers, in the order of these. */
  static final Map<String, Integer> OTHER_ARCHITECTURES = others();

  private CapTable() {}

  private static Map<String, Integer> others() {
    Map<String, Integer> caps = new LinkedHashMap<>();
    put(caps, "S390_PSW", 42);
    put(caps, "PPC_SEGSTATE", 43);
    put(caps, "PPC_PAIRED_SINGLES", 48);
    put(caps, "PPC_OSI", 52);
    put(caps, "PPC_UNSET_IRQ", 53);
    put(caps, "PPC_GET_PVINFO", 57);
    put(caps, "PPC_IRQ_LEVEL", 58);
    put(caps, "PPC_BOOKE_SREGS", 62);
    put(caps, "SPAPR_TCE", 63);
    put(caps, "PPC_SMT", 64);
    put(caps, "PPC_RMA", 65);
    put(caps, "PPC_HIOR", 67);
    put(caps, "PPC_PAPR", 68);
    put(caps, "S390_GMAP", 71);
    put(caps, "S390_UCONTROL", 73);
    put(caps, "PPC_GET_SMMU_INFO", 78);
    put(caps, "S390_COW", 79);
    put(caps, "PPC_ALLOC_HTAB", 80);
    put(caps, "PPC_BOOKE_WATCHDOG", 83);
    put(caps, "PPC_HTAB_FD", 84);
    put(caps, "S390_CSS_SUPPORT", 85);
    put(caps, "PPC_EPR", 86);
    put(caps, "PPC_RTAS", 91);
    put(caps, "IRQ_XICS", 92);
    put(caps, "SPAPR_MULTITCE", 94);
    put(caps, "S390_IRQCHIP", 99);
    put(caps, "PPC_FIXUP_HCALL", 103);
    put(caps, "PPC_ENABLE_HCALL", 104);
    put(caps, "S390_USER_SIGP", 106);
    put(caps, "S390_VECTOR_REGISTERS", 107);
    put(caps, "S390_MEM_OP", 108);
    put(caps, "S390_USER_STSI", 109);
    put(caps, "S390_SKEYS", 110);
    put(caps, "MIPS_FPU", 111);
    put(caps, "MIPS_MSA", 112);
    put(caps, "S390_INJECT_IRQ", 113);
    put(caps, "S390_IRQ_STATE", 114);
    put(caps, "PPC_HWRNG", 115);
    put(caps, "S390_RI", 124);
    put(caps, "SPAPR_TCE_64", 125);
    put(caps, "S390_USER_INSTR0", 130);
    put(caps, "PPC_HTM", 132);
    put(caps, "SPAPR_RESIZE_HPT", 133);
    put(caps, "PPC_MMU_RADIX", 134);
    put(caps, "PPC_MMU_HASH_V3", 135);
    put(caps, "MIPS_VZ", 137);
    put(caps, "MIPS_TE", 138);
    put(caps, "MIPS_64BIT", 139);
    put(caps, "S390_GS", 140);
    put(caps, "S390_AIS", 141);
    put(caps, "SPAPR_TCE_VFIO", 142);
    put(caps, "S390_CMMA_MIGRATION", 145);
    put(caps, "PPC_FWNMI", 146);
    put(caps, "PPC_SMT_POSSIBLE", 147);
    put(caps, "S390_AIS_MIGRATION", 150);
    put(caps, "PPC_GET_CPU_CHAR", 151);
    put(caps, "S390_BPB", 152);
    put(caps, "S390_HPAGE_1M", 156);
    put(caps, "PPC_NESTED_HV", 160);
    put(caps, "PPC_IRQ_XIVE", 169);
    put(caps, "PPC_GUEST_DEBUG_SSTEP", 176);
    put(caps, "S390_VCPU_RESETS", 179);
    put(caps, "S390_PROTECTED", 180);
    put(caps, "PPC_SECURE_GUEST", 181);
    put(caps, "S390_DIAG318", 186);
    put(caps, "PPC_DAWR1", 194);
    put(caps, "PPC_RPT_INVALIDATE", 202);
    put(caps, "PPC_AIL_MODE_3", 210);
    put(caps, "S390_MEM_OP_EXTENSION", 211);
    put(caps, "S390_PROTECTED_DUMP", 217);
    put(caps, "S390_ZPCI_OP", 221);
    put(caps, "S390_CPU_TOPOLOGY", 222);
    put(caps, "S390_PROTECTED_ASYNC_DISABLE", 224);
    return Collections.unmodifiableMap(caps);
  }

  private static void put(Map<String, Integer> caps, String name, int number) {
    if (caps.putIfAbsent(name, number) != null) {
      throw new IllegalStateException(name + " stands twice");
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The usual system registers by name. {@link RegisterId#sysReg} makes any other; which ones a vCPU
 * has, {@link ArmVcpu#getRegList} tells.
 *
 * <p>By an old mistake that became part of its interface, KVM has {@link #CNTV_CVAL_EL0} and {@link
 * #CNTVCT_EL0} under each other's encoding. The ids here are KVM's; so an id of {@link
 * RegisterId#sysReg} with the architecture's fields of one of them is that of the other.
 */
public enum SysReg {
  /** The processor's maker and model. */
  MIDR_EL1(3, 0, 0, 0, 0),

  /** The processor's place among the others. */
  MPIDR_EL1(3, 0, 0, 0, 5),

  /** The processor's revision. */
  REVIDR_EL1(3, 0, 0, 0, 6),

  /** Features of AArch32, first register. */
  ID_PFR0_EL1(3, 0, 0, 1, 0),

  /** Features of AArch32, second register. */
  ID_PFR1_EL1(3, 0, 0, 1, 1),

  /** Debug features of AArch32. */
  ID_DFR0_EL1(3, 0, 0, 1, 2),

  /** Features of the processor, first register. */
  ID_AA64PFR0_EL1(3, 0, 0, 4, 0),

  /** Features of the processor, second register. */
  ID_AA64PFR1_EL1(3, 0, 0, 4, 1),

  /** Features of the processor, third register. */
  ID_AA64PFR2_EL1(3, 0, 0, 4, 2),

  /** Features of SVE. */
  ID_AA64ZFR0_EL1(3, 0, 0, 4, 4),

  /** Features of SME. */
  ID_AA64SMFR0_EL1(3, 0, 0, 4, 5),

  /** Debug features, first register: the number of breakpoints among them. */
  ID_AA64DFR0_EL1(3, 0, 0, 5, 0),

  /** Debug features, second register. */
  ID_AA64DFR1_EL1(3, 0, 0, 5, 1),

  /** Instructions, first register. */
  ID_AA64ISAR0_EL1(3, 0, 0, 6, 0),

  /** Instructions, second register. */
  ID_AA64ISAR1_EL1(3, 0, 0, 6, 1),

  /** Instructions, third register. */
  ID_AA64ISAR2_EL1(3, 0, 0, 6, 2),

  /** The memory model, first register: the size of physical addresses among it. */
  ID_AA64MMFR0_EL1(3, 0, 0, 7, 0),

  /** The memory model, second register. */
  ID_AA64MMFR1_EL1(3, 0, 0, 7, 1),

  /** The memory model, third register. */
  ID_AA64MMFR2_EL1(3, 0, 0, 7, 2),

  /** The memory model, fourth register. */
  ID_AA64MMFR3_EL1(3, 0, 0, 7, 3),

  /** The control of EL1: translation, caches. */
  SCTLR_EL1(3, 0, 1, 0, 0),

  /** Control that the processor's maker defines. */
  ACTLR_EL1(3, 0, 1, 0, 1),

  /** The access to floating point and SVE. */
  CPACR_EL1(3, 0, 1, 0, 2),

  /** The vector length of SVE. */
  ZCR_EL1(3, 0, 1, 2, 0),

  /** The page tables of the lower addresses. */
  TTBR0_EL1(3, 0, 2, 0, 0),

  /** The page tables of the upper addresses. */
  TTBR1_EL1(3, 0, 2, 0, 1),

  /** The control of translation. */
  TCR_EL1(3, 0, 2, 0, 2),

  /** The interrupt controller: the priority mask. */
  ICC_PMR_EL1(3, 0, 4, 6, 0),

  /** More on a fault, first register. */
  AFSR0_EL1(3, 0, 5, 1, 0),

  /** More on a fault, second register. */
  AFSR1_EL1(3, 0, 5, 1, 1),

  /** The cause of an exception. */
  ESR_EL1(3, 0, 5, 2, 0),

  /** The address of a fault. */
  FAR_EL1(3, 0, 6, 0, 0),

  /** The result of a translation asked for. */
  PAR_EL1(3, 0, 7, 4, 0),

  /** The kinds of memory. */
  MAIR_EL1(3, 0, 10, 2, 0),

  /** Kinds of memory that the processor's maker defines. */
  AMAIR_EL1(3, 0, 10, 3, 0),

  /** The exception vectors. */
  VBAR_EL1(3, 0, 12, 0, 0),

  /** The interrupt controller: the binary point of group 0. */
  ICC_BPR0_EL1(3, 0, 12, 8, 3),

  /** The interrupt controller: active priorities of group 0. */
  ICC_AP0R0_EL1(3, 0, 12, 8, 4),

  /** The interrupt controller: active priorities of group 1. */
  ICC_AP1R0_EL1(3, 0, 12, 9, 0),

  /** The interrupt controller: the binary point of group 1. */
  ICC_BPR1_EL1(3, 0, 12, 12, 3),

  /** The interrupt controller: its control. */
  ICC_CTLR_EL1(3, 0, 12, 12, 4),

  /** The interrupt controller: access by system registers. */
  ICC_SRE_EL1(3, 0, 12, 12, 5),

  /** The interrupt controller: group 0 enabled. */
  ICC_IGRPEN0_EL1(3, 0, 12, 12, 6),

  /** The interrupt controller: group 1 enabled. */
  ICC_IGRPEN1_EL1(3, 0, 12, 12, 7),

  /** The id of the context. */
  CONTEXTIDR_EL1(3, 0, 13, 0, 1),

  /** The thread's pointer at EL1. */
  TPIDR_EL1(3, 0, 13, 0, 4),

  /** The access of EL0 to the timers. */
  CNTKCTL_EL1(3, 0, 14, 1, 0),

  /** The levels of caches. */
  CLIDR_EL1(3, 1, 0, 0, 1),

  /** The cache that CCSIDR_EL1 describes. */
  CSSELR_EL1(3, 2, 0, 0, 0),

  /** Cache lines. */
  CTR_EL0(3, 3, 0, 0, 1),

  /** The block that DC ZVA clears. */
  DCZID_EL0(3, 3, 0, 0, 7),

  /** The control of the performance counters. */
  PMCR_EL0(3, 3, 9, 12, 0),

  /** The performance counter of cycles. */
  PMCCNTR_EL0(3, 3, 9, 13, 0),

  /** The access of EL0 to the performance counters. */
  PMUSERENR_EL0(3, 3, 9, 14, 0),

  /** The thread's pointer at EL0. */
  TPIDR_EL0(3, 3, 13, 0, 2),

  /** The thread's pointer at EL0, which EL0 cannot write. */
  TPIDRRO_EL0(3, 3, 13, 0, 3),

  /** The frequency of the counters. */
  CNTFRQ_EL0(3, 3, 14, 0, 0),

  /** The physical counter. */
  CNTPCT_EL0(3, 3, 14, 0, 1),

  /** The physical timer: its control. */
  CNTP_CTL_EL0(3, 3, 14, 2, 1),

  /** The physical timer: when it fires. */
  CNTP_CVAL_EL0(3, 3, 14, 2, 2),

  /** The virtual timer: its control. */
  CNTV_CTL_EL0(3, 3, 14, 3, 1),

  /** The virtual timer: when it fires. KVM's id has the encoding of CNTVCT_EL0. */
  CNTV_CVAL_EL0(3, 3, 14, 0, 2),

  /** The virtual counter. KVM's id has the encoding of CNTV_CVAL_EL0. */
  CNTVCT_EL0(3, 3, 14, 3, 2),

  /** The control of debugging. */
  MDSCR_EL1(2, 0, 0, 2, 2);

  private static final Map<RegisterId, SysReg> BY_ID = new HashMap<>();

  static {
    for (SysReg register : values()) {
      BY_ID.put(register.id(), register);
    }
  }

  private final long id;

  SysReg(int op0, int op1, int crn, int crm, int op2) {
    id = RegisterId.sysReg(op0, op1, crn, crm, op2).value();
  }

  /** {@return the register's id} */
  public RegisterId id() {
    return new RegisterId(id);
  }

  /**
   * {@return the register of an id, if it has a name here}
   *
   * @param id the id
   */
  public static Optional<SysReg> of(RegisterId id) {
    return Optional.ofNullable(BY_ID.get(id));
  }
}

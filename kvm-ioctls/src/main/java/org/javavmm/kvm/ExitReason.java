// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import org.jspecify.annotations.Nullable;

/**
 * Why {@link Vcpu#run} returned: the exits of {@code KVM_RUN} under the names of {@code
 * KVM_EXIT_…}, and three values of our own for a return without an exit.
 */
public enum ExitReason {
  /**
   * The processor left the guest for a reason that KVM does not know; {@link
   * VcpuExit#hardwareExitReason}.
   */
  UNKNOWN(0),

  /** An exception of the guest; {@link VcpuExit#exceptionVector}. Not given on x86. */
  EXCEPTION(1),

  /** An access to a port; {@link VcpuExit#ioPort} and its neighbours. String I/O is one exit. */
  IO(2),

  /** A hypercall that the monitor asked for; {@link VcpuExit#hypercallNumber}. */
  HYPERCALL(3),

  /** A single step or breakpoint of {@link Vcpu#setGuestDebug}; {@link VcpuExit#debugPc}. */
  DEBUG(4),

  /** The guest halted, and no interrupt controller in the kernel waits for it. */
  HLT(5),

  /** An access to memory that is in no slot; {@link VcpuExit#mmioAddress}. */
  MMIO(6),

  /** The guest can take an interrupt now; see {@link VcpuExit#requestInterruptWindow}. */
  IRQ_WINDOW_OPEN(7),

  /** A triple fault, or another end of a guest that cannot go on. */
  SHUTDOWN(8),

  /** The processor refused the guest's state; {@link VcpuExit#failEntryReason}. */
  FAIL_ENTRY(9),

  /** A signal ended the run. With it comes {@code EINTR}, which {@link Vcpu#run} reports. */
  INTR(10),

  /** The guest lowered CR8, with the interrupt controllers in user space; {@link VcpuExit#cr8}. */
  SET_TPR(11),

  /** An access to the task priority register; {@link VcpuExit#tprAccessRip}. */
  TPR_ACCESS(12),

  /** Of s390; {@link VcpuExit#payloadWord}. */
  S390_SIEIC(13),

  /** Of s390; {@link VcpuExit#payloadWord}. */
  S390_RESET(14),

  /** Of PowerPC, deprecated; {@link VcpuExit#payloadWord}. */
  DCR(15),

  /** A non-maskable interrupt of the host. */
  NMI(16),

  /** KVM cannot go on; {@link VcpuExit#internalErrorKind}. */
  INTERNAL_ERROR(17),

  /** Of PowerPC; {@link VcpuExit#payloadWord}. */
  OSI(18),

  /** Of PowerPC; {@link VcpuExit#payloadWord}. */
  PAPR_HCALL(19),

  /** Of s390; {@link VcpuExit#payloadWord}. */
  S390_UCONTROL(20),

  /** A watchdog expired. Of PowerPC; no payload. */
  WATCHDOG(21),

  /** Of s390; {@link VcpuExit#payloadWord}. */
  S390_TSCH(22),

  /** Of PowerPC: which interrupt is to be taken; {@link VcpuExit#setEpr} answers. */
  EPR(23),

  /** The guest, or its firmware, asks for something; {@link VcpuExit#systemEventType}. */
  SYSTEM_EVENT(24),

  /** Of s390; {@link VcpuExit#payloadWord}. */
  S390_STSI(25),

  /** A level-triggered interrupt ended, with a split irqchip; {@link VcpuExit#ioapicEoiVector}. */
  IOAPIC_EOI(26),

  /** For the emulation of Hyper-V; {@link VcpuExit#hypervType}. */
  HYPERV(27),

  /** An access that arm64 does not describe; {@link VcpuExit#armNisvFaultIpa}. */
  ARM_NISV(28),

  /** RDMSR of a register given to the monitor; {@link VcpuExit#msrIndex}. */
  X86_RDMSR(29),

  /** WRMSR to a register given to the monitor; {@link VcpuExit#msrIndex}. */
  X86_WRMSR(30),

  /** Empty the {@link DirtyRing} before running on. No payload. */
  DIRTY_RING_FULL(31),

  /** A processor of an SEV-ES guest waits for its start. No payload. */
  AP_RESET_HOLD(32),

  /** The guest locked the bus. No payload. */
  X86_BUS_LOCK(33),

  /** A hypercall of Xen; {@link VcpuExit#xenInput}. */
  XEN(34),

  /** Of RISC-V; {@link VcpuExit#payloadWord}. */
  RISCV_SBI(35),

  /** Of RISC-V; {@link VcpuExit#payloadWord}. */
  RISCV_CSR(36),

  /**
   * The guest kept the processor from noticing events for too long; {@link VcpuExit#notifyFlags}.
   */
  NOTIFY(37),

  /** Of LoongArch; {@link VcpuExit#payloadWord}. */
  LOONGARCH_IOCSR(38),

  /** An access that KVM could not resolve; {@link VcpuExit#memoryFaultGpa}. */
  MEMORY_FAULT(39),

  /** {@link Vcpu#kick} was called. Not an exit of KVM. */
  INTERRUPTED(-1),

  /**
   * A signal that was no kick, or an application processor that just got its start-up interrupt:
   * enter the guest again. Not an exit of KVM.
   */
  REENTER(-2),

  /**
   * An exit that this version does not know; {@link VcpuExit#rawReason} has its number and {@link
   * VcpuExit#payloadWord} what came with it.
   */
  OTHER(-3);

  private static final @Nullable ExitReason[] BY_NUMBER = byNumber();

  private final int number;

  ExitReason(int number) {
    this.number = number;
  }

  private static @Nullable ExitReason[] byNumber() {
    @Nullable ExitReason[] table = new @Nullable ExitReason[MEMORY_FAULT.number + 1];
    for (ExitReason reason : values()) {
      if (reason.number >= 0) {
        table[reason.number] = reason;
      }
    }
    return table;
  }

  /** {@return the number in the header; negative for values that are not exits of KVM} */
  public int number() {
    return number;
  }

  static ExitReason of(int number) {
    if (number < 0 || number >= BY_NUMBER.length) {
      return OTHER;
    }
    ExitReason reason = BY_NUMBER[number];
    return reason == null ? OTHER : reason;
  }
}

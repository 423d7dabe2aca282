// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import org.jspecify.annotations.Nullable;

/**
 * Why {@link Vcpu#run} returned: the exits of {@code KVM_RUN} under the names of {@code
 * KVM_EXIT_…}, and three values of our own for a return without an exit.
 */
public enum ExitReason {
  UNKNOWN(0),
  EXCEPTION(1),
  IO(2),
  HYPERCALL(3),
  DEBUG(4),
  HLT(5),
  MMIO(6),
  IRQ_WINDOW_OPEN(7),
  SHUTDOWN(8),
  FAIL_ENTRY(9),
  INTR(10),
  SET_TPR(11),
  TPR_ACCESS(12),
  NMI(16),
  INTERNAL_ERROR(17),
  WATCHDOG(21),
  SYSTEM_EVENT(24),
  IOAPIC_EOI(26),
  HYPERV(27),
  X86_RDMSR(29),
  X86_WRMSR(30),
  DIRTY_RING_FULL(31),
  AP_RESET_HOLD(32),
  X86_BUS_LOCK(33),
  XEN(34),
  NOTIFY(37),
  MEMORY_FAULT(39),

  /** {@link Vcpu#kick} was called. Not an exit of KVM. */
  INTERRUPTED(-1),

  /**
   * A signal that was no kick, or an application processor that just got its start-up interrupt:
   * enter the guest again. Not an exit of KVM.
   */
  REENTER(-2),

  /** An exit that this version does not know; {@link VcpuExit#rawReason} has its number. */
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

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import org.javavmm.kvm.VcpuExit;

/** What exits say on arm64 beyond, or other than, what {@link VcpuExit} has for x86. */
public final class ArmExits {
  /** {@code HYPERCALL}, flags: the guest used {@code smc}; without, {@code hvc}. */
  public static final int KVM_HYPERCALL_EXIT_SMC = 1;

  /** {@code HYPERCALL}, flags: the instruction has 16 bits; without, 32. */
  public static final int KVM_HYPERCALL_EXIT_16BIT = 2;

  /**
   * {@code SYSTEM_EVENT} of type {@link VcpuExit#KVM_SYSTEM_EVENT_RESET}, first data word: the
   * guest used SYSTEM_RESET2 of PSCI 1.1. Its arguments are in x1 and x2.
   */
  public static final long KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2 = 1;

  /** {@code FAIL_ENTRY}, reason: the vCPU ran on a processor of the host that cannot run it. */
  public static final long KVM_EXIT_FAIL_ENTRY_CPU_UNSUPPORTED = 1;

  private ArmExits() {}

  /**
   * What {@link org.javavmm.kvm.ExitReason#DEBUG} says on arm64, {@code struct
   * kvm_debug_exit_arch}.
   *
   * @param hsr the syndrome, register ESR_EL2, bits 0 to 31
   * @param hsrHigh the syndrome, bits 32 to 61
   * @param far the address of the access at a watchpoint
   */
  public record Debug(int hsr, int hsrHigh, long far) {
    private static final int EC_SHIFT = 26;

    /**
     * {@return why, the exception class of the syndrome: 0x30 breakpoint, 0x32 step, 0x34
     * watchpoint, 0x3c {@code brk}}
     */
    public int exceptionClass() {
      return hsr >>> EC_SHIFT;
    }
  }

  /**
   * {@return what a debug exit says; {@link VcpuExit#debugPc} and its neighbours do not fit arm64}
   *
   * @param exit an exit that is {@link org.javavmm.kvm.ExitReason#DEBUG}
   */
  public static Debug debug(VcpuExit exit) {
    long first = exit.payloadWord(0);
    return new Debug((int) first, (int) (first >>> 32), exit.payloadWord(1));
  }

  /**
   * {@return whether a reset was asked for by SYSTEM_RESET2 of PSCI}
   *
   * @param exit an exit that is {@link org.javavmm.kvm.ExitReason#SYSTEM_EVENT}
   */
  public static boolean isPsciReset2(VcpuExit exit) {
    return exit.systemEventType() == VcpuExit.KVM_SYSTEM_EVENT_RESET
        && exit.systemEventCount() > 0
        && (exit.systemEventWord(0) & KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2) != 0;
  }
}

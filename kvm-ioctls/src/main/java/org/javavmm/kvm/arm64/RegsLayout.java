// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** {@code struct kvm_regs} of arm64: its offsets are the numbers of core registers. */
final class RegsLayout {
  static final int REGS = 0; // __u64[31]
  static final int SP = 248; // __u64
  static final int PC = 256; // __u64
  static final int PSTATE = 264; // __u64
  static final int SP_EL1 = 272; // __u64
  static final int ELR_EL1 = 280; // __u64
  static final int SPSR = 288; // __u64[5]
  static final int VREGS = 336; // __uint128_t[32]
  static final int FPSR = 848; // __u32
  static final int FPCR = 852; // __u32
  static final int SIZEOF = 864;
  static final int KVM_NR_SPSR = 5;

  private RegsLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** {@code struct kvm_smccc_filter}. */
final class SmcccFilterLayout {
  static final int BASE = 0; // __u32
  static final int NR_FUNCTIONS = 4; // __u32
  static final int ACTION = 8; // __u8
  static final int SIZEOF = 24;
  static final int KVM_ARM_VM_SMCCC_CTRL = 0;
  static final int KVM_ARM_VM_SMCCC_FILTER = 0;

  private SmcccFilterLayout() {}
}

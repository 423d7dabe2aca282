// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_one_reg} and {@code struct kvm_reg_list}. */
final class OneRegLayout {
  static final int ID = 0; // __u64
  static final int ADDR = 8; // __u64
  static final int SIZEOF = 16;

  // struct kvm_reg_list
  static final int LIST_N = 0; // __u64
  static final int LIST_REG = 8; // __u64[n]

  // The parts of a register's id.
  static final int KVM_REG_SIZE_SHIFT = 52;
  static final long KVM_REG_SIZE_MASK = 0x00f0_0000_0000_0000L;

  private OneRegLayout() {}
}

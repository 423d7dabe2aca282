// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_x86_mce}. */
final class MachineCheckLayout {
  static final int STATUS = 0; // __u64
  static final int ADDR = 8; // __u64
  static final int MISC = 16; // __u64
  static final int MCG_STATUS = 24; // __u64
  static final int BANK = 32; // __u8
  static final int SIZEOF = 64;

  private MachineCheckLayout() {}
}

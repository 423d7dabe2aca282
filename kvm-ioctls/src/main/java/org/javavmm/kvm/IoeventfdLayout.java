// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_ioeventfd}. */
final class IoeventfdLayout {
  static final int KVM_IOEVENTFD_FLAG_DATAMATCH = 1;
  static final int KVM_IOEVENTFD_FLAG_PIO = 2;
  static final int KVM_IOEVENTFD_FLAG_DEASSIGN = 4;

  static final int DATAMATCH = 0; // __u64
  static final int ADDR = 8; // __u64
  static final int LEN = 16; // __u32
  static final int FD = 20; // __s32
  static final int FLAGS = 24; // __u32
  static final int SIZEOF = 64;

  private IoeventfdLayout() {}
}

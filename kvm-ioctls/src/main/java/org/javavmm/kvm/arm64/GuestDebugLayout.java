// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** {@code struct kvm_guest_debug} with its part of arm64. */
final class GuestDebugLayout {
  static final int CONTROL = 0; // __u32
  static final int DBG_BCR = 8; // __u64[16]
  static final int DBG_BVR = 136; // __u64[16]
  static final int DBG_WCR = 264; // __u64[16]
  static final int DBG_WVR = 392; // __u64[16]
  static final int SIZEOF = 520;
  static final int KVM_ARM_MAX_DBG_REGS = 16;

  private GuestDebugLayout() {}
}

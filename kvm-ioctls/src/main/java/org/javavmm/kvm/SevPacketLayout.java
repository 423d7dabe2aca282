// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_sev_launch_secret}. */
final class SevPacketLayout {
  static final int HDR_UADDR = 0; // pointer
  static final int HDR_LEN = 8; // __u32
  static final int GUEST_UADDR = 16; // pointer
  static final int GUEST_LEN = 24; // __u32
  static final int TRANS_UADDR = 32; // pointer
  static final int TRANS_LEN = 40; // __u32
  static final int SIZEOF = 48;

  private SevPacketLayout() {}
}

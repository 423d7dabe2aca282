// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_sev_receive_start}. */
final class SevReceiveStartLayout {
  static final int HANDLE = 0; // __u32
  static final int POLICY = 4; // __u32
  static final int PDH_UADDR = 8; // pointer
  static final int PDH_LEN = 16; // __u32
  static final int SESSION_UADDR = 24; // pointer
  static final int SESSION_LEN = 32; // __u32
  static final int SIZEOF = 40;

  private SevReceiveStartLayout() {}
}

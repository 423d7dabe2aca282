// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_sev_launch_start}. */
final class SevLaunchStartLayout {
  static final int HANDLE = 0; // __u32
  static final int POLICY = 4; // __u32
  static final int DH_UADDR = 8; // pointer
  static final int DH_LEN = 16; // __u32
  static final int SESSION_UADDR = 24; // pointer
  static final int SESSION_LEN = 32; // __u32
  static final int SIZEOF = 40;

  private SevLaunchStartLayout() {}
}

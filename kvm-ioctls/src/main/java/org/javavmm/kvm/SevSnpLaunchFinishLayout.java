// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_sev_snp_launch_finish}. */
final class SevSnpLaunchFinishLayout {
  static final int ID_BLOCK_UADDR = 0; // pointer
  static final int ID_AUTH_UADDR = 8; // pointer
  static final int ID_BLOCK_EN = 16; // __u8
  static final int AUTH_KEY_EN = 17; // __u8
  static final int VCEK_DISABLED = 18; // __u8
  static final int HOST_DATA = 19; // __u8[32]
  static final int FLAGS = 54; // __u16
  static final int SIZEOF = 88;

  private SevSnpLaunchFinishLayout() {}
}

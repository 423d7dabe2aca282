// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_sev_snp_launch_update}. */
final class SevSnpLaunchUpdateLayout {
  static final int GFN_START = 0; // __u64
  static final int UADDR = 8; // pointer
  static final int LEN = 16; // __u64
  static final int TYPE = 24; // __u8
  static final int FLAGS = 26; // __u16
  static final int SIZEOF = 64;

  private SevSnpLaunchUpdateLayout() {}
}

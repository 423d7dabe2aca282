// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_sev_snp_launch_start}. */
final class SevSnpLaunchStartLayout {
  static final int POLICY = 0; // __u64
  static final int GOSVW = 8; // __u8[16]
  static final int FLAGS = 24; // __u16
  static final int SIZEOF = 64;

  private SevSnpLaunchStartLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_sev_init}. */
final class SevInitLayout {
  static final int VMSA_FEATURES = 0; // __u64
  static final int FLAGS = 8; // __u32
  static final int GHCB_VERSION = 12; // __u16
  static final int SIZEOF = 48;

  private SevInitLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_sev_launch_update_data}. */
final class SevLaunchUpdateDataLayout {
  static final int UADDR = 0; // pointer
  static final int LEN = 8; // __u32
  static final int SIZEOF = 16;

  private SevLaunchUpdateDataLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_sev_cmd}. */
final class SevCmdLayout {
  static final int ID = 0; // __u32
  static final int DATA = 8; // pointer
  static final int ERROR = 16; // __u32
  static final int SEV_FD = 20; // __u32
  static final int SIZEOF = 24;

  private SevCmdLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_sev_guest_status}. */
final class SevGuestStatusLayout {
  static final int HANDLE = 0; // __u32
  static final int POLICY = 4; // __u32
  static final int STATE = 8; // __u32
  static final int SIZEOF = 12;

  private SevGuestStatusLayout() {}
}

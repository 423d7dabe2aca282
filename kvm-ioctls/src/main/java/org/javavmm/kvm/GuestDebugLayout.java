// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_guest_debug}. */
final class GuestDebugLayout {
  static final int CONTROL = 0; // __u32
  static final int ARCH = 8; // __u64[8]: the debug registers
  static final int SIZEOF = 72;

  private GuestDebugLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_signal_mask}. */
final class SignalMaskLayout {
  static final int LEN = 0; // __u32
  static final int SIGSET = 4; // __u8[len]

  private SignalMaskLayout() {}
}

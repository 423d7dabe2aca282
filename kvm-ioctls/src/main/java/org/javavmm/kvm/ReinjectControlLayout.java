// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_reinject_control}. */
final class ReinjectControlLayout {
  static final int PIT_REINJECT = 0; // __u8
  static final int SIZEOF = 32;

  private ReinjectControlLayout() {}
}

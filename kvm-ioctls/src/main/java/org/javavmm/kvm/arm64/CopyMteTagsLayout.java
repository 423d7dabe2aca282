// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** {@code struct kvm_arm_copy_mte_tags}. */
final class CopyMteTagsLayout {
  static final int GUEST_IPA = 0; // __u64
  static final int LENGTH = 8; // __u64
  static final int ADDR = 16; // pointer
  static final int FLAGS = 24; // __u64
  static final int SIZEOF = 48;

  private CopyMteTagsLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** {@code struct reg_mask_range}. */
final class RegMaskRangeLayout {
  static final int ADDR = 0; // __u64
  static final int RANGE = 8; // __u32
  static final int SIZEOF = 64;
  static final int KVM_ARM_FEATURE_ID_RANGE = 0;
  static final int KVM_ARM_FEATURE_ID_RANGE_SIZE = 192;

  private RegMaskRangeLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_msr_filter}, with {@code struct kvm_msr_filter_range}. */
final class MsrFilterLayout {
  static final int KVM_MSR_FILTER_DEFAULT_DENY = 1;
  static final int KVM_MSR_FILTER_MAX_RANGES = 16;
  static final int KVM_MSR_FILTER_MAX_BITMAP_SIZE = 0x600;

  static final int FLAGS = 0; // __u32
  static final int RANGES = 8; // range[16]
  static final int SIZEOF = 392;

  // struct kvm_msr_filter_range
  static final int RANGE_FLAGS = 0; // __u32
  static final int RANGE_NMSRS = 4; // __u32
  static final int RANGE_BASE = 8; // __u32
  static final int RANGE_BITMAP = 16; // pointer
  static final int SIZEOF_ENTRY = 24;

  private MsrFilterLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** {@code struct kvm_vcpu_events} of arm64. */
final class VcpuEventsLayout {
  static final int EXCEPTION_SERROR_PENDING = 0; // __u8
  static final int EXCEPTION_SERROR_HAS_ESR = 1; // __u8
  static final int EXCEPTION_EXT_DABT_PENDING = 2; // __u8
  static final int EXCEPTION_SERROR_ESR = 8; // __u64
  static final int SIZEOF = 64;

  private VcpuEventsLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** {@code struct kvm_pmu_event_filter} of arm64. */
final class PmuEventFilterLayout {
  static final int BASE_EVENT = 0; // __u16
  static final int NEVENTS = 2; // __u16
  static final int ACTION = 4; // __u8
  static final int SIZEOF = 8;

  private PmuEventFilterLayout() {}
}

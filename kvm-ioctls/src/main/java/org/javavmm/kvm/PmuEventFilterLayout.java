// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_pmu_event_filter}. */
final class PmuEventFilterLayout {
  static final int ACTION = 0; // __u32
  static final int NEVENTS = 4; // __u32
  static final int FIXED_COUNTER_BITMAP = 8; // __u32
  static final int FLAGS = 12; // __u32
  static final int EVENTS = 32; // __u64[]

  private PmuEventFilterLayout() {}
}

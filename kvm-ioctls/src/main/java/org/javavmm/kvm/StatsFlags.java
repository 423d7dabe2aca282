// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** The parts of {@code flags} in {@code struct kvm_stats_desc}. */
final class StatsFlags {
  static final int KVM_STATS_TYPE_SHIFT = 0;
  static final int KVM_STATS_TYPE_MASK = 0xf;
  static final int KVM_STATS_UNIT_SHIFT = 4;
  static final int KVM_STATS_UNIT_MASK = 0xf0;
  static final int KVM_STATS_BASE_SHIFT = 8;
  static final int KVM_STATS_BASE_MASK = 0xf00;

  private StatsFlags() {}
}

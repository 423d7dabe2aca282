// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_stats_header} and {@code struct kvm_stats_desc}. */
final class StatsLayout {
  static final int FLAGS = 0; // __u32
  static final int NAME_SIZE = 4; // __u32
  static final int NUM_DESC = 8; // __u32
  static final int ID_OFFSET = 12; // __u32
  static final int DESC_OFFSET = 16; // __u32
  static final int DATA_OFFSET = 20; // __u32
  static final int SIZEOF = 24;

  // struct kvm_stats_desc
  static final int STAT_FLAGS = 0; // __u32
  static final int STAT_EXPONENT = 4; // __s16
  static final int STAT_SIZE = 6; // __u16
  static final int STAT_OFFSET = 8; // __u32
  static final int STAT_BUCKET_SIZE = 12; // __u32
  static final int STAT_NAME = 16; // char[]

  private StatsLayout() {}
}

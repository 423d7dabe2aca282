// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_clock_data}. */
final class ClockDataLayout {
  static final int CLOCK = 0; // __u64
  static final int FLAGS = 8; // __u32
  static final int REALTIME = 16; // __u64
  static final int HOST_TSC = 24; // __u64
  static final int SIZEOF = 48;

  private ClockDataLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** {@code struct kvm_arm_counter_offset}. */
final class CounterOffsetLayout {
  static final int COUNTER_OFFSET = 0; // __u64
  static final int SIZEOF = 16;

  private CounterOffsetLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** {@code struct kvm_enable_cap}. */
final class EnableCapLayout {
  static final int CAP = 0; // __u32
  static final int FLAGS = 4; // __u32
  static final int ARGS = 8; // __u64[4]
  static final int SIZEOF = 104;

  private EnableCapLayout() {}
}

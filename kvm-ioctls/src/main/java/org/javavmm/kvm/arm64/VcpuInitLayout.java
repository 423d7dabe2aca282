// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** {@code struct kvm_vcpu_init}. */
final class VcpuInitLayout {
  static final int TARGET = 0; // __u32
  static final int FEATURES = 4; // __u32[7]
  static final int SIZEOF = 32;

  private VcpuInitLayout() {}
}

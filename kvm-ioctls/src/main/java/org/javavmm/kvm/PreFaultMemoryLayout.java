// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_pre_fault_memory}. */
final class PreFaultMemoryLayout {
  static final int GPA = 0; // __u64
  static final int SIZE = 8; // __u64
  static final int FLAGS = 16; // __u64
  static final int SIZEOF = 64;

  private PreFaultMemoryLayout() {}
}

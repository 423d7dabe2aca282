// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_msr_list}. */
final class MsrListLayout {
  static final int NMSRS = 0; // __u32
  static final int INDICES = 4; // __u32[]

  private MsrListLayout() {}
}

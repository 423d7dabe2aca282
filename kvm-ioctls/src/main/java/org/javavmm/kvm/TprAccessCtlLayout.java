// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_tpr_access_ctl}. */
final class TprAccessCtlLayout {
  static final int ENABLED = 0; // __u32
  static final int SIZEOF = 40;

  private TprAccessCtlLayout() {}
}

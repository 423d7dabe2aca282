// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_hyperv_eventfd}. */
final class HypervEventfdLayout {
  static final int KVM_HYPERV_EVENTFD_DEASSIGN = 1;
  static final int KVM_HYPERV_CONN_ID_MASK = 0xffffff;

  static final int CONN_ID = 0; // __u32
  static final int FD = 4; // __s32
  static final int FLAGS = 8; // __u32
  static final int SIZEOF = 24;

  private HypervEventfdLayout() {}
}

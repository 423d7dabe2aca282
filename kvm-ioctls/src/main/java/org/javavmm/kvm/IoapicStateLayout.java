// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_ioapic_state}. */
final class IoapicStateLayout {
  static final int KVM_IOAPIC_NUM_PINS = 24;

  static final int BASE_ADDRESS = 0; // __u64
  static final int IOREGSEL = 8; // __u32
  static final int ID = 12; // __u32
  static final int IRR = 16; // __u32
  static final int REDIRTBL = 24; // __u64[24]
  static final int SIZEOF = 216;

  private IoapicStateLayout() {}
}

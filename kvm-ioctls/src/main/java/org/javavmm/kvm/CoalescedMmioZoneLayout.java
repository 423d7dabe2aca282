// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_coalesced_mmio_zone}. */
final class CoalescedMmioZoneLayout {
  static final int ADDR = 0; // __u64
  static final int SIZE = 8; // __u32
  static final int PIO = 12; // __u32
  static final int SIZEOF = 16;

  private CoalescedMmioZoneLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_coalesced_mmio_ring}, with {@code struct kvm_coalesced_mmio}. */
final class CoalescedMmioRingLayout {
  static final int FIRST = 0; // __u32
  static final int LAST = 4; // __u32
  static final int COALESCED_MMIO = 8; // entries

  // struct kvm_coalesced_mmio
  static final int ENTRY_PHYS_ADDR = 0; // __u64
  static final int ENTRY_LEN = 8; // __u32
  static final int ENTRY_PIO = 12; // __u32
  static final int ENTRY_DATA = 16; // __u8[8]
  static final int SIZEOF_ENTRY = 24;

  private CoalescedMmioRingLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_userspace_memory_region2}. */
final class UserMemoryRegion2Layout {
  static final int SLOT = 0; // __u32
  static final int FLAGS = 4; // __u32
  static final int GUEST_PHYS_ADDR = 8; // __u64
  static final int MEMORY_SIZE = 16; // __u64
  static final int USERSPACE_ADDR = 24; // __u64
  static final int GUEST_MEMFD_OFFSET = 32; // __u64
  static final int GUEST_MEMFD = 40; // __u32
  static final int SIZEOF = 160;

  private UserMemoryRegion2Layout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_clear_dirty_log}. */
final class ClearDirtyLogLayout {
  static final int SLOT = 0; // __u32
  static final int NUM_PAGES = 4; // __u32
  static final int FIRST_PAGE = 8; // __u64
  static final int DIRTY_BITMAP = 16; // pointer
  static final int SIZEOF = 24;

  private ClearDirtyLogLayout() {}
}

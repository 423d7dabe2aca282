// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_dirty_log}. */
final class DirtyLogLayout {
  static final int SLOT = 0; // __u32
  static final int DIRTY_BITMAP = 8; // pointer
  static final int SIZEOF = 16;

  private DirtyLogLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_sev_dbg}. */
final class SevDbgLayout {
  static final int SRC_UADDR = 0; // pointer
  static final int DST_UADDR = 8; // pointer
  static final int LEN = 16; // __u32
  static final int SIZEOF = 24;

  private SevDbgLayout() {}
}

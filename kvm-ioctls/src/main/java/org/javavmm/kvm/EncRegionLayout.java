// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_enc_region}. */
final class EncRegionLayout {
  static final int ADDR = 0; // __u64
  static final int SIZE = 8; // __u64
  static final int SIZEOF = 16;

  private EncRegionLayout() {}
}

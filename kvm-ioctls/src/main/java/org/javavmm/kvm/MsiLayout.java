// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_msi}. */
final class MsiLayout {
  static final int ADDRESS_LO = 0; // __u32
  static final int ADDRESS_HI = 4; // __u32
  static final int DATA = 8; // __u32
  static final int FLAGS = 12; // __u32
  static final int DEVID = 16; // __u32
  static final int SIZEOF = 32;

  private MsiLayout() {}
}

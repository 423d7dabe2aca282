// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_create_guest_memfd}. */
final class CreateGuestMemfdLayout {
  static final int SIZE = 0; // __u64
  static final int FLAGS = 8; // __u64
  static final int SIZEOF = 64;

  private CreateGuestMemfdLayout() {}
}

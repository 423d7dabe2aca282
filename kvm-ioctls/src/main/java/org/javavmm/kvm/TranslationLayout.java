// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_translation}. */
final class TranslationLayout {
  static final int LINEAR_ADDRESS = 0; // __u64
  static final int PHYSICAL_ADDRESS = 8; // __u64
  static final int VALID = 16; // __u8
  static final int SIZEOF = 24;

  private TranslationLayout() {}
}

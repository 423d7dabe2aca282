// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_memory_attributes}. */
final class MemoryAttributesLayout {
  static final int ADDRESS = 0; // __u64
  static final int SIZE = 8; // __u64
  static final int ATTRIBUTES = 16; // __u64
  static final int FLAGS = 24; // __u64
  static final int SIZEOF = 32;

  private MemoryAttributesLayout() {}
}

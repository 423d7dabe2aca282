// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_pit_config}. */
final class PitConfigLayout {
  static final int FLAGS = 0; // __u32
  static final int SIZEOF = 64;

  private PitConfigLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** {@code struct kvm_irq_level}. */
final class IrqLevelLayout {
  static final int IRQ = 0; // __u32
  static final int LEVEL = 4; // __u32
  static final int SIZEOF = 8;

  private IrqLevelLayout() {}
}

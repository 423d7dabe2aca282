// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_irqchip}. */
final class IrqchipLayout {
  static final int KVM_IRQCHIP_PIC_MASTER = 0;
  static final int KVM_IRQCHIP_PIC_SLAVE = 1;
  static final int KVM_IRQCHIP_IOAPIC = 2;

  static final int CHIP_ID = 0; // __u32
  static final int CHIP = 8; // union
  static final int SIZEOF = 520;

  private IrqchipLayout() {}
}

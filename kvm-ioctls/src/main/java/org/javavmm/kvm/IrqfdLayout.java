// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_irqfd}. */
final class IrqfdLayout {
  static final int KVM_IRQFD_FLAG_DEASSIGN = 1;
  static final int KVM_IRQFD_FLAG_RESAMPLE = 2;

  static final int FD = 0; // __u32
  static final int GSI = 4; // __u32
  static final int FLAGS = 8; // __u32
  static final int RESAMPLEFD = 12; // __u32
  static final int SIZEOF = 32;

  private IrqfdLayout() {}
}

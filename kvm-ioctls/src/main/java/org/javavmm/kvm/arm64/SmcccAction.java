// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** What becomes of a call of the guest to its firmware; for {@link ArmVm#setSmcccFilter}. */
public enum SmcccAction {
  /** KVM answers it, as without a filter. */
  HANDLE(0),

  /** The guest is told that there is no such function. */
  DENY(1),

  /** It is an exit, {@link org.javavmm.kvm.ExitReason#HYPERCALL}. */
  FORWARD_TO_USER(2);

  private final int number;

  SmcccAction(int number) {
    this.number = number;
  }

  /** {@return the number of the action in the header, {@code KVM_SMCCC_FILTER_…}} */
  public int number() {
    return number;
  }
}

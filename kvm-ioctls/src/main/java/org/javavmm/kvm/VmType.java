// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/**
 * Kinds of virtual machines, {@code KVM_X86_…_VM} of the header. Which can be created {@link
 * Cap#VM_TYPES} tells: bit n is the type of number n.
 */
public enum VmType {
  /** An ordinary VM. */
  DEFAULT(0),

  /** A VM with private memory that only software protects: for development. */
  SW_PROTECTED(1),

  /** A VM whose memory AMD's SEV encrypts. */
  SEV(2),

  /** As {@link #SEV}, registers included. */
  SEV_ES(3),

  /** As {@link #SEV_ES}, with the integrity of its memory (SEV-SNP). */
  SNP(4);

  private final int number;

  VmType(int number) {
    this.number = number;
  }

  /** {@return the number of the type in the header} */
  public int number() {
    return number;
  }
}

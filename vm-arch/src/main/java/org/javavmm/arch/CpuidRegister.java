// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import org.javavmm.kvm.Cpuid;

/** One of the four registers in which CPUID answers. */
public enum CpuidRegister {
  /** EAX. */
  EAX,
  /** EBX. */
  EBX,
  /** ECX. */
  ECX,
  /** EDX. */
  EDX;

  /**
   * {@return the register's value in a leaf's answer}
   *
   * @param entry the leaf
   */
  public int of(Cpuid.Entry entry) {
    return switch (this) {
      case EAX -> entry.eax();
      case EBX -> entry.ebx();
      case ECX -> entry.ecx();
      case EDX -> entry.edx();
    };
  }

  /** The leaf with another value in this register. */
  Cpuid.Entry with(Cpuid.Entry e, int value) {
    return switch (this) {
      case EAX -> e.with(value, e.ebx(), e.ecx(), e.edx());
      case EBX -> e.with(e.eax(), value, e.ecx(), e.edx());
      case ECX -> e.with(e.eax(), e.ebx(), value, e.edx());
      case EDX -> e.with(e.eax(), e.ebx(), e.ecx(), value);
    };
  }
}

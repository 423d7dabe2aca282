// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/**
 * Which bits of the registers that describe the processor's features a monitor may change, so that
 * a guest sees fewer of them; from {@link ArmVm#getRegWritableMasks}. Immutable.
 */
public final class WritableMasks {
  private final long[] masks;

  WritableMasks(long[] masks) {
    this.masks = masks;
  }

  /**
   * {@return the bits of a register that {@link ArmVcpu#set} may change}
   *
   * @param register a register of the space of feature ids: op0 3, op1 0, 1 or 3, CRn 0, CRm 0 to 7
   * @throws IllegalStateException if it is no system register
   * @throws IllegalArgumentException if it is not in that space
   */
  public long mask(RegisterId register) {
    return masks[index(register)];
  }

  /** Where a register's mask is: by op1 (0, 1, 3), CRm and op2. */
  static int index(RegisterId register) {
    int op1 = register.op1();
    boolean inside =
        register.op0() == 3
            && (op1 == 0 || op1 == 1 || op1 == 3)
            && register.crn() == 0
            && register.crm() < 8;
    if (!inside) {
      throw new IllegalArgumentException(
          "register "
              + register
              + " is no feature id: op0 must be 3, op1 0, 1 or 3, crn 0, crm 0 to 7");
    }
    int row = op1 == 3 ? 2 : op1;
    return row << 6 | register.crm() << 3 | register.op2();
  }
}

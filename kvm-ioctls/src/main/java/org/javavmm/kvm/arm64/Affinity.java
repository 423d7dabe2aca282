// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/**
 * The place of a processor among the others, the fields Aff3 to Aff0 of register MPIDR_EL1. The
 * GICv3's registers of a vCPU are found by it.
 *
 * @param aff3 the highest level, 0 to 255
 * @param aff2 0 to 255
 * @param aff1 0 to 255
 * @param aff0 the lowest level, 0 to 255
 */
public record Affinity(int aff3, int aff2, int aff1, int aff0) {
  private static final int BYTE = 0xff;

  /**
   * Checks the levels.
   *
   * @throws IllegalArgumentException if one of them is out of range
   */
  public Affinity {
    Check.range("aff3", aff3, 0, BYTE);
    Check.range("aff2", aff2, 0, BYTE);
    Check.range("aff1", aff1, 0, BYTE);
    Check.range("aff0", aff0, 0, BYTE);
  }

  /**
   * {@return the place that MPIDR_EL1 tells}
   *
   * @param mpidr the register: Aff0 in bits 0 to 7, Aff1 in 8 to 15, Aff2 in 16 to 23, Aff3 in 32
   *     to 39; other bits do not count
   */
  public static Affinity ofMpidr(long mpidr) {
    return new Affinity(
        (int) (mpidr >>> 32) & BYTE,
        (int) (mpidr >>> 16) & BYTE,
        (int) (mpidr >>> 8) & BYTE,
        (int) mpidr & BYTE);
  }

  /** {@return the four levels as the upper half of an attribute} */
  long attributeBits() {
    int packed = aff3 << 24 | aff2 << 16 | aff1 << 8 | aff0;
    return Integer.toUnsignedLong(packed) << VgicLayout.KVM_DEV_ARM_VGIC_V3_MPIDR_SHIFT;
  }

  /** {@return the levels, highest first: {@code 0.0.1.3}} */
  @Override
  public String toString() {
    return aff3 + "." + aff2 + "." + aff1 + "." + aff0;
  }
}

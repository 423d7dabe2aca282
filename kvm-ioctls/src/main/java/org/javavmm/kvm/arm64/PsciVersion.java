// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/**
 * A version of PSCI, the interface by which a guest starts and stops processors and the machine;
 * the value of register {@link RegisterId#PSCI_VERSION}.
 *
 * @param major 0 to 32767
 * @param minor 0 to 65535
 */
public record PsciVersion(int major, int minor) {
  /** PSCI 0.1, that of a vCPU without {@link VcpuFeature#PSCI_0_2}. */
  public static final PsciVersion V0_1 = new PsciVersion(0, 1);

  /** PSCI 0.2. */
  public static final PsciVersion V0_2 = new PsciVersion(0, 2);

  /** PSCI 1.0. */
  public static final PsciVersion V1_0 = new PsciVersion(1, 0);

  /** PSCI 1.1. */
  public static final PsciVersion V1_1 = new PsciVersion(1, 1);

  private static final int MAJOR_SHIFT = 16;
  private static final int MAX_MAJOR = 0x7fff;
  private static final int MAX_MINOR = 0xffff;

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one of them is out of range
   */
  public PsciVersion {
    Check.range("major", major, 0, MAX_MAJOR);
    Check.range("minor", minor, 0, MAX_MINOR);
  }

  /** {@return the version as the register has it: the major number in bits 16 to 30} */
  public long encoded() {
    return (long) major << MAJOR_SHIFT | minor;
  }

  /**
   * {@return the version of a register's value}
   *
   * @param value the value
   * @throws IllegalArgumentException if it is none
   */
  public static PsciVersion decoded(long value) {
    if (value >>> 31 != 0) {
      throw new IllegalArgumentException(
          "value=" + Check.hex(value) + ", must have 31 bits to be a version");
    }
    return new PsciVersion((int) (value >>> MAJOR_SHIFT), (int) value & MAX_MINOR);
  }

  /** {@return the version, for people: {@code 1.1}} */
  @Override
  public String toString() {
    return major + "." + minor;
  }
}

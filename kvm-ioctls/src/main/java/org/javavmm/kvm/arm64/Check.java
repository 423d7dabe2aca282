// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** Checks of numbers that callers give. */
final class Check {
  private Check() {}

  /**
   * {@return the value}
   *
   * @throws IllegalArgumentException if it is not within the limits
   */
  static int range(String field, int value, int low, int high) {
    if (value < low || value > high) {
      throw new IllegalArgumentException(field + "=" + value + ", must be " + low + " to " + high);
    }
    return value;
  }

  /**
   * {@return the value}
   *
   * @param alignment a power of two
   * @throws IllegalArgumentException if it is not a multiple of the alignment
   */
  static long aligned(String field, long value, long alignment) {
    if ((value & (alignment - 1)) != 0) {
      throw new IllegalArgumentException(
          field + "=" + hex(value) + ", must be a multiple of " + hex(alignment));
    }
    return value;
  }

  static String hex(long value) {
    return "0x" + Long.toHexString(value);
  }
}

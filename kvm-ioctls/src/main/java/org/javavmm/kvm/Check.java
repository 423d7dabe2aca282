// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** Checks of numbers that callers give. */
final class Check {
  private Check() {}

  /**
   * {@return the value}
   *
   * @throws IllegalArgumentException if it is not within the limits
   */
  static int check(String field, int value, int low, int high) {
    if (value < low || value > high) {
      throw new IllegalArgumentException(field + "=" + value + ", must be " + low + " to " + high);
    }
    return value;
  }

  static int u8(String field, int value) {
    return check(field, value, 0, 0xff);
  }

  /** {@return how many there are} */
  static int size(String field, int size, int max) {
    if (size > max) {
      throw new IllegalArgumentException(field + ": " + size + ", must be at most " + max);
    }
    return size;
  }
}

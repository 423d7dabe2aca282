// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.MemorySegment;

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

  /** {@return the 16 bits of an unsigned value} */
  static short u16(String field, int value) {
    return (short) check(field, value, 0, 0xffff);
  }

  /**
   * Checks memory whose address goes into a structure, where nothing sees it any more.
   *
   * @throws IllegalArgumentException if it is not native memory
   * @throws IllegalStateException if it was freed
   */
  static void passable(String field, MemorySegment memory) {
    if (!memory.isNative()) {
      throw new IllegalArgumentException(field + " is not native memory");
    }
    if (!memory.scope().isAlive()) {
      throw new IllegalStateException(field + " was freed");
    }
  }

  /** {@return how many there are} */
  static int size(String field, int size, int max) {
    if (size > max) {
      throw new IllegalArgumentException(field + ": " + size + ", must be at most " + max);
    }
    return size;
  }
}

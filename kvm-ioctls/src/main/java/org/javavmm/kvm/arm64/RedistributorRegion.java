// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/**
 * Where the GICv3's redistributors of a number of vCPUs lie in guest memory, 128 KiB each.
 *
 * @param index the region's number, 0 to 4095, given in order from 0
 * @param count the number of redistributors, 1 to 4095
 * @param base the guest-physical address, a multiple of 64 KiB below 2^52
 */
public record RedistributorRegion(int index, int count, long base) {
  private static final int FIELD = 0xfff;
  private static final int COUNT_SHIFT = 52;
  private static final long BASE_MASK = 0x000f_ffff_ffff_0000L;

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one of them is out of range
   */
  public RedistributorRegion {
    Check.range("index", index, 0, FIELD);
    Check.range("count", count, 1, FIELD);
    if ((base & ~BASE_MASK) != 0) {
      throw new IllegalArgumentException(
          "base=" + Check.hex(base) + ", must be a multiple of 0x10000 below 2^52");
    }
  }

  // Bits 63 to 52 count, 51 to 16 base, 15 to 12 flags (none yet), 11 to 0 index.
  long encoded() {
    return (long) count << COUNT_SHIFT | base | index;
  }

  static RedistributorRegion decoded(long bits) {
    return new RedistributorRegion(
        (int) bits & FIELD, (int) (bits >>> COUNT_SHIFT), bits & BASE_MASK);
  }

  @Override
  public String toString() {
    return "index=" + index + ", count=" + count + ", base=" + Check.hex(base);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/**
 * A set of feature bits, 0 to 127 (VIRTIO 1.4 §2.2). Immutable.
 *
 * @param low bits 0 to 63
 * @param high bits 64 to 127
 */
public record Features(long low, long high) {
  /** No feature. */
  public static final Features NONE = new Features(0, 0);

  /** {@code VIRTIO_F_SR_IOV} (37), which these transports never offer. */
  static final long SR_IOV = 1L << 37;

  /** {@code VIRTIO_F_SUSPEND} (43): the driver can suspend the device (VIRTIO 1.4 §3.4). */
  public static final long SUSPEND = 1L << 43;

  /** What belongs to the device's type: bits 0 to 23 and 50 to 127. */
  private static final long TYPE_LOW = (1L << 24) - 1 | -1L << 50;

  /**
   * {@return the set of some bits}
   *
   * @param bits their numbers
   * @throws IllegalArgumentException if one is not in 0..127
   */
  public static Features of(int... bits) {
    Features all = NONE;
    for (int bit : bits) {
      all = all.with(bit);
    }
    return all;
  }

  /**
   * {@return the set of the bits of a mask}
   *
   * @param mask bits 0 to 63, such as those of {@link RingFeatures}
   */
  public static Features ofMask(long mask) {
    return new Features(mask, 0);
  }

  private static void check(int bit) {
    if (bit < 0 || bit > 127) {
      throw new IllegalArgumentException("feature bit=" + bit + " is not in 0..127");
    }
  }

  /**
   * {@return whether a bit is in the set}
   *
   * @param bit its number
   * @throws IllegalArgumentException if it is not in 0..127
   */
  public boolean has(int bit) {
    check(bit);
    return ((bit < 64 ? low : high) >>> bit & 1) != 0;
  }

  /**
   * {@return the set with one more bit}
   *
   * @param bit its number
   * @throws IllegalArgumentException if it is not in 0..127
   */
  public Features with(int bit) {
    check(bit);
    return bit < 64 ? new Features(low | 1L << bit, high) : new Features(low, high | 1L << bit);
  }

  /**
   * {@return the bits that are in this set or in another}
   *
   * @param other the other
   */
  public Features or(Features other) {
    return new Features(low | other.low, high | other.high);
  }

  /**
   * {@return whether all bits of this set are in another}
   *
   * @param other the other
   */
  public boolean isSubsetOf(Features other) {
    return (low & ~other.low) == 0 && (high & ~other.high) == 0;
  }

  /** {@return whether all bits belong to device types, none to the rings or transports} */
  boolean isOfType() {
    return (low & ~TYPE_LOW) == 0;
  }

  /** {@return 32 of the bits, as registers show them; 0 behind the last word} */
  int word(int index) {
    return switch (index) {
      case 0 -> (int) low;
      case 1 -> (int) (low >>> 32);
      case 2 -> (int) high;
      case 3 -> (int) (high >>> 32);
      default -> 0;
    };
  }

  /** {@return the set with 32 of the bits replaced; itself for a word that does not exist} */
  Features withWord(int index, int value) {
    long bits = value & 0xffff_ffffL;
    return switch (index) {
      case 0 -> new Features(low >>> 32 << 32 | bits, high);
      case 1 -> new Features((low & 0xffff_ffffL) | bits << 32, high);
      case 2 -> new Features(low, high >>> 32 << 32 | bits);
      case 3 -> new Features(low, (high & 0xffff_ffffL) | bits << 32);
      default -> this;
    };
  }

  @Override
  public String toString() {
    return high == 0 ? "0x%x".formatted(low) : "0x%x%016x".formatted(high, low);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

/**
 * Which writes of the guest ring a doorbell.
 *
 * @param space where
 * @param address the address of the writes
 * @param size the width of the writes in bytes: 1, 2, 4 or 8; 0 for any
 * @param matched whether only writes of {@code value} ring it, which needs a {@code size}
 * @param value what is written, if {@code matched}; else 0
 */
public record DoorbellAddress(Space space, long address, int size, boolean matched, long value) {
  /** Where a doorbell is. */
  public enum Space {
    /** An I/O port. */
    PIO,
    /** Memory-mapped. */
    MMIO
  }

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if {@code size} is none of those named, if a port is not in 0
   *     to 65,535 or written with 8 bytes, if {@code matched} lacks a size, or if {@code value}
   *     does not fit it
   */
  public DoorbellAddress {
    if (size < 0 || size > 8 || Integer.bitCount(size) > 1) {
      throw new IllegalArgumentException("size=" + size + ", must be 0, 1, 2, 4 or 8");
    }
    if (space == Space.PIO && (address < 0 || address > 0xffff || size > 4)) {
      throw new IllegalArgumentException(
          "port=0x"
              + Long.toHexString(address)
              + ", size="
              + size
              + ", must be 0x0 to 0xffff and at most 4 bytes");
    }
    if (matched && size == 0) {
      throw new IllegalArgumentException("size=0, must be 1, 2, 4 or 8 where a value is matched");
    }
    boolean fits = matched ? size == 8 || value >>> (8 * size) == 0 : value == 0;
    if (!fits) {
      throw new IllegalArgumentException(
          "value=0x"
              + Long.toHexString(value)
              + " does not fit size="
              + size
              + ", matched="
              + matched);
    }
  }

  /**
   * {@return the address of memory-mapped writes of any value}
   *
   * @param address the guest-physical address
   * @param size the width in bytes; 0 for any
   */
  public static DoorbellAddress mmio(long address, int size) {
    return new DoorbellAddress(Space.MMIO, address, size, false, 0);
  }

  /**
   * {@return the address of memory-mapped writes of one value}
   *
   * @param address the guest-physical address
   * @param size the width in bytes
   * @param value the value
   */
  public static DoorbellAddress mmio(long address, int size, long value) {
    return new DoorbellAddress(Space.MMIO, address, size, true, value);
  }

  /**
   * {@return the address of writes of any value to a port}
   *
   * @param port the port
   * @param size the width in bytes; 0 for any
   */
  public static DoorbellAddress pio(int port, int size) {
    return new DoorbellAddress(Space.PIO, port, size, false, 0);
  }

  @Override
  public String toString() {
    return (space == Space.PIO ? "port 0x" : "MMIO 0x")
        + Long.toHexString(address)
        + (size == 0 ? "" : " size=" + size)
        + (matched ? " value=0x" + Long.toHexString(value) : "");
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

/**
 * A range of a window of an {@link AddressMap} that somebody has, or that nobody has.
 *
 * @param owner whose it is; {@code "free"} for a hole
 * @param start the first address, port or GSI
 * @param last the last one
 */
public record AddressRange(String owner, long start, long last) {
  /** {@return how many there are; 0 for all 2^64} */
  public long size() {
    return last - start + 1;
  }

  /**
   * {@return whether an address lies in it}
   *
   * @param address the address
   */
  public boolean contains(long address) {
    return Long.compareUnsigned(address - start, last - start) <= 0;
  }

  @Override
  public String toString() {
    return owner + " [0x" + Long.toHexString(start) + "..0x" + Long.toHexString(last) + "]";
  }
}

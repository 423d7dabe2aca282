// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

/**
 * A range of a {@link Bus}.
 *
 * @param name the name it was given, for messages
 * @param start the first address
 * @param last the last address
 * @param device what is behind it
 */
public record BusRange(String name, long start, long last, BusDevice device) {
  /** {@return the size in bytes} */
  public long size() {
    return last - start + 1;
  }

  boolean overlaps(BusRange other) {
    return Long.compareUnsigned(start, other.last) <= 0
        && Long.compareUnsigned(other.start, last) <= 0;
  }

  @Override
  public String toString() {
    return name + " [0x" + Long.toHexString(start) + "..0x" + Long.toHexString(last) + "]";
  }
}

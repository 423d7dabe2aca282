// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

/** A translation that an {@link Iommu} found. For one thread at a time. */
public final class Translation {
  private long iova;
  private long length;

  /** As it was given, before it was cut. */
  private long wanted;

  private long gpa;
  private Access permitted = Access.READ;

  /** Creates a translation of nothing. */
  public Translation() {}

  /**
   * Sets the translation. Where a range would exceed 2^64 it is cut there.
   *
   * @param newIova the first I/O virtual address
   * @param newLength the length in bytes, unsigned
   * @param newGpa the guest-physical address of the first byte
   * @param newPermitted what the translation permits
   */
  public void set(long newIova, long newLength, long newGpa, Access newPermitted) {
    iova = newIova;
    wanted = newLength;
    length = cut(newLength, newIova, newGpa);
    gpa = newGpa;
    permitted = newPermitted;
  }

  /** The length, or what is left of it until one of the addresses would exceed 2^64. */
  static long cut(long length, long iova, long gpa) {
    if (length == 0) {
      return 0;
    }
    long last = length - 1;
    last = Long.compareUnsigned(last, ~iova) < 0 ? last : ~iova;
    last = Long.compareUnsigned(last, ~gpa) < 0 ? last : ~gpa;
    // All 2^64 addresses cannot be counted: one less is as good.
    return last == -1 ? -1 : last + 1;
  }

  /** {@return the first I/O virtual address} */
  public long iova() {
    return iova;
  }

  /** {@return the length in bytes, unsigned} */
  public long length() {
    return length;
  }

  /** {@return the guest-physical address of the first byte} */
  public long gpa() {
    return gpa;
  }

  /** {@return what the translation permits} */
  public Access permitted() {
    return permitted;
  }

  /** Whether the address is in the range as it was given. */
  boolean names(long address) {
    return Long.compareUnsigned(address - iova, wanted) < 0;
  }

  boolean holds(long address) {
    return Long.compareUnsigned(address - iova, length) < 0;
  }

  @Override
  public String toString() {
    return "translation(iova=0x"
        + Long.toHexString(iova)
        + ", length="
        + Long.toUnsignedString(length)
        + ", gpa=0x"
        + Long.toHexString(gpa)
        + ", "
        + permitted
        + ")";
  }
}

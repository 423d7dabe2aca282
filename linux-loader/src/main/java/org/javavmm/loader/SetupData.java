// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.javavmm.loader.MemoryRange.hex;

import java.nio.ByteBuffer;

/**
 * An element of the list that the zero page's {@code setup_data} points to
 * (Documentation/arch/x86/boot.rst, protocol 2.09): something else that the kernel is told.
 * Immutable.
 */
public final class SetupData {
  private static final int FDT_HEADER_SIZE = 40;
  private static final int FDT_MAGIC = 0xd00d_feed;

  private final int type;
  private final byte[] data;

  private SetupData(int type, byte[] data) {
    this.type = type;
    this.data = data;
  }

  /**
   * {@return a seed for the kernel's random numbers (SETUP_RNG_SEED, Linux 6.0 and later), which
   * makes them good before the first device is there; the kernel clears it}
   *
   * @param seed random bytes, best 32 or more
   * @throws IllegalArgumentException if there are none
   */
  public static SetupData rngSeed(byte[] seed) {
    return of(BootParamsLayout.SETUP_RNG_SEED, seed);
  }

  /**
   * {@return a device tree (SETUP_DTB)}
   *
   * @param blob a flattened device tree
   * @throws IllegalArgumentException if it does not begin with the magic number 0xd00dfeed and its
   *     own size
   */
  public static SetupData deviceTree(byte[] blob) {
    if (blob.length < FDT_HEADER_SIZE) {
      throw new IllegalArgumentException(
          "device tree of " + blob.length + " bytes: must have at least " + FDT_HEADER_SIZE);
    }
    ByteBuffer header = ByteBuffer.wrap(blob); // big-endian
    if (header.getInt(0) != FDT_MAGIC) {
      throw new IllegalArgumentException(
          "device tree's magic is "
              + hex(header.getInt(0) & 0xffff_ffffL)
              + ", must be 0xd00dfeed");
    }
    if (header.getInt(4) != blob.length) {
      throw new IllegalArgumentException(
          "device tree's totalsize is "
              + (header.getInt(4) & 0xffff_ffffL)
              + ", must be "
              + blob.length
              + ", what there is");
    }
    return of(BootParamsLayout.SETUP_DTB, blob);
  }

  /**
   * {@return an element of any type that the kernel's {@code asm/setup_data.h} has}
   *
   * @param type its number, from 2 to 9; 1 is for the memory map, which the plan writes
   * @param data its bytes, copied
   * @throws IllegalArgumentException if the type is out of range, or if there are no bytes
   */
  public static SetupData of(int type, byte[] data) {
    if (type <= BootParamsLayout.SETUP_E820_EXT || type > BootParamsLayout.SETUP_ENUM_MAX) {
      throw new IllegalArgumentException(
          "setup_data of type " + type + ": must be from 2 to " + BootParamsLayout.SETUP_ENUM_MAX);
    }
    if (data.length == 0) {
      throw new IllegalArgumentException("setup_data of type " + type + ": must not be empty");
    }
    return new SetupData(type, data.clone());
  }

  /** {@return the part of a memory map that the zero page has no room for} */
  static SetupData e820(byte[] entries) {
    return new SetupData(BootParamsLayout.SETUP_E820_EXT, entries);
  }

  /** {@return the type's number} */
  public int type() {
    return type;
  }

  /** {@return the number of bytes, without the element's header} */
  public int size() {
    return data.length;
  }

  byte[] data() {
    return data;
  }

  @Override
  public String toString() {
    return "setup_data of type " + type + ", " + data.length + " bytes";
  }
}

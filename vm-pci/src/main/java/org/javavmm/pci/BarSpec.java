// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

/**
 * What a base address register describes (PCI Local Bus 3.0 §6.2.5.1).
 *
 * @param type the space and the width of the register
 * @param prefetchable whether reads have no side effects; memory only
 * @param size bytes, a power of two: at least 16 for memory, 4 to 256 for I/O; at most 2 GiB in 32
 *     bits, 2^62 in 64
 */
public record BarSpec(Type type, boolean prefetchable, long size) {
  /** The space and the width of the register. */
  public enum Type {
    /** I/O ports. */
    IO,
    /** Memory below 4 GiB. */
    MEMORY_32,
    /** Memory anywhere; takes two registers. */
    MEMORY_64
  }

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if {@code size} is no power of two or out of range, or if I/O
   *     is prefetchable
   */
  public BarSpec {
    long least = type == Type.IO ? 4 : 16;
    long most =
        switch (type) {
          case IO -> 256;
          case MEMORY_32 -> 1L << 31;
          case MEMORY_64 -> 1L << 62;
        };
    if (Long.bitCount(size) != 1 || size < least || size > most) {
      throw new IllegalArgumentException(
          "size=0x%x of a BAR in %s is not a power of two in 0x%x..0x%x"
              .formatted(size, type, least, most));
    }
    if (type == Type.IO && prefetchable) {
      throw new IllegalArgumentException("an I/O BAR cannot be prefetchable");
    }
  }

  /**
   * {@return I/O ports}
   *
   * @param size how many
   */
  public static BarSpec io(long size) {
    return new BarSpec(Type.IO, false, size);
  }

  /**
   * {@return memory below 4 GiB}
   *
   * @param size bytes
   */
  public static BarSpec memory32(long size) {
    return new BarSpec(Type.MEMORY_32, false, size);
  }

  /**
   * {@return memory anywhere}
   *
   * @param size bytes
   */
  public static BarSpec memory64(long size) {
    return new BarSpec(Type.MEMORY_64, false, size);
  }

  /** {@return the same, prefetchable} */
  public BarSpec asPrefetchable() {
    return new BarSpec(type, true, size);
  }

  /** The read-only low bits of the register. */
  int flags() {
    return switch (type) {
      case IO -> PciLayout.BASE_ADDRESS_SPACE_IO;
      case MEMORY_32 -> prefetchable ? PciLayout.BASE_ADDRESS_MEM_PREFETCH : 0;
      case MEMORY_64 ->
          PciLayout.BASE_ADDRESS_MEM_TYPE_64
              | (prefetchable ? PciLayout.BASE_ADDRESS_MEM_PREFETCH : 0);
    };
  }

  /** {@return the spec, such as memory64 prefetchable size=0x4000} */
  @Override
  public String toString() {
    String name =
        switch (type) {
          case IO -> "io";
          case MEMORY_32 -> "memory32";
          case MEMORY_64 -> "memory64";
        };
    return name + (prefetchable ? " prefetchable" : "") + " size=0x" + Long.toHexString(size);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/**
 * The address of a register: a generic address structure, GAS (ACPI §5.2.3.2).
 *
 * @param space where the register lies
 * @param bitWidth the register's width in bits, 0 to 255
 * @param bitOffset the register's first bit at the address, 0 to 255
 * @param accessSize how it is accessed
 * @param address the address in its space, taken as unsigned
 */
public record GenericAddress(
    AddressSpace space, int bitWidth, int bitOffset, AccessSize accessSize, long address) {

  /** No register: all bytes zero. */
  public static final GenericAddress NONE =
      new GenericAddress(AddressSpace.SYSTEM_MEMORY, 0, 0, AccessSize.UNDEFINED, 0);

  /** The width of one access to a register. */
  public enum AccessSize {
    /** Not said. */
    UNDEFINED(0),
    /** 8 bits. */
    BYTE(1),
    /** 16 bits. */
    WORD(2),
    /** 32 bits. */
    DWORD(3),
    /** 64 bits. */
    QWORD(4);

    private final int code;

    AccessSize(int code) {
      this.code = code;
    }

    int code() {
      return code;
    }
  }

  /**
   * Checks the address.
   *
   * @throws IllegalArgumentException if width or offset do not fit a byte, or a port is beyond
   *     0xffff
   */
  public GenericAddress {
    Check.range("register width in bits", bitWidth, 0, 0xff);
    Check.range("register offset in bits", bitOffset, 0, 0xff);
    if (space == AddressSpace.SYSTEM_IO) {
      Check.range("port", address, 0, 0xffff);
    }
  }

  /**
   * {@return an 8-bit register at a port}
   *
   * @param port 0 to 0xffff
   * @throws IllegalArgumentException if the port is beyond
   */
  public static GenericAddress ioByte(int port) {
    return new GenericAddress(AddressSpace.SYSTEM_IO, 8, 0, AccessSize.BYTE, port);
  }

  /**
   * {@return an 8-bit register in memory}
   *
   * @param gpa its guest-physical address
   */
  public static GenericAddress memoryByte(long gpa) {
    return new GenericAddress(AddressSpace.SYSTEM_MEMORY, 8, 0, AccessSize.BYTE, gpa);
  }
}

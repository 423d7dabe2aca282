// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.OptionalLong;

/**
 * Which writes of the guest signal an eventfd, {@code struct kvm_ioeventfd}.
 *
 * @param pio whether {@code address} is a port rather than a guest-physical address
 * @param address the address; exactly this one, not what lies in the width behind it
 * @param length the width of the writes in bytes, 1, 2, 4 or 8; 0 for any ({@link
 *     Cap#IOEVENTFD_ANY_LENGTH})
 * @param datamatch the value that must be written; empty for any
 */
public record IoeventAddress(boolean pio, long address, int length, OptionalLong datamatch) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if {@code length} is not 0, 1, 2, 4 or 8, if a port is not 0
   *     to 65,535 or wider than 4, if a value is to match but {@code length} is 0, or if the value
   *     does not fit {@code length}: KVM compares all of it, so that no write would match
   */
  public IoeventAddress {
    if (length < 0 || length > 8 || Integer.bitCount(length) > 1) {
      throw new IllegalArgumentException("length=" + length + ", must be 0, 1, 2, 4 or 8");
    }
    if (pio && (address < 0 || address > 0xffff || length > 4)) {
      throw new IllegalArgumentException(
          "port=" + address + ", length=" + length + ", must be 0 to 65535 and at most 4");
    }
    if (length == 0 && datamatch.isPresent()) {
      throw new IllegalArgumentException("a value can match only with a length");
    }
    if (length < Long.BYTES && datamatch.orElse(0) >>> (Byte.SIZE * length) != 0) {
      throw new IllegalArgumentException(
          "datamatch=" + Kvm.hex(datamatch.getAsLong()) + " does not fit length=" + length);
    }
  }

  /**
   * {@return writes to a guest-physical address, whatever the value}
   *
   * @param gpa the address
   * @param length the width in bytes; 0 for any, which KVM finds faster
   */
  public static IoeventAddress mmio(long gpa, int length) {
    return new IoeventAddress(false, gpa, length, OptionalLong.empty());
  }

  /**
   * {@return writes to a port, whatever the value}
   *
   * @param port the port
   * @param length the width in bytes; 0 for any
   */
  public static IoeventAddress pio(int port, int length) {
    return new IoeventAddress(true, port, length, OptionalLong.empty());
  }

  /**
   * {@return these writes with a certain value alone}
   *
   * @param value the value, of {@link #length} bytes, unsigned
   * @throws IllegalArgumentException if {@link #length} is 0 or {@code value} does not fit it
   */
  public IoeventAddress matching(long value) {
    return new IoeventAddress(pio, address, length, OptionalLong.of(value));
  }

  MemorySegment toStruct(Arena arena, int flags) {
    MemorySegment struct = Kvm.struct(arena, IoeventfdLayout.SIZEOF);
    int bits =
        flags
            | (pio ? IoeventfdLayout.KVM_IOEVENTFD_FLAG_PIO : 0)
            | (datamatch.isPresent() ? IoeventfdLayout.KVM_IOEVENTFD_FLAG_DATAMATCH : 0);
    struct.set(ValueLayout.JAVA_LONG, IoeventfdLayout.DATAMATCH, datamatch.orElse(0));
    struct.set(ValueLayout.JAVA_LONG, IoeventfdLayout.ADDR, address);
    struct.set(ValueLayout.JAVA_INT, IoeventfdLayout.LEN, length);
    struct.set(ValueLayout.JAVA_INT, IoeventfdLayout.FLAGS, bits);
    return struct;
  }

  @Override
  public String toString() {
    return (pio ? "port=" : "gpa=")
        + Kvm.hex(address)
        + ", length="
        + length
        + (datamatch.isPresent() ? ", datamatch=" + Kvm.hex(datamatch.getAsLong()) : "");
  }
}

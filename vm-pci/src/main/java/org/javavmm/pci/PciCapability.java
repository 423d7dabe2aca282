// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import java.util.Arrays;

/**
 * A capability to be put into a function's list (PCI Local Bus 3.0 §6.7, PCI Express Base §7.9.3).
 * Immutable. Where it lies is decided by {@link PciFunction.Builder#build}, in the order in which
 * capabilities were added, each at the next free dword; so they cannot overlap.
 */
public final class PciCapability {
  private final boolean extended;
  private final int id;
  private final int version;
  private final byte[] bytes;
  private final byte[] writable;
  private final byte[] cleared;
  private final CapabilityHandler handler;
  private final boolean hasHandler;

  private PciCapability(
      boolean extended,
      int id,
      int version,
      byte[] bytes,
      byte[] writable,
      byte[] cleared,
      CapabilityHandler handler,
      boolean hasHandler) {
    this.extended = extended;
    this.id = id;
    this.version = version;
    this.bytes = bytes;
    this.writable = writable;
    this.cleared = cleared;
    this.handler = handler;
    this.hasHandler = hasHandler;
  }

  private static PciCapability of(boolean extended, int id, int version, byte[] bytes) {
    return new PciCapability(
        extended,
        id,
        version,
        bytes,
        new byte[bytes.length],
        new byte[bytes.length],
        CapabilityHandler.NONE,
        false);
  }

  /**
   * {@return a capability in the first 256 bytes, read-only}
   *
   * @param id its identifier, 1 to 255
   * @param body what follows the identifier and the pointer to the next: from offset 2 on
   * @throws IllegalArgumentException if {@code id} is out of range or {@code body} is longer than
   *     190 bytes
   */
  public static PciCapability standard(int id, byte... body) {
    if (id < 1 || id > 0xff) {
      throw new IllegalArgumentException("id=0x%x is not in 0x1..0xff".formatted(id));
    }
    int most = PciLayout.CFG_SPACE_SIZE - PciLayout.STD_HEADER_SIZEOF - 2;
    if (body.length > most) {
      throw new IllegalArgumentException("body of " + body.length + " bytes exceeds " + most);
    }
    byte[] bytes = new byte[2 + body.length];
    bytes[0] = (byte) id;
    System.arraycopy(body, 0, bytes, 2, body.length);
    return of(false, id, 0, bytes);
  }

  /**
   * {@return a vendor-specific capability, read-only} Its length byte, at offset 2, is filled in:
   * it counts the 3 bytes before the body and the body.
   *
   * @param body what follows the length: from offset 3 on
   * @throws IllegalArgumentException if {@code body} is longer than 189 bytes
   */
  public static PciCapability vendor(byte... body) {
    byte[] withLength = new byte[1 + body.length];
    withLength[0] = (byte) (3 + body.length);
    System.arraycopy(body, 0, withLength, 1, body.length);
    return standard(PciLayout.CAP_ID_VNDR, withLength);
  }

  /**
   * {@return a capability in the extended space, from 0x100 on, read-only}
   *
   * @param id its identifier, 1 to 65535
   * @param version its version, 0 to 15
   * @param body what follows the header: from offset 4 on
   * @throws IllegalArgumentException if a number is out of range or {@code body} is longer than
   *     3836 bytes
   */
  public static PciCapability extended(int id, int version, byte... body) {
    if (id < 1 || id > 0xffff) {
      throw new IllegalArgumentException("id=0x%x is not in 0x1..0xffff".formatted(id));
    }
    if (version < 0 || version > 15) {
      throw new IllegalArgumentException("version=" + version + " is not in 0..15");
    }
    int most = PciLayout.CFG_SPACE_EXP_SIZE - PciLayout.CFG_SPACE_SIZE - 4;
    if (body.length > most) {
      throw new IllegalArgumentException("body of " + body.length + " bytes exceeds " + most);
    }
    byte[] bytes = new byte[4 + body.length];
    bytes[0] = (byte) id;
    bytes[1] = (byte) (id >>> 8);
    System.arraycopy(body, 0, bytes, 4, body.length);
    return of(true, id, version, bytes);
  }

  /**
   * {@return the same with bytes that the guest may write}
   *
   * @param offset the first, counted from the capability's start; behind its header
   * @param length how many
   * @throws IllegalArgumentException if they are not all in the capability, behind its header
   */
  public PciCapability writable(int offset, int length) {
    checkRange(offset, length);
    byte[] mask = writable.clone();
    Arrays.fill(mask, offset, offset + length, (byte) 0xff);
    return new PciCapability(extended, id, version, bytes, mask, cleared, handler, hasHandler);
  }

  /**
   * {@return the same with bits that the guest may write}
   *
   * @param offset the byte, counted from the capability's start; behind its header
   * @param bits which of its bits
   * @throws IllegalArgumentException if it is not in the capability, behind its header
   */
  public PciCapability writableBits(int offset, int bits) {
    checkRange(offset, 1);
    byte[] mask = writable.clone();
    mask[offset] |= (byte) bits;
    return new PciCapability(extended, id, version, bytes, mask, cleared, handler, hasHandler);
  }

  /**
   * {@return the same with bits that the guest clears by writing 1; they are not writable then}
   *
   * @param offset the byte, counted from the capability's start; behind its header
   * @param bits which of its bits
   * @throws IllegalArgumentException if it is not in the capability, behind its header
   */
  public PciCapability clearedByOne(int offset, int bits) {
    checkRange(offset, 1);
    byte[] mask = writable.clone();
    mask[offset] &= (byte) ~bits;
    byte[] clear = cleared.clone();
    clear[offset] |= (byte) bits;
    return new PciCapability(extended, id, version, bytes, mask, clear, handler, hasHandler);
  }

  /**
   * {@return the same with a handler}
   *
   * @param newHandler the handler
   */
  public PciCapability handler(CapabilityHandler newHandler) {
    return new PciCapability(extended, id, version, bytes, writable, cleared, newHandler, true);
  }

  private void checkRange(int offset, int length) {
    int header = extended ? 4 : 2;
    if (offset < header || length < 0 || offset > bytes.length - length) {
      throw new IllegalArgumentException(
          "offset="
              + offset
              + " length="
              + length
              + " is not in "
              + header
              + ".."
              + (bytes.length - 1));
    }
  }

  /** {@return whether it is in the extended space} */
  public boolean isExtended() {
    return extended;
  }

  /** {@return its identifier} */
  public int id() {
    return id;
  }

  /** {@return its length in bytes, the header included} */
  public int length() {
    return bytes.length;
  }

  CapabilityHandler handler() {
    return handler;
  }

  boolean hasHandler() {
    return hasHandler;
  }

  int version() {
    return version;
  }

  /** Writes it into a space. */
  void place(ConfigurationSpace config, int at) {
    for (int i = 0; i < bytes.length; i++) {
      config.define(at + i, 1, bytes[i], writable[i] & ~cleared[i] & 0xff, cleared[i] & 0xff);
    }
  }

  /** {@return the name and the length} */
  @Override
  public String toString() {
    String name =
        extended
            ? "extended 0x%04x".formatted(id)
            : switch (id) {
              case PciLayout.CAP_ID_PM -> "power management";
              case PciLayout.CAP_ID_VNDR -> "vendor";
              case PciLayout.CAP_ID_EXP -> "PCI Express";
              case PciLayout.CAP_ID_MSIX -> "MSI-X";
              default -> "0x%02x".formatted(id);
            };
    return name + " length=" + bytes.length;
  }
}

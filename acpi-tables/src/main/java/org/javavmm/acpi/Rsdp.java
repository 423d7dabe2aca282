// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/** The root system description pointer, revision 2 (ACPI §5.2.5.3). */
final class Rsdp {
  static final int LENGTH = 36;

  /** Where the guest's scan looks for it: every 16 bytes (ACPI §5.2.5.1). */
  static final int ALIGNMENT = 16;

  /** The first checksum covers what revision 0 had. */
  private static final int REVISION_0_LENGTH = 20;

  private static final int CHECKSUM_OFFSET = 8;
  private static final int EXTENDED_CHECKSUM_OFFSET = 32;

  private Rsdp() {}

  static byte[] toBytes(OemIds ids, long xsdtAddress) {
    byte[] bytes =
        new ByteSink()
            .ascii("signature", "RSD PTR ", 8)
            .u8(0) // checksum, below
            .ascii("OEM id", ids.oemId(), 6)
            .u8(2)
            .u32(0) // no RSDT: its entries have 32 bits only
            .u32(LENGTH)
            .u64(xsdtAddress)
            .u8(0) // extended checksum, below
            .zeros(3)
            .toByteArray();
    bytes[CHECKSUM_OFFSET] = ByteSink.checksum(bytes, 0, REVISION_0_LENGTH);
    bytes[EXTENDED_CHECKSUM_OFFSET] = ByteSink.checksum(bytes, 0, LENGTH);
    return bytes;
  }
}

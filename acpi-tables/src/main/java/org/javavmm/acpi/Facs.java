// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/**
 * The firmware ACPI control structure, signature FACS, version 2 (ACPI §5.2.10): 64 bytes that
 * guest and firmware share, with the global lock. A machine with ACPI's fixed registers has one; a
 * hardware-reduced one needs none.
 *
 * <p>It has neither the common header nor a checksum. The guest writes to it.
 */
public final class Facs implements AcpiTable {
  /** The table's bytes. */
  public static final int LENGTH = 64;

  private static final int VERSION = 2;

  private final long hardwareSignature;

  private Facs(long hardwareSignature) {
    this.hardwareSignature = hardwareSignature;
  }

  /**
   * {@return a FACS of a machine that never wakes from sleep: no waking vector, no flags}
   *
   * @param hardwareSignature a number that changes when the machine's hardware does, by which a
   *     guest that resumes from disk knows whether it may; 0 to 0xffffffff
   * @throws IllegalArgumentException if it does not fit 32 bits
   */
  public static Facs of(long hardwareSignature) {
    return new Facs(Check.range("hardware signature", hardwareSignature, 0, 0xffff_ffffL));
  }

  @Override
  public String signature() {
    return "FACS";
  }

  /** {@return 64} */
  @Override
  public int alignment() {
    return LENGTH;
  }

  @Override
  public byte[] toBytes(TableContext context) {
    return new ByteSink()
        .ascii("signature", signature(), 4)
        .u32(LENGTH)
        .u32(hardwareSignature)
        .u32(0) // Firmware_Waking_Vector
        .u32(0) // Global_Lock
        .u32(0) // Flags
        .u64(0) // X_Firmware_Waking_Vector
        .u8(VERSION)
        .zeros(3)
        .u32(0) // OSPM_Flags
        .zeros(24)
        .toByteArray();
  }

  /** {@return the signature and the length} */
  @Override
  public String toString() {
    return "FACS version %d, %d bytes".formatted(VERSION, LENGTH);
  }
}

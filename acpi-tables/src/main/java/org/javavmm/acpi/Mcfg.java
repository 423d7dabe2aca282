// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/**
 * The table of the enhanced configuration access mechanism (PCI Firmware Specification 3.3 §4.1.2):
 * where the configuration space of PCI functions is mapped.
 *
 * <p>Each area must also be reserved, by {@link AmlDevices#motherboard} or in the memory map, for a
 * guest to use it.
 */
public final class Mcfg {
  private static final int REVISION = 1;
  private static final long BUS_SIZE = 1L << 20;

  private Mcfg() {}

  /**
   * {@return the table of one area, of segment 0}
   *
   * @param base the address of the area, were it to begin with bus 0; a multiple of 1 MiB
   * @param firstBus the first bus that it reaches, 0 to 255
   * @param lastBus the last one, {@code firstBus} to 255
   * @throws IllegalArgumentException if a value is out of range, or the area passes 2^64
   */
  public static Sdt of(long base, int firstBus, int lastBus) {
    Check.range("first bus", firstBus, 0, 0xff);
    Check.range("last bus", lastBus, firstBus, 0xff);
    if ((base & (BUS_SIZE - 1)) != 0) {
      throw new IllegalArgumentException(
          "base 0x%x of ECAM is not a multiple of 0x%x".formatted(base, BUS_SIZE));
    }
    if (Long.compareUnsigned(base + BUS_SIZE * (lastBus + 1) - 1, base) < 0) {
      throw new IllegalArgumentException(
          "ECAM at 0x%x passes 2^64 with bus %d".formatted(base, lastBus));
    }
    return Sdt.builder("MCFG", REVISION)
        .zeros(8)
        .u64(base)
        .u16(0)
        .u8(firstBus)
        .u8(lastBus)
        .zeros(4)
        .build();
  }
}

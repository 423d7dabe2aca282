// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import java.util.List;

/** Tables with their addresses: one blob to copy into guest memory before the guest starts. */
public final class PlacedTables {
  private final long gpa;
  private final byte[] blob;
  private final List<Entry> entries;

  /**
   * Where one table lies.
   *
   * @param signature its signature; that of the RSDP is {@code "RSD PTR "}
   * @param gpa its guest-physical address
   * @param length its bytes
   */
  public record Entry(String signature, long gpa, int length) {}

  PlacedTables(long gpa, byte[] blob, List<Entry> entries) {
    this.gpa = gpa;
    this.blob = blob;
    this.entries = entries;
  }

  /** {@return the guest-physical address at which the blob belongs} */
  public long gpa() {
    return gpa;
  }

  /** {@return the length of the blob in bytes} */
  public int length() {
    return blob.length;
  }

  /** {@return a copy of the blob; the bytes between tables are zero} */
  public byte[] bytes() {
    return blob.clone();
  }

  /**
   * {@return the guest-physical address of the RSDP, to give to the guest: {@code acpi_rsdp_addr}
   * of Linux's boot parameters, or {@code rsdp_paddr} of PVH's start info}
   */
  public long rsdpAddress() {
    return entries.getFirst().gpa();
  }

  /** {@return every table in the order of their addresses: RSDP, XSDT, then the others} */
  public List<Entry> entries() {
    return entries;
  }

  /** {@return the tables with addresses and lengths, one line} */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    for (Entry entry : entries) {
      text.append(text.isEmpty() ? "" : ", ")
          .append("%s 0x%x+%d".formatted(entry.signature().strip(), entry.gpa(), entry.length()));
    }
    return text.toString();
  }
}

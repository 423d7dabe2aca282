// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/**
 * The maker's marks in the RSDP and in the header of every table (ACPI §5.2.6).
 *
 * <p>One value serves a whole {@linkplain AcpiTables set}; a table may replace the OEM table id
 * ({@link Sdt.Builder#oemTableId}). Shorter texts are padded with spaces.
 *
 * @param oemId who made the tables, 1 to 6 characters
 * @param oemTableId which tables they are, 1 to 8 characters
 * @param oemRevision the maker's revision, 0 to 2^32 - 1
 * @param creatorId who wrote the tables' bytes, 1 to 4 characters
 * @param creatorRevision the writer's revision, 0 to 2^32 - 1
 */
public record OemIds(
    String oemId, String oemTableId, long oemRevision, String creatorId, long creatorRevision) {

  /** The ids of a set that was given none. */
  public static final OemIds DEFAULT = new OemIds("JAVVMM", "JAVAVMM", 1, "JVMM", 1);

  /**
   * Checks the ids.
   *
   * @throws IllegalArgumentException if a text is empty, too long or not printable ASCII, or a
   *     revision does not fit 32 bits
   */
  public OemIds {
    Check.printable("OEM id", oemId, 6);
    Check.printable("OEM table id", oemTableId, 8);
    Check.range("OEM revision", oemRevision, 0, 0xffff_ffffL);
    Check.printable("creator id", creatorId, 4);
    Check.range("creator revision", creatorRevision, 0, 0xffff_ffffL);
  }
}

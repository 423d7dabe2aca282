// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/**
 * A table that an {@link AcpiTables} set can hold: a signature and bytes that may depend on where
 * the other tables lie.
 *
 * <p>Nearly every table is an {@link Sdt}, which has the common header and checksum. The interface
 * is open for what is not, such as a FACS, which has neither.
 */
public interface AcpiTable {

  /** {@return the table's signature, four printable ASCII characters} */
  String signature();

  /**
   * {@return the alignment in bytes that the table's address needs: a power of two, 16 unless the
   * table says otherwise}
   */
  default int alignment() {
    return 16;
  }

  /**
   * {@return the whole table, header and checksum included, in a fresh array whose length does not
   * depend on the context}
   *
   * @param context where the other tables lie
   */
  byte[] toBytes(TableContext context);
}

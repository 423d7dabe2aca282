// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/** What a table learns from the set that it is placed in. */
public interface TableContext {

  /**
   * {@return the guest-physical address of the first table of the set with this signature, or 0,
   * which is ACPI's own null, if the set has none or is not placed}
   *
   * @param signature four characters, such as {@code "DSDT"}
   */
  long addressOf(String signature);

  /** {@return the ids for the table's header} */
  OemIds ids();

  /**
   * {@return a context in which no table has an address}
   *
   * @param ids the ids for the table's header
   */
  static TableContext unplaced(OemIds ids) {
    return new TableContext() {
      @Override
      public long addressOf(String signature) {
        return 0;
      }

      @Override
      public OemIds ids() {
        return ids;
      }
    };
  }
}

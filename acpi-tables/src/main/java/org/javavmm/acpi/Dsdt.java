// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import java.util.List;

/**
 * The differentiated system description table (ACPI §5.2.11.1): the AML that describes the machine.
 */
public final class Dsdt {
  /** Integers of the whole namespace have 64 bits from revision 2 on (ACPI §19.6.28). */
  static final int REVISION = 2;

  private Dsdt() {}

  /**
   * {@return a DSDT, revision 2}
   *
   * @param terms what stands at the root of the namespace
   * @throws IllegalArgumentException if two of the terms declare the same name
   */
  public static Sdt of(AmlTerm... terms) {
    return of(List.of(terms));
  }

  /**
   * {@return a DSDT, revision 2}
   *
   * @param terms what stands at the root of the namespace
   * @throws IllegalArgumentException if two of the terms declare the same name
   */
  public static Sdt of(List<? extends AmlTerm> terms) {
    return Sdt.builder("DSDT", REVISION).bytes(AmlCode.termList("DSDT", terms)).build();
  }
}

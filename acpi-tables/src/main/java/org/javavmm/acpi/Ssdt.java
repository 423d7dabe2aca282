// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import java.util.List;

/**
 * A secondary system description table (ACPI §5.2.11.2): more AML beside the {@linkplain Dsdt
 * DSDT}. A set may hold several, told apart by their OEM table ids.
 */
public final class Ssdt {
  private Ssdt() {}

  /**
   * {@return an SSDT, revision 2}
   *
   * @param oemTableId 1 to 8 printable ASCII characters, another one for each SSDT
   * @param terms what stands at the root of the namespace
   * @throws IllegalArgumentException if the id is malformed, or two of the terms declare the same
   *     name
   */
  public static Sdt of(String oemTableId, AmlTerm... terms) {
    return of(oemTableId, List.of(terms));
  }

  /**
   * {@return an SSDT, revision 2}
   *
   * @param oemTableId 1 to 8 printable ASCII characters, another one for each SSDT
   * @param terms what stands at the root of the namespace
   * @throws IllegalArgumentException if the id is malformed, or two of the terms declare the same
   *     name
   */
  public static Sdt of(String oemTableId, List<? extends AmlTerm> terms) {
    return Sdt.builder("SSDT", Dsdt.REVISION)
        .oemTableId(oemTableId)
        .bytes(AmlCode.termList("SSDT", terms))
        .build();
  }
}

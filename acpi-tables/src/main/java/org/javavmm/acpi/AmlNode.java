// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/**
 * A piece of AML, ready encoded (ACPI chapter 20). Made by the factories of {@link Aml}, {@link
 * AmlPath} and {@link AmlDevices}.
 *
 * <p>The kinds follow the grammar, so that what cannot stand somewhere does not compile there: an
 * {@link AmlTerm} stands in a scope, a device or a method; an {@link AmlArg} is a value; an {@link
 * AmlData} is a constant value; an {@link AmlTarget} is a place; an {@link AmlOperation} is a term
 * and a value; an {@link AmlElement} stands in a package.
 */
public sealed interface AmlNode permits AmlTerm, AmlArg, AmlElement {

  /** {@return the AML, in a fresh array} */
  byte[] toBytes();
}

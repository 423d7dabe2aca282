// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/** An operation that yields a value and may stand alone: ExpressionOpcode of ACPI §20.2.5.4. */
public sealed interface AmlOperation extends AmlTerm, AmlArg permits AmlCode.Operation {}

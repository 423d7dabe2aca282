// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/** What may stand in a scope, a device or a method: TermObj of ACPI §20.2.5. */
public sealed interface AmlTerm extends AmlNode permits AmlOperation, AmlCode.Term {}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/** A constant: DataObject of ACPI §20.2.3. */
public sealed interface AmlData extends AmlArg, AmlElement permits AmlCode.Data {}

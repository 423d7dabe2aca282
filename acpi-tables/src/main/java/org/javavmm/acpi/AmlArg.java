// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/** A value, constant or computed: TermArg of ACPI §20.2.5. */
public sealed interface AmlArg extends AmlNode permits AmlData, AmlTarget, AmlOperation {}

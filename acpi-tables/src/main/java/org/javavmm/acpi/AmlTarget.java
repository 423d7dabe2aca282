// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/** A named object, an argument or a local variable: SimpleName of ACPI §20.2.2. */
public sealed interface AmlTarget extends AmlArg permits AmlPath, AmlCode.Target {}

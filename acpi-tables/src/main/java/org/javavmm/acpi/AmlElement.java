// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/** What may stand in a package: PackageElement of ACPI §20.2.5.4. */
public sealed interface AmlElement extends AmlNode permits AmlData, AmlPath {}

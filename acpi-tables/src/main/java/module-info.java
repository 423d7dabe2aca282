// SPDX-License-Identifier: Apache-2.0

/** ACPI tables and AML as composable objects. */
@org.jspecify.annotations.NullMarked
module org.javavmm.acpi {
  requires static org.jspecify;

  exports org.javavmm.acpi;
}

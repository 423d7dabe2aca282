// SPDX-License-Identifier: Apache-2.0

/** Legacy devices: 16550A UART, CMOS clock, i8042, ACPI registers, debug ports, pvpanic. */
@org.jspecify.annotations.NullMarked
module org.javavmm.superio {
  requires transitive org.javavmm.device;
  requires transitive org.javavmm.event;
  requires transitive org.javavmm.sys;
  requires static org.jspecify;

  exports org.javavmm.superio;
}

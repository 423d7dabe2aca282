// SPDX-License-Identifier: Apache-2.0

/** Port and MMIO buses, and the interfaces of interrupt lines. */
@org.jspecify.annotations.NullMarked
module org.javavmm.device {
  requires transitive org.javavmm.memory;
  requires static org.jspecify;

  exports org.javavmm.device;
}

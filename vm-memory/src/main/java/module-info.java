// SPDX-License-Identifier: Apache-2.0

/** Guest memory: regions, bounds-checked access by guest-physical address, leases. */
@org.jspecify.annotations.NullMarked
module org.javavmm.memory {
  requires transitive org.javavmm.sys;
  requires static org.jspecify;

  exports org.javavmm.memory;
}

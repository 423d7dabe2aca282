// SPDX-License-Identifier: Apache-2.0

/** Virtqueues, split and packed, as a device sees them. */
@org.jspecify.annotations.NullMarked
module org.javavmm.virtio {
  requires transitive org.javavmm.memory;
  requires static org.jspecify;

  exports org.javavmm.virtio;
}

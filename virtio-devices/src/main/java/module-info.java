// SPDX-License-Identifier: Apache-2.0

/** Virtio devices: entropy. */
@org.jspecify.annotations.NullMarked
module org.javavmm.virtio.devices {
  requires transitive org.javavmm.virtio;
  requires static org.jspecify;

  exports org.javavmm.virtio.devices;
}

// SPDX-License-Identifier: Apache-2.0

/** Virtqueues, the device interface, and the transports virtio-mmio and virtio-pci. */
@org.jspecify.annotations.NullMarked
module org.javavmm.virtio {
  requires transitive org.javavmm.event;
  requires transitive org.javavmm.memory;
  requires transitive org.javavmm.pci;
  requires static org.jspecify;

  exports org.javavmm.virtio;
}

// SPDX-License-Identifier: Apache-2.0

/** Virtqueues as a driver sees them, for tests of devices. */
@org.jspecify.annotations.NullMarked
module org.javavmm.virtio.testkit {
  requires transitive org.javavmm.virtio;
  requires static org.jspecify;

  exports org.javavmm.virtio.testkit;
}

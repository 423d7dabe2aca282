// SPDX-License-Identifier: Apache-2.0

/** Monitors composed from java-vmm's modules. */
@org.jspecify.annotations.NullMarked
module org.javavmm.examples {
  requires info.picocli;
  requires org.javavmm.lab;
  requires org.javavmm.virtio.devices;
  requires org.javavmm.vmm;
  requires static org.jspecify;
}

// SPDX-License-Identifier: Apache-2.0

/** What every monitor needs: vCPU threads, exit dispatch, lifecycle. */
@org.jspecify.annotations.NullMarked
module org.javavmm.vmm {
  requires transitive org.javavmm.vmkvm;
  requires transitive org.javavmm.arch;
  requires transitive org.javavmm.superio;
  requires transitive org.javavmm.loader;
  requires transitive org.javavmm.acpi;
  requires transitive org.javavmm.event;
  requires transitive org.javavmm.virtio;
  requires static org.jspecify;

  exports org.javavmm.vmm;
}

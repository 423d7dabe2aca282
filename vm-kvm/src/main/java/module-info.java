// SPDX-License-Identifier: Apache-2.0

/** The interfaces of vm-device over KVM: memory slots, interrupt lines, MSI, doorbells. */
@org.jspecify.annotations.NullMarked
module org.javavmm.vmkvm {
  requires transitive org.javavmm.kvm;
  requires transitive org.javavmm.device;
  requires transitive org.javavmm.memory;
  requires static org.jspecify;

  exports org.javavmm.vmkvm;
}

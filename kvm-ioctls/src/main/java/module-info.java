// SPDX-License-Identifier: Apache-2.0

/**
 * The KVM API, typed: system, VM and vCPU objects and their exits. What arm64 has of its own is a
 * package beside it, which was never run on hardware.
 */
@org.jspecify.annotations.NullMarked
module org.javavmm.kvm {
  requires transitive org.javavmm.sys;
  requires static org.jspecify;

  exports org.javavmm.kvm;
  exports org.javavmm.kvm.arm64;
}

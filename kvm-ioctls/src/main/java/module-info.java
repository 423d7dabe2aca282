// SPDX-License-Identifier: Apache-2.0

/** The KVM API, typed: system, VM and vCPU objects and their exits. */
@org.jspecify.annotations.NullMarked
module org.javavmm.kvm {
  requires transitive org.javavmm.sys;
  requires static org.jspecify;

  exports org.javavmm.kvm;
}

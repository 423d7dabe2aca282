// SPDX-License-Identifier: Apache-2.0

/** Boot state of x86-64 vCPUs: CPUID, MSRs, page tables, descriptor tables. */
@org.jspecify.annotations.NullMarked
module org.javavmm.arch {
  requires transitive org.javavmm.kvm;
  requires transitive org.javavmm.memory;
  requires transitive org.javavmm.device;
  requires static org.jspecify;

  exports org.javavmm.arch;
}

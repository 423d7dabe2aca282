// SPDX-License-Identifier: Apache-2.0

/** The system call boundary of java-vmm: the only hand-written module that calls native code. */
@org.jspecify.annotations.NullMarked
module org.javavmm.sys {
  requires jdk.unsupported;
  requires static org.jspecify;

  exports org.javavmm.sys;
}

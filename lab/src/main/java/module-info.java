// SPDX-License-Identifier: Apache-2.0

/** A machine with real KVM inside QEMU, for hosts without one. */
@org.jspecify.annotations.NullMarked
module org.javavmm.lab {
  requires org.javavmm.loader;
  requires static org.jspecify;

  exports org.javavmm.lab;
}

// SPDX-License-Identifier: Apache-2.0

/** Loads Linux kernels and builds what their boot protocols ask for. */
@org.jspecify.annotations.NullMarked
module org.javavmm.loader {
  requires transitive org.javavmm.memory;
  requires org.javavmm.codec;
  requires static org.jspecify;

  exports org.javavmm.loader;
}

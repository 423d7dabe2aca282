// SPDX-License-Identifier: Apache-2.0

/** An epoll event loop. */
@org.jspecify.annotations.NullMarked
module org.javavmm.event {
  requires transitive org.javavmm.sys;
  requires static org.jspecify;

  exports org.javavmm.event;
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

/** {@code struct epoll_event} of {@code <sys/epoll.h>}: packed on x86-64, not elsewhere. */
final class EpollEventLayout {
  private static final boolean PACKED = System.getProperty("os.arch").equals("amd64");

  /** {@code uint32_t events}. */
  static final int EVENTS = 0;

  /** {@code epoll_data_t data}. */
  static final int DATA = PACKED ? 4 : 8;

  /** {@code sizeof(struct epoll_event)}. */
  static final int SIZEOF = PACKED ? 12 : 16;

  private EpollEventLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

/** The size of a page of this host: 4 KiB on x86-64; 4, 16 or 64 KiB on arm64. */
final class PageSize {
  static final int SC_PAGESIZE = 30;

  static final long BASE = Libc.callLong(Libc.function("sysconf"), SC_PAGESIZE, 0, 0, 0, 0, 0);

  private PageSize() {}
}

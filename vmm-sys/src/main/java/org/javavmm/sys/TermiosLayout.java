// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

/** {@code struct termios} of glibc and {@code struct winsize} of {@code <asm/termios.h>}. */
final class TermiosLayout {
  /** {@code sizeof(struct termios)}. */
  static final int SIZEOF_TERMIOS = 60;

  /** {@code unsigned short ws_row} of {@code struct winsize}. */
  static final int WS_ROW = 0;

  /** {@code unsigned short ws_col} of {@code struct winsize}. */
  static final int WS_COL = 2;

  /** {@code sizeof(struct winsize)}. */
  static final int SIZEOF_WINSIZE = 8;

  private TermiosLayout() {}
}

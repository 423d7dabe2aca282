// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

/** {@code struct flock} of {@code <fcntl.h>}. Its {@code l_whence} of 0 counts from the start. */
final class FlockLayout {
  /** {@code short l_type}. */
  static final int L_TYPE = 0;

  /** {@code off_t l_start}. */
  static final int L_START = 8;

  /** {@code off_t l_len}. */
  static final int L_LEN = 16;

  /** {@code sizeof(struct flock)}. */
  static final int SIZEOF = 32;

  private FlockLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

/** {@code struct itimerspec} of {@code <time.h>}: two {@code struct timespec} of 64-bit fields. */
final class ItimerspecLayout {
  /** {@code it_interval.tv_sec}. */
  static final long INTERVAL_SEC = 0;

  /** {@code it_interval.tv_nsec}. */
  static final long INTERVAL_NSEC = 8;

  /** {@code it_value.tv_sec}. */
  static final long VALUE_SEC = 16;

  /** {@code it_value.tv_nsec}. */
  static final long VALUE_NSEC = 24;

  /** {@code sizeof(struct itimerspec)}. */
  static final long SIZEOF = 32;

  private ItimerspecLayout() {}
}

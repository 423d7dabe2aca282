// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

/** {@code struct signalfd_siginfo} of {@code <sys/signalfd.h>}. */
final class SignalfdSiginfoLayout {
  /** {@code uint32_t ssi_signo}. */
  static final long SIGNO = 0;

  /** {@code int32_t ssi_code}. */
  static final long CODE = 8;

  /** {@code uint32_t ssi_pid}. */
  static final long PID = 12;

  /** {@code uint32_t ssi_uid}. */
  static final long UID = 16;

  /** {@code uint64_t ssi_ptr}. */
  static final long PTR = 48;

  /** {@code sizeof(struct signalfd_siginfo)}. */
  static final long SIZEOF = 128;

  private SignalfdSiginfoLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.io.IOException;
import java.io.Serial;

/**
 * A call to the host's kernel that failed. The message names the call, its arguments and the error:
 * {@code open(/dev/kvm, O_RDWR): EACCES (permission denied)}.
 */
public class SystemCallException extends IOException {
  @Serial private static final long serialVersionUID = 1L;

  /** The call with its arguments. */
  private final String call;

  /** The positive error number. */
  private final int errno;

  private final String meaning;

  /**
   * Creates the exception for a failed call.
   *
   * @param call the call with its decoded arguments, such as {@code ftruncate(fd=7, length=4096)}
   * @param errno the positive error number
   */
  public SystemCallException(String call, int errno) {
    this(call, errno, Errno.meaning(errno));
  }

  /**
   * Creates the exception with a meaning that fits the call better than the general one.
   *
   * @param call the call with its decoded arguments
   * @param errno the positive error number
   * @param meaning what the error means here; empty if nothing is known
   */
  public SystemCallException(String call, int errno, String meaning) {
    super(call + ": " + Errno.name(errno) + (meaning.isEmpty() ? "" : " (" + meaning + ")"));
    this.call = call;
    this.errno = errno;
    this.meaning = meaning;
  }

  /**
   * {@return the same failure, said to be of a larger thing} The cause is this one's.
   *
   * @param what what the call was made for, such as {@code region ram}
   */
  public final SystemCallException in(String what) {
    SystemCallException outer = new SystemCallException(what + ": " + call, errno, meaning);
    outer.initCause(this);
    return outer;
  }

  /** {@return the call with its decoded arguments} */
  public final String call() {
    return call;
  }

  /** {@return the positive error number; see {@link Errno}} */
  public final int errno() {
    return errno;
  }
}

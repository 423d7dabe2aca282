// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.io.Serial;
import org.javavmm.sys.SystemCallException;

/**
 * A KVM ioctl that failed. The message names the ioctl in KVM's spelling, its arguments and the
 * error: {@code KVM_SET_USER_MEMORY_REGION(slot=3, gpa=0x1000, size=0x800): EINVAL (size is not a
 * multiple of the page size)}.
 */
public final class KvmException extends SystemCallException {
  @Serial private static final long serialVersionUID = 1L;

  KvmException(String call, int errno) {
    super(call, errno, Causes.of(call, errno));
  }

  /**
   * For who calls ioctls by {@link Vm#rawIoctl} and knows better what an error means.
   *
   * @param call the ioctl and its arguments
   * @param errno the error number, positive
   * @param meaning what it means here, in words; empty for the likely cause
   */
  public KvmException(String call, int errno, String meaning) {
    super(call, errno, meaning.isEmpty() ? Causes.of(call, errno) : meaning);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.MemorySegment;

/** How an ioctl reaches a descriptor: through {@link Kvm#call}, or into a test. */
interface IoctlCall {
  /** {@return the result, or {@code -errno}} */
  int call(KvmIoctl ioctl, MemorySegment argument);
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

/** What an access to guest memory wanted to do. */
public enum Access {
  /** Read; also a slice, which may do both. */
  READ,
  /** Write, fill or compare-and-set. */
  WRITE
}

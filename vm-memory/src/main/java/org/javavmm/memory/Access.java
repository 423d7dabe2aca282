// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

/** What an access to guest memory wanted to do. */
public enum Access {
  READ,
  WRITE
}

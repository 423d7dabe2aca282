// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

/** What an access to guest memory wants to do, or what a translation permits. */
public enum Access {
  /** Read. */
  READ(true, false),
  /** Write or fill. */
  WRITE(false, true),
  /** Both, as a compare-and-set does. */
  READ_WRITE(true, true);

  private final boolean reads;
  private final boolean writes;

  Access(boolean reads, boolean writes) {
    this.reads = reads;
    this.writes = writes;
  }

  /** {@return whether it reads} */
  public boolean reads() {
    return reads;
  }

  /** {@return whether it writes} */
  public boolean writes() {
    return writes;
  }

  /**
   * {@return whether a permission of this kind covers an access}
   *
   * @param wanted the access
   */
  public boolean covers(Access wanted) {
    return (reads || !wanted.reads) && (writes || !wanted.writes);
  }
}

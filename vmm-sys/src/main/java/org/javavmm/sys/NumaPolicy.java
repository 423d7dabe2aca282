// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

/** From which nodes of a NUMA host memory is taken; see {@code mbind(2)}. */
public enum NumaPolicy {
  /** As the thread that first touches a page is told. Takes no nodes. */
  DEFAULT(0),
  /** From the one node given if it has any, else from another. */
  PREFERRED(1),
  /** From the nodes given and no other. */
  BIND(2),
  /** From the nodes given in turn. */
  INTERLEAVE(3);

  /** What is done about pages that are there already. */
  public enum Flag {
    /** Fail with {@code EIO} if one breaks the policy, or could not be moved. */
    STRICT(1),
    /** Move those that only this process uses. */
    MOVE(2),
    /** Move those that others use too; needs {@code CAP_SYS_NICE}. */
    MOVE_ALL(4);

    private final int bit;

    Flag(int bit) {
      this.bit = bit;
    }

    int bit() {
      return bit;
    }
  }

  private final int number;

  NumaPolicy(int number) {
    this.number = number;
  }

  /** The kernel's {@code MPOL_} number. */
  int number() {
    return number;
  }
}

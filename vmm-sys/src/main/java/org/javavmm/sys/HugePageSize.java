// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

/** The pages of hugetlbfs that back memory. The administrator provides them; they never swap. */
public enum HugePageSize {
  /** None: pages of the base size, which the kernel may merge to transparent huge pages. */
  NONE(0),
  /** 2 MiB. */
  SIZE_2M(21),
  /** 1 GiB. */
  SIZE_1G(30);

  private static final int MAP_HUGE_SHIFT = 26;

  private final int shift;

  HugePageSize(int shift) {
    this.shift = shift;
  }

  /** {@return the size of a page in bytes; for {@link #NONE} the base size of this host} */
  public long bytes() {
    return shift == 0 ? PageSize.BASE : 1L << shift;
  }

  /** The size as the upper bits of the flags of mmap and memfd_create. */
  int flagBits() {
    return shift << MAP_HUGE_SHIFT;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

/** What {@code madvise(2)} can be told of memory. */
public enum Advice {
  /** Not needed: private anonymous memory reads as zero afterwards. */
  DONTNEED(4),
  /** Frees shared memory and its file's blocks: a hole that reads as zero. */
  REMOVE(9),
  /** Not inherited by forked children. */
  DONTFORK(10),
  /** To be merged with equal pages of other memory (KSM). */
  MERGEABLE(12),
  /** No longer to be merged. */
  UNMERGEABLE(13),
  /** To be backed by transparent huge pages. */
  HUGEPAGE(14),
  /** Never to be backed by transparent huge pages. */
  NOHUGEPAGE(15),
  /** Left out of core dumps. */
  DONTDUMP(16),
  /** Part of core dumps again. */
  DODUMP(17),
  /** Not used soon: first to be reclaimed. */
  COLD(20),
  /** To be reclaimed now. */
  PAGEOUT(21),
  /** Faults the pages in for reading. */
  POPULATE_READ(22),
  /** Faults the pages in for writing, without changing them. */
  POPULATE_WRITE(23),
  /** Merges the pages to transparent huge pages now. */
  COLLAPSE(25);

  private final int number;

  Advice(int number) {
    this.number = number;
  }

  /** The kernel's {@code MADV_} number. */
  int number() {
    return number;
  }
}

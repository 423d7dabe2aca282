// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.MemorySegment;

/** The space behind a file: {@code fallocate(2)}, and looking for holes. Thread-safe. */
public final class Fallocate {
  /** Leaves the file's length as it is. */
  public static final int FALLOC_FL_KEEP_SIZE = 1;

  /** Gives the space back; goes with {@link #FALLOC_FL_KEEP_SIZE}. */
  public static final int FALLOC_FL_PUNCH_HOLE = 2;

  /** Takes the range out of the file. */
  public static final int FALLOC_FL_COLLAPSE_RANGE = 8;

  /** Makes the range read as zero. */
  public static final int FALLOC_FL_ZERO_RANGE = 0x10;

  /** Inserts a hole into the file. */
  public static final int FALLOC_FL_INSERT_RANGE = 0x20;

  private static final MemorySegment FALLOCATE = Libc.function("fallocate");
  private static final MemorySegment LSEEK = Libc.function("lseek");
  static final int SEEK_DATA = 3;
  static final int SEEK_HOLE = 4;

  private Fallocate() {}

  /**
   * Reserves space, so that writing there cannot fail for the lack of it.
   *
   * @param fd the file
   * @param offset the first byte
   * @param length how many bytes
   * @param keepSize whether the file's length stays even if the range ends beyond it
   * @throws IllegalStateException if {@code fd} is closed
   * @throws SystemCallException {@code EINVAL} for a negative offset or a length not positive,
   *     {@code EOPNOTSUPP} if the file system cannot, {@code ENOSPC}
   */
  public static void allocate(OwnedFd fd, long offset, long length, boolean keepSize)
      throws SystemCallException {
    fallocate(fd, keepSize ? FALLOC_FL_KEEP_SIZE : 0, offset, length);
  }

  /**
   * Gives space back: the range reads as zero, the file's length stays.
   *
   * @param fd the file
   * @param offset the first byte
   * @param length how many bytes
   * @throws IllegalStateException if {@code fd} is closed
   * @throws SystemCallException {@code EINVAL} for a negative offset or a length not positive,
   *     {@code EOPNOTSUPP} if the file system cannot
   */
  public static void punchHole(OwnedFd fd, long offset, long length) throws SystemCallException {
    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
  }

  /**
   * Makes a range read as zero and keeps, or reserves, its space.
   *
   * @param fd the file
   * @param offset the first byte
   * @param length how many bytes
   * @param keepSize whether the file's length stays even if the range ends beyond it
   * @throws IllegalStateException if {@code fd} is closed
   * @throws SystemCallException {@code EINVAL} for a negative offset or a length not positive,
   *     {@code EOPNOTSUPP} if the file system cannot
   */
  public static void zeroRange(OwnedFd fd, long offset, long length, boolean keepSize)
      throws SystemCallException {
    fallocate(fd, FALLOC_FL_ZERO_RANGE | (keepSize ? FALLOC_FL_KEEP_SIZE : 0), offset, length);
  }

  /**
   * Takes a range out of the file: what follows moves up and the file gets shorter.
   *
   * @param fd the file
   * @param offset the first byte, a multiple of the file system's block size
   * @param length how many bytes, a multiple too
   * @throws IllegalStateException if {@code fd} is closed
   * @throws SystemCallException {@code EINVAL} if not multiples, or if the range reaches the end,
   *     {@code EOPNOTSUPP} if the file system cannot
   */
  public static void collapse(OwnedFd fd, long offset, long length) throws SystemCallException {
    fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, offset, length);
  }

  /**
   * Inserts a hole: what follows moves down and the file gets longer.
   *
   * @param fd the file
   * @param offset where, a multiple of the file system's block size, before the end
   * @param length how many bytes, a multiple too
   * @throws IllegalStateException if {@code fd} is closed
   * @throws SystemCallException {@code EINVAL} if not multiples, or if not before the end, {@code
   *     EOPNOTSUPP} if the file system cannot
   */
  public static void insert(OwnedFd fd, long offset, long length) throws SystemCallException {
    fallocate(fd, FALLOC_FL_INSERT_RANGE, offset, length);
  }

  private static void fallocate(OwnedFd fd, int mode, long offset, long length)
      throws SystemCallException {
    int number = fd.acquire();
    int result;
    try {
      do {
        result = Libc.callInt(FALLOCATE, number, mode, offset, length);
      } while (result == -Errno.EINTR);
    } finally {
      fd.release();
    }
    if (result < 0) {
      throw new SystemCallException(
          "fallocate("
              + fd.name()
              + ", mode=0x"
              + Integer.toHexString(mode)
              + ", offset="
              + offset
              + ", length="
              + length
              + ")",
          -result);
    }
  }

  /**
   * Looks for data. Moves the file's own position.
   *
   * @param fd the file
   * @param from where to begin, in bytes, at least 0
   * @return the first offset not before {@code from} that holds data; -1 if none follows
   * @throws IllegalArgumentException if {@code from} is negative
   * @throws IllegalStateException if {@code fd} is closed
   * @throws SystemCallException if the kernel refuses
   */
  public static long seekData(OwnedFd fd, long from) throws SystemCallException {
    return seek(fd, from, SEEK_DATA, "SEEK_DATA");
  }

  /**
   * Looks for a hole; the end of the file counts as one. Moves the file's own position.
   *
   * @param fd the file
   * @param from where to begin, in bytes, at least 0
   * @return the first offset not before {@code from} that lies in a hole; -1 if {@code from} is not
   *     before the end
   * @throws IllegalArgumentException if {@code from} is negative
   * @throws IllegalStateException if {@code fd} is closed
   * @throws SystemCallException if the kernel refuses
   */
  public static long seekHole(OwnedFd fd, long from) throws SystemCallException {
    return seek(fd, from, SEEK_HOLE, "SEEK_HOLE");
  }

  private static long seek(OwnedFd fd, long from, int whence, String text)
      throws SystemCallException {
    if (from < 0) {
      throw new IllegalArgumentException("from=" + from + " is negative");
    }
    int number = fd.acquire();
    long result;
    try {
      result = Libc.callLong(LSEEK, number, from, whence, 0, 0, 0);
    } finally {
      fd.release();
    }
    if (result == -Errno.ENXIO) {
      return -1;
    }
    if (result < 0) {
      throw new SystemCallException(
          "lseek(" + fd.name() + ", " + from + ", " + text + ")", (int) -result);
    }
    return result;
  }
}

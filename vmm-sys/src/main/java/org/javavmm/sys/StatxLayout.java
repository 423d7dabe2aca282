// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

/** {@code struct statx} of {@code <linux/stat.h>}, and what goes with it. */
final class StatxLayout {
  static final int AT_EMPTY_PATH = 0x1000;
  static final int STATX_BASIC_STATS = 0x7ff;
  static final int STATX_DIOALIGN = 0x2000;

  /** {@code __u32 stx_blksize}. */
  static final int STX_BLKSIZE = 4;

  /** {@code __u32 stx_nlink}. */
  static final int STX_NLINK = 16;

  /** {@code __u16 stx_mode}. */
  static final int STX_MODE = 28;

  /** {@code __u64 stx_ino}. */
  static final int STX_INO = 32;

  /** {@code __u64 stx_size}. */
  static final int STX_SIZE = 40;

  /** {@code __u64 stx_blocks}. */
  static final int STX_BLOCKS = 48;

  /** {@code __u32 stx_rdev_major}. */
  static final int STX_RDEV_MAJOR = 128;

  /** {@code __u32 stx_rdev_minor}. */
  static final int STX_RDEV_MINOR = 132;

  /** {@code __u32 stx_dev_major}. */
  static final int STX_DEV_MAJOR = 136;

  /** {@code __u32 stx_dev_minor}. */
  static final int STX_DEV_MINOR = 140;

  /** {@code __u32 stx_dio_mem_align}. */
  static final int STX_DIO_MEM_ALIGN = 152;

  /** {@code __u32 stx_dio_offset_align}. */
  static final int STX_DIO_OFFSET_ALIGN = 156;

  /** {@code sizeof(struct statx)}. */
  static final int SIZEOF = 256;

  private StatxLayout() {}
}

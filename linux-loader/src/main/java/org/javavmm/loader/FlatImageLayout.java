// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

/**
 * Offsets and numbers of the 64-byte header that arm64 and riscv64 kernels have in common, under
 * the names of Documentation/arch/arm64/booting.rst and
 * Documentation/arch/riscv/boot-image-header.rst.
 */
final class FlatImageLayout {
  static final int SIZE = 64;

  static final int TEXT_OFFSET = 8; // u64
  static final int IMAGE_SIZE = 16; // u64
  static final int FLAGS = 24; // u64
  static final int RISCV_VERSION = 32; // u32
  static final int RISCV_MAGIC = 48; // u64, header version 0.1
  static final int MAGIC = 56; // u32, arm64's magic and riscv's magic2
  static final int PE_OFFSET = 60; // u32

  static final int ARM64_MAGIC = 0x644d_5241; // "ARM", 0x64
  static final int RISCV_MAGIC2 = 0x0543_5352; // "RSC", 0x05
  static final long RISCV_MAGIC1 = 0x56_4353_4952L; // "RISCV", zeros

  static final long FLAG_BIG_ENDIAN = 1;
  static final int ARM64_PAGE_SHIFT = 1;
  static final int ARM64_PAGE_MASK = 3;
  static final long ARM64_FLAG_ANYWHERE = 8;

  /** Where a kernel older than 3.17 lies, whose image_size is 0. */
  static final long ARM64_OLD_TEXT_OFFSET = 0x8_0000;

  /** The largest field that is taken seriously: 48 bits of physical addresses. */
  static final long ADDRESS_LIMIT = 1L << 48;

  private FlatImageLayout() {}
}

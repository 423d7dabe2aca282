// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

/**
 * Offsets and numbers of the Multiboot information, under the names of the Multiboot Specification
 * 0.6.96 §3.3.
 */
final class MultibootLayout {
  static final int SIZE = 116;
  static final int FLAGS = 0; // u32
  static final int MEM_LOWER = 4; // u32, KiB from 0
  static final int MEM_UPPER = 8; // u32, KiB from 1 MiB
  static final int CMDLINE = 16; // u32
  static final int MODS_COUNT = 20; // u32
  static final int MODS_ADDR = 24; // u32
  static final int MMAP_LENGTH = 44; // u32
  static final int MMAP_ADDR = 48; // u32
  static final int BOOT_LOADER_NAME = 64; // u32
  static final int FRAMEBUFFER_ADDR = 88; // u64, and what follows it

  /** u32 mod_start, u32 mod_end, u32 string, u32 reserved. */
  static final int MODULE_SIZE = 16;

  /** u32 size (of what follows), u64 base_addr, u64 length, u32 type. */
  static final int MMAP_ENTRY_SIZE = 24;

  static final int HAS_MEMORY = 1;
  static final int HAS_CMDLINE = 1 << 2;
  static final int HAS_MODS = 1 << 3;
  static final int HAS_MMAP = 1 << 6;
  static final int HAS_BOOT_LOADER_NAME = 1 << 9;
  static final int HAS_FRAMEBUFFER = 1 << 12;

  private MultibootLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

/**
 * Offsets and numbers of {@code struct hvm_start_info} and what it points to, under the names of
 * Xen's {@code arch-x86/hvm/start_info.h}, version 1.
 */
final class PvhLayout {
  static final int MAGIC_VALUE = 0x336e_c578;
  static final int VERSION_1 = 1;

  static final int SIZE = 56;
  static final int MAGIC = 0; // u32
  static final int VERSION = 4; // u32
  static final int FLAGS = 8; // u32
  static final int NR_MODULES = 12; // u32
  static final int MODLIST_PADDR = 16; // u64
  static final int CMDLINE_PADDR = 24; // u64
  static final int RSDP_PADDR = 32; // u64
  static final int MEMMAP_PADDR = 40; // u64
  static final int MEMMAP_ENTRIES = 48; // u32

  /** struct hvm_modlist_entry: u64 paddr, u64 size, u64 cmdline_paddr, u64 reserved. */
  static final int MODLIST_ENTRY_SIZE = 32;

  /** struct hvm_memmap_table_entry: u64 addr, u64 size, u32 type, u32 reserved. */
  static final int MEMMAP_ENTRY_SIZE = 24;

  /** What the table of Linux's PVH entry has room for. */
  static final int MEMMAP_MAX = 128;

  private PvhLayout() {}
}

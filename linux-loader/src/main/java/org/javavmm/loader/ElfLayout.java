// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

/**
 * Offsets and numbers of ELF files, under the names of {@code elf.h}: of 64-bit files, and of
 * 32-bit ones, with 32 in the name, where these differ.
 */
final class ElfLayout {
  static final int EHDR_SIZE = 64;
  static final int EHDR32_SIZE = 52;
  static final int EI_CLASS = 4; // u8
  static final int EI_DATA = 5; // u8
  static final int EI_VERSION = 6; // u8
  static final int E_TYPE = 16; // u16
  static final int E_MACHINE = 18; // u16
  static final int E_ENTRY = 24; // u64
  static final int E_PHOFF = 32; // u64
  static final int E_PHENTSIZE = 54; // u16
  static final int E_PHNUM = 56; // u16

  static final int E_PHOFF_32 = 28; // u32
  static final int E_PHENTSIZE_32 = 42; // u16
  static final int E_PHNUM_32 = 44; // u16

  static final int PHDR_SIZE = 56;
  static final int P_TYPE = 0; // u32
  static final int P_FLAGS = 4; // u32
  static final int P_OFFSET = 8; // u64
  static final int P_PADDR = 24; // u64
  static final int P_FILESZ = 32; // u64
  static final int P_MEMSZ = 40; // u64
  static final int P_ALIGN = 48; // u64

  static final int PHDR32_SIZE = 32;
  static final int P_OFFSET_32 = 4; // u32
  static final int P_PADDR_32 = 12; // u32
  static final int P_FILESZ_32 = 16; // u32
  static final int P_MEMSZ_32 = 20; // u32
  static final int P_FLAGS_32 = 24; // u32
  static final int P_ALIGN_32 = 28; // u32

  static final int NHDR_SIZE = 12;
  static final int N_NAMESZ = 0; // u32
  static final int N_DESCSZ = 4; // u32
  static final int N_TYPE = 8; // u32

  static final int ELFCLASS32 = 1;
  static final int ELFCLASS64 = 2;
  static final int ELFDATA2LSB = 1;
  static final int EV_CURRENT = 1;
  static final int ET_EXEC = 2;
  static final int EM_386 = 3;
  static final int EM_X86_64 = 62;
  static final int PN_XNUM = 0xffff;
  static final int PT_LOAD = 1;
  static final int PT_INTERP = 3;
  static final int PT_NOTE = 4;
  static final int PF_X = 1;

  private ElfLayout() {}

  static String type(int type) {
    return switch (type) {
      case 1 -> "ET_REL";
      case 2 -> "ET_EXEC";
      case 3 -> "ET_DYN";
      case 4 -> "ET_CORE";
      default -> "unknown";
    };
  }

  static String machine(int machine) {
    return switch (machine) {
      case 3 -> "i386";
      case 8 -> "MIPS";
      case 20 -> "PowerPC";
      case 21 -> "PowerPC 64";
      case 22 -> "S/390";
      case 40 -> "Arm";
      case 62 -> "x86-64";
      case 183 -> "arm64";
      case 243 -> "RISC-V";
      case 258 -> "LoongArch";
      default -> "unknown";
    };
  }
}

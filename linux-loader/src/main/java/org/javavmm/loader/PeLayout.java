// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

/** Offsets and numbers of the PE format, under the names of Microsoft's "PE Format". */
final class PeLayout {
  static final int DOS_MAGIC = 0x5a4d; // "MZ"
  static final int E_LFANEW = 0x3c; // u32, in the DOS header
  static final int DOS_HEADER_SIZE = 0x40;

  static final int PE_SIGNATURE = 0x4550; // "PE", 0, 0
  static final int SIGNATURE_SIZE = 4;

  /** The COFF header, from the signature's end. */
  static final int MACHINE = 0; // u16

  static final int NUMBER_OF_SECTIONS = 2; // u16
  static final int TIME_DATE_STAMP = 4; // u32
  static final int SIZE_OF_OPTIONAL_HEADER = 16; // u16
  static final int CHARACTERISTICS = 18; // u16
  static final int COFF_HEADER_SIZE = 20;

  /** The optional header, from its own start. */
  static final int OPTIONAL_MAGIC = 0; // u16

  static final int ADDRESS_OF_ENTRY_POINT = 16; // u32
  static final int SECTION_ALIGNMENT = 32; // u32
  static final int FILE_ALIGNMENT = 36; // u32
  static final int SIZE_OF_IMAGE = 56; // u32
  static final int SIZE_OF_HEADERS = 60; // u32
  static final int SUBSYSTEM = 68; // u16
  static final int NUMBER_OF_RVA_AND_SIZES_32 = 92; // u32
  static final int NUMBER_OF_RVA_AND_SIZES_64 = 108; // u32
  static final int DATA_DIRECTORY_SIZE = 8;
  static final int CERTIFICATE_TABLE = 4; // index; the only one with a file offset

  static final int PE32 = 0x10b;
  static final int PE32_PLUS = 0x20b;

  static final int SECTION_NAME_SIZE = 8;
  static final int VIRTUAL_SIZE = 8; // u32
  static final int VIRTUAL_ADDRESS = 12; // u32
  static final int SIZE_OF_RAW_DATA = 16; // u32
  static final int POINTER_TO_RAW_DATA = 20; // u32
  static final int SECTION_CHARACTERISTICS = 36; // u32
  static final int SECTION_SIZE = 40;

  /** The wrapper that unpacks a kernel as an EFI program: Linux' zboot-header.S. */
  static final int ZBOOT_MAGIC = 0x676d_697a; // "zimg"

  static final int ZBOOT_MAGIC_OFFSET = 4; // u32
  static final int ZBOOT_PAYLOAD_OFFSET = 8; // u32
  static final int ZBOOT_PAYLOAD_SIZE = 12; // u32
  static final int ZBOOT_COMPRESSION = 24; // zero-terminated
  static final int ZBOOT_COMPRESSION_END = 56;

  private PeLayout() {}

  static String machine(int machine) {
    return switch (machine) {
      case 0x014c -> "i386";
      case 0x01c0 -> "Arm";
      case 0x01c2, 0x01c4 -> "Arm Thumb";
      case 0x5032 -> "riscv32";
      case 0x5064 -> "riscv64";
      case 0x6232 -> "LoongArch 32";
      case 0x6264 -> "LoongArch 64";
      case 0x8664 -> "x86-64";
      case 0xaa64 -> "arm64";
      default -> "unknown";
    };
  }

  static String subsystem(int subsystem) {
    return switch (subsystem) {
      case 1 -> "native";
      case 2 -> "Windows GUI";
      case 3 -> "Windows console";
      case 10 -> "EFI application";
      case 11 -> "EFI boot service driver";
      case 12 -> "EFI runtime driver";
      case 13 -> "EFI ROM";
      default -> "unknown";
    };
  }
}

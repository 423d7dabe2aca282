// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.nio.ByteBuffer;

/** What a file is, by its first bytes. */
enum Magic {
  BZIMAGE("a bzImage"),
  ELF("ELF"),
  EMPTY("an empty file"),
  ARM64_IMAGE("an arm64 Image"),
  RISCV64_IMAGE("a riscv64 Image"),
  PE_X86_64("a PE (EFI) program for x86-64 without a Linux setup header"),
  PE_ARM64("a PE (EFI) program for arm64"),
  PE_RISCV64("a PE (EFI) program for riscv64"),
  PE_I386("a PE program for i386"),
  PE("a PE or DOS program"),
  GZIP("gzip-compressed data"),
  XZ("xz-compressed data"),
  ZSTD("zstd-compressed data"),
  LZ4("lz4-compressed data"),
  LZMA("lzma-compressed data"),
  BZIP2("bzip2-compressed data"),
  SCRIPT("a script"),
  CPIO("a cpio archive (an initramfs?)"),
  AR("an ar archive (a Debian package?)"),
  ZIP("a zip archive"),
  QCOW("a qcow2 disk image"),
  UBOOT("a U-Boot image"),
  FDT("a flattened device tree"),
  BOOT_SECTOR("a boot sector or disk image without a Linux setup header"),
  UNKNOWN("not known");

  private final String description;

  Magic(String description) {
    this.description = description;
  }

  /** {@return in words what the file looks like} */
  String description() {
    return description;
  }

  static Magic of(ByteBuffer head) {
    if (head.capacity() == 0) {
      return EMPTY;
    }
    // A bzImage and an arm64 Image may also be PE programs, so these come first.
    if (isInt(head, BootParamsLayout.HEADER, BootParamsLayout.HEADER_MAGIC)) {
      return BZIMAGE;
    }
    if (isInt(head, 0x38, 0x644d_5241)) { // "ARM", 0x64
      return ARM64_IMAGE;
    }
    if (isInt(head, 0x38, 0x0543_5352)) { // "RSC", 0x05
      return RISCV64_IMAGE;
    }
    if (begins(head, 0x7f, 'E', 'L', 'F')) {
      return ELF;
    }
    if (begins(head, 'M', 'Z')) {
      return pe(head);
    }
    if (begins(head, 0x1f, 0x8b)) {
      return GZIP;
    }
    if (begins(head, 0xfd, '7', 'z', 'X', 'Z')) {
      return XZ;
    }
    if (begins(head, 0x28, 0xb5, 0x2f, 0xfd)) {
      return ZSTD;
    }
    // Frame format, and the legacy one that kernels use.
    if (begins(head, 0x04, 0x22, 0x4d, 0x18) || begins(head, 0x02, 0x21, 0x4c, 0x18)) {
      return LZ4;
    }
    if (begins(head, 'B', 'Z', 'h')) {
      return BZIP2;
    }
    if (begins(head, 0x5d, 0x00, 0x00)) {
      return LZMA;
    }
    if (begins(head, '#', '!')) {
      return SCRIPT;
    }
    if (begins(head, '0', '7', '0', '7', '0')) {
      return CPIO;
    }
    if (begins(head, '!', '<', 'a', 'r', 'c', 'h', '>')) {
      return AR;
    }
    if (begins(head, 'P', 'K', 0x03, 0x04)) {
      return ZIP;
    }
    if (begins(head, 'Q', 'F', 'I', 0xfb)) {
      return QCOW;
    }
    if (begins(head, 0x27, 0x05, 0x19, 0x56)) {
      return UBOOT;
    }
    if (begins(head, 0xd0, 0x0d, 0xfe, 0xed)) {
      return FDT;
    }
    if (head.capacity() >= 512
        && (head.getShort(BootParamsLayout.BOOT_FLAG) & 0xffff)
            == BootParamsLayout.BOOT_FLAG_MAGIC) {
      return BOOT_SECTOR;
    }
    return UNKNOWN;
  }

  private static Magic pe(ByteBuffer head) {
    int offset = head.capacity() >= 0x40 ? head.getInt(0x3c) : -1;
    // The machine follows the signature "PE", 0, 0.
    if (offset < 0 || offset > head.capacity() - 6 || head.getInt(offset) != 0x4550) {
      return PE;
    }
    return switch (head.getShort(offset + 4) & 0xffff) {
      case 0x8664 -> PE_X86_64;
      case 0xaa64 -> PE_ARM64;
      case 0x5064 -> PE_RISCV64;
      case 0x014c -> PE_I386;
      default -> PE;
    };
  }

  private static boolean isInt(ByteBuffer head, int offset, int value) {
    return head.capacity() >= offset + 4 && head.getInt(offset) == value;
  }

  private static boolean begins(ByteBuffer head, int... bytes) {
    if (head.capacity() < bytes.length) {
      return false;
    }
    for (int i = 0; i < bytes.length; i++) {
      if ((head.get(i) & 0xff) != bytes[i]) {
        return false;
      }
    }
    return true;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a file is and says of itself, as far as it could be read: fields that it does not have, or
 * that lie behind its end, are empty. Nothing here was checked but what {@link #problem} says; text
 * has no control characters, and no list is longer than {@link KernelInspector#LIST_LIMIT}.
 *
 * @param name what the file is called
 * @param fileSize its size in bytes
 * @param format its format
 * @param description the format in words
 * @param architecture the architecture it is for, in the words of {@link Architecture} where that
 *     has it
 * @param release the kernel's release, as {@code uname -r} prints it
 * @param version all that the kernel says of its version, at most 256 characters
 * @param entries the ways into it
 * @param bzImage a bzImage's setup header
 * @param elf an ELF file's headers
 * @param flat an arm64 or riscv64 Image's header
 * @param pe the headers of a file that is an EFI program (as well)
 * @param unified a unified kernel image's parts
 * @param packed the compressed kernel in it
 * @param contents what that unpacks to, or a unified kernel image's kernel
 * @param problem why it cannot be loaded, or read to its end
 */
public record ImageReport(
    String name,
    long fileSize,
    Format format,
    String description,
    Optional<String> architecture,
    Optional<String> release,
    Optional<String> version,
    List<Entry> entries,
    Optional<BzImageHeader> bzImage,
    Optional<Elf> elf,
    Optional<FlatHeader> flat,
    Optional<PeImage> pe,
    Optional<Unified> unified,
    Optional<Packed> packed,
    Optional<ImageReport> contents,
    Optional<LoaderException> problem) {

  /** The formats that are told apart. */
  public enum Format {
    /** The Linux x86 boot protocol's. */
    BZIMAGE,
    /** An ELF file, a kernel or not. */
    ELF,
    /** A Multiboot kernel that is not ELF: its header says where it is loaded. */
    MULTIBOOT,
    /** The Image of arm64 or riscv64. */
    IMAGE,
    /** A unified kernel image. */
    UKI,
    /** An EFI program that unpacks a kernel. */
    ZBOOT,
    /** Another PE file. */
    PE,
    /** Compressed data. */
    COMPRESSED,
    /** None of these. */
    OTHER
  }

  /** A way into a kernel. */
  public enum EntryKind {
    /** The 64-bit entry of the x86 boot protocol. */
    LINUX_64,
    /** The 32-bit entry of the x86 boot protocol. */
    LINUX_32,
    /** The 32-bit entry of Xen's PVH. */
    PVH,
    /** Multiboot, first version. */
    MULTIBOOT,
    /** Multiboot 2. */
    MULTIBOOT2,
    /** The first byte of an arm64 or riscv64 Image. */
    IMAGE,
    /** An EFI program's. */
    EFI_STUB,
    /** Linux' EFI handover protocol, 64-bit. */
    EFI_HANDOVER_64,
    /** Linux' EFI handover protocol, 32-bit. */
    EFI_HANDOVER_32
  }

  /**
   * A way into a kernel.
   *
   * @param kind which
   * @param address the physical address where the kernel is loaded as it prefers; for an EFI
   *     program and an Image the offset from its start; for multiboot the offset of its header in
   *     the file
   */
  public record Entry(EntryKind kind, long address) {}

  /**
   * A bzImage's setup header. What its protocol version does not have is empty.
   *
   * @param protocolVersion major in the high byte: 0x20f is 2.15
   * @param setupSize the size of the real-mode part in bytes
   * @param kernelSize the size of the protected-mode part in bytes
   * @param loadFlags loadflags
   * @param loadFlagNames the names of the bits that are set
   * @param xloadFlags xloadflags
   * @param xloadFlagNames the names of the bits that are set
   * @param relocatable whether it may be loaded elsewhere
   * @param kernelAlignment the alignment of the load address in bytes
   * @param minAlignment the least alignment in bytes, as a power of two in the header
   * @param prefAddress the preferred load address
   * @param initSize the memory that it uses before it reads the memory map, in bytes
   * @param commandLineLimit the longest command line in bytes
   * @param initrdAddressMax the highest address that a byte of the initrd may have
   * @param payload the compressed kernel, if it lies in the file
   */
  public record BzImageHeader(
      int protocolVersion,
      long setupSize,
      long kernelSize,
      int loadFlags,
      List<String> loadFlagNames,
      OptionalLong xloadFlags,
      List<String> xloadFlagNames,
      Optional<Boolean> relocatable,
      OptionalLong kernelAlignment,
      OptionalLong minAlignment,
      OptionalLong prefAddress,
      OptionalLong initSize,
      OptionalLong commandLineLimit,
      OptionalLong initrdAddressMax,
      Optional<Packed> payload) {}

  /**
   * A compressed kernel.
   *
   * @param compression the compression's name
   * @param size the size of the compressed data in bytes
   * @param unpackedSize the size that is announced, in bytes
   */
  public record Packed(String compression, long size, OptionalLong unpackedSize) {}

  /**
   * An ELF file's headers.
   *
   * @param bits 32 or 64
   * @param bigEndian whether numbers in it are big-endian
   * @param type e_type in words, {@code ET_EXEC} for instance
   * @param entry e_entry
   * @param segmentCount the number of its program headers
   * @param segments the first of them
   * @param notes the first notes of its PT_NOTE segments
   */
  public record Elf(
      int bits,
      boolean bigEndian,
      String type,
      long entry,
      int segmentCount,
      List<Segment> segments,
      List<Note> notes) {}

  /**
   * A program header of an ELF file.
   *
   * @param type p_type in words, {@code PT_LOAD} for instance
   * @param flags p_flags as {@code r}, {@code w} and {@code x}, {@code -} for what is not set
   * @param offset p_offset
   * @param virtualAddress p_vaddr
   * @param physicalAddress p_paddr
   * @param fileSize p_filesz
   * @param memorySize p_memsz
   * @param alignment p_align
   */
  public record Segment(
      String type,
      String flags,
      long offset,
      long virtualAddress,
      long physicalAddress,
      long fileSize,
      long memorySize,
      long alignment) {}

  /**
   * A note of an ELF file.
   *
   * @param owner who defines its type
   * @param type its type
   * @param size the size of its description in bytes
   * @param description the first 32 bytes of it, in hexadecimal
   */
  public record Note(String owner, long type, long size, String description) {}

  /**
   * An arm64 or riscv64 Image's header.
   *
   * @param textOffset text_offset, as written
   * @param imageSize image_size, as written
   * @param flags flags
   * @param flagNames what they mean
   * @param headerVersion version, for riscv64; major in the upper 16 bits
   */
  public record FlatHeader(
      long textOffset,
      long imageSize,
      long flags,
      List<String> flagNames,
      OptionalLong headerVersion) {}

  /**
   * A unified kernel image's parts.
   *
   * @param osName the operating system's name
   * @param uname the kernel's release
   * @param commandLine its command line
   * @param kernelSize the kernel's size in bytes
   * @param initrdSize the initrd's size in bytes
   * @param profiles the number of profiles
   */
  public record Unified(
      Optional<String> osName,
      Optional<String> uname,
      Optional<String> commandLine,
      long kernelSize,
      OptionalLong initrdSize,
      int profiles) {}

  /** Copies the list. */
  public ImageReport {
    entries = List.copyOf(entries);
  }

  /**
   * {@return whether it is a kernel, of whatever kind, or has one in it} An ELF file is taken for a
   * kernel if it has something to load and asks for no interpreter.
   */
  public boolean isKernel() {
    return switch (format) {
      case BZIMAGE, MULTIBOOT, IMAGE, UKI, ZBOOT -> true;
      case ELF -> elf.isPresent() && looksLikeKernel(elf.get());
      case COMPRESSED -> contents.isPresent() && contents.get().isKernel();
      case PE, OTHER -> false;
    };
  }

  private static boolean looksLikeKernel(Elf elf) {
    boolean loads = false;
    for (Segment segment : elf.segments()) {
      if (segment.type().equals("PT_INTERP")) {
        return false;
      }
      loads |= segment.type().equals("PT_LOAD");
    }
    return loads && (elf.type().equals("ET_EXEC") || elf.type().equals("ET_DYN"));
  }
}

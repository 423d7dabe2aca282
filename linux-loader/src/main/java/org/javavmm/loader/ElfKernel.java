// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.javavmm.loader.MemoryRange.hex;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.javavmm.loader.LoaderException.Reason;
import org.javavmm.memory.GuestMemory;

/**
 * An uncompressed x86-64 kernel, {@code vmlinux}: an ELF file whose segments go to their physical
 * addresses and whose entry point is the kernel's 64-bit one, a physical address too. It is entered
 * as a {@link BzImage} is, with the zero page's address in a register.
 */
public final class ElfKernel extends KernelImage {
  /** COMMAND_LINE_SIZE of Linux on x86, less the final zero. An ELF file does not say. */
  private static final long COMMAND_LINE_LIMIT = 2047;

  /** What every bzImage says. An ELF file does not. */
  private static final long INITRD_ADDRESS_MAX = 0x7fff_ffffL;

  private static final int PROTOCOL_VERSION = 0x20f;
  private static final int KERNEL_ALIGNMENT = 0x100_0000;

  /**
   * A segment that is loaded.
   *
   * @param memory where it goes, zeros behind the file's bytes included
   * @param offset the offset of its first byte in the file
   * @param fileSize the number of bytes from the file, at most the memory's size
   * @param executable whether it holds code
   */
  public record Segment(MemoryRange memory, long offset, long fileSize, boolean executable) {}

  private final long entry;
  private final List<Segment> segments;
  private final MemoryRange memory;

  private ElfKernel(String name, MemorySegment image, ByteBuffer head) throws LoaderException {
    super(name, image);
    checkIdentity(head);
    this.entry = head.getLong(ElfLayout.E_ENTRY);
    this.segments = checkedSegments(checkedProgramHeaders(head));
    this.memory =
        MemoryRange.between(segments.getFirst().memory().gpa(), segments.getLast().memory().end());
    checkEntry();
  }

  static ElfKernel parse(String name, MemorySegment image, ByteBuffer head) throws LoaderException {
    return new ElfKernel(name, image, head);
  }

  private void checkIdentity(ByteBuffer head) throws LoaderException {
    if (head.capacity() < ElfLayout.EHDR_SIZE) {
      throw error(
          Reason.TRUNCATED,
          "file",
          head.capacity() + " bytes",
          "must be at least " + ElfLayout.EHDR_SIZE + ", an ELF header");
    }
    int elfClass = head.get(ElfLayout.EI_CLASS);
    if (elfClass != ElfLayout.ELFCLASS64) {
      throw error(Reason.ARCHITECTURE, "EI_CLASS", elfClass, "must be 0x2, 64-bit");
    }
    int data = head.get(ElfLayout.EI_DATA);
    if (data != ElfLayout.ELFDATA2LSB) {
      throw error(Reason.ARCHITECTURE, "EI_DATA", data, "must be 0x1, little-endian");
    }
    int version = head.get(ElfLayout.EI_VERSION);
    if (version != ElfLayout.EV_CURRENT) {
      throw error(Reason.HEADER, "EI_VERSION", version, "must be 0x1");
    }
    int machine = head.getShort(ElfLayout.E_MACHINE) & 0xffff;
    if (machine != ElfLayout.EM_X86_64) {
      throw error(
          Reason.ARCHITECTURE,
          "e_machine",
          hex(machine) + " (" + ElfLayout.machine(machine) + ")",
          "must be 0x3e (x86-64)");
    }
    int type = head.getShort(ElfLayout.E_TYPE) & 0xffff;
    if (type != ElfLayout.ET_EXEC) {
      throw error(
          Reason.FORMAT,
          "e_type",
          hex(type) + " (" + ElfLayout.type(type) + ")",
          "must be 0x2 (ET_EXEC), as a vmlinux has");
    }
  }

  private ByteBuffer checkedProgramHeaders(ByteBuffer head) throws LoaderException {
    int entrySize = head.getShort(ElfLayout.E_PHENTSIZE) & 0xffff;
    if (entrySize != ElfLayout.PHDR_SIZE) {
      throw error(Reason.HEADER, "e_phentsize", entrySize, "must be " + hex(ElfLayout.PHDR_SIZE));
    }
    int count = head.getShort(ElfLayout.E_PHNUM) & 0xffff;
    if (count == 0 || count == ElfLayout.PN_XNUM) {
      throw error(Reason.HEADER, "e_phnum", count, "must be from 0x1 to 0xfffe");
    }
    long offset = head.getLong(ElfLayout.E_PHOFF);
    if (Long.compareUnsigned(offset, ElfLayout.EHDR_SIZE) < 0) {
      throw error(Reason.HEADER, "e_phoff", offset, "must be at least " + hex(ElfLayout.EHDR_SIZE));
    }
    long size = (long) count * ElfLayout.PHDR_SIZE;
    if (!inFile(offset, size)) {
      throw error(
          Reason.TRUNCATED,
          "e_phoff",
          offset,
          "must be at most "
              + hex(Math.max(0, fileSize() - size))
              + ": "
              + count
              + " program headers must end within the file's "
              + fileSize()
              + " bytes");
    }
    return copy(image(), offset, size);
  }

  private boolean inFile(long offset, long size) {
    return Long.compareUnsigned(offset, fileSize()) <= 0
        && Long.compareUnsigned(size, fileSize() - offset) <= 0;
  }

  private List<Segment> checkedSegments(ByteBuffer headers) throws LoaderException {
    List<Segment> found = new ArrayList<>();
    for (int i = 0; i < headers.capacity() / ElfLayout.PHDR_SIZE; i++) {
      int header = i * ElfLayout.PHDR_SIZE;
      int type = headers.getInt(header + ElfLayout.P_TYPE);
      if (type == ElfLayout.PT_INTERP) {
        throw error(
            Reason.FORMAT,
            "p_type[" + i + "]",
            type,
            "must not be PT_INTERP: a program for an operating system, not a kernel");
      }
      if (type == ElfLayout.PT_LOAD && headers.getLong(header + ElfLayout.P_MEMSZ) != 0) {
        found.add(checkedSegment(headers, header, i));
      }
    }
    if (found.isEmpty()) {
      throw error(
          Reason.HEADER, "number of PT_LOAD segments", 0, "must be at least 0x1, not empty");
    }
    found.sort(Comparator.comparingLong(segment -> segment.memory().gpa()));
    for (int i = 1; i < found.size(); i++) {
      MemoryRange before = found.get(i - 1).memory();
      MemoryRange range = found.get(i).memory();
      if (range.overlaps(before)) {
        throw error(
            Reason.HEADER, "segment", range.toString(), "must not overlap segment " + before);
      }
    }
    return List.copyOf(found);
  }

  private Segment checkedSegment(ByteBuffer headers, int header, int index) throws LoaderException {
    long fileSize = headers.getLong(header + ElfLayout.P_FILESZ);
    long memorySize = headers.getLong(header + ElfLayout.P_MEMSZ);
    if (Long.compareUnsigned(fileSize, memorySize) > 0) {
      throw error(
          Reason.HEADER,
          "p_filesz[" + index + "]",
          fileSize,
          "must be at most p_memsz, " + hex(memorySize));
    }
    long offset = headers.getLong(header + ElfLayout.P_OFFSET);
    if (!inFile(offset, fileSize)) {
      throw error(
          Reason.TRUNCATED,
          "p_offset[" + index + "]",
          offset,
          "must be at most "
              + hex(Math.max(0, fileSize() - fileSize))
              + ": "
              + hex(fileSize)
              + " bytes must end within the file's "
              + fileSize());
    }
    long gpa = headers.getLong(header + ElfLayout.P_PADDR);
    if (Long.compareUnsigned(gpa, X86Layout.HIGH_MEMORY_START) < 0
        || Long.compareUnsigned(gpa, X86Layout.HOLE_END) >= 0) {
      throw error(
          Reason.HEADER,
          "p_paddr[" + index + "]",
          gpa,
          "must be from "
              + hex(X86Layout.HIGH_MEMORY_START)
              + " and below "
              + hex(X86Layout.HOLE_END));
    }
    if (Long.compareUnsigned(memorySize, X86Layout.HOLE_END - gpa) > 0) {
      throw error(
          Reason.HEADER,
          "p_memsz[" + index + "]",
          memorySize,
          "must be at most " + hex(X86Layout.HOLE_END - gpa) + ", to end by 4 GiB");
    }
    boolean executable = (headers.getInt(header + ElfLayout.P_FLAGS) & ElfLayout.PF_X) != 0;
    return new Segment(new MemoryRange(gpa, memorySize), offset, fileSize, executable);
  }

  /** The entry point must be code that came from the file, not zeros behind it. */
  private void checkEntry() throws LoaderException {
    for (Segment segment : segments) {
      long offset = entry - segment.memory().gpa();
      if (segment.executable() && Long.compareUnsigned(offset, segment.fileSize()) < 0) {
        return;
      }
    }
    throw error(
        Reason.HEADER, "e_entry", entry, "must be a physical address in an executable segment");
  }

  /** {@return the physical address of the 64-bit entry point} */
  public long entry() {
    return entry;
  }

  /** {@return the segments that are loaded, by ascending address} */
  public List<Segment> segments() {
    return segments;
  }

  @Override
  public long commandLineLimit() {
    return COMMAND_LINE_LIMIT;
  }

  @Override
  public long initrdAddressMax() {
    return INITRD_ADDRESS_MAX;
  }

  @Override
  KernelPlacement place(RamMap ram) throws LoaderException {
    // Gaps between the segments belong to the kernel as well.
    if (!ram.isFree(memory)) {
      throw ram.noRoom(name(), memory, "PT_LOAD segments");
    }
    return new KernelPlacement(memory.gpa(), entry, memory);
  }

  @Override
  void writeTo(GuestMemory guest, KernelPlacement placement) {
    for (Segment segment : segments) {
      long gpa = segment.memory().gpa();
      guest.write(gpa, image().asSlice(segment.offset(), segment.fileSize()));
      guest.fill(gpa + segment.fileSize(), segment.memory().size() - segment.fileSize(), (byte) 0);
    }
  }

  @Override
  void writeHeader(ByteBuffer zeroPage, KernelPlacement placement) {
    zeroPage.putShort(BootParamsLayout.BOOT_FLAG, (short) BootParamsLayout.BOOT_FLAG_MAGIC);
    zeroPage.putInt(BootParamsLayout.HEADER, BootParamsLayout.HEADER_MAGIC);
    zeroPage.putShort(BootParamsLayout.VERSION, (short) PROTOCOL_VERSION);
    zeroPage.putInt(BootParamsLayout.INITRD_ADDR_MAX, (int) INITRD_ADDRESS_MAX);
    zeroPage.putInt(BootParamsLayout.KERNEL_ALIGNMENT, KERNEL_ALIGNMENT);
    zeroPage.putInt(BootParamsLayout.CMDLINE_SIZE, (int) COMMAND_LINE_LIMIT);
    zeroPage.putShort(BootParamsLayout.XLOADFLAGS, (short) BootParamsLayout.XLF_KERNEL_64);
  }

  @Override
  public String toString() {
    return name() + ": ELF vmlinux, entry " + hex(entry) + ", " + memory;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.javavmm.loader.MemoryRange.hex;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.javavmm.loader.LoaderException.Reason;
import org.javavmm.memory.GuestMemory;

/**
 * An uncompressed x86 kernel: an ELF file whose segments go to their physical addresses, of 64 or
 * 32 bits. It has up to three entries:
 *
 * <ul>
 *   <li>its ELF entry point, a physical address too. That of a Linux {@code vmlinux} is entered as
 *       a {@link BzImage} is, in 64-bit mode or, for a 32-bit file, in protected mode;
 *   <li>in place of that, the Multiboot entry, if the file has a Multiboot header: then this is
 *       what is at the ELF entry point;
 *   <li>the PVH entry, if a note says where it is (name "Xen", type 18, XEN_ELFNOTE_PHYS32_ENTRY).
 * </ul>
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

  private final boolean wide;
  private final long entry;
  private final boolean entryInCode;
  private final Optional<MultibootHeader> multiboot;
  private final List<Segment> segments;
  private final MemoryRange memory;
  private final PvhNote pvhNote;
  private final List<BootEntry> entries;

  private ElfKernel(
      String name, ImageBytes image, ByteBuffer head, Optional<MultibootHeader> multiboot)
      throws LoaderException {
    super(name, image);
    this.wide = checkIdentity(head);
    this.entry = word(head, ElfLayout.E_ENTRY, ElfLayout.E_ENTRY);
    this.multiboot = multiboot;
    List<Header> headers = checkedProgramHeaders(head);
    this.segments = checkedSegments(headers);
    this.memory =
        MemoryRange.between(segments.getFirst().memory().gpa(), segments.getLast().memory().end());
    this.entryInCode = isCode(entry);
    this.pvhNote = findPvhNote(headers);
    this.entries = findEntries();
    if (entries.isEmpty()) {
      throw noEntry();
    }
  }

  static ElfKernel parse(
      String name, ImageBytes image, ByteBuffer head, Optional<MultibootHeader> multiboot)
      throws LoaderException {
    return new ElfKernel(name, image, head, multiboot);
  }

  /** A program header, of whichever class the file is. */
  private record Header(
      int index,
      int type,
      int flags,
      long offset,
      long paddr,
      long filesz,
      long memsz,
      long align) {}

  /** Checks what the file is; {@return whether it is a 64-bit one} */
  private boolean checkIdentity(ByteBuffer head) throws LoaderException {
    int elfClass = head.capacity() <= ElfLayout.EI_CLASS ? 0 : head.get(ElfLayout.EI_CLASS);
    int size = elfClass == ElfLayout.ELFCLASS32 ? ElfLayout.EHDR32_SIZE : ElfLayout.EHDR_SIZE;
    if (head.capacity() < size) {
      throw error(
          Reason.TRUNCATED,
          "file",
          head.capacity() + " bytes",
          "must be at least " + size + ", an ELF header");
    }
    if (elfClass != ElfLayout.ELFCLASS64 && elfClass != ElfLayout.ELFCLASS32) {
      throw error(Reason.ARCHITECTURE, "EI_CLASS", elfClass, "must be 0x2, 64-bit, or 0x1, 32-bit");
    }
    int data = head.get(ElfLayout.EI_DATA);
    if (data != ElfLayout.ELFDATA2LSB) {
      throw error(Reason.ARCHITECTURE, "EI_DATA", data, "must be 0x1, little-endian");
    }
    int version = head.get(ElfLayout.EI_VERSION);
    if (version != ElfLayout.EV_CURRENT) {
      throw error(Reason.HEADER, "EI_VERSION", version, "must be 0x1");
    }
    boolean is64Bit = elfClass == ElfLayout.ELFCLASS64;
    int machine = head.getShort(ElfLayout.E_MACHINE) & 0xffff;
    if (machine != (is64Bit ? ElfLayout.EM_X86_64 : ElfLayout.EM_386)) {
      throw error(
          Reason.ARCHITECTURE,
          "e_machine",
          hex(machine) + " (" + ElfLayout.machine(machine) + ")",
          is64Bit ? "must be 0x3e (x86-64)" : "must be 0x3 (i386) in a 32-bit file");
    }
    int type = head.getShort(ElfLayout.E_TYPE) & 0xffff;
    if (type != ElfLayout.ET_EXEC) {
      throw error(
          Reason.FORMAT,
          "e_type",
          hex(type) + " (" + ElfLayout.type(type) + ")",
          "must be 0x2 (ET_EXEC), as a vmlinux has");
    }
    return is64Bit;
  }

  /** {@return a field that is as wide as the file's class} */
  private long word(ByteBuffer buffer, int offset64, int offset32) {
    return wide ? buffer.getLong(offset64) : buffer.getInt(offset32) & 0xffff_ffffL;
  }

  private List<Header> checkedProgramHeaders(ByteBuffer head) throws LoaderException {
    int headerSize = wide ? ElfLayout.EHDR_SIZE : ElfLayout.EHDR32_SIZE;
    int needed = wide ? ElfLayout.PHDR_SIZE : ElfLayout.PHDR32_SIZE;
    int entrySize = head.getShort(wide ? ElfLayout.E_PHENTSIZE : ElfLayout.E_PHENTSIZE_32) & 0xffff;
    if (entrySize != needed) {
      throw error(Reason.HEADER, "e_phentsize", entrySize, "must be " + hex(needed));
    }
    int count = head.getShort(wide ? ElfLayout.E_PHNUM : ElfLayout.E_PHNUM_32) & 0xffff;
    if (count == 0 || count == ElfLayout.PN_XNUM) {
      throw error(Reason.HEADER, "e_phnum", count, "must be from 0x1 to 0xfffe");
    }
    long offset = word(head, ElfLayout.E_PHOFF, ElfLayout.E_PHOFF_32);
    if (Long.compareUnsigned(offset, headerSize) < 0) {
      throw error(Reason.HEADER, "e_phoff", offset, "must be at least " + hex(headerSize));
    }
    long size = (long) count * entrySize;
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
    ByteBuffer table = image().copy(offset, size);
    List<Header> headers = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      ByteBuffer header = table.slice(i * entrySize, entrySize).order(table.order());
      headers.add(
          new Header(
              i,
              header.getInt(ElfLayout.P_TYPE),
              header.getInt(wide ? ElfLayout.P_FLAGS : ElfLayout.P_FLAGS_32),
              word(header, ElfLayout.P_OFFSET, ElfLayout.P_OFFSET_32),
              word(header, ElfLayout.P_PADDR, ElfLayout.P_PADDR_32),
              word(header, ElfLayout.P_FILESZ, ElfLayout.P_FILESZ_32),
              word(header, ElfLayout.P_MEMSZ, ElfLayout.P_MEMSZ_32),
              word(header, ElfLayout.P_ALIGN, ElfLayout.P_ALIGN_32)));
    }
    return headers;
  }

  private boolean inFile(long offset, long size) {
    return Long.compareUnsigned(offset, fileSize()) <= 0
        && Long.compareUnsigned(size, fileSize() - offset) <= 0;
  }

  private List<Segment> checkedSegments(List<Header> headers) throws LoaderException {
    List<Segment> found = new ArrayList<>();
    for (Header header : headers) {
      if (header.type() == ElfLayout.PT_INTERP) {
        throw error(
            Reason.FORMAT,
            "p_type[" + header.index() + "]",
            header.type(),
            "must not be PT_INTERP: a program for an operating system, not a kernel");
      }
      if (header.type() == ElfLayout.PT_LOAD && header.memsz() != 0) {
        found.add(checkedSegment(header));
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

  private Segment checkedSegment(Header header) throws LoaderException {
    int index = header.index();
    long fileSize = header.filesz();
    long memorySize = header.memsz();
    if (Long.compareUnsigned(fileSize, memorySize) > 0) {
      throw error(
          Reason.HEADER,
          "p_filesz[" + index + "]",
          fileSize,
          "must be at most p_memsz, " + hex(memorySize));
    }
    long offset = header.offset();
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
    long gpa = header.paddr();
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
    boolean executable = (header.flags() & ElfLayout.PF_X) != 0;
    return new Segment(new MemoryRange(gpa, memorySize), offset, fileSize, executable);
  }

  /** An entry point must be code that came from the file, not zeros behind it. */
  private boolean isCode(long address) {
    for (Segment segment : segments) {
      long offset = address - segment.memory().gpa();
      if (segment.executable() && Long.compareUnsigned(offset, segment.fileSize()) < 0) {
        return true;
      }
    }
    return false;
  }

  private PvhNote findPvhNote(List<Header> headers) throws LoaderException {
    PvhNote.Search search = new PvhNote.Search(this, image());
    for (Header header : headers) {
      if (header.type() == ElfLayout.PT_NOTE) {
        search.segment(header.index(), header.offset(), header.filesz(), header.align());
      }
    }
    return search.result();
  }

  private List<BootEntry> findEntries() {
    List<BootEntry> found = new ArrayList<>();
    boolean pvh = pvhNote.address().isPresent() && isCode(pvhNote.address().getAsLong());
    BootEntry atEntry =
        multiboot.isPresent()
            ? BootEntry.MULTIBOOT
            : wide ? BootEntry.LINUX_64 : BootEntry.LINUX_32;
    if (entryInCode) {
      found.add(atEntry);
    }
    if (pvh) {
      // A 32-bit kernel with a PVH note need not be Linux.
      found.add(atEntry == BootEntry.LINUX_32 ? 0 : found.size(), BootEntry.PVH);
    }
    return List.copyOf(found);
  }

  private LoaderException noEntry() {
    return error(
        Reason.HEADER, "e_entry", entry, "must be a physical address in an executable segment");
  }

  /** The file may have a note of the entry, and yet no entry. */
  @Override
  LoaderException lacks(BootEntry wanted) {
    if (wanted == BootEntry.PVH) {
      if (pvhNote.error().isPresent()) {
        LoaderException e = pvhNote.error().get();
        return error(e.reason(), e.field(), e.value(), e.limit());
      }
      if (pvhNote.address().isPresent()) {
        return error(
            Reason.HEADER,
            "PVH entry",
            pvhNote.address().getAsLong(),
            "must be a physical address in an executable segment");
      }
    }
    BootEntry atEntry = multiboot.isPresent() ? BootEntry.MULTIBOOT : BootEntry.LINUX_64;
    return wanted == atEntry && wide && !entryInCode ? noEntry() : super.lacks(wanted);
  }

  /** {@return the physical address of the ELF entry point, e_entry} */
  public long entry() {
    return entry;
  }

  /** {@return the physical address of the PVH entry point, if a note says it} */
  public OptionalLong pvhEntry() {
    return entries.contains(BootEntry.PVH) ? pvhNote.address() : OptionalLong.empty();
  }

  /** {@return whether this is a 64-bit ELF file} */
  public boolean is64Bit() {
    return wide;
  }

  /**
   * {@return whether a Multiboot header asks for a video mode; the kernel gets the framebuffer of
   * the plan, if there is one, and the Multiboot information says whether there is}
   */
  public boolean requestsVideoMode() {
    return multiboot.isPresent() && multiboot.get().requestsVideoMode();
  }

  @Override
  public List<BootEntry> entries() {
    return entries;
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
  long initrdAddressMax(BootEntry wanted) {
    return wanted == BootEntry.MULTIBOOT ? MultibootHeader.MODULE_ADDRESS_MAX : INITRD_ADDRESS_MAX;
  }

  @Override
  long commandLineLimit(BootEntry wanted) {
    return wanted == BootEntry.MULTIBOOT ? X86Layout.COMMAND_LINE_MAX : COMMAND_LINE_LIMIT;
  }

  @Override
  KernelPlacement place(BootEntry wanted, RamMap ram, boolean high) throws LoaderException {
    checkNotHigh(high);
    // Gaps between the segments belong to the kernel as well.
    if (!ram.isFree(memory)) {
      throw ram.noRoom(name(), memory, "PT_LOAD segments");
    }
    long address = wanted == BootEntry.PVH ? pvhNote.address().orElseThrow() : entry;
    return new KernelPlacement(memory.gpa(), address, memory);
  }

  @Override
  void writeTo(GuestMemory guest, KernelPlacement placement) throws LoaderException {
    for (Segment segment : segments) {
      long gpa = segment.memory().gpa();
      guest.prefault(gpa, segment.memory().size());
      image().slice(segment.offset(), segment.fileSize()).writeTo(guest, gpa);
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
    int xloadflags = wide ? BootParamsLayout.XLF_KERNEL_64 : 0;
    zeroPage.putShort(BootParamsLayout.XLOADFLAGS, (short) xloadflags);
  }

  @Override
  public String toString() {
    return name()
        + (wide ? ": ELF vmlinux, entry " : ": 32-bit ELF kernel, entry ")
        + hex(entry)
        + ", "
        + memory;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * Reads an ELF file of any class, byte order and machine as far as it goes, and never fails because
 * of what it says.
 */
final class ElfInspection {
  private static final int NOTE_BYTES_LIMIT = 64 << 10;
  private static final int NAME_LIMIT = 64;
  private static final int DESCRIPTION_LIMIT = 32;

  private final ImageBytes image;
  private final boolean wide;
  private final ByteOrder order;
  private final ByteBuffer header;
  private final List<ImageReport.Segment> segments = new ArrayList<>();
  private final List<ImageReport.Note> notes = new ArrayList<>();
  private final List<ImageReport.Entry> entries = new ArrayList<>();

  private ElfInspection(ImageBytes image, ByteBuffer head) {
    this.image = image;
    this.wide = head.get(ElfLayout.EI_CLASS) == ElfLayout.ELFCLASS64;
    this.order = head.get(ElfLayout.EI_DATA) == 2 ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
    this.header = head.duplicate().order(order);
  }

  /**
   * {@return what could be read, if there is at least a header}
   *
   * @throws LoaderException {@code FILE} if the file was cut short
   */
  static Optional<ElfInspection> of(ImageBytes image, ByteBuffer head) throws LoaderException {
    if (head.capacity() < ElfLayout.EHDR32_SIZE) {
      return Optional.empty();
    }
    ElfInspection inspection = new ElfInspection(image, head);
    if (inspection.wide && head.capacity() < ElfLayout.EHDR_SIZE) {
      return Optional.empty();
    }
    inspection.readSegments();
    return Optional.of(inspection);
  }

  private int count() {
    return header.getShort(wide ? ElfLayout.E_PHNUM : ElfLayout.E_PHNUM_32) & 0xffff;
  }

  private long entry() {
    return word(header, ElfLayout.E_ENTRY);
  }

  private long word(ByteBuffer buffer, int offset) {
    return wide ? buffer.getLong(offset) : Integer.toUnsignedLong(buffer.getInt(offset));
  }

  private ByteBuffer part(long offset, long size) throws LoaderException {
    return image.copy(offset, size).order(order);
  }

  private boolean inFile(long offset, long size) {
    return offset >= 0 && offset <= image.size() && size <= image.size() - offset;
  }

  private void readSegments() throws LoaderException {
    long at = word(header, wide ? ElfLayout.E_PHOFF : ElfLayout.E_PHOFF_32);
    int size = header.getShort(wide ? ElfLayout.E_PHENTSIZE : ElfLayout.E_PHENTSIZE_32) & 0xffff;
    if (size < (wide ? ElfLayout.PHDR_SIZE : ElfLayout.PHDR32_SIZE)) {
      return;
    }
    int limit = Math.min(count(), KernelInspector.LIST_LIMIT);
    for (int i = 0; i < limit && inFile(at, size); i++, at += size) {
      ByteBuffer segment = part(at, size);
      segments.add(wide ? segment64(segment) : segment32(segment));
      if (segment.getInt(0) == ElfLayout.PT_NOTE) {
        readNotes(segments.getLast());
      }
    }
  }

  private static ImageReport.Segment segment64(ByteBuffer segment) {
    return new ImageReport.Segment(
        type(segment.getInt(ElfLayout.P_TYPE)),
        flags(segment.getInt(ElfLayout.P_FLAGS)),
        segment.getLong(ElfLayout.P_OFFSET),
        segment.getLong(16),
        segment.getLong(ElfLayout.P_PADDR),
        segment.getLong(ElfLayout.P_FILESZ),
        segment.getLong(ElfLayout.P_MEMSZ),
        segment.getLong(ElfLayout.P_ALIGN));
  }

  private static ImageReport.Segment segment32(ByteBuffer segment) {
    return new ImageReport.Segment(
        type(segment.getInt(ElfLayout.P_TYPE)),
        flags(segment.getInt(ElfLayout.P_FLAGS_32)),
        Integer.toUnsignedLong(segment.getInt(ElfLayout.P_OFFSET_32)),
        Integer.toUnsignedLong(segment.getInt(8)),
        Integer.toUnsignedLong(segment.getInt(ElfLayout.P_PADDR_32)),
        Integer.toUnsignedLong(segment.getInt(ElfLayout.P_FILESZ_32)),
        Integer.toUnsignedLong(segment.getInt(ElfLayout.P_MEMSZ_32)),
        Integer.toUnsignedLong(segment.getInt(ElfLayout.P_ALIGN_32)));
  }

  private void readNotes(ImageReport.Segment segment) throws LoaderException {
    if (!inFile(segment.offset(), 0) || segment.fileSize() < 0) {
      return;
    }
    long size =
        Math.min(NOTE_BYTES_LIMIT, Math.min(segment.fileSize(), image.size() - segment.offset()));
    ByteBuffer bytes = part(segment.offset(), size);
    // Padded to 8 bytes in segments that are aligned so, as binutils write them for GNU properties.
    int padding = segment.alignment() == 8 ? 8 : 4;
    long at = 0;
    while (at + ElfLayout.NHDR_SIZE <= size && notes.size() < KernelInspector.LIST_LIMIT) {
      long nameSize = Integer.toUnsignedLong(bytes.getInt((int) at));
      long descriptionSize = Integer.toUnsignedLong(bytes.getInt((int) at + ElfLayout.N_DESCSZ));
      final long type = Integer.toUnsignedLong(bytes.getInt((int) at + ElfLayout.N_TYPE));
      long name = at + ElfLayout.NHDR_SIZE;
      long description = MemoryRange.alignUp(name + nameSize, padding);
      if (description + descriptionSize > size) {
        return;
      }
      addNote(bytes, (int) name, nameSize, type, (int) description, descriptionSize);
      at = MemoryRange.alignUp(description + descriptionSize, padding);
    }
  }

  private void addNote(
      ByteBuffer bytes, int name, long nameSize, long type, int description, long size) {
    byte[] text = new byte[(int) Math.min(nameSize, NAME_LIMIT)];
    bytes.get(name, text);
    byte[] shown = new byte[(int) Math.min(size, DESCRIPTION_LIMIT)];
    bytes.get(description, shown);
    String owner = KernelInspector.text(text);
    notes.add(new ImageReport.Note(owner, type, size, HexFormat.of().formatHex(shown)));
    if (owner.equals("Xen") && type == PvhNote.TYPE && (size == 4 || size == 8)) {
      long address =
          size == 8
              ? bytes.getLong(description)
              : Integer.toUnsignedLong(bytes.getInt(description));
      entries.add(new ImageReport.Entry(ImageReport.EntryKind.PVH, address));
    }
  }

  private static String type(int type) {
    return switch (type) {
      case 0 -> "PT_NULL";
      case ElfLayout.PT_LOAD -> "PT_LOAD";
      case 2 -> "PT_DYNAMIC";
      case ElfLayout.PT_INTERP -> "PT_INTERP";
      case ElfLayout.PT_NOTE -> "PT_NOTE";
      case 6 -> "PT_PHDR";
      case 7 -> "PT_TLS";
      case 0x6474e550 -> "PT_GNU_EH_FRAME";
      case 0x6474e551 -> "PT_GNU_STACK";
      case 0x6474e552 -> "PT_GNU_RELRO";
      case 0x6474e553 -> "PT_GNU_PROPERTY";
      default -> MemoryRange.hex(Integer.toUnsignedLong(type));
    };
  }

  private static String flags(int flags) {
    return ((flags & 4) != 0 ? "r" : "-")
        + ((flags & 2) != 0 ? "w" : "-")
        + ((flags & 1) != 0 ? "x" : "-");
  }

  ImageReport.Elf report() {
    return new ImageReport.Elf(
        wide ? 64 : 32,
        order == ByteOrder.BIG_ENDIAN,
        ElfLayout.type(header.getShort(ElfLayout.E_TYPE) & 0xffff),
        entry(),
        count(),
        List.copyOf(segments),
        List.copyOf(notes));
  }

  private int machine() {
    return header.getShort(ElfLayout.E_MACHINE) & 0xffff;
  }

  String architecture() {
    int machine = machine();
    return machine == 243 ? (wide ? "riscv64" : "riscv32") : ElfLayout.machine(machine);
  }

  /** {@return the ELF entry point of an x86 kernel, and those that notes tell of} */
  List<ImageReport.Entry> entries() {
    List<ImageReport.Entry> all = new ArrayList<>();
    boolean fixed = (header.getShort(ElfLayout.E_TYPE) & 0xffff) == ElfLayout.ET_EXEC;
    if (machine() == ElfLayout.EM_X86_64 && wide && fixed && entry() != 0) {
      all.add(new ImageReport.Entry(ImageReport.EntryKind.LINUX_64, entry()));
    }
    if (machine() == ElfLayout.EM_386 && !wide && fixed && entry() != 0) {
      all.add(new ImageReport.Entry(ImageReport.EntryKind.LINUX_32, entry()));
    }
    all.addAll(entries);
    return all;
  }
}

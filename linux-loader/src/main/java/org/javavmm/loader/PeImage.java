// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.javavmm.loader.MemoryRange.hex;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.ToLongFunction;
import org.javavmm.loader.LoaderException.Reason;

/**
 * The headers and sections of a PE file, the format of EFI programs: kernels with an EFI stub, EFI
 * zboot wrappers and unified kernel images ({@link UnifiedKernelImage}). Read and checked, not
 * loaded. The headers were copied; sections are read when they are asked for. Immutable and
 * thread-safe.
 */
public final class PeImage {
  /** The largest number of sections that is read. */
  public static final int SECTION_LIMIT = 256;

  /**
   * A section.
   *
   * @param name its name of up to 8 characters; what is not printable ASCII is replaced by {@code
   *     ?}
   * @param virtualAddress its address from the image's start (RVA)
   * @param virtualSize its size in memory in bytes; the size in the file if the header has 0
   * @param fileOffset the offset of its first byte in the file, 0 if it has none there
   * @param fileSize the number of its bytes in the file, padding included
   * @param characteristics its flags
   */
  public record Section(
      String name,
      long virtualAddress,
      long virtualSize,
      long fileOffset,
      long fileSize,
      int characteristics) {
    /** {@return the number of its bytes in the file, padding left out} */
    public long contentSize() {
      return Math.min(virtualSize, fileSize);
    }
  }

  private final String name;
  private final ImageBytes image;
  private final ByteBuffer coff;
  private final ByteBuffer optional;
  private final int directories;
  private final List<Section> sections;

  private PeImage(String name, ImageBytes image) throws LoaderException {
    this.name = name;
    this.image = image;
    long offset = checkedHeaderOffset();
    this.coff = image.copy(offset, PeLayout.COFF_HEADER_SIZE);
    long optionalOffset = offset + PeLayout.COFF_HEADER_SIZE;
    this.optional = checkedOptionalHeader(optionalOffset);
    this.directories = checkedDirectories();
    this.sections = checkedSections(optionalOffset + optional.capacity());
    checkCertificateTable();
  }

  /**
   * Opens a file and reads its headers. The descriptor is closed when the garbage collector finds
   * that what was read is no longer in use.
   *
   * @param file a PE file
   * @return its headers and sections
   * @throws LoaderException if it is not a readable regular file, or as {@link #parse}
   */
  public static PeImage read(Path file) throws LoaderException {
    return parse(file.toString(), ImageFile.open(file, Arena.ofAuto()));
  }

  /**
   * Reads a file that lies in memory.
   *
   * @param name what to call it in messages
   * @param image the whole file
   * @return its headers and sections, usable as long as the segment is
   * @throws LoaderException {@code FORMAT} if the signatures are not those of a PE file, {@code
   *     TRUNCATED} if the file ends before headers or a section does, {@code HEADER} if sizes
   *     contradict each other, if there are more than {@link #SECTION_LIMIT} sections, or if
   *     sections overlap each other or the headers, in the file or in memory; {@code FILE} if the
   *     bytes are those of a file that was cut short
   * @throws IllegalStateException if the segment is no longer alive
   */
  public static PeImage parse(String name, MemorySegment image) throws LoaderException {
    return parse(name, ImageBytes.of(name, image));
  }

  static PeImage parse(String name, ImageBytes image) throws LoaderException {
    return new PeImage(name, image);
  }

  /**
   * {@return whether these bytes have the signatures of a PE file}
   *
   * @param image the file; a mapping of one that was cut short has none
   */
  public static boolean detect(MemorySegment image) {
    try {
      return detect(ImageBytes.of("image", image));
    } catch (LoaderException e) {
      return false;
    }
  }

  static boolean detect(ImageBytes image) throws LoaderException {
    if (image.size() < PeLayout.DOS_HEADER_SIZE) {
      return false;
    }
    ByteBuffer dos = image.copy(0, PeLayout.DOS_HEADER_SIZE);
    long offset = Integer.toUnsignedLong(dos.getInt(PeLayout.E_LFANEW));
    return (dos.getShort(0) & 0xffff) == PeLayout.DOS_MAGIC
        && offset <= image.size() - PeLayout.SIGNATURE_SIZE
        && image.copy(offset, PeLayout.SIGNATURE_SIZE).getInt(0) == PeLayout.PE_SIGNATURE;
  }

  /** {@return the offset of the COFF header, which is in the file} */
  private long checkedHeaderOffset() throws LoaderException {
    if (image.size() < PeLayout.DOS_HEADER_SIZE) {
      throw error(
          Reason.TRUNCATED,
          "file",
          image.size() + " bytes",
          "must be at least " + PeLayout.DOS_HEADER_SIZE + ", a DOS header");
    }
    ByteBuffer dos = image.copy(0, PeLayout.DOS_HEADER_SIZE);
    int magic = dos.getShort(0) & 0xffff;
    if (magic != PeLayout.DOS_MAGIC) {
      throw error(Reason.FORMAT, "e_magic", hex(magic), "must be 0x5a4d");
    }
    long offset = Integer.toUnsignedLong(dos.getInt(PeLayout.E_LFANEW));
    long headers = PeLayout.SIGNATURE_SIZE + PeLayout.COFF_HEADER_SIZE;
    if (offset > image.size() - headers) {
      throw error(
          Reason.TRUNCATED,
          "e_lfanew",
          hex(offset),
          "must be at most "
              + hex(Math.max(0, image.size() - headers))
              + ": the file has "
              + image.size()
              + " bytes");
    }
    int signature = image.copy(offset, PeLayout.SIGNATURE_SIZE).getInt(0);
    if (signature != PeLayout.PE_SIGNATURE) {
      throw error(
          Reason.FORMAT, "PE signature", hex(Integer.toUnsignedLong(signature)), "must be 0x4550");
    }
    return offset + PeLayout.SIGNATURE_SIZE;
  }

  private ByteBuffer checkedOptionalHeader(long offset) throws LoaderException {
    int size = coff.getShort(PeLayout.SIZE_OF_OPTIONAL_HEADER) & 0xffff;
    if (size > image.size() - offset) {
      throw error(
          Reason.TRUNCATED,
          "SizeOfOptionalHeader",
          hex(size),
          "must be at most " + hex(image.size() - offset) + ", what the file has");
    }
    ByteBuffer header = image.copy(offset, size);
    int magic = size < 2 ? 0 : header.getShort(PeLayout.OPTIONAL_MAGIC) & 0xffff;
    if (magic != PeLayout.PE32 && magic != PeLayout.PE32_PLUS) {
      throw error(
          Reason.HEADER,
          "optional header's magic",
          hex(magic),
          "must be 0x10b (PE32) or 0x20b (PE32+)");
    }
    int needed = directoryCountOffset(magic) + Integer.BYTES;
    if (size < needed) {
      throw error(
          Reason.HEADER, "SizeOfOptionalHeader", hex(size), "must be at least " + hex(needed));
    }
    return header;
  }

  private static int directoryCountOffset(int magic) {
    return magic == PeLayout.PE32
        ? PeLayout.NUMBER_OF_RVA_AND_SIZES_32
        : PeLayout.NUMBER_OF_RVA_AND_SIZES_64;
  }

  private int directoriesOffset() {
    return directoryCountOffset(optionalMagic()) + Integer.BYTES;
  }

  private int optionalMagic() {
    return optional.getShort(PeLayout.OPTIONAL_MAGIC) & 0xffff;
  }

  private int checkedDirectories() throws LoaderException {
    long count = unsigned(optional, directoryCountOffset(optionalMagic()));
    int room = (optional.capacity() - directoriesOffset()) / PeLayout.DATA_DIRECTORY_SIZE;
    if (count > room) {
      throw error(
          Reason.HEADER,
          "NumberOfRvaAndSizes",
          hex(count),
          "must be at most " + hex(room) + ", what the optional header has room for");
    }
    return (int) count;
  }

  private List<Section> checkedSections(long offset) throws LoaderException {
    int count = coff.getShort(PeLayout.NUMBER_OF_SECTIONS) & 0xffff;
    if (count > SECTION_LIMIT) {
      throw error(
          Reason.HEADER, "NumberOfSections", hex(count), "must be at most " + hex(SECTION_LIMIT));
    }
    long size = (long) count * PeLayout.SECTION_SIZE;
    if (size > image.size() - offset) {
      throw error(
          Reason.TRUNCATED,
          "section table",
          hex(size) + " bytes",
          "must be at most " + hex(image.size() - offset) + ", what the file has");
    }
    if (sizeOfHeaders() < offset + size || sizeOfHeaders() > image.size()) {
      throw error(
          Reason.HEADER,
          "SizeOfHeaders",
          hex(sizeOfHeaders()),
          "must be from "
              + hex(offset + size)
              + ", the section table's end, to "
              + hex(image.size())
              + ", the file's");
    }
    ByteBuffer table = image.copy(offset, size);
    List<Section> found = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      found.add(checkedSection(table, i * PeLayout.SECTION_SIZE));
    }
    checkOverlaps(found, "in the file", Section::fileOffset, Section::fileSize);
    checkOverlaps(found, "in memory", Section::virtualAddress, Section::virtualSize);
    return List.copyOf(found);
  }

  private Section checkedSection(ByteBuffer table, int at) throws LoaderException {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < PeLayout.SECTION_NAME_SIZE && table.get(at + i) != 0; i++) {
      char c = (char) (table.get(at + i) & 0xff);
      text.append(c < ' ' || c >= 0x7f ? '?' : c);
    }
    long fileSize = unsigned(table, at + PeLayout.SIZE_OF_RAW_DATA);
    long virtualSize = unsigned(table, at + PeLayout.VIRTUAL_SIZE);
    Section section =
        new Section(
            text.toString(),
            unsigned(table, at + PeLayout.VIRTUAL_ADDRESS),
            virtualSize == 0 ? fileSize : virtualSize,
            fileSize == 0 ? 0 : unsigned(table, at + PeLayout.POINTER_TO_RAW_DATA),
            fileSize,
            table.getInt(at + PeLayout.SECTION_CHARACTERISTICS));
    if (section.fileOffset() + fileSize > image.size()) {
      throw error(
          Reason.TRUNCATED,
          "end of section " + section.name() + " in the file",
          hex(section.fileOffset() + fileSize),
          "must be at most " + hex(image.size()) + ", the file's size");
    }
    if (section.virtualAddress() + section.virtualSize() > sizeOfImage()) {
      throw error(
          Reason.HEADER,
          "end of section " + section.name() + " in memory",
          hex(section.virtualAddress() + section.virtualSize()),
          "must be at most " + hex(sizeOfImage()) + ", SizeOfImage");
    }
    return section;
  }

  /** Neither may a section lie over the headers. An empty one lies nowhere. */
  private void checkOverlaps(
      List<Section> found,
      String where,
      ToLongFunction<Section> start,
      ToLongFunction<Section> size)
      throws LoaderException {
    List<Section> sorted = new ArrayList<>(found);
    sorted.removeIf(section -> size.applyAsLong(section) == 0);
    sorted.sort(Comparator.comparingLong(start));
    long end = sizeOfHeaders();
    String before = "the headers";
    for (Section section : sorted) {
      if (start.applyAsLong(section) < end) {
        throw error(
            Reason.HEADER,
            "start of section " + section.name() + " " + where,
            hex(start.applyAsLong(section)),
            "must be at least " + hex(end) + ", the end of " + before);
      }
      end = start.applyAsLong(section) + size.applyAsLong(section);
      before = "section " + section.name();
    }
  }

  private void checkCertificateTable() throws LoaderException {
    if (certificateTableSize() == 0) {
      return;
    }
    long end = certificateDirectory(0) + certificateDirectory(Integer.BYTES);
    if (end > image.size()) {
      throw error(
          Reason.TRUNCATED,
          "end of the certificate table",
          hex(end),
          "must be at most " + hex(image.size()) + ", the file's size");
    }
  }

  private long certificateDirectory(int field) {
    return directories <= PeLayout.CERTIFICATE_TABLE
        ? 0
        : unsigned(
            optional,
            directoriesOffset()
                + PeLayout.CERTIFICATE_TABLE * PeLayout.DATA_DIRECTORY_SIZE
                + field);
  }

  /** {@return what the file is called in messages} */
  public String name() {
    return name;
  }

  /** {@return the size of the file in bytes} */
  public long fileSize() {
    return image.size();
  }

  /** {@return the machine's number: 0x8664 for x86-64, 0xaa64 for arm64, 0x5064 for riscv64} */
  public int machine() {
    return coff.getShort(PeLayout.MACHINE) & 0xffff;
  }

  /** {@return the machine in words} */
  public String machineName() {
    return PeLayout.machine(machine());
  }

  /** {@return the file's flags} */
  public int characteristics() {
    return coff.getShort(PeLayout.CHARACTERISTICS) & 0xffff;
  }

  /** {@return whether it is of the format PE32+, as 64-bit programs are} */
  public boolean isPe32Plus() {
    return optionalMagic() == PeLayout.PE32_PLUS;
  }

  /** {@return the subsystem's number, 10 for an EFI application} */
  public int subsystem() {
    return optional.getShort(PeLayout.SUBSYSTEM) & 0xffff;
  }

  /** {@return the subsystem in words} */
  public String subsystemName() {
    return PeLayout.subsystem(subsystem());
  }

  /** {@return the address of the first instruction from the image's start (RVA)} */
  public long entryPoint() {
    return unsigned(optional, PeLayout.ADDRESS_OF_ENTRY_POINT);
  }

  /** {@return the alignment of sections in memory in bytes} */
  public long sectionAlignment() {
    return unsigned(optional, PeLayout.SECTION_ALIGNMENT);
  }

  /** {@return the alignment of sections in the file in bytes} */
  public long fileAlignment() {
    return unsigned(optional, PeLayout.FILE_ALIGNMENT);
  }

  /** {@return the size of the image in memory in bytes} */
  public long sizeOfImage() {
    return unsigned(optional, PeLayout.SIZE_OF_IMAGE);
  }

  /** {@return the size of all headers in bytes} */
  public long sizeOfHeaders() {
    return unsigned(optional, PeLayout.SIZE_OF_HEADERS);
  }

  /** {@return the number of data directories} */
  public int dataDirectories() {
    return directories;
  }

  /** {@return the size of the certificate table in bytes, 0 if the file is not signed} */
  public long certificateTableSize() {
    return certificateDirectory(Integer.BYTES);
  }

  /** {@return the sections, in the order of the section table} */
  public List<Section> sections() {
    return sections;
  }

  /**
   * {@return the first section of a name}
   *
   * @param sectionName the name
   */
  public Optional<Section> section(String sectionName) {
    return sections.stream().filter(section -> section.name().equals(sectionName)).findFirst();
  }

  /**
   * {@return the bytes of a section that come from the file, without padding; read-only. A view of
   * what was parsed, or what was {@linkplain #read read} from the file now, freed by the garbage
   * collector}
   *
   * @param section a section of this file
   * @throws IllegalArgumentException if it is not
   * @throws LoaderException {@code FILE} if the file was cut short
   */
  public MemorySegment contents(Section section) throws LoaderException {
    return bytes(section).toMemory(Arena.ofAuto());
  }

  /** {@return the bytes of a section that come from the file, without padding} */
  ImageBytes bytes(Section section) {
    if (!sections.contains(section)) {
      throw new IllegalArgumentException("no section of " + name + ": " + section);
    }
    return image.slice(section.fileOffset(), section.contentSize());
  }

  private static long unsigned(ByteBuffer buffer, int offset) {
    return Integer.toUnsignedLong(buffer.getInt(offset));
  }

  LoaderException error(Reason reason, String field, String value, String limit) {
    return LoaderException.of(reason, name, field, value, limit);
  }

  @Override
  public String toString() {
    return name
        + ": PE"
        + (isPe32Plus() ? "32+" : "32")
        + " "
        + subsystemName()
        + " for "
        + machineName()
        + ", "
        + sections.size()
        + " sections";
  }
}

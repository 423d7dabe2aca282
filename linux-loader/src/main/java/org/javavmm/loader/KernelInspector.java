// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.javavmm.loader.ImageReport.Entry;
import org.javavmm.loader.ImageReport.EntryKind;
import org.javavmm.loader.ImageReport.Format;
import org.javavmm.loader.LoaderException.Reason;

/**
 * Reads what a kernel file says of itself, for people and for choosing a way to boot it. Whatever
 * is wrong with the file becomes part of the report. All methods may be called by any thread.
 */
public final class KernelInspector {
  /** The largest number of segments, notes and entries that a report lists of each. */
  public static final int LIST_LIMIT = 64;

  /** What a kernel is unpacked to at most unless the caller says otherwise: 1 GiB. */
  public static final long DEFAULT_UNPACK_LIMIT = 1L << 30;

  private static final int HEAD = 1024;
  private static final int SECTOR = 512;
  private static final int VERSION_LIMIT = 256;

  /** A kernel in a wrapper in compressed data, and one more. */
  private static final int DEPTH = 3;

  private static final int SCAN_CHUNK = 64 << 10;
  private static final long SCAN_LIMIT = 128L << 20;
  private static final byte[] BANNER = "Linux version ".getBytes(StandardCharsets.US_ASCII);

  private static final int MULTIBOOT2_WINDOW = 32768;
  private static final int MULTIBOOT2_MAGIC = 0xe852_50d6;

  private static final List<String> LOAD_FLAGS =
      List.of(
          "LOADED_HIGH", "KASLR_FLAG", "", "", "", "QUIET_FLAG", "KEEP_SEGMENTS", "CAN_USE_HEAP");
  private static final List<String> XLOAD_FLAGS =
      List.of(
          "XLF_KERNEL_64",
          "XLF_CAN_BE_LOADED_ABOVE_4G",
          "XLF_EFI_HANDOVER_32",
          "XLF_EFI_HANDOVER_64",
          "XLF_EFI_KEXEC",
          "XLF_5LEVEL",
          "XLF_5LEVEL_ENABLED",
          "XLF_MEM_ENCRYPTION");

  private final String name;
  private final ImageBytes image;
  private final ByteBuffer head;
  private final long unpackLimit;
  private final int depth;

  private Format format = Format.OTHER;
  private String description;
  private Optional<String> architecture = Optional.empty();
  private Optional<String> release = Optional.empty();
  private Optional<String> version = Optional.empty();
  private final List<Entry> entries = new ArrayList<>();
  private Optional<ImageReport.BzImageHeader> bzImage = Optional.empty();
  private Optional<ImageReport.Elf> elf = Optional.empty();
  private Optional<ImageReport.FlatHeader> flat = Optional.empty();
  private Optional<PeImage> pe = Optional.empty();
  private Optional<ImageReport.Unified> unified = Optional.empty();
  private Optional<ImageReport.Packed> packed = Optional.empty();
  private Optional<ImageReport> contents = Optional.empty();
  private Optional<LoaderException> problem = Optional.empty();

  private KernelInspector(String name, ImageBytes image, long unpackLimit, int depth)
      throws LoaderException {
    this.name = name;
    this.image = image;
    this.head = image.copy(0, Math.min(HEAD, image.size()));
    this.unpackLimit = unpackLimit;
    this.depth = depth;
    this.description = Magic.of(head).description();
  }

  /**
   * Reads a file. Its descriptor is closed when the garbage collector finds that it is no longer in
   * use; the report uses it for the contents of {@link ImageReport#pe() PE sections}.
   *
   * @param file the file
   * @return the report
   * @throws LoaderException {@code FILE} if it is not a readable regular file, or is cut short
   *     meanwhile; no other reason
   */
  public static ImageReport inspect(Path file) throws LoaderException {
    ImageBytes image = ImageFile.open(file, Arena.ofAuto());
    return new KernelInspector(file.toString(), image, DEFAULT_UNPACK_LIMIT, 0).inspect();
  }

  /**
   * Reads a file that lies in memory.
   *
   * @param name what to call it
   * @param image the whole file
   * @param unpackLimit the largest kernel to which compressed data is unpacked, in bytes; what is
   *     larger is a problem of the report
   * @return the report; if the segment maps a file that was cut short, it says this as its problem,
   *     and nothing else
   * @throws IllegalArgumentException if the limit is negative
   * @throws IllegalStateException if the segment is no longer alive
   */
  public static ImageReport inspect(String name, MemorySegment image, long unpackLimit) {
    if (unpackLimit < 0) {
      throw new IllegalArgumentException("limit " + unpackLimit + ": is negative");
    }
    try {
      return new KernelInspector(name, ImageBytes.of(name, image), unpackLimit, 0).inspect();
    } catch (LoaderException e) {
      return unreadable(name, image.byteSize(), e);
    }
  }

  private static ImageReport unreadable(String name, long size, LoaderException problem) {
    return new ImageReport(
        name,
        size,
        Format.OTHER,
        Magic.UNKNOWN.description(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        List.of(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Optional.of(problem));
  }

  /**
   * Takes the kernel out of what is around it: a bzImage's payload, mostly a {@code vmlinux}; what
   * compressed data or an EFI zboot program unpacks to; a unified kernel image's {@code .linux}.
   * One layer: what comes out may be packed itself.
   *
   * @param name what to call the file in messages
   * @param image the whole file
   * @param unpackLimit the largest kernel that is wanted, in bytes
   * @return the kernel, read-only; a view of the segment if it is not compressed there
   * @throws IllegalArgumentException if the limit is negative
   * @throws IllegalStateException if the segment is no longer alive
   * @throws LoaderException {@code FORMAT} if there is nothing around it, or it is no kernel; else
   *     as {@link KernelImage#parse}, {@link PackedImage#unpack} or {@link PeImage#parse}
   */
  public static MemorySegment extract(String name, MemorySegment image, long unpackLimit)
      throws LoaderException {
    return extract(name, ImageBytes.of(name, image), unpackLimit);
  }

  /**
   * Takes the kernel out of what is around it in a file, which is closed again.
   *
   * @param file the file
   * @param unpackLimit the largest kernel that is wanted, in bytes
   * @return the kernel, read-only, freed by the garbage collector
   * @throws IllegalArgumentException if the limit is negative
   * @throws LoaderException {@code FILE} if it is not a readable regular file, or is cut short
   *     meanwhile; else as {@link #extract(String, MemorySegment, long)}
   */
  public static MemorySegment extract(Path file, long unpackLimit) throws LoaderException {
    try (Arena open = Arena.ofConfined()) {
      return extract(file.toString(), ImageFile.open(file, open), unpackLimit);
    }
  }

  private static MemorySegment extract(String name, ImageBytes image, long unpackLimit)
      throws LoaderException {
    Magic magic = Magic.of(image.copy(0, Math.min(HEAD, image.size())));
    if (magic == Magic.BZIMAGE && KernelImage.parse(name, image) instanceof BzImage kernel) {
      return PackedImage.of(kernel).unpack(unpackLimit);
    }
    // The formats that are told first may look like another, compressed, that is told by less.
    if (magic != Magic.BZIMAGE && magic != Magic.ELF && FlatImage.detect(image).isEmpty()) {
      Optional<PackedImage> packed = PackedImage.detect(name, image);
      if (packed.isPresent()) {
        return packed.get().unpack(unpackLimit);
      }
      if (PeImage.detect(image)) {
        Optional<UnifiedKernelImage> uki = UnifiedKernelImage.of(PeImage.parse(name, image));
        if (uki.isPresent()) {
          return uki.get().kernel();
        }
      }
    }
    throw LoaderException.of(
        Reason.FORMAT,
        name,
        "format",
        magic.description(),
        "must be a bzImage, compressed data, an EFI zboot program or a unified kernel image");
  }

  private interface Step {
    void run() throws LoaderException;
  }

  /**
   * Runs a step of which the first error is the report's problem.
   *
   * @throws LoaderException {@code FILE} if the file was cut short: then no report is worth much
   */
  private void attempt(Step step) throws LoaderException {
    try {
      step.run();
    } catch (LoaderException e) {
      if (e.reason() == Reason.FILE) {
        throw e;
      }
      if (problem.isEmpty()) {
        problem = Optional.of(e);
      }
    }
  }

  private ImageReport inspect() throws LoaderException {
    Magic magic = Magic.of(head);
    if (magic == Magic.BZIMAGE) {
      format = Format.BZIMAGE;
      attempt(() -> KernelImage.parse(name, image));
      inspectBzImage();
      inspectPe();
    } else if (FlatImage.detect(image).isPresent()) {
      format = Format.IMAGE;
      attempt(() -> FlatImage.parse(name, image));
      inspectFlat(FlatImage.detect(image).get());
      inspectPe();
      findVersion();
    } else if (magic == Magic.ELF) {
      format = Format.ELF;
      description = "an ELF file";
      attempt(() -> KernelImage.parse(name, image));
      inspectElf();
    } else if (PackedImage.isZboot(image)) {
      format = Format.ZBOOT;
      description = "an EFI zboot program";
      inspectPe();
      attempt(this::inspectPacked);
    } else if (PeImage.detect(image)) {
      format = Format.PE;
      inspectPe();
      attempt(this::inspectUnified);
    } else {
      attempt(this::inspectPacked);
      if (format == Format.OTHER) {
        attempt(this::inspectMultiboot);
      }
    }
    return new ImageReport(
        name,
        image.size(),
        format,
        description,
        architecture,
        release,
        version,
        entries,
        bzImage,
        elf,
        flat,
        pe,
        unified,
        packed,
        contents,
        problem);
  }

  private void inspectContents(String what, ImageBytes kernel) throws LoaderException {
    if (depth >= DEPTH) {
      return;
    }
    ImageReport found = new KernelInspector(what, kernel, unpackLimit, depth + 1).inspect();
    contents = Optional.of(found);
    architecture = architecture.or(found::architecture);
    release = release.or(found::release);
    version = version.or(found::version);
  }

  // bzImage

  private OptionalLong u32(int offset) {
    return offset + Integer.BYTES <= head.capacity()
        ? OptionalLong.of(Integer.toUnsignedLong(head.getInt(offset)))
        : OptionalLong.empty();
  }

  private OptionalLong u16(int offset) {
    return offset + Short.BYTES <= head.capacity()
        ? OptionalLong.of(head.getShort(offset) & 0xffff)
        : OptionalLong.empty();
  }

  private int u8(int offset) {
    return offset < head.capacity() ? head.get(offset) & 0xff : 0;
  }

  private void inspectBzImage() throws LoaderException {
    int protocol = (int) u16(BootParamsLayout.VERSION).orElse(0);
    int sectors = u8(BootParamsLayout.SETUP_SECTS);
    long setupSize = ((sectors == 0 ? 4 : sectors) + 1L) * SECTOR;
    long kernelSize = u32(BootParamsLayout.SYSSIZE).orElse(0) * 16;
    OptionalLong xload =
        protocol >= 0x20c ? u16(BootParamsLayout.XLOADFLAGS) : OptionalLong.empty();
    OptionalLong preferred =
        protocol >= 0x20a && head.capacity() >= BootParamsLayout.PREF_ADDRESS + Long.BYTES
            ? OptionalLong.of(head.getLong(BootParamsLayout.PREF_ADDRESS))
            : OptionalLong.empty();
    OptionalLong none = OptionalLong.empty();
    bzImage =
        Optional.of(
            new ImageReport.BzImageHeader(
                protocol,
                setupSize,
                kernelSize,
                u8(BootParamsLayout.LOADFLAGS),
                names(u8(BootParamsLayout.LOADFLAGS), LOAD_FLAGS),
                xload,
                names(xload.orElse(0), XLOAD_FLAGS),
                protocol >= 0x205
                    ? Optional.of(u8(BootParamsLayout.RELOCATABLE_KERNEL) != 0)
                    : Optional.empty(),
                protocol >= 0x205 ? u32(BootParamsLayout.KERNEL_ALIGNMENT) : none,
                protocol >= 0x20a ? minAlignment() : none,
                preferred,
                protocol >= 0x20a ? u32(BootParamsLayout.INIT_SIZE) : none,
                protocol >= 0x206 ? u32(BootParamsLayout.CMDLINE_SIZE) : none,
                protocol >= 0x203 ? u32(BootParamsLayout.INITRD_ADDR_MAX) : none,
                protocol >= 0x208 ? payload(setupSize) : Optional.empty()));
    findBzImageVersion(setupSize);
    long load = preferred.orElse(X86Layout.HIGH_MEMORY_START);
    boolean wide = (xload.orElse(0) & BootParamsLayout.XLF_KERNEL_64) != 0;
    architecture = Optional.of((wide ? Architecture.X86_64 : Architecture.I386).toString());
    if (wide) {
      entries.add(new Entry(EntryKind.LINUX_64, load + 0x200));
    }
    entries.add(new Entry(EntryKind.LINUX_32, load));
    long handover = u32(0x264).orElse(0);
    if ((xload.orElse(0) & 8) != 0) {
      entries.add(new Entry(EntryKind.EFI_HANDOVER_64, load + handover + 0x200));
    }
    if ((xload.orElse(0) & 4) != 0) {
      entries.add(new Entry(EntryKind.EFI_HANDOVER_32, load + handover));
    }
  }

  /** Written as a power of two; what no address could have is left out. */
  private OptionalLong minAlignment() {
    int power = u8(0x235);
    return power < 63 ? OptionalLong.of(1L << power) : OptionalLong.empty();
  }

  private Optional<ImageReport.Packed> payload(long setupSize) throws LoaderException {
    long offset = setupSize + u32(BootParamsLayout.PAYLOAD_OFFSET).orElse(0);
    long length = u32(BootParamsLayout.PAYLOAD_LENGTH).orElse(0);
    if (length <= Integer.BYTES || offset + length > image.size()) {
      return Optional.empty();
    }
    return Optional.of(packed(PackedImage.payload(name, image.slice(offset, length))));
  }

  private static ImageReport.Packed packed(PackedImage image) {
    return new ImageReport.Packed(
        image.compression(), image.compressedSize(), image.announcedSize());
  }

  private static List<String> names(long flags, List<String> names) {
    List<String> set = new ArrayList<>();
    for (int bit = 0; bit < Short.SIZE; bit++) {
      if ((flags >>> bit & 1) != 0) {
        boolean known = bit < names.size() && !names.get(bit).isEmpty();
        set.add(known ? names.get(bit) : "bit " + bit);
      }
    }
    return List.copyOf(set);
  }

  private void findBzImageVersion(long setupSize) throws LoaderException {
    long offset = u16(BootParamsLayout.KERNEL_VERSION).orElse(0) + SECTOR;
    if (offset != SECTOR && offset < Math.min(setupSize, image.size())) {
      setVersion(stringAt(offset));
    }
  }

  private String stringAt(long offset) throws LoaderException {
    byte[] bytes = new byte[(int) Math.min(VERSION_LIMIT, image.size() - offset)];
    image.copyTo(offset, bytes, bytes.length);
    int end = 0;
    while (end < bytes.length && bytes[end] != 0 && bytes[end] != '\n') {
      end++;
    }
    return text(Arrays.copyOf(bytes, end));
  }

  private void setVersion(String text) {
    if (!text.isEmpty()) {
      version = Optional.of(text);
      int blank = text.indexOf(' ');
      release = Optional.of(blank < 0 ? text : text.substring(0, blank));
    }
  }

  /** {@return printable ASCII; what is not is a question mark, and zeros at the end are cut} */
  static String text(byte[] bytes) {
    int end = bytes.length;
    while (end > 0 && bytes[end - 1] == 0) {
      end--;
    }
    StringBuilder text = new StringBuilder(end);
    for (int i = 0; i < end; i++) {
      char c = (char) (bytes[i] & 0xff);
      text.append(c < ' ' || c >= 0x7f ? '?' : c);
    }
    return text.toString();
  }

  // arm64 and riscv64 Image

  private void inspectFlat(Architecture found) {
    boolean arm = found == Architecture.ARM64;
    architecture = Optional.of(found.toString());
    description = arm ? Magic.ARM64_IMAGE.description() : Magic.RISCV64_IMAGE.description();
    long flags = head.getLong(FlatImageLayout.FLAGS);
    List<String> names = new ArrayList<>();
    names.add((flags & FlatImageLayout.FLAG_BIG_ENDIAN) != 0 ? "big-endian" : "little-endian");
    if (arm) {
      int page =
          (int) (flags >>> FlatImageLayout.ARM64_PAGE_SHIFT) & FlatImageLayout.ARM64_PAGE_MASK;
      names.add(
          List.of("pages of any size", "4 KiB pages", "16 KiB pages", "64 KiB pages").get(page));
      names.add(
          (flags & FlatImageLayout.ARM64_FLAG_ANYWHERE) != 0 ? "placed anywhere" : "placed low");
    }
    for (int bit = arm ? 4 : 1; bit < Long.SIZE; bit++) {
      if ((flags >>> bit & 1) != 0) {
        names.add("bit " + bit);
      }
    }
    flat =
        Optional.of(
            new ImageReport.FlatHeader(
                head.getLong(FlatImageLayout.TEXT_OFFSET),
                head.getLong(FlatImageLayout.IMAGE_SIZE),
                flags,
                List.copyOf(names),
                arm
                    ? OptionalLong.empty()
                    : OptionalLong.of(
                        Integer.toUnsignedLong(head.getInt(FlatImageLayout.RISCV_VERSION)))));
    entries.add(new Entry(EntryKind.IMAGE, 0));
  }

  /** Looks for what {@code /proc/version} prints, in the first 128 MiB. */
  private void findVersion() throws LoaderException {
    long end = Math.min(image.size(), SCAN_LIMIT);
    byte[] chunk = new byte[SCAN_CHUNK];
    int overlap = BANNER.length;
    for (long at = 0; at + overlap < end; at += SCAN_CHUNK - overlap) {
      int length = (int) Math.min(SCAN_CHUNK, end - at);
      image.copyTo(at, chunk, length);
      for (int i = 0; i < length - overlap; i++) {
        if (chunk[i] == 'L' && isBanner(chunk, i)) {
          setVersion(stringAt(at + i + BANNER.length));
          return;
        }
      }
    }
  }

  /** A number follows; in the format strings around it, a percent sign. */
  private static boolean isBanner(byte[] chunk, int at) {
    for (int i = 1; i < BANNER.length; i++) {
      if (chunk[at + i] != BANNER[i]) {
        return false;
      }
    }
    byte next = chunk[at + BANNER.length];
    return next >= '0' && next <= '9';
  }

  // ELF

  private void inspectElf() throws LoaderException {
    Optional<ElfInspection> found = ElfInspection.of(image, head);
    if (found.isEmpty()) {
      return;
    }
    elf = Optional.of(found.get().report());
    architecture = Optional.of(found.get().architecture());
    entries.addAll(found.get().entries());
    findMultiboot();
    findVersion();
  }

  /** A flat file is a kernel if it has a Multiboot header, be the rest of it wrong. */
  private void inspectMultiboot() throws LoaderException {
    findMultiboot();
    if (entries.stream().anyMatch(entry -> entry.kind() == EntryKind.MULTIBOOT)) {
      format = Format.MULTIBOOT;
      description = "a Multiboot kernel";
      architecture = Optional.of(Architecture.I386.toString());
      findVersion();
    }
    KernelImage.parse(name, image);
  }

  private void findMultiboot() throws LoaderException {
    long size = Math.min(MULTIBOOT2_WINDOW, image.size());
    ByteBuffer window = image.copy(0, size);
    boolean first = false;
    boolean second = false;
    for (int at = 0; at + 16 <= size; at += 4) {
      int magic = window.getInt(at);
      if (!first
          && at + MultibootHeader.SIZE <= MultibootHeader.SEARCH_SIZE
          && MultibootHeader.isAt(window, at)) {
        first = true;
        entries.add(new Entry(EntryKind.MULTIBOOT, at));
      }
      if (!second
          && at % 8 == 0
          && magic == MULTIBOOT2_MAGIC
          && magic + window.getInt(at + 4) + window.getInt(at + 8) + window.getInt(at + 12) == 0) {
        second = true;
        entries.add(new Entry(EntryKind.MULTIBOOT2, at));
      }
    }
  }

  // PE

  private void inspectPe() throws LoaderException {
    if (!PeImage.detect(image)) {
      return;
    }
    attempt(() -> {
      PeImage found = PeImage.parse(name, image);
      pe = Optional.of(found);
      if (format != Format.BZIMAGE) {
        architecture = Optional.of(found.machineName());
      }
      if (found.subsystem() == 10) {
        entries.add(new Entry(EntryKind.EFI_STUB, found.entryPoint()));
      }
    });
  }

  private void inspectUnified() throws LoaderException {
    if (pe.isEmpty()) {
      return;
    }
    Optional<UnifiedKernelImage> found = UnifiedKernelImage.of(pe.get());
    if (found.isEmpty()) {
      attempt(() -> KernelImage.parse(name, image));
      return;
    }
    format = Format.UKI;
    description = "a unified kernel image";
    UnifiedKernelImage uki = found.get();
    Optional<ImageBytes> initrd = uki.initrdBytes();
    unified =
        Optional.of(
            new ImageReport.Unified(
                text(uki::osName),
                text(uki::uname),
                text(() -> uki.commandLine().map(CommandLine::toString)),
                uki.kernelBytes().size(),
                initrd.isPresent() ? OptionalLong.of(initrd.get().size()) : OptionalLong.empty(),
                uki.profiles()));
    release = unified.get().uname();
    inspectContents(".linux", uki.kernelBytes());
  }

  private interface TextStep {
    Optional<String> get() throws LoaderException;
  }

  private Optional<String> text(TextStep step) throws LoaderException {
    List<String> found = new ArrayList<>();
    attempt(() -> step.get().ifPresent(found::add));
    return found.stream().findFirst();
  }

  // Compressed

  private void inspectPacked() throws LoaderException {
    Optional<PackedImage> found = PackedImage.detect(name, image);
    if (found.isEmpty()) {
      return;
    }
    if (format == Format.OTHER) {
      format = Format.COMPRESSED;
      description = found.get().compression() + "-compressed data";
    }
    String compression = found.get().compression();
    packed =
        Optional.of(
            new ImageReport.Packed(
                compression, found.get().compressedSize(), OptionalLong.empty()));
    MemorySegment kernel;
    try (Arena copy = Arena.ofConfined()) {
      PackedImage data = found.get().loaded(unpackLimit, copy);
      packed = Optional.of(packed(data));
      if (depth >= DEPTH) {
        return;
      }
      kernel = data.unpack(unpackLimit);
    }
    inspectContents(compression + " payload", ImageBytes.of(name, kernel));
  }
}

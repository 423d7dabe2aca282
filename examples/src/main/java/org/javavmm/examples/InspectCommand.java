// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.javavmm.loader.ImageReport;
import org.javavmm.loader.KernelInspector;
import org.javavmm.loader.LoaderException;
import org.javavmm.loader.PeImage;

/** {@code vmm inspect}: what a kernel file is, and the kernel out of its wrapping. */
final class InspectCommand {
  private static final int WRITE_CHUNK = 16 << 20;

  /** What a person reads of a list of sections. */
  private static final int SECTION_CODE = 0x20;

  private InspectCommand() {}

  static Syntax syntax() {
    return Options.command(
            "inspect",
            "Says what a kernel file is: format, architecture, version, entries, addresses, sizes,"
                + " flags and limits. The status is 2 if it is no kernel.")
        .add(Options.flag("--json", "print one JSON object"))
        .add(
            Options.value(
                "--extract",
                "FILE",
                "write the kernel without what is around it to a new FILE: a bzImage's vmlinux, what"
                    + " a compressed Image or an EFI zboot program unpacks to, a UKI's .linux"))
        .arguments("FILE", "the kernel file");
  }

  static int run(Options options, PrintStream out) throws IOException {
    List<String> files = options.rest();
    if (files.size() != 1) {
      throw new UsageException(
          (files.isEmpty() ? "no file" : "more than one file") + "; write vmm inspect FILE");
    }
    Path file = path(files.getFirst());
    ImageReport report = KernelInspector.inspect(file);
    Document document = document(report);
    Optional<String> target = options.get("--extract");
    document.put("extracted", target.isPresent() ? extract(file, path(target.get())) : null);
    out.print(options.has("--json") ? document.toJson() : document.toText());
    return report.isKernel() ? 0 : 2;
  }

  private static Path path(String text) throws UsageException {
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      throw new UsageException("not a path: " + e.getMessage(), e);
    }
  }

  private static Document extract(Path file, Path target) throws IOException {
    if (Files.exists(target)) {
      throw exists(target);
    }
    MemorySegment kernel = KernelInspector.extract(file, KernelInspector.DEFAULT_UNPACK_LIMIT);
    write(kernel, target);
    return new Document().put("file", target.toString()).size("size", kernel.byteSize());
  }

  /** Never replaces a file, nor leaves half of one. */
  private static void write(MemorySegment kernel, Path target) throws IOException {
    try (FileChannel out =
        FileChannel.open(target, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW)) {
      try {
        for (long at = 0; at < kernel.byteSize(); at += WRITE_CHUNK) {
          ByteBuffer chunk =
              kernel.asSlice(at, Math.min(WRITE_CHUNK, kernel.byteSize() - at)).asByteBuffer();
          while (chunk.hasRemaining()) {
            out.write(chunk);
          }
        }
      } catch (IOException e) {
        Files.deleteIfExists(target);
        throw e;
      }
    } catch (FileAlreadyExistsException e) {
      UsageException exception = exists(target);
      exception.initCause(e);
      throw exception;
    }
  }

  private static UsageException exists(Path target) {
    return new UsageException("--extract " + target + ": exists, and is not overwritten");
  }

  // The report as a document

  private static Document document(ImageReport report) {
    Document document =
        new Document()
            .put("file", report.name())
            .size("size", report.fileSize())
            .put("format", report.format().name().toLowerCase(Locale.ROOT))
            .put("description", report.description())
            .put("kernel", report.isKernel())
            .put("architecture", report.architecture().orElse(null))
            .put("release", report.release().orElse(null))
            .put("version", report.version().orElse(null));
    document.rows("entries", report.entries().stream().map(InspectCommand::entry).toList());
    document.put("bzimage", report.bzImage().map(InspectCommand::bzImage).orElse(null));
    document.put("elf", report.elf().map(InspectCommand::elf).orElse(null));
    document.put("image", report.flat().map(InspectCommand::flat).orElse(null));
    document.put("pe", report.pe().map(InspectCommand::pe).orElse(null));
    document.put("uki", report.unified().map(InspectCommand::unified).orElse(null));
    document.put("packed", report.packed().map(InspectCommand::packed).orElse(null));
    document.put("contents", report.contents().map(InspectCommand::document).orElse(null));
    document.put("problem", report.problem().map(InspectCommand::problem).orElse(null));
    return document;
  }

  private static Document entry(ImageReport.Entry entry) {
    String kind =
        switch (entry.kind()) {
          case LINUX_64 -> "64-bit";
          case LINUX_32 -> "32-bit";
          case PVH -> "pvh";
          case MULTIBOOT -> "multiboot";
          case MULTIBOOT2 -> "multiboot2";
          case IMAGE -> "image";
          case EFI_STUB -> "efi-stub";
          case EFI_HANDOVER_64 -> "efi-handover-64";
          case EFI_HANDOVER_32 -> "efi-handover-32";
        };
    return new Document().put("entry", kind).hex("address", entry.address());
  }

  private static Document bzImage(ImageReport.BzImageHeader header) {
    int version = header.protocolVersion();
    return new Document()
        .number(
            "protocol",
            version,
            String.format(Locale.ROOT, "%d.%02d", version >> 8, version & 0xff))
        .size("setup_size", header.setupSize())
        .size("kernel_size", header.kernelSize())
        .size("init_size", header.initSize())
        .hex("load_address", header.prefAddress())
        .put("relocatable", header.relocatable())
        .hex("alignment", header.kernelAlignment())
        .hex("min_alignment", header.minAlignment())
        .hex("loadflags", header.loadFlags())
        .texts("loadflags_names", header.loadFlagNames())
        .hex("xloadflags", header.xloadFlags())
        .texts("xloadflags_names", header.xloadFlagNames())
        .size("command_line_limit", header.commandLineLimit())
        .hex("initrd_address_max", header.initrdAddressMax())
        .put("payload", header.payload().map(InspectCommand::packed).orElse(null));
  }

  private static Document packed(ImageReport.Packed packed) {
    return new Document()
        .put("compression", packed.compression())
        .size("size", packed.size())
        .size("unpacked_size", packed.unpackedSize());
  }

  private static Document elf(ImageReport.Elf elf) {
    return new Document()
        .number("bits", elf.bits())
        .put("byte_order", elf.bigEndian() ? "big-endian" : "little-endian")
        .put("type", elf.type())
        .hex("entry", elf.entry())
        .number("segment_count", elf.segmentCount())
        .rows("segments", elf.segments().stream().map(InspectCommand::segment).toList())
        .rows("notes", elf.notes().stream().map(InspectCommand::note).toList());
  }

  private static Document segment(ImageReport.Segment segment) {
    return new Document()
        .put("type", segment.type())
        .put("flags", segment.flags())
        .hex("offset", segment.offset())
        .hex("virtual_address", segment.virtualAddress())
        .hex("physical_address", segment.physicalAddress())
        .hex("file_size", segment.fileSize())
        .hex("memory_size", segment.memorySize())
        .hex("alignment", segment.alignment());
  }

  private static Document note(ImageReport.Note note) {
    return new Document()
        .put("owner", note.owner())
        .hex("type", note.type())
        .number("size", note.size())
        .put("description", note.description());
  }

  private static Document flat(ImageReport.FlatHeader header) {
    Document document =
        new Document()
            .hex("text_offset", header.textOffset())
            .size("image_size", header.imageSize())
            .hex("flags", header.flags())
            .texts("flags_names", header.flagNames());
    if (header.headerVersion().isPresent()) {
      long version = header.headerVersion().getAsLong();
      document.number("header_version", version, (version >>> 16) + "." + (version & 0xffff));
    } else {
      document.put("header_version", (String) null);
    }
    return document;
  }

  private static Document pe(PeImage pe) {
    return new Document()
        .hex("machine", pe.machine())
        .put("machine_name", pe.machineName())
        .number("subsystem", pe.subsystem(), pe.subsystemName())
        .put("pe32_plus", pe.isPe32Plus())
        .hex("entry_point", pe.entryPoint())
        .size("size_of_image", pe.sizeOfImage())
        .size("size_of_headers", pe.sizeOfHeaders())
        .hex("section_alignment", pe.sectionAlignment())
        .hex("file_alignment", pe.fileAlignment())
        .number("data_directories", pe.dataDirectories())
        .size("certificate_table_size", pe.certificateTableSize())
        .rows("sections", pe.sections().stream().map(InspectCommand::section).toList());
  }

  private static Document section(PeImage.Section section) {
    int flags = section.characteristics();
    String access =
        ((flags & 0x4000_0000) != 0 ? "r" : "-")
            + ((flags & 0x8000_0000) != 0 ? "w" : "-")
            + ((flags & 0x2000_0000) != 0 ? "x" : "-")
            + ((flags & SECTION_CODE) != 0 ? " code" : "");
    return new Document()
        .put("name", section.name())
        .hex("virtual_address", section.virtualAddress())
        .hex("virtual_size", section.virtualSize())
        .hex("file_offset", section.fileOffset())
        .hex("file_size", section.fileSize())
        .number("flags", Integer.toUnsignedLong(flags), access);
  }

  private static Document unified(ImageReport.Unified unified) {
    return new Document()
        .put("os", unified.osName().orElse(null))
        .put("uname", unified.uname().orElse(null))
        .put("command_line", unified.commandLine().orElse(null))
        .size("kernel_size", unified.kernelSize())
        .size("initrd_size", unified.initrdSize())
        .number("profiles", unified.profiles());
  }

  private static Document problem(LoaderException problem) {
    return new Document()
        .put("reason", problem.reason().name().toLowerCase(Locale.ROOT))
        .put("message", problem.getMessage())
        .put("field", problem.field())
        .put("value", problem.value())
        .put("limit", problem.limit());
  }
}

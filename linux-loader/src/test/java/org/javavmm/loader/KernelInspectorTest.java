// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.javavmm.loader.ImageReport.Entry;
import org.javavmm.loader.ImageReport.EntryKind;
import org.javavmm.loader.ImageReport.Format;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelInspectorTest {
  private static final long LIMIT = 1 << 20;

  private static ImageReport inspect(ByteBuffer image) {
    return KernelInspector.inspect("file", TestImages.segment(image), LIMIT);
  }

  private static ImageReport inspect(byte[] image) {
    return KernelInspector.inspect("file", MemorySegment.ofArray(image), LIMIT);
  }

  private static String problem(ImageReport report) {
    return report.problem().map(LoaderException::getMessage).orElse("");
  }

  @Test
  void reportsABzImage() {
    byte[] gzip = TestImages.gzip(new byte[3000]);
    ImageReport report = inspect(TestImages.bzImage(gzip));
    assertEquals("", problem(report));
    assertEquals(Format.BZIMAGE, report.format());
    assertEquals("a bzImage", report.description());
    assertTrue(report.isKernel());
    assertEquals(Optional.of("x86-64"), report.architecture());
    assertEquals(Optional.of("6.1.0-test"), report.release());
    assertEquals(Optional.of("6.1.0-test (someone@somewhere) #1"), report.version());
    assertEquals(
        List.of(
            new Entry(EntryKind.LINUX_64, 0x100200),
            new Entry(EntryKind.LINUX_32, 0x100000),
            new Entry(EntryKind.EFI_HANDOVER_64, 0x100200),
            new Entry(EntryKind.EFI_HANDOVER_32, 0x100000)),
        report.entries());
    ImageReport.BzImageHeader header = report.bzImage().orElseThrow();
    assertEquals(0x20f, header.protocolVersion());
    assertEquals(1536, header.setupSize());
    assertEquals(4096, header.kernelSize());
    assertEquals(List.of("LOADED_HIGH"), header.loadFlagNames());
    assertEquals(OptionalLong.of(0x7f), header.xloadFlags());
    assertEquals("XLF_5LEVEL_ENABLED", header.xloadFlagNames().getLast());
    assertEquals(Optional.of(true), header.relocatable());
    assertEquals(OptionalLong.of(0x10000), header.kernelAlignment());
    assertEquals(OptionalLong.of(0x10000), header.minAlignment());
    assertEquals(OptionalLong.of(0x100000), header.prefAddress());
    assertEquals(OptionalLong.of(0x10000), header.initSize());
    assertEquals(OptionalLong.of(2047), header.commandLineLimit());
    assertEquals(OptionalLong.of(0x7fffffff), header.initrdAddressMax());
    assertEquals(
        Optional.of(new ImageReport.Packed("gzip", gzip.length, OptionalLong.of(3000))),
        header.payload());
  }

  @Test
  void reportsWhatAnOldOrCutBzImageHas() {
    ByteBuffer image = TestKernels.bzImage();
    image.putShort(0x206, (short) 0x200).put(0x211, (byte) 0x90);
    ImageReport report = inspect(image);
    assertEquals("file: version is 0x200, must be at least 0x206 (Linux 2.6.22)", problem(report));
    assertTrue(report.isKernel());
    ImageReport.BzImageHeader header = report.bzImage().orElseThrow();
    assertEquals(OptionalLong.empty(), header.xloadFlags());
    assertEquals(Optional.empty(), header.relocatable());
    assertEquals(OptionalLong.empty(), header.initrdAddressMax());
    assertEquals(List.of("bit 4", "CAN_USE_HEAP"), header.loadFlagNames());
    assertEquals(Optional.of("i386"), report.architecture());
    report = inspect(Arrays.copyOf(TestKernels.bytes(TestKernels.bzImage()), 0x236));
    assertEquals(
        "file: file is 566 bytes, must be at least 1024: boot sector and setup header",
        problem(report));
    assertEquals(OptionalLong.empty(), report.bzImage().orElseThrow().commandLineLimit());
    assertEquals(Optional.empty(), report.bzImage().orElseThrow().payload());
  }

  @Test
  void reportsAFlatMultibootKernel() {
    ByteBuffer image = TestKernels.multiboot();
    ImageReport report = inspect(image);
    assertEquals("", problem(report));
    assertEquals(Format.MULTIBOOT, report.format());
    assertEquals("a Multiboot kernel", report.description());
    assertTrue(report.isKernel());
    assertEquals(Optional.of("i386"), report.architecture());
    assertEquals(List.of(new Entry(EntryKind.MULTIBOOT, 0x40)), report.entries());
    image.putInt(0x40 + 16, 0xfffff); // load_addr
    report = inspect(image);
    assertEquals("file: load_addr is 0xfffff, must be at least 0x100000", problem(report));
    assertEquals(Format.MULTIBOOT, report.format());
  }

  @Test
  void reportsTheEntryOfA32BitElfKernel() {
    ImageReport report = inspect(TestKernels.elf32WithNotes(4));
    assertEquals("", problem(report));
    assertEquals(Optional.of("i386"), report.architecture());
    assertEquals(new Entry(EntryKind.LINUX_32, 0x100040), report.entries().getFirst());
  }

  @Test
  void reportsAnElfKernel() {
    ByteBuffer image = TestKernels.elf();
    image.put(
        0x1100,
        "Linux version %s Linux version 5.10.0-x (me)\nmore".getBytes(StandardCharsets.US_ASCII));
    // A multiboot header, and a PVH note in the third segment.
    image.putInt(0x1020, 0x1badb002).putInt(0x1024, 3).putInt(0x1028, -(0x1badb002 + 3));
    image.putInt(0x1040, 0xe85250d6).putInt(0x1044, 0).putInt(0x1048, 16);
    image.putInt(0x104c, -(0xe85250d6 + 16));
    image.putInt(0x1000, 4).putInt(0x1004, 4).putInt(0x1008, 18);
    image.put(0x100c, "Xen\0".getBytes(StandardCharsets.US_ASCII)).putInt(0x1010, 0x100080);
    ImageReport report = inspect(image);
    assertEquals("", problem(report));
    assertEquals(Format.ELF, report.format());
    assertTrue(report.isKernel());
    assertEquals(Optional.of("x86-64"), report.architecture());
    assertEquals(Optional.of("5.10.0-x"), report.release());
    assertEquals(Optional.of("5.10.0-x (me)"), report.version());
    assertEquals(
        List.of(
            new Entry(EntryKind.LINUX_64, 0x100040),
            new Entry(EntryKind.PVH, 0x100080),
            new Entry(EntryKind.MULTIBOOT, 0x1020),
            new Entry(EntryKind.MULTIBOOT2, 0x1040)),
        report.entries());
    ImageReport.Elf elf = report.elf().orElseThrow();
    assertEquals(64, elf.bits());
    assertEquals("ET_EXEC", elf.type());
    assertEquals(3, elf.segmentCount());
    assertEquals(
        new ImageReport.Segment(
            "PT_LOAD", "rw-", 0x2000, 0xffff_ffff_8010_2000L, 0x102000, 0x400, 0x2400, 0x1000),
        elf.segments().get(1));
    assertEquals(List.of(new ImageReport.Note("Xen", 18, 4, "80001000")), elf.notes());
  }

  @Test
  void reportsOtherElfFiles() {
    ByteBuffer image = TestKernels.elf();
    image.putInt(64, 3); // PT_INTERP
    assertFalse(inspect(image).isKernel());
    image.putShort(56, (short) 0xffff);
    image.putShort(54, (short) 0);
    assertEquals(List.of(), inspect(image).elf().orElseThrow().segments());
    assertEquals(65535, inspect(image).elf().orElseThrow().segmentCount());
    ByteBuffer big = ByteBuffer.allocate(52 + 32);
    big.put(0, new byte[] {0x7f, 'E', 'L', 'F', 1, 2, 1}).putShort(16, (short) 2);
    big.putShort(18, (short) 8).putInt(24, 0x80001000).putInt(28, 52);
    big.putShort(42, (short) 32).putShort(44, (short) 1);
    big.putInt(52, 1).putInt(52 + 24, 5).putInt(52 + 12, 0x1000);
    ImageReport report = inspect(big.array());
    assertEquals(Optional.of("MIPS"), report.architecture());
    assertEquals(0x80001000L, report.elf().orElseThrow().entry());
    assertEquals(
        List.of(new ImageReport.Segment("PT_LOAD", "r-x", 0, 0, 0x1000, 0, 0, 0)),
        report.elf().orElseThrow().segments());
    assertTrue(report.isKernel());
    assertEquals(Optional.empty(), inspect(new byte[] {0x7f, 'E', 'L', 'F', 1}).elf());
  }

  @Test
  void boundsNotesOfElfFiles() {
    ByteBuffer image = TestKernels.little(64 + 56 + 12 * 100);
    image.put(0, new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1});
    image.putLong(32, 64).putShort(54, (short) 56).putShort(56, (short) 1);
    TestKernels.programHeader(image, 0, 4, 4, 120, 0, -1, -1);
    assertEquals(List.of(), inspect(image).elf().orElseThrow().notes());
    TestKernels.programHeader(image, 0, 4, 4, 120, 0, 12 * 100, 0);
    assertEquals(64, inspect(image).elf().orElseThrow().notes().size());
    image.putInt(120, -1).putInt(124, -1);
    assertEquals(List.of(), inspect(image).elf().orElseThrow().notes());
  }

  @Test
  void reportsImages() {
    ImageReport report = inspect(TestImages.arm64());
    assertEquals("", problem(report));
    assertEquals(Format.IMAGE, report.format());
    assertEquals("an arm64 Image", report.description());
    assertEquals(List.of(new Entry(EntryKind.IMAGE, 0)), report.entries());
    assertEquals(
        Optional.of(
            new ImageReport.FlatHeader(
                0,
                0x10000,
                0xa,
                List.of("little-endian", "4 KiB pages", "placed anywhere"),
                OptionalLong.empty())),
        report.flat());
    ByteBuffer image = TestImages.riscv64();
    image.putLong(16, 0).putLong(24, 3);
    report = inspect(image);
    assertEquals("file: image_size is 0x0, must not be 0 on riscv64", problem(report));
    assertEquals(Optional.of("riscv64"), report.architecture());
    assertEquals(List.of("big-endian", "bit 1"), report.flat().orElseThrow().flagNames());
    assertEquals(OptionalLong.of(2), report.flat().orElseThrow().headerVersion());
  }

  @Test
  void reportsUnifiedKernelImages() {
    ImageReport report = inspect(TestImages.uki());
    assertEquals("", problem(report));
    assertEquals(Format.UKI, report.format());
    assertTrue(report.isKernel());
    assertEquals(
        Optional.of(
            new ImageReport.Unified(
                Optional.of("Test OS 1"),
                Optional.of("6.1.0-test"),
                Optional.of("console=ttyS0 quiet"),
                5632,
                OptionalLong.of(12),
                0)),
        report.unified());
    assertEquals(Format.BZIMAGE, report.contents().orElseThrow().format());
    assertEquals(List.of(new Entry(EntryKind.EFI_STUB, 0x1000)), report.entries());
    assertEquals(6, report.pe().orElseThrow().sections().size());
  }

  @Test
  void reportsWhatCanBeReadOfABadUki() {
    ImageReport report =
        inspect(
            TestImages.pe(
                List.of(
                    new TestImages.Part(".uname", "\u00ff"),
                    new TestImages.Part(".cmdline", "quiet"),
                    new TestImages.Part(".linux", "x"))));
    assertEquals("file: section .uname is not UTF-8, must be text", problem(report));
    assertEquals(Optional.of("quiet"), report.unified().orElseThrow().commandLine());
    assertEquals(
        ".linux: format is not known, must be an x86 kernel: a bzImage, an ELF file or a Multiboot kernel",
        problem(report.contents().orElseThrow()));
    ByteBuffer broken = TestImages.uki();
    broken.putShort(TestImages.PE_OFFSET + 6, (short) 999);
    report = inspect(broken);
    assertEquals(Format.PE, report.format());
    assertFalse(report.isKernel());
    assertEquals("file: NumberOfSections is 0x3e7, must be at most 0x100", problem(report));
  }

  @Test
  void reportsOtherPrograms() {
    ImageReport report = inspect(TestImages.pe(List.of(new TestImages.Part(".text", "x"))));
    assertEquals(Format.PE, report.format());
    assertFalse(report.isKernel());
    assertTrue(problem(report).contains("format is a PE (EFI) program"), problem(report));
  }

  @Test
  void reportsCompressedKernels() {
    byte[] gzip = TestImages.gzip(TestKernels.bytes(TestImages.arm64()));
    ImageReport report = inspect(gzip);
    assertEquals("", problem(report));
    assertEquals(Format.COMPRESSED, report.format());
    assertEquals("gzip-compressed data", report.description());
    assertEquals(Optional.of("arm64"), report.architecture());
    assertEquals(Format.IMAGE, report.contents().orElseThrow().format());
    assertTrue(report.isKernel());
    assertFalse(inspect(TestImages.gzip(new byte[10])).isKernel());
    report = KernelInspector.inspect("file", MemorySegment.ofArray(gzip), 4095);
    assertEquals("file: uncompressed size is 4096 bytes, must be at most 4095", problem(report));
    assertFalse(report.isKernel());
  }

  @Test
  void reportsZboot() {
    byte[] gzip = TestImages.gzip(TestKernels.bytes(TestImages.riscv64()));
    ImageReport report = inspect(TestImages.zboot(gzip, "gzip"));
    assertEquals("", problem(report));
    assertEquals(Format.ZBOOT, report.format());
    assertEquals(Optional.of("riscv64"), report.architecture());
    assertTrue(report.isKernel());
  }

  @Test
  void endsInsideBoxesInBoxes() {
    byte[] file = TestKernels.bytes(TestImages.arm64());
    for (int i = 0; i < 6; i++) {
      file = TestImages.gzip(file);
    }
    ImageReport report = inspect(file);
    int depth = 0;
    while (report.contents().isPresent()) {
      report = report.contents().get();
      depth++;
    }
    assertEquals(3, depth);
  }

  @Test
  void reportsFiles(@TempDir Path folder) throws Exception {
    Path file = Files.write(folder.resolve("none"), new byte[0]);
    ImageReport report = KernelInspector.inspect(file);
    assertEquals(Format.OTHER, report.format());
    assertEquals("an empty file", report.description());
    assertThrows(LoaderException.class, () -> KernelInspector.inspect(folder.resolve("missing")));
    assertThrows(
        IllegalArgumentException.class,
        () -> KernelInspector.inspect("x", MemorySegment.ofArray(new byte[1]), -1));
  }

  @Test
  void extractsKernels() throws Exception {
    byte[] kernel = TestKernels.bytes(TestImages.arm64());
    byte[] gzip = TestImages.gzip(kernel);
    for (byte[] file :
        List.of(
            gzip,
            TestKernels.bytes(TestImages.zboot(gzip, "gzip")),
            TestKernels.bytes(TestImages.bzImage(gzip)))) {
      MemorySegment found = KernelInspector.extract("file", MemorySegment.ofArray(file), LIMIT);
      assertArrayEquals(kernel, found.toArray(ValueLayout.JAVA_BYTE));
    }
    MemorySegment linux =
        KernelInspector.extract("file", TestImages.segment(TestImages.uki()), LIMIT);
    assertEquals(-1, linux.mismatch(TestImages.segment(TestKernels.bzImage())));
  }

  @Test
  void refusesToExtractWhatIsNotWrapped() {
    for (ByteBuffer image :
        List.of(
            TestImages.arm64(),
            TestKernels.elf(),
            TestImages.pe(List.of(new TestImages.Part(".text", "x"))))) {
      LoaderException e =
          assertThrows(
              LoaderException.class,
              () -> KernelInspector.extract("file", TestImages.segment(image), LIMIT));
      assertEquals(LoaderException.Reason.FORMAT, e.reason());
      assertTrue(
          e.getMessage()
              .endsWith(
                  ", must be a bzImage, compressed data, an EFI zboot program or a unified kernel"
                      + " image"),
          e.getMessage());
    }
  }
}

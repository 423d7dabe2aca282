// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.javavmm.loader.TestImages.PE_OFFSET;
import static org.javavmm.loader.TestImages.PE_OPTIONAL;
import static org.javavmm.loader.TestImages.PE_SECTIONS;
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
import java.util.List;
import java.util.Optional;
import org.javavmm.loader.LoaderException.Reason;
import org.javavmm.loader.TestImages.Part;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PeImageTest {
  private final ByteBuffer image =
      TestImages.pe(List.of(new Part(".text", "code"), new Part(".data", "0123456789")));

  private PeImage parse() throws LoaderException {
    return PeImage.parse("file", TestImages.segment(image));
  }

  private void refuses(Reason reason, String message) {
    LoaderException e = assertThrows(LoaderException.class, this::parse);
    assertEquals("file: " + message, e.getMessage());
    assertEquals(reason, e.reason());
  }

  @Test
  void readsHeadersAndSections(@TempDir Path folder) throws Exception {
    PeImage pe = parse();
    assertEquals("file", pe.name());
    assertEquals(image.capacity(), pe.fileSize());
    assertEquals(0x8664, pe.machine());
    assertEquals("x86-64", pe.machineName());
    assertEquals(0x20e, pe.characteristics());
    assertTrue(pe.isPe32Plus());
    assertEquals(10, pe.subsystem());
    assertEquals("EFI application", pe.subsystemName());
    assertEquals(0x1000, pe.entryPoint());
    assertEquals(0x1000, pe.sectionAlignment());
    assertEquals(0x200, pe.fileAlignment());
    assertEquals(0x3000, pe.sizeOfImage());
    assertEquals(0x400, pe.sizeOfHeaders());
    assertEquals(6, pe.dataDirectories());
    assertEquals(0, pe.certificateTableSize());
    PeImage.Section data = new PeImage.Section(".data", 0x2000, 10, 0x600, 0x200, 0x40000040);
    assertEquals(
        List.of(new PeImage.Section(".text", 0x1000, 4, 0x400, 0x200, 0x40000040), data),
        pe.sections());
    assertEquals(Optional.of(data), pe.section(".data"));
    assertEquals(Optional.empty(), pe.section(".bss"));
    assertEquals(
        "0123456789",
        new String(pe.contents(data).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.US_ASCII));
    assertEquals("file: PE32+ EFI application for x86-64, 2 sections", pe.toString());
    Path file = Files.write(folder.resolve("x.efi"), TestKernels.bytes(image));
    assertEquals(2, PeImage.read(file).sections().size());
    assertTrue(PeImage.detect(TestImages.segment(image)));
  }

  @Test
  void readsPe32() throws Exception {
    image.putShort(PE_OPTIONAL, (short) 0x10b);
    image.putInt(PE_OPTIONAL + 92, 5);
    image.putInt(PE_OPTIONAL + 96 + 32, 0x700).putInt(PE_OPTIONAL + 96 + 36, 0x100);
    PeImage pe = parse();
    assertFalse(pe.isPe32Plus());
    assertEquals(5, pe.dataDirectories());
    assertEquals(0x100, pe.certificateTableSize());
  }

  @Test
  void memoryMayBeLargerThanTheFileAndSmaller() throws Exception {
    image.putInt(PE_SECTIONS + 40 + 8, 0x1000); // more in memory
    image.putInt(PE_SECTIONS + 8, 0); // as much as in the file
    PeImage pe = parse();
    assertEquals(0x200, pe.sections().getFirst().virtualSize());
    assertEquals(0x200, pe.sections().getLast().contentSize());
    image.putInt(PE_SECTIONS + 40 + 16, 0).putInt(PE_SECTIONS + 40 + 20, -1); // none in the file
    assertEquals(0, parse().contents(parse().sections().getLast()).byteSize());
  }

  @Test
  void cleansNames() throws Exception {
    image.put(PE_SECTIONS, new byte[] {27, '[', '2', 'J', (byte) 0xe4, ' ', 'a', 'b'});
    assertEquals("?[2J? ab", parse().sections().getFirst().name());
  }

  @Test
  void refusesForeignSections() throws Exception {
    PeImage pe = parse();
    PeImage.Section foreign = new PeImage.Section(".x", 0, 1, 0, 1, 0);
    assertEquals(
        "no section of file: " + foreign,
        assertThrows(IllegalArgumentException.class, () -> pe.contents(foreign)).getMessage());
  }

  @Test
  void refusesOtherFiles() {
    LoaderException e =
        assertThrows(
            LoaderException.class,
            () -> PeImage.parse("file", MemorySegment.ofArray(new byte[63])));
    assertEquals("file: file is 63 bytes, must be at least 64, a DOS header", e.getMessage());
    assertFalse(PeImage.detect(MemorySegment.ofArray(new byte[63])));
    image.putInt(PE_OFFSET, 0x4551);
    refuses(Reason.FORMAT, "PE signature is 0x4551, must be 0x4550");
    assertFalse(PeImage.detect(TestImages.segment(image)));
    image.putInt(0x3c, 0x7e9);
    refuses(Reason.TRUNCATED, "e_lfanew is 0x7e9, must be at most 0x7e8: the file has 2048 bytes");
    image.putInt(0x3c, -1);
    refuses(
        Reason.TRUNCATED, "e_lfanew is 0xffffffff, must be at most 0x7e8: the file has 2048 bytes");
    assertFalse(PeImage.detect(TestImages.segment(image)));
    image.putShort(0, (short) 0x4d5a);
    refuses(Reason.FORMAT, "e_magic is 0x4d5a, must be 0x5a4d");
  }

  @Test
  void refusesOptionalHeaders() {
    image.putShort(PE_OPTIONAL, (short) 0x107);
    refuses(
        Reason.HEADER, "optional header's magic is 0x107, must be 0x10b (PE32) or 0x20b (PE32+)");
    image.putShort(PE_OFFSET + 20, (short) 1);
    refuses(Reason.HEADER, "optional header's magic is 0x0, must be 0x10b (PE32) or 0x20b (PE32+)");
    image.putShort(PE_OPTIONAL, (short) 0x20b).putShort(PE_OFFSET + 20, (short) 111);
    refuses(Reason.HEADER, "SizeOfOptionalHeader is 0x6f, must be at least 0x70");
    image.putShort(PE_OFFSET + 20, (short) 0xffff);
    refuses(
        Reason.TRUNCATED,
        "SizeOfOptionalHeader is 0xffff, must be at most 0x768, what the file has");
    image.putShort(PE_OFFSET + 20, (short) (PE_SECTIONS - PE_OPTIONAL));
    image.putInt(PE_OPTIONAL + 108, 7);
    refuses(
        Reason.HEADER,
        "NumberOfRvaAndSizes is 0x7, must be at most 0x6, what the optional header has room for");
    image.putInt(PE_OPTIONAL + 108, -1);
    refuses(
        Reason.HEADER,
        "NumberOfRvaAndSizes is 0xffffffff, must be at most 0x6, what the optional header has room"
            + " for");
  }

  @Test
  void refusesSectionTables() {
    image.putInt(PE_OPTIONAL + 60, PE_SECTIONS + 79);
    refuses(
        Reason.HEADER,
        "SizeOfHeaders is 0x187, must be from 0x188, the section table's end, to 0x800, the"
            + " file's");
    image.putInt(PE_OPTIONAL + 60, 0x801);
    refuses(
        Reason.HEADER,
        "SizeOfHeaders is 0x801, must be from 0x188, the section table's end, to 0x800, the"
            + " file's");
    image.putShort(PE_OFFSET + 6, (short) 256);
    refuses(
        Reason.TRUNCATED,
        "section table is 0x2800 bytes, must be at most 0x6c8, what the file has");
    image.putShort(PE_OFFSET + 6, (short) 257);
    refuses(Reason.HEADER, "NumberOfSections is 0x101, must be at most 0x100");
  }

  @Test
  void refusesSectionsOutOfFileOrImage() {
    image.putInt(PE_SECTIONS + 40 + 20, 0x601);
    refuses(
        Reason.TRUNCATED,
        "end of section .data in the file is 0x801, must be at most 0x800, the file's size");
    image.putInt(PE_SECTIONS + 40 + 20, -1).putInt(PE_SECTIONS + 40 + 16, -1);
    refuses(
        Reason.TRUNCATED,
        "end of section .data in the file is 0x1fffffffe, must be at most 0x800, the file's size");
    image.putInt(PE_SECTIONS + 40 + 20, 0x600).putInt(PE_SECTIONS + 40 + 16, 0x200);
    image.putInt(PE_SECTIONS + 40 + 8, 0x1001);
    refuses(
        Reason.HEADER,
        "end of section .data in memory is 0x3001, must be at most 0x3000, SizeOfImage");
  }

  @Test
  void refusesOverlaps() {
    image.putInt(PE_SECTIONS + 40 + 20, 0x5ff);
    refuses(
        Reason.HEADER,
        "start of section .data in the file is 0x5ff, must be at least 0x600, the end of section"
            + " .text");
    image.putInt(PE_SECTIONS + 40 + 20, 0x3ff);
    refuses(
        Reason.HEADER,
        "start of section .data in the file is 0x3ff, must be at least 0x400, the end of the"
            + " headers");
    image.putInt(PE_SECTIONS + 40 + 20, 0x600).putInt(PE_SECTIONS + 40 + 12, 0x1003);
    refuses(
        Reason.HEADER,
        "start of section .data in memory is 0x1003, must be at least 0x1004, the end of section"
            + " .text");
  }

  @Test
  void refusesCertificateTablesOutOfTheFile() {
    image.putInt(PE_OPTIONAL + 144, 0x7ff).putInt(PE_OPTIONAL + 148, 2);
    refuses(
        Reason.TRUNCATED,
        "end of the certificate table is 0x801, must be at most 0x800, the file's size");
  }

  @Test
  void namesMachinesAndSubsystems() throws Exception {
    int[] machines = {0x14c, 0x1c0, 0x1c2, 0x5032, 0x5064, 0x6232, 0x6264, 0xaa64, 1};
    String[] names = {
      "i386",
      "Arm",
      "Arm Thumb",
      "riscv32",
      "riscv64",
      "LoongArch 32",
      "LoongArch 64",
      "arm64",
      "unknown"
    };
    for (int i = 0; i < machines.length; i++) {
      image.putShort(PE_OFFSET + 4, (short) machines[i]);
      assertEquals(names[i], parse().machineName());
    }
    int[] subsystems = {1, 2, 3, 11, 12, 13, 99};
    String[] uses = {
      "native",
      "Windows GUI",
      "Windows console",
      "EFI boot service driver",
      "EFI runtime driver",
      "EFI ROM",
      "unknown"
    };
    for (int i = 0; i < subsystems.length; i++) {
      image.putShort(PE_OPTIONAL + 68, (short) subsystems[i]);
      assertEquals(uses[i], parse().subsystemName());
    }
  }
}

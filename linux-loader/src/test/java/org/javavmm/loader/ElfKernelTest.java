// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import org.javavmm.loader.ElfKernel.Segment;
import org.javavmm.loader.LoaderException.Reason;
import org.javavmm.memory.GuestMemory;
import org.junit.jupiter.api.Test;

class ElfKernelTest {
  private final ByteBuffer image = TestKernels.elf();

  private void refuses(Reason reason, String message) {
    LoaderException e = assertThrows(LoaderException.class, () -> TestKernels.parse(image));
    assertEquals("kernel: " + message, e.getMessage());
    assertEquals(reason, e.reason());
  }

  @Test
  void readsEntryAndSegments() throws Exception {
    ElfKernel kernel = assertInstanceOf(ElfKernel.class, TestKernels.parse(image));
    assertEquals(0x100040, kernel.entry());
    assertEquals(
        List.of(
            new Segment(new MemoryRange(0x100000, 0x1000), 0x1000, 0x1000, true),
            new Segment(new MemoryRange(0x102000, 0x2400), 0x2000, 0x400, false)),
        kernel.segments());
    assertEquals(2047, kernel.commandLineLimit());
    assertEquals(0x7fffffff, kernel.initrdAddressMax());
    assertEquals("kernel: ELF vmlinux, entry 0x100040, 0x100000..0x104400", kernel.toString());
  }

  @Test
  void loadsSegmentsAndClearsWhatFollows() throws Exception {
    try (GuestMemory memory = TestKernels.memory(4 << 20)) {
      memory.fill(0, 4 << 20, (byte) 0xaa);
      BootPlan plan =
          BootPlan.builder(TestKernels.parse(image)).ram(MemoryRange.of(memory)).build();
      plan.writeTo(memory, 0);
      assertEquals(0x100040, plan.entry());
      assertEquals(MemoryRange.between(0x100000, 0x104400), plan.kernelRange());
      byte[] expected = new byte[0x4400];
      Arrays.fill(expected, 0x1000, 0x2000, (byte) 0xaa); // a gap, left alone
      System.arraycopy(TestKernels.bytes(image), 0x1000, expected, 0, 0x1000);
      System.arraycopy(TestKernels.bytes(image), 0x2000, expected, 0x2000, 0x400);
      byte[] found = new byte[0x4400];
      memory.read(0x100000, found);
      assertEquals(-1, Arrays.mismatch(expected, found));
      assertEquals((byte) 0xaa, memory.getByte(0x104400));
      assertEquals((byte) 0xaa, memory.getByte(0xfffff));
    }
  }

  @Test
  void refusesOtherWidths() {
    image.put(4, (byte) 3);
    refuses(Reason.ARCHITECTURE, "EI_CLASS is 0x3, must be 0x2, 64-bit, or 0x1, 32-bit");
    image.put(4, (byte) 1);
    refuses(Reason.ARCHITECTURE, "e_machine is 0x3e (x86-64), must be 0x3 (i386) in a 32-bit file");
    image.put(4, (byte) 2);
    image.putShort(18, (short) 3);
    refuses(Reason.ARCHITECTURE, "e_machine is 0x3 (i386), must be 0x3e (x86-64)");
  }

  @Test
  void refusesBigEndian() {
    image.put(5, (byte) 2);
    refuses(Reason.ARCHITECTURE, "EI_DATA is 0x2, must be 0x1, little-endian");
  }

  @Test
  void refusesUnknownVersion() {
    image.put(6, (byte) 0);
    refuses(Reason.HEADER, "EI_VERSION is 0x0, must be 0x1");
  }

  @Test
  void refusesOtherMachines() {
    image.putShort(18, (short) 183);
    refuses(Reason.ARCHITECTURE, "e_machine is 0xb7 (arm64), must be 0x3e (x86-64)");
    image.putShort(18, (short) 9999);
    refuses(Reason.ARCHITECTURE, "e_machine is 0x270f (unknown), must be 0x3e (x86-64)");
  }

  @Test
  void refusesSharedObjects() {
    image.putShort(16, (short) 3);
    refuses(Reason.FORMAT, "e_type is 0x3 (ET_DYN), must be 0x2 (ET_EXEC), as a vmlinux has");
  }

  @Test
  void refusesPrograms() {
    image.putInt(64 + 2 * 56, 3);
    refuses(
        Reason.FORMAT,
        "p_type[2] is 0x3, must not be PT_INTERP: a program for an operating system, not a"
            + " kernel");
  }

  @Test
  void refusesFileThatEndsInTheHeader() {
    byte[] cut = Arrays.copyOf(TestKernels.bytes(image), 63);
    LoaderException e =
        assertThrows(LoaderException.class, () -> TestKernels.parse(ByteBuffer.wrap(cut)));
    assertEquals("kernel: file is 63 bytes, must be at least 64, an ELF header", e.getMessage());
  }

  @Test
  void refusesOddProgramHeaders() {
    image.putShort(54, (short) 55);
    refuses(Reason.HEADER, "e_phentsize is 0x37, must be 0x38");
    image.putShort(54, (short) 56);
    image.putShort(56, (short) 0);
    refuses(Reason.HEADER, "e_phnum is 0x0, must be from 0x1 to 0xfffe");
    image.putShort(56, (short) 0xffff);
    refuses(Reason.HEADER, "e_phnum is 0xffff, must be from 0x1 to 0xfffe");
    image.putShort(56, (short) 3);
    image.putLong(32, 63);
    refuses(Reason.HEADER, "e_phoff is 0x3f, must be at least 0x40");
    image.putLong(32, 0x2400 - 3 * 56 + 1);
    refuses(
        Reason.TRUNCATED,
        "e_phoff is 0x2359, must be at most 0x2358: 3 program headers must end within the file's"
            + " 9216 bytes");
    image.putLong(32, -1);
    refuses(
        Reason.TRUNCATED,
        "e_phoff is 0xffffffffffffffff, must be at most 0x2358: 3 program headers must end within"
            + " the file's 9216 bytes");
    image.putShort(56, (short) 0xfffe);
    refuses(
        Reason.TRUNCATED,
        "e_phoff is 0xffffffffffffffff, must be at most 0x0: 65534 program headers must end"
            + " within the file's 9216 bytes");
  }

  @Test
  void refusesMoreFileThanMemory() {
    image.putLong(64 + 40, 0xfff);
    refuses(Reason.HEADER, "p_filesz[0] is 0x1000, must be at most p_memsz, 0xfff");
  }

  @Test
  void refusesSegmentOutsideTheFile() {
    image.putLong(64 + 8, 0x1401);
    refuses(
        Reason.TRUNCATED,
        "p_offset[0] is 0x1401, must be at most 0x1400: 0x1000 bytes must end within the file's"
            + " 9216");
    image.putLong(64 + 8, -0x1000);
    refuses(
        Reason.TRUNCATED,
        "p_offset[0] is 0xfffffffffffff000, must be at most 0x1400: 0x1000 bytes must end within"
            + " the file's 9216");
  }

  @Test
  void refusesSegmentsBelow1MibOrAbove4Gib() {
    image.putLong(64 + 24, 0xff000);
    refuses(Reason.HEADER, "p_paddr[0] is 0xff000, must be from 0x100000 and below 0x100000000");
    image.putLong(64 + 24, -0x1000);
    refuses(
        Reason.HEADER,
        "p_paddr[0] is 0xfffffffffffff000, must be from 0x100000 and below 0x100000000");
    image.putLong(64 + 24, 0xfffff001L);
    refuses(Reason.HEADER, "p_memsz[0] is 0x1000, must be at most 0xfff, to end by 4 GiB");
    image.putLong(64 + 24, 0x100000);
    image.putLong(64 + 40, 1L << 40);
    refuses(
        Reason.HEADER, "p_memsz[0] is 0x10000000000, must be at most 0xfff00000, to end by 4 GiB");
    image.putLong(64 + 40, -1);
    refuses(
        Reason.HEADER,
        "p_memsz[0] is 0xffffffffffffffff, must be at most 0xfff00000, to end by 4 GiB");
  }

  @Test
  void refusesOverlappingSegments() {
    image.putLong(64 + 56 + 24, 0x100fff);
    refuses(
        Reason.HEADER,
        "segment is 0x100fff..0x1033ff, must not overlap segment 0x100000..0x101000");
    image.putLong(64 + 56 + 24, 0x100000);
    refuses(
        Reason.HEADER,
        "segment is 0x100000..0x102400, must not overlap segment 0x100000..0x101000");
  }

  @Test
  void takesAdjacentSegmentsInAnyOrder() throws Exception {
    TestKernels.programHeader(image, 0, 1, 6, 0x2000, 0x101000, 0x400, 0x2400);
    TestKernels.programHeader(image, 1, 1, 5, 0x1000, 0x100000, 0x1000, 0x1000);
    ElfKernel kernel = (ElfKernel) TestKernels.parse(image);
    assertEquals(0x100000, kernel.segments().getFirst().memory().gpa());
    assertEquals(0x101000, kernel.segments().getLast().memory().gpa());
  }

  @Test
  void refusesFileWithoutSegments() {
    image.putInt(64, 0);
    image.putLong(64 + 56 + 32, 0); // an empty segment is none
    image.putLong(64 + 56 + 40, 0);
    refuses(Reason.HEADER, "number of PT_LOAD segments is 0x0, must be at least 0x1, not empty");
  }

  @Test
  void refusesEntryOutsideCode() {
    String words = ", must be a physical address in an executable segment";
    image.putLong(24, 0x101000);
    refuses(Reason.HEADER, "e_entry is 0x101000" + words);
    image.putLong(24, 0x102000); // data
    refuses(Reason.HEADER, "e_entry is 0x102000" + words);
    image.putLong(24, 0xffff_ffff_8010_0040L);
    refuses(Reason.HEADER, "e_entry is 0xffffffff80100040" + words);
    image.putInt(64 + 56 + 4, 7);
    image.putLong(24, 0x102400); // zeros behind the file's bytes
    refuses(Reason.HEADER, "e_entry is 0x102400" + words);
    image.putLong(24, 0xfffff);
    refuses(Reason.HEADER, "e_entry is 0xfffff" + words);
  }

  @Test
  void refusesKernelThatNeedsMoreMemory() throws Exception {
    image.putLong(64 + 56 + 40, 0x2fe001);
    KernelImage kernel = TestKernels.parse(image);
    BootPlan.Builder builder = BootPlan.builder(kernel).ram(TestKernels.ram(4 << 20));
    LoaderException e = assertThrows(LoaderException.class, builder::build);
    assertEquals(
        "kernel: memory is 4194304 bytes, must be at least 4194305: the kernel takes"
            + " 0x100000..0x400001 (PT_LOAD segments)",
        e.getMessage());
    assertEquals(Reason.MEMORY, e.reason());
  }
}

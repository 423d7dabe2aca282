// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.javavmm.loader.LoaderException.Reason;
import org.javavmm.memory.GuestMemory;
import org.junit.jupiter.api.Test;

class MultibootKernelTest {
  private static final int SIZE = 4 << 20;
  private static final int HEADER = 0x40;

  private final ByteBuffer image = TestKernels.multiboot();

  private void refuses(Reason reason, String message) {
    LoaderException e = assertThrows(LoaderException.class, () -> TestKernels.parse(image));
    assertEquals("kernel: " + message, e.getMessage());
    assertEquals(reason, e.reason());
  }

  private static BootPlan.Builder builder(ByteBuffer image) throws LoaderException {
    return BootPlan.builder(TestKernels.parse(image)).ram(TestKernels.ram(SIZE));
  }

  @Test
  void loadsTheWholeFileWithoutEnds() throws Exception {
    MultibootKernel kernel = assertInstanceOf(MultibootKernel.class, TestKernels.parse(image));
    assertEquals("kernel: Multiboot kernel, entry 0x100070, 0x100000..0x101000", kernel.toString());
    assertEquals(List.of(BootEntry.MULTIBOOT), kernel.entries());
    assertEquals(0x100070, kernel.entry());
    assertEquals(0xffff_fffeL, kernel.initrdAddressMax());
    assertEquals(0x9fc00 - 0x20000 - 1, kernel.commandLineLimit());
    assertFalse(kernel.requestsVideoMode());
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      BootPlan plan = builder(image).build();
      plan.writeTo(memory, 0);
      assertEquals(new BootRegisters(0x100070, 0x2badb002, 0x7000, 0), plan.registers());
      byte[] found = new byte[4096];
      memory.read(0x100000, found);
      assertArrayEquals(TestKernels.bytes(image), found);
    }
  }

  @Test
  void loadsAPartAndClearsWhatFollows() throws Exception {
    image.putInt(HEADER + 12, 0x200010); // 0x30 bytes of the file come before
    image.putInt(HEADER + 16, 0x200000);
    image.putInt(HEADER + 20, 0x200100);
    image.putInt(HEADER + 24, 0x200180);
    image.putInt(HEADER + 28, 0x2000ff);
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      memory.fill(0, SIZE, (byte) 0xaa);
      BootPlan plan = builder(image).build();
      plan.writeTo(memory, 0);
      assertEquals(MemoryRange.between(0x200000, 0x200180), plan.kernelRange());
      byte[] expected = new byte[0x181];
      System.arraycopy(TestKernels.bytes(image), 0x30, expected, 0, 0x100);
      expected[0x180] = (byte) 0xaa;
      byte[] found = new byte[0x181];
      memory.read(0x200000, found);
      assertEquals(-1, Arrays.mismatch(expected, found));
    }
  }

  @Test
  void modEndHasNoRoomForFourGiB() throws Exception {
    List<MemoryRange> ram = List.of(new MemoryRange(0, 1L << 32));
    BootPlan plan =
        BootPlan.builder(TestKernels.parse(image))
            .ram(ram)
            .initrd(TestKernels.initrd(new byte[4096]))
            .build();
    assertEquals(List.of(new MemoryRange(0xffff_e000L, 4096)), plan.moduleRanges());
    BootPlan shorter =
        BootPlan.builder(TestKernels.parse(image))
            .ram(ram)
            .initrd(TestKernels.initrd(new byte[4095]))
            .build();
    assertEquals(List.of(new MemoryRange(0xffff_f000L, 4095)), shorter.moduleRanges());
  }

  @Test
  void refusesAddressesThatMakeNoSense() {
    image.putInt(HEADER + 16, 0xfffff);
    refuses(Reason.HEADER, "load_addr is 0xfffff, must be at least 0x100000");
    image.putInt(HEADER + 16, 0x100041);
    refuses(
        Reason.HEADER,
        "header_addr is 0x100040, must be from load_addr, 0x100041, to 0x100081: the header's"
            + " offset in the file is 0x40");
    image.putInt(HEADER + 16, 0x100000);
    image.putInt(HEADER + 12, 0x100041);
    refuses(
        Reason.HEADER,
        "header_addr is 0x100041, must be from load_addr, 0x100000, to 0x100040: the header's"
            + " offset in the file is 0x40");
    image.putInt(HEADER + 12, 0x100040);
    image.putInt(HEADER + 20, 0x100000);
    refuses(Reason.HEADER, "load_end_addr is 0x100000, must be 0x0 or above load_addr, 0x100000");
    image.putInt(HEADER + 20, 0x101001);
    refuses(
        Reason.TRUNCATED,
        "load_end_addr is 0x101001, must be at most 0x101000, where the file ends");
    image.putInt(HEADER + 20, -1);
    refuses(
        Reason.TRUNCATED,
        "load_end_addr is 0xffffffff, must be at most 0x101000, where the file ends");
    image.putInt(HEADER + 20, 0x101000);
    image.putInt(HEADER + 24, 0x100fff);
    refuses(
        Reason.HEADER,
        "bss_end_addr is 0x100fff, must be 0x0 or at least 0x101000, the end of what comes from"
            + " the file");
    image.putInt(HEADER + 24, 0);
    image.putInt(HEADER + 28, 0x101000);
    refuses(
        Reason.HEADER,
        "entry_addr is 0x101000, must be from 0x100000 and below 0x101000, in what comes from the"
            + " file");
    image.putInt(HEADER + 28, 0xfffff);
    refuses(
        Reason.HEADER,
        "entry_addr is 0xfffff, must be from 0x100000 and below 0x101000, in what comes from the"
            + " file");
    image.putInt(HEADER + 12, 0xffff_f041);
    image.putInt(HEADER + 16, 0xffff_f001);
    image.putInt(HEADER + 20, 0);
    refuses(
        Reason.HEADER,
        "load_addr is 0xfffff001, must be at most 0xfffff000, to end by 4 GiB with the file's"
            + " bytes");
  }

  @Test
  void refusesFeaturesThatItDoesNotKnow() {
    TestKernels.multibootHeader(image, HEADER, 0x1800b);
    refuses(
        Reason.PROTOCOL,
        "multiboot flags is 0x1800b, must require no other features than 0x7, requires 0x8008");
  }

  @Test
  void optionalFeaturesAreIgnored() throws Exception {
    TestKernels.multibootHeader(image, HEADER, 0xffff0003);
    assertEquals(List.of(BootEntry.MULTIBOOT), TestKernels.parse(image).entries());
  }

  @Test
  void refusesFlatFilesWithoutAddresses() {
    TestKernels.multibootHeader(image, HEADER, 3);
    refuses(
        Reason.FORMAT,
        "multiboot flags is 0x3, must have bit 16 (addresses) in a file that is not ELF");
  }

  @Test
  void looksForTheHeaderInTheFirst8192Bytes() throws Exception {
    ByteBuffer large = TestKernels.little(16384);
    large.put(8192 - 32, TestKernels.bytes(image), HEADER, 32);
    large.putInt(8192 - 32 + 12, 0x100000);
    large.putInt(8192 - 32 + 28, 0x100000);
    BootPlan plan = builder(large).build();
    assertEquals(new MemoryRange(0x100000, 8192 + 32), plan.kernelRange());
    // Four bytes on it is cut off; further on there is none.
    ByteBuffer cut = TestKernels.little(16384);
    cut.put(8192 - 28, TestKernels.bytes(image), HEADER, 32);
    LoaderException e = assertThrows(LoaderException.class, () -> TestKernels.parse(cut));
    assertEquals(
        "kernel: multiboot header is 0x1fe4, must be at most 0x1fe0: its 32 bytes must end by 8192",
        e.getMessage());
    assertEquals(Reason.TRUNCATED, e.reason());
    for (int at : new int[] {8192 - 8, 8192, 4 * 30 + 2}) {
      ByteBuffer none = TestKernels.little(16384);
      none.put(at, TestKernels.bytes(image), HEADER, 32);
      e = assertThrows(LoaderException.class, () -> TestKernels.parse(none));
      assertEquals(
          "kernel: format is not known, must be an x86 kernel: a bzImage, an ELF file or a Multiboot kernel",
          e.getMessage());
    }
    TestKernels.multibootHeader(image, HEADER, 0x10007); // 48 bytes
    ByteBuffer video = TestKernels.little(HEADER + 47);
    video.put(0, TestKernels.bytes(image), 0, video.capacity());
    e = assertThrows(LoaderException.class, () -> TestKernels.parse(video));
    assertEquals(
        "kernel: multiboot header is 0x40, must be at most 0x3f: its 48 bytes must end by 111",
        e.getMessage());
  }

  @Test
  void checksumMakesTheHeader() throws Exception {
    image.putInt(HEADER + 8, image.getInt(HEADER + 8) + 1);
    refuses(
        Reason.FORMAT,
        "format is not known, must be an x86 kernel: a bzImage, an ELF file or a Multiboot kernel");
    // A false one before the true one does not matter.
    ByteBuffer two = TestKernels.multiboot();
    two.putInt(0, 0x1badb002);
    assertEquals(0x100070, builder(two).build().entry());
  }

  @Test
  void takesElfFilesWithAHeader() throws Exception {
    for (boolean wide : new boolean[] {true, false}) {
      ByteBuffer elf = wide ? TestKernels.elfWithNotes(4) : TestKernels.elf32WithNotes(4);
      TestKernels.multibootHeader(elf, 0x1010, 7);
      ElfKernel kernel = assertInstanceOf(ElfKernel.class, TestKernels.parse(elf));
      assertEquals(List.of(BootEntry.MULTIBOOT), kernel.entries());
      assertTrue(kernel.requestsVideoMode());
      BootPlan plan = builder(elf).build();
      assertEquals(new BootRegisters(0x100040, 0x2badb002, 0x7000, 0), plan.registers());
      assertEquals(MemoryRange.between(0x100000, 0x104400), plan.kernelRange());
      // A line longer than Linux takes.
      CommandLine line = CommandLine.of("x".repeat(3000));
      assertEquals(3001, builder(elf).commandLine(line).build().commandLineRange().size());
      TestKernels.note(elf, 4, "Xen", 18, TestKernels.number(0x100080, 4));
      assertEquals(List.of(BootEntry.MULTIBOOT, BootEntry.PVH), TestKernels.parse(elf).entries());
      LoaderException e =
          assertThrows(LoaderException.class, () -> builder(elf).entry(BootEntry.LINUX_64).build());
      assertEquals(
          "kernel: entry is LINUX_64, must be MULTIBOOT or PVH: the kernel has no other",
          e.getMessage());
      // With addresses in the header, those count.
      TestKernels.multibootHeader(elf, 0x1010, 0x10003);
      elf.putInt(0x1010 + 12, 0x200010).putInt(0x1010 + 16, 0x200000);
      elf.putInt(0x1010 + 20, 0x200400).putInt(0x1010 + 24, 0).putInt(0x1010 + 28, 0x200040);
      plan = builder(elf).build();
      assertEquals(new MemoryRange(0x200000, 0x400), plan.kernelRange());
      assertEquals(0x200040, plan.entry());
    }
  }

  @Test
  void tellsTheKernel() throws Exception {
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      memory.fill(0, SIZE, (byte) 0xaa);
      BootPlan plan =
          builder(image)
              .commandLine(CommandLine.of("kernel debug"))
              .module(
                  Initrd.of("one", MemorySegment.ofArray(new byte[] {7, 8})), CommandLine.of("a b"))
              .module(Initrd.of("two", MemorySegment.ofArray(new byte[] {9})), CommandLine.of(""))
              .reserve(new MemoryRange(0xf_0000_0000L, 4096), E820Map.Type.PERSISTENT)
              .reserve(new MemoryRange(0xe_0000_0000L, 4096), E820Map.Type.NVS)
              .framebuffer(
                  new Framebuffer(0x1_e000_0000L, 640, 480, 2560, Framebuffer.PixelFormat.XRGB8888))
              .build();
      plan.writeTo(memory, 0);
      int list = 0x7000 + 120;
      int map = list + 2 * 16;
      int name = map + 5 * 24;
      ByteBuffer expected = TestKernels.little(name + 9 + 4 + 1 - 0x7000);
      expected.putInt(0, 0x124d); // memory, cmdline, mods, mmap, name, framebuffer
      expected.putInt(4, 639).putInt(8, 3072);
      expected.putInt(16, 0x20000).putInt(20, 2).putInt(24, list);
      expected.putInt(44, 5 * 24).putInt(48, map).putInt(64, name);
      expected.putLong(88, 0x1_e000_0000L).putInt(96, 2560).putInt(100, 640).putInt(104, 480);
      expected.put(108, new byte[] {32, 1, 16, 8, 8, 8, 0, 8});
      expected.position(120);
      int one = SIZE - 4096;
      int two = SIZE - 8192;
      expected.putInt(one).putInt(one + 2).putInt(name + 9).putInt(0);
      expected.putInt(two).putInt(two + 1).putInt(name + 13).putInt(0);
      expected.putInt(20).putLong(0).putLong(0x9fc00).putInt(1);
      expected.putInt(20).putLong(0x9fc00).putLong(0x60400).putInt(2);
      expected.putInt(20).putLong(0x100000).putLong(0x300000).putInt(1);
      expected.putInt(20).putLong(0xe_0000_0000L).putLong(4096).putInt(4);
      expected.putInt(20).putLong(0xf_0000_0000L).putLong(4096).putInt(2);
      expected.put("java-vmm\0a b\0\0".getBytes(StandardCharsets.US_ASCII));
      byte[] found = new byte[expected.capacity()];
      memory.read(0x7000, found);
      assertArrayEquals(TestKernels.bytes(expected), found);
      assertEquals((byte) 0xaa, memory.getByte(0x7000 + found.length));
      assertEquals(8, memory.getByte(one + 1));
      assertEquals(9, memory.getByte(two));
      assertEquals(new MemoryRange(0x7000, found.length), plan.ranges().getFirst());
    }
  }

  @Test
  void saysWhenThereAreNoModules() throws Exception {
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      builder(image).build().writeTo(memory, 0);
      assertEquals(0x24d, memory.getInt(0x7000));
      assertEquals(0, memory.getLong(0x7000 + 20));
    }
  }

  @Test
  void refusesKernelsThatDoNotFit() throws Exception {
    image.putInt(HEADER + 24, 0x400001);
    LoaderException e = assertThrows(LoaderException.class, () -> builder(image).build());
    assertEquals(
        "kernel: memory is 4194304 bytes, must be at least 4194305: the kernel takes"
            + " 0x100000..0x400001 (load_addr to bss_end_addr)",
        e.getMessage());
    BootPlan.Builder linux =
        builder(TestKernels.multiboot()).setupData(SetupData.rngSeed(new byte[1]));
    e = assertThrows(LoaderException.class, linux::build);
    assertEquals(
        "kernel: number of setup_data is 1, must be 0 with the entry MULTIBOOT", e.getMessage());
  }
}

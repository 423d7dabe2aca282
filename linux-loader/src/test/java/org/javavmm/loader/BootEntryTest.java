// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.javavmm.loader.LoaderException.Reason;
import org.javavmm.memory.GuestMemory;
import org.junit.jupiter.api.Test;

/** Each entry of each format, with what the kernel is told. */
class BootEntryTest {
  private static final int SIZE = 4 << 20;

  private final ByteBuffer bzImage = TestKernels.bzImage();
  private final ByteBuffer elf = TestKernels.elf();

  private static BootPlan.Builder builder(ByteBuffer image) throws LoaderException {
    return BootPlan.builder(TestKernels.parse(image)).ram(TestKernels.ram(SIZE));
  }

  private static void refuses(BootPlan.Builder builder, Reason reason, String message) {
    LoaderException e = assertThrows(LoaderException.class, builder::build);
    assertEquals(message, e.getMessage());
    assertEquals(reason, e.reason());
  }

  private static byte[] read(GuestMemory memory, MemoryRange range) {
    byte[] bytes = new byte[(int) range.size()];
    memory.read(range.gpa(), bytes);
    return bytes;
  }

  private static String string(GuestMemory memory, long gpa) {
    StringBuilder text = new StringBuilder();
    for (long at = gpa; memory.getByte(at) != 0; at++) {
      text.append((char) memory.getByte(at));
    }
    return text.toString();
  }

  @Test
  void bzImagesHaveTwoEntries() throws Exception {
    assertEquals(
        List.of(BootEntry.LINUX_64, BootEntry.LINUX_32), TestKernels.parse(bzImage).entries());
    BootPlan plan = builder(bzImage).build();
    assertEquals(BootEntry.LINUX_64, plan.bootEntry());
    assertEquals(BootEntry.Mode.LONG, plan.entryMode());
    assertEquals(new BootRegisters(0x100200, 0, 0, 0x7000), plan.registers());
    plan = builder(bzImage).entry(BootEntry.LINUX_32).build();
    assertEquals(BootEntry.LINUX_32, plan.bootEntry());
    assertEquals(BootEntry.Mode.PROTECTED, plan.entryMode());
    assertEquals(new BootRegisters(0x100000, 0, 0, 0x7000), plan.registers());
    assertEquals(0x7000, plan.zeroPage());
    assertEquals(0x7000, plan.bootInfo());
    assertEquals(List.of(), plan.identityMap());
  }

  @Test
  void oldBzImagesAreEnteredIn32Bit() throws Exception {
    bzImage.putShort(0x206, (short) 0x206);
    bzImage.put(0x201, (byte) 0x3a);
    bzImage.putInt(0x1f4, 1); // 16 bytes: the 64-bit entry would not be there
    assertEquals(List.of(BootEntry.LINUX_32), TestKernels.parse(bzImage).entries());
    BootPlan plan = builder(bzImage).build();
    assertEquals(BootEntry.LINUX_32, plan.bootEntry());
    assertEquals(0x100000, plan.entry());
    bzImage.putInt(0x1f4, 0);
    LoaderException e = assertThrows(LoaderException.class, () -> TestKernels.parse(bzImage));
    assertEquals("kernel: syssize is 0 bytes, must be at least 16, not empty", e.getMessage());
  }

  @Test
  void namesTheEntriesThatThereAre() throws Exception {
    refuses(
        builder(bzImage).entry(BootEntry.PVH),
        Reason.PROTOCOL,
        "kernel: entry is PVH, must be LINUX_64 or LINUX_32: the kernel has no other");
    refuses(
        builder(elf).entry(BootEntry.MULTIBOOT),
        Reason.PROTOCOL,
        "kernel: entry is MULTIBOOT, must be LINUX_64: the kernel has no other");
    refuses(
        builder(elf).entry(BootEntry.LINUX_32),
        Reason.PROTOCOL,
        "kernel: entry is LINUX_32, must be LINUX_64: the kernel has no other");
  }

  @Test
  void loadsAbove4GiBWhenAsked() throws Exception {
    List<MemoryRange> ram =
        List.of(new MemoryRange(0, 0x200000), new MemoryRange(0x1_0000_0000L + 0x8000, 0x800000));
    byte[] disk = TestKernels.noise(5001);
    BootPlan plan =
        BootPlan.builder(TestKernels.parse(bzImage))
            .ram(ram)
            .commandLine(CommandLine.of("quiet"))
            .initrd(TestKernels.initrd(disk))
            .above4GiB()
            .build();
    assertEquals(new MemoryRange(0x1_0001_0000L, 0x10000), plan.kernelRange());
    assertEquals(0x1_0001_0200L, plan.entry());
    assertEquals(new MemoryRange(0x1_0000_8000L, 6), plan.commandLineRange());
    assertEquals(Optional.of(new MemoryRange(0x1_0000_9000L, 5001)), plan.initrdRange());
    assertEquals(
        List.of(MemoryRange.between(0, 0x100000), plan.commandLineRange(), plan.kernelRange()),
        plan.identityMap());
    try (GuestMemory memory =
        GuestMemory.builder()
            .anonymous("low", 0, 0x200000)
            .anonymous("high", 0x1_0000_8000L, 0x800000)
            .build()) {
      plan.writeTo(memory, 0);
      assertEquals(0, memory.getInt(0x7214)); // code32_start has no room for it
      assertEquals(0x9000, memory.getInt(0x7218));
      assertEquals(1, memory.getInt(0x70c0)); // ext_ramdisk_image
      assertEquals(5001, memory.getInt(0x721c));
      assertEquals(0, memory.getInt(0x70c4));
      assertEquals(0x8000, memory.getInt(0x7228));
      assertEquals(1, memory.getInt(0x70c8)); // ext_cmd_line_ptr
      assertEquals("quiet", string(memory, 0x1_0000_8000L));
      assertArrayEquals(disk, read(memory, plan.initrdRange().orElseThrow()));
      assertArrayEquals(
          Arrays.copyOfRange(TestKernels.bytes(bzImage), 1536, 1536 + 4096),
          read(memory, new MemoryRange(0x1_0001_0000L, 4096)));
    }
  }

  @Test
  void goesAbove4GiBWhereThereIsNoRoomBelow() throws Exception {
    bzImage.putInt(0x260, 0x300000);
    List<MemoryRange> ram =
        List.of(new MemoryRange(0, 0x200000), new MemoryRange(0x1_0000_0000L, 0x800000));
    BootPlan plan =
        BootPlan.builder(TestKernels.parse(bzImage))
            .ram(ram)
            .initrd(TestKernels.initrd(new byte[0x100001]))
            .build();
    assertEquals(0x1_0000_0000L, plan.kernelRange().gpa());
    assertEquals(0x20000, plan.commandLineRange().gpa());
    // The initrd does not fit below either.
    assertEquals(0x1_0030_0000L, plan.initrdRange().orElseThrow().gpa());
    bzImage.putShort(0x236, (short) 1); // XLF_CAN_BE_LOADED_ABOVE_4G is not set
    refuses(
        BootPlan.builder(TestKernels.parse(bzImage)).ram(ram),
        Reason.MEMORY,
        "kernel: memory is 10485760 bytes, must be free where the kernel takes 0x100000..0x400000"
            + " (init_size)");
    bzImage.putShort(0x236, (short) 3);
    refuses(
        BootPlan.builder(TestKernels.parse(bzImage)).ram(ram).entry(BootEntry.LINUX_32),
        Reason.MEMORY,
        "kernel: memory is 10485760 bytes, must be free where the kernel takes 0x100000..0x400000"
            + " (init_size)");
  }

  @Test
  void neverMovesAcross4GiBUnasked() throws Exception {
    bzImage.putShort(0x236, (short) 1);
    bzImage.putInt(0x230, 0x1000000); // kernel_alignment
    bzImage.putLong(0x258, 0xff00_0001L); // the next multiple is 4 GiB
    List<MemoryRange> ram = List.of(new MemoryRange(0, 0x1_1000_0000L));
    refuses(
        BootPlan.builder(TestKernels.parse(bzImage)).ram(ram),
        Reason.MEMORY,
        "kernel: memory is 4563402752 bytes, must be free where the kernel takes"
            + " 0x100000000..0x100010000 (init_size)");
    bzImage.put(0x234, (byte) 0);
    bzImage.putLong(0x258, 0xffff_8000L);
    refuses(
        BootPlan.builder(TestKernels.parse(bzImage)).ram(ram),
        Reason.MEMORY,
        "kernel: memory is 4563402752 bytes, must be free where the kernel takes"
            + " 0xffff8000..0x100008000 (init_size)");
  }

  @Test
  void prefersAnAddressAbove4GiBIfItCan() throws Exception {
    bzImage.putLong(0x258, 0x1_0000_1000L);
    BootPlan plan =
        BootPlan.builder(TestKernels.parse(bzImage))
            .ram(List.of(new MemoryRange(0, SIZE), new MemoryRange(0x1_0000_0000L, SIZE)))
            .build();
    assertEquals(0x1_0001_0200L, plan.entry());
    bzImage.putLong(0x258, 1L << 46);
    refuses(
        builder(bzImage),
        Reason.HEADER,
        "kernel: pref_address is 0x400000000000, must be from 0x100000 and below 0x400000000000");
  }

  @Test
  void saysWhyAKernelCannotLieAbove4GiB() throws Exception {
    refuses(
        builder(bzImage).entry(BootEntry.LINUX_32).above4GiB(),
        Reason.PROTOCOL,
        "kernel: entry is LINUX_32, must be LINUX_64 for a place above 4 GiB");
    refuses(
        builder(elf).above4GiB(),
        Reason.PROTOCOL,
        "kernel: place is above 4 GiB, must be below, where the file says: only a relocatable"
            + " bzImage can be loaded above");
    refuses(
        builder(bzImage).above4GiB(),
        Reason.MEMORY,
        "kernel: memory is 4194304 bytes, must be free where the kernel takes"
            + " 0x100000000..0x100010000 (init_size)");
    List<MemoryRange> tight =
        List.of(new MemoryRange(0, SIZE), new MemoryRange(0x1_0000_0000L, 0x10000));
    refuses(
        BootPlan.builder(TestKernels.parse(bzImage)).ram(tight).above4GiB(),
        Reason.MEMORY,
        "kernel: memory is 4259840 bytes, must have room for the command line above 4 GiB, behind"
            + " the kernel at 0x100000000..0x100010000");
    List<MemoryRange> lessTight =
        List.of(new MemoryRange(0, SIZE), new MemoryRange(0x1_0000_0000L, 0x11000));
    refuses(
        BootPlan.builder(TestKernels.parse(bzImage))
            .ram(lessTight)
            .initrd(TestKernels.initrd(new byte[1]))
            .above4GiB(),
        Reason.INITRD,
        "initrd: size is 1 bytes, must fit above 4 GiB, behind the kernel at"
            + " 0x100000000..0x100010000");
    bzImage.put(0x234, (byte) 0);
    refuses(
        builder(bzImage).above4GiB(),
        Reason.PROTOCOL,
        "kernel: relocatable_kernel is 0x0, must be 0x1 for a place above 4 GiB");
    bzImage.putShort(0x236, (short) 1);
    refuses(
        builder(bzImage).above4GiB(),
        Reason.PROTOCOL,
        "kernel: xloadflags is 0x1, must have bit 1 (XLF_CAN_BE_LOADED_ABOVE_4G) for a place above"
            + " 4 GiB");
  }

  @Test
  void findsPvhNotes() throws Exception {
    for (boolean wide : new boolean[] {true, false}) {
      for (int descSize : new int[] {4, 8}) {
        for (int alignment : new int[] {0, 1, 4, 8}) {
          ByteBuffer image =
              wide ? TestKernels.elfWithNotes(alignment) : TestKernels.elf32WithNotes(alignment);
          TestKernels.note(image, alignment, "GNU", 3, new byte[20]);
          TestKernels.note(image, alignment, "Xen", 6, "linux\0".getBytes(StandardCharsets.UTF_8));
          TestKernels.note(image, alignment, "Xen", 18, TestKernels.number(0x100080, descSize));
          ElfKernel kernel = (ElfKernel) TestKernels.parse(image);
          assertEquals(OptionalLong.of(0x100080), kernel.pvhEntry());
          assertEquals(wide, kernel.is64Bit());
          assertEquals(
              wide
                  ? List.of(BootEntry.LINUX_64, BootEntry.PVH)
                  : List.of(BootEntry.PVH, BootEntry.LINUX_32),
              kernel.entries());
          BootPlan plan = builder(image).entry(BootEntry.PVH).build();
          assertEquals(new BootRegisters(0x100080, 0, 0x7000, 0), plan.registers());
          assertEquals(0x7000, plan.bootInfo());
          assertEquals(List.of(), plan.identityMap());
          assertEquals(
              "no zero page with the entry PVH",
              assertThrows(IllegalStateException.class, plan::zeroPage).getMessage());
        }
      }
    }
  }

  @Test
  void findsThePvhNoteInAnyOfSeveralSegments() throws Exception {
    // Other loaders let the last segment win, or the first.
    for (int first : new int[] {3, 18}) {
      ByteBuffer image = TestKernels.elfWithNotes(4);
      TestKernels.note(image, 4, "Xen", first, TestKernels.number(0x100080, 8));
      int end = TestKernels.noteEnd(image);
      TestKernels.note(image, 4, "Xen", first == 3 ? 18 : 3, TestKernels.number(0x100080, 8));
      // A second segment for the second note.
      int all = TestKernels.noteEnd(image);
      TestKernels.programHeader(image, 2, 4, 4, TestKernels.NOTES, 0, end, end);
      image.putShort(56, (short) 4);
      TestKernels.programHeader(image, 3, 4, 4, TestKernels.NOTES + end, 0, all - end, 4);
      assertEquals(OptionalLong.of(0x100080), ((ElfKernel) TestKernels.parse(image)).pvhEntry());
    }
  }

  @Test
  void brokenNotesMatterToPvhOnly() throws Exception {
    ByteBuffer image = TestKernels.elfWithNotes(4);
    TestKernels.note(image, 4, "Xen", 18, TestKernels.number(0x100080, 2));
    assertEquals(0x100040, builder(image).build().entry());
    refuses(
        builder(image).entry(BootEntry.PVH),
        Reason.HEADER,
        "kernel: n_descsz of the note at 0x2400 is 0x2, must be 0x4 or 0x8");

    image = TestKernels.elfWithNotes(4);
    TestKernels.note(image, 4, "Xen", 18, TestKernels.number(0x100080, 8));
    image.putInt(TestKernels.NOTES + 4, -1);
    refuses(
        builder(image).entry(BootEntry.PVH),
        Reason.TRUNCATED,
        "kernel: note at 0x2400 is 0x10000000f, must have at most 0x18 bytes, the rest of its"
            + " segment");

    image = TestKernels.elfWithNotes(4);
    TestKernels.note(image, 4, "Xen", 18, TestKernels.number(0x1_0000_0000L, 8));
    refuses(
        builder(image).entry(BootEntry.PVH),
        Reason.HEADER,
        "kernel: PVH entry is 0x100000000, must be below 0x100000000");

    image = TestKernels.elfWithNotes(4);
    TestKernels.note(image, 4, "Xen", 18, TestKernels.number(0x102000, 8));
    refuses(
        builder(image).entry(BootEntry.PVH),
        Reason.HEADER,
        "kernel: PVH entry is 0x102000, must be a physical address in an executable segment");

    image = TestKernels.elfWithNotes(4);
    TestKernels.note(image, 4, "Xen", 18, TestKernels.number(0x100080, 8));
    TestKernels.note(image, 4, "Xen", 18, TestKernels.number(0x100080, 4)); // the same: fine
    assertEquals(0x100080, builder(image).entry(BootEntry.PVH).build().entry());
    TestKernels.note(image, 4, "Xen", 18, TestKernels.number(0x100084, 4));
    refuses(
        builder(image).entry(BootEntry.PVH),
        Reason.HEADER,
        "kernel: PVH entry is 0x100084, must be 0x100080, as in the note before");

    image = TestKernels.elfWithNotes(4);
    image.putLong(64 + 2 * 56 + 8, image.capacity() + 1L);
    refuses(
        builder(image).entry(BootEntry.PVH),
        Reason.TRUNCATED,
        "kernel: p_offset[2] is 0x2801, must be at most 0x2800: notes of 0x0 bytes must end within"
            + " the file's 10240");
    image.putLong(64 + 2 * 56 + 8, -1);
    image.putLong(64 + 2 * 56 + 32, -1);
    refuses(
        builder(image).entry(BootEntry.PVH),
        Reason.TRUNCATED,
        "kernel: p_offset[2] is 0xffffffffffffffff, must be at most 0x2801: notes of"
            + " 0xffffffffffffffff bytes must end within the file's 10240");
  }

  @Test
  void notesAreBounded() throws Exception {
    ByteBuffer image = TestKernels.elfWithNotes(4);
    image.putShort(56, (short) 4);
    TestKernels.programHeader(image, 2, 4, 4, 0, 0, 0x1400, 0);
    TestKernels.programHeader(image, 3, 4, 4, 0, 0, 0x1401, 0);
    image.putInt(0, 0x464c457f);
    refuses(
        builder(image).entry(BootEntry.PVH),
        Reason.TRUNCATED,
        "kernel: note at 0x0 is 0x464d468e, must have at most 0x1400 bytes, the rest of its"
            + " segment");
    TestKernels.programHeader(image, 2, 4, 4, TestKernels.NOTES, 0, 0, 0);
    TestKernels.programHeader(image, 3, 4, 4, 0, 0, 0x2801, 0);
    refuses(
        builder(image).entry(BootEntry.PVH),
        Reason.TRUNCATED,
        "kernel: p_offset[3] is 0x0, must be at most 0x0: notes of 0x2801 bytes must end within"
            + " the file's 10240");
    image = TestKernels.elfWithNotes(4);
    image.putShort(56, (short) 4);
    TestKernels.programHeader(image, 2, 4, 4, 0x1000, 0, 0, 0);
    TestKernels.programHeader(image, 3, 4, 4, 0x1000, 0, 0x1400, 0);
    image.putLong(0x1000, 0); // two empty notes, then noise of type 18
    for (int at = 0x1000; at < 0x2400; at += 4) {
      image.putInt(at, 0);
    }
    TestKernels.programHeader(image, 2, 4, 4, 0x1000, 0, 0x1400, 0);
    refuses(
        builder(image).entry(BootEntry.PVH),
        Reason.PROTOCOL,
        "kernel: entry is PVH, must be LINUX_64: the kernel has no other");
    TestKernels.programHeader(image, 3, 4, 4, 0x1000, 0, 0x1401, 0);
    refuses(
        builder(image).entry(BootEntry.PVH),
        Reason.HEADER,
        "kernel: p_offset[3] is 0x1000, must leave the notes at 0x1400 bytes, they have 0x1401");
  }

  @Test
  void pvhKernelNeedsNoOtherEntry() throws Exception {
    ByteBuffer image = TestKernels.elfWithNotes(4);
    TestKernels.note(image, 4, "Xen", 18, TestKernels.number(0x100080, 4));
    image.putLong(24, 0); // e_entry
    assertEquals(List.of(BootEntry.PVH), TestKernels.parse(image).entries());
    refuses(
        builder(image).entry(BootEntry.LINUX_64),
        Reason.HEADER,
        "kernel: e_entry is 0x0, must be a physical address in an executable segment");
  }

  @Test
  void tellsPvhKernels() throws Exception {
    ByteBuffer image = TestKernels.elfWithNotes(4);
    TestKernels.note(image, 4, "Xen", 18, TestKernels.number(0x100080, 8));
    byte[] disk = TestKernels.noise(4097);
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      memory.fill(0, SIZE, (byte) 0xaa);
      BootPlan plan =
          builder(image)
              .entry(BootEntry.PVH)
              .commandLine(CommandLine.of("console=ttyS0"))
              .initrd(TestKernels.initrd(disk))
              .module(
                  Initrd.of("second", MemorySegment.ofArray(new byte[] {7})), CommandLine.of("a b"))
              .build();
      plan.writeTo(memory, 0xe0010);
      assertEquals(
          List.of(new MemoryRange(SIZE - 8192, 4097), new MemoryRange(SIZE - 3 * 4096, 1)),
          plan.moduleRanges());
      long second = plan.moduleRanges().get(1).gpa();
      ByteBuffer expected = TestKernels.little(56 + 2 * 32 + 3 * 24 + 1 + 4);
      expected.putInt(0x336ec578).putInt(1).putInt(0).putInt(2);
      expected.putLong(0x7000 + 56).putLong(0x20000).putLong(0xe0010);
      expected.putLong(0x7000 + 56 + 64).putInt(3).putInt(0);
      int strings = 0x7000 + 56 + 64 + 72;
      expected.putLong(SIZE - 8192).putLong(4097).putLong(strings).putLong(0);
      expected.putLong(second).putLong(1).putLong(strings + 1).putLong(0);
      expected.putLong(0).putLong(0x9fc00).putInt(1).putInt(0);
      expected.putLong(0x9fc00).putLong(0x60400).putInt(2).putInt(0);
      expected.putLong(0x100000).putLong(SIZE - 0x100000).putInt(1).putInt(0);
      expected.put("\0a b\0".getBytes(StandardCharsets.US_ASCII));
      assertArrayEquals(
          TestKernels.bytes(expected), read(memory, new MemoryRange(0x7000, expected.capacity())));
      assertEquals((byte) 0xaa, memory.getByte(0x7000 + expected.capacity()));
      assertEquals("console=ttyS0", string(memory, 0x20000));
      assertEquals(7, memory.getByte(second));
      assertEquals(
          "boot plan: kernel kernel 0x100000..0x104400, entry PVH at 0x100080, boot information"
              + " 0x7000, command line 0x20000..0x2000e, initrd 0x3fe000..0x3ff001, modules"
              + " [0x3fe000..0x3ff001, 0x3fd000..0x3fd001]",
          plan.toString());
    }
  }

  @Test
  void refusesWhatPvhCannotCarry() throws Exception {
    ByteBuffer image = TestKernels.elfWithNotes(4);
    TestKernels.note(image, 4, "Xen", 18, TestKernels.number(0x100080, 8));
    refuses(
        builder(image).entry(BootEntry.PVH).setupData(SetupData.rngSeed(new byte[32])),
        Reason.PROTOCOL,
        "kernel: number of setup_data is 1, must be 0 with the entry PVH");
    refuses(
        builder(image)
            .entry(BootEntry.PVH)
            .framebuffer(new Framebuffer(0, 1, 1, 4, Framebuffer.PixelFormat.XRGB8888)),
        Reason.PROTOCOL,
        "kernel: number of framebuffers is 1, must be 0 with the entry PVH");
    BootPlan.Builder builder = builder(image).entry(BootEntry.PVH);
    for (int i = 0; i < 125; i++) {
      builder.reserve(new MemoryRange(0x8000_0000L + 8192L * i, 4096), E820Map.Type.RESERVED);
    }
    assertEquals(128, builder.build().e820().entries().size());
    builder.reserve(new MemoryRange(0x7000_0000L, 1), E820Map.Type.RESERVED);
    refuses(
        builder,
        Reason.PROTOCOL,
        "kernel: memory map is 129 entries, must be at most 128, what Linux has room for with the"
            + " entry PVH");
    refuses(
        builder(image).module(TestKernels.initrd(new byte[1]), CommandLine.of("")),
        Reason.PROTOCOL,
        "kernel: number of modules is 1, must be 0 with the entry LINUX_64");
  }

  @Test
  void findsMoreRoomForLongBootInformation() throws Exception {
    ByteBuffer image = TestKernels.elfWithNotes(4);
    TestKernels.note(image, 4, "Xen", 18, TestKernels.number(0x100080, 8));
    BootPlan.Builder builder =
        builder(image).entry(BootEntry.PVH).commandLine(CommandLine.of("12"));
    CommandLine line = CommandLine.of("x".repeat(100_000));
    for (int i = 0; i < 5; i++) {
      builder.module(TestKernels.initrd(new byte[] {1}), line);
    }
    BootPlan plan = builder.build();
    assertEquals(0x20010, plan.bootInfo());
    assertEquals(new BootRegisters(0x100080, 0, 0x20010, 0), plan.registers());
    builder.module(TestKernels.initrd(new byte[] {1}), line);
    plan = builder.build(); // no longer fits below 640 KiB
    assertEquals(0x367000, plan.bootInfo());
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      plan.writeTo(memory, 0);
      assertEquals(0x336ec578, memory.getInt(plan.bootInfo()));
      long list = memory.getLong(plan.bootInfo() + 16);
      assertEquals(line.toString(), string(memory, memory.getLong(list + 5 * 32 + 16)));
    }
    for (int i = 0; i < 40; i++) {
      builder.module(TestKernels.initrd(new byte[] {1}), line);
    }
    LoaderException e = assertThrows(LoaderException.class, builder::build);
    assertEquals("boot information", e.field());
    assertEquals(Reason.MEMORY, e.reason());
  }
}

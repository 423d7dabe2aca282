// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.javavmm.loader.LoaderException.Reason;
import org.javavmm.memory.GuestMemory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BootPlanTest {
  private static final int SIZE = 4 << 20;

  private final ByteBuffer image = TestKernels.bzImage();

  @TempDir Path folder;

  private BootPlan.Builder builder() throws LoaderException {
    return BootPlan.builder(TestKernels.parse(image)).ram(TestKernels.ram(SIZE));
  }

  private static byte[] read(GuestMemory memory, long gpa, int size) {
    byte[] bytes = new byte[size];
    memory.read(gpa, bytes);
    return bytes;
  }

  @Test
  void writesEverythingWhereItSays() throws Exception {
    byte[] disk = TestKernels.noise(5001);
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      memory.fill(0, SIZE, (byte) 0xaa);
      BootPlan plan =
          builder()
              .commandLine(CommandLine.of("console=ttyS0 quiet"))
              .initrd(TestKernels.initrd(disk))
              .build();
      plan.writeTo(memory, 0xe0000);
      assertEquals(0x100200, plan.entry());
      assertEquals(0x7000, plan.zeroPage());
      assertEquals(MemoryRange.between(0x100000, 0x110000), plan.kernelRange());
      assertEquals(List.of(MemoryRange.between(0, 0x110000)), plan.identityMap());
      assertEquals(new MemoryRange(0x20000, 20), plan.commandLineRange());
      assertEquals(Optional.of(new MemoryRange(SIZE - 8192, 5001)), plan.initrdRange());
      assertEquals(
          List.of(
              new MemoryRange(0x7000, 4096),
              plan.commandLineRange(),
              plan.kernelRange(),
              plan.initrdRange().orElseThrow()),
          plan.ranges());

      byte[] expected = new byte[SIZE];
      Arrays.fill(expected, (byte) 0xaa);
      System.arraycopy(TestKernels.bytes(image), 3 * 512, expected, 0x100000, 4096);
      System.arraycopy(disk, 0, expected, SIZE - 8192, disk.length);
      byte[] line = "console=ttyS0 quiet\0".getBytes(StandardCharsets.US_ASCII);
      System.arraycopy(line, 0, expected, 0x20000, line.length);
      ByteBuffer page = TestKernels.little(4096);
      page.put(0x1f1, TestKernels.bytes(image), 0x1f1, 0x26c - 0x1f1);
      page.putLong(0x070, 0xe0000);
      page.put(0x1e8, (byte) 3);
      page.put(0x210, (byte) 0xff);
      page.put(0x211, (byte) 1);
      page.putInt(0x214, 0x100000);
      page.putInt(0x218, SIZE - 8192);
      page.putInt(0x21c, 5001);
      page.putInt(0x228, 0x20000);
      page.putLong(0x2d0, 0).putLong(0x2d8, 0x9fc00).putInt(0x2e0, 1);
      page.putLong(0x2e4, 0x9fc00).putLong(0x2ec, 0x60400).putInt(0x2f4, 2);
      page.putLong(0x2f8, 0x100000).putLong(0x300, SIZE - 0x100000).putInt(0x308, 1);
      System.arraycopy(TestKernels.bytes(page), 0, expected, 0x7000, 4096);
      assertEquals(-1, Arrays.mismatch(expected, read(memory, 0, SIZE)));
      assertEquals(
          "boot plan: kernel kernel 0x100000..0x110000, entry LINUX_64 at 0x100200, zero page"
              + " 0x7000, command line 0x20000..0x20014, initrd 0x3fe000..0x3ff389",
          plan.toString());
    }
  }

  @Test
  void describesElfKernels() throws Exception {
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      BootPlan plan =
          BootPlan.builder(TestKernels.parse(TestKernels.elf())).ram(TestKernels.ram(SIZE)).build();
      plan.writeTo(memory, 0);
      ByteBuffer page = TestKernels.little(4096);
      page.put(0x1e8, (byte) 3);
      page.putShort(0x1fe, (short) 0xaa55);
      page.putInt(0x202, 0x53726448);
      page.putShort(0x206, (short) 0x20f);
      page.put(0x210, (byte) 0xff);
      page.put(0x211, (byte) 1);
      page.putInt(0x228, 0x20000);
      page.putInt(0x22c, 0x7fffffff);
      page.putInt(0x230, 0x1000000);
      page.putShort(0x236, (short) 1);
      page.putInt(0x238, 2047);
      page.putLong(0x2d8, 0x9fc00).putInt(0x2e0, 1);
      page.putLong(0x2e4, 0x9fc00).putLong(0x2ec, 0x60400).putInt(0x2f4, 2);
      page.putLong(0x2f8, 0x100000).putLong(0x300, SIZE - 0x100000).putInt(0x308, 1);
      assertArrayEquals(TestKernels.bytes(page), read(memory, 0x7000, 4096));
      assertEquals(0, memory.getByte(0x20000));
    }
  }

  @Test
  void overwritesWhatTheFileMayNotSay() throws Exception {
    image.putInt(0x218, -1); // ramdisk_image
    image.putInt(0x21c, -1); // ramdisk_size
    image.putInt(0x224, -1); // heap_end_ptr and the two below
    image.putInt(0x228, -1); // cmd_line_ptr
    image.putLong(0x250, -1); // setup_data
    image.putInt(0x214, -1); // code32_start
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      builder().build().writeTo(memory, 0);
      assertEquals(0, memory.getLong(0x7218));
      assertEquals(0, memory.getShort(0x7226));
      assertEquals(0x20000, memory.getInt(0x7228));
      assertEquals(0, memory.getLong(0x7250));
      assertEquals(0x100000, memory.getInt(0x7214));
    }
  }

  @Test
  void takesMemoryOnBothSidesOfTheHole() throws Exception {
    BootPlan plan =
        BootPlan.builder(TestKernels.parse(image))
            .ram(X86Layout.splitRam(5L << 30))
            .initrd(TestKernels.initrd(new byte[4097]))
            .build();
    assertEquals(
        "[0x0..0x9fc00 RAM, 0x9fc00..0x100000 RESERVED, 0x100000..0xc0000000 RAM,"
            + " 0x100000000..0x180000000 RAM]",
        plan.e820().entries().toString());
    // Below initrd_addr_max, not below the end of low memory.
    assertEquals(Optional.of(new MemoryRange(0x8000_0000L - 8192, 4097)), plan.initrdRange());
  }

  @Test
  void initrdMayEndAtItsLimitAndNotAfter() throws Exception {
    image.putInt(0x22c, 0x2fffff);
    BootPlan.Builder builder = builder().initrd(TestKernels.initrd(new byte[4096]));
    assertEquals(Optional.of(new MemoryRange(0x2ff000, 4096)), builder.build().initrdRange());
    image.putInt(0x22c, 0x2ffffe);
    builder = builder().initrd(TestKernels.initrd(new byte[4096]));
    assertEquals(Optional.of(new MemoryRange(0x2fe000, 4096)), builder.build().initrdRange());
  }

  @Test
  void initrdFillsTheGapToTheLastByte() throws Exception {
    int free = SIZE - 0x110000;
    BootPlan.Builder builder = builder().initrd(TestKernels.initrd(new byte[free]));
    assertEquals(Optional.of(new MemoryRange(0x110000, free)), builder.build().initrdRange());
    LoaderException e =
        assertThrows(
            LoaderException.class,
            () -> builder().initrd(TestKernels.initrd(new byte[free + 1])).build());
    assertEquals(
        "kernel: memory is 4194304 bytes, must be at least 4198400: the kernel takes"
            + " 0x100000..0x110000 and the initrd 3080193 bytes",
        e.getMessage());
    assertEquals(Reason.MEMORY, e.reason());
  }

  @Test
  void initrdGoesBelowTheKernelWhereThereIsRoom() throws Exception {
    image.putLong(0x258, 0x300000);
    image.putInt(0x260, 0x100000);
    BootPlan plan = builder().initrd(TestKernels.initrd(new byte[100])).build();
    assertEquals(Optional.of(new MemoryRange(0x2ff000, 100)), plan.initrdRange());
  }

  @Test
  void saysWhenMoreMemoryDoesNotHelpTheInitrd() throws Exception {
    image.putInt(0x22c, 0x1fffff);
    LoaderException e =
        assertThrows(
            LoaderException.class,
            () -> builder().initrd(TestKernels.initrd(new byte[0xf0001])).build());
    assertEquals(
        "initrd: size is 983041 bytes, must be at most 983040, the largest free range below"
            + " 0x200000 beside the kernel at 0x100000..0x110000",
        e.getMessage());
    assertEquals(Reason.INITRD, e.reason());
    image.putInt(0x22c, 0);
    e =
        assertThrows(
            LoaderException.class, () -> builder().initrd(TestKernels.initrd(new byte[1])).build());
    assertEquals(
        "initrd: size is 1 bytes, must be at most 0, the largest free range below 0x1 beside the"
            + " kernel at 0x100000..0x110000",
        e.getMessage());
  }

  @Test
  void keepsOffReservedRanges() throws Exception {
    BootPlan plan =
        builder()
            .reserve(MemoryRange.between(0x3ff800, 0x3ff900), E820Map.Type.ACPI)
            .reserve(MemoryRange.between(0xb000_0000L, 0xc000_0000L), E820Map.Type.RESERVED)
            .reserve(MemoryRange.between(0xe0000, 0x100000), E820Map.Type.ACPI)
            .initrd(TestKernels.initrd(new byte[4096]))
            .build();
    assertEquals(Optional.of(new MemoryRange(0x3fe000, 4096)), plan.initrdRange());
    assertEquals(
        "[0x0..0x9fc00 RAM, 0x9fc00..0xe0000 RESERVED, 0xe0000..0x100000 ACPI,"
            + " 0x100000..0x3ff800 RAM, 0x3ff800..0x3ff900 ACPI, 0x3ff900..0x400000 RAM,"
            + " 0xb0000000..0xc0000000 RESERVED]",
        plan.e820().entries().toString());
  }

  @Test
  void refusesReservedRangesInTheBootData() throws Exception {
    BootPlan.Builder builder =
        builder().reserve(new MemoryRange(0x9fbff, 1), E820Map.Type.RESERVED);
    assertEquals(
        "reserved entry 0x9fbff..0x9fc00 RESERVED overlaps the boot data in 0x0..0x9fc00",
        assertThrows(IllegalArgumentException.class, builder::build).getMessage());
  }

  @Test
  void writesTheLargestMap() throws Exception {
    BootPlan.Builder builder = builder();
    for (int i = 0; i < 125; i++) {
      builder.reserve(new MemoryRange(0x8000_0000L + 8192L * i, 4096), E820Map.Type.RESERVED);
    }
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      builder.build().writeTo(memory, 0);
      assertEquals((byte) 128, memory.getByte(0x71e8));
      assertEquals(0x8000_0000L + 8192 * 124, memory.getLong(0x72d0 + 127 * 20));
      assertEquals(2, memory.getInt(0x72d0 + 127 * 20 + 16));
    }
  }

  @Test
  void refusesMemoryWithoutLowPart() throws Exception {
    KernelImage kernel = TestKernels.parse(image);
    LoaderException e =
        assertThrows(
            LoaderException.class,
            () -> BootPlan.builder(kernel).ram(TestKernels.ram(0x9f000)).build());
    assertEquals(
        "kernel: memory is [0x0..0x9f000], must have 0x0..0x9fc00 for the zero page and the"
            + " command line",
        e.getMessage());
    e = assertThrows(LoaderException.class, () -> BootPlan.builder(kernel).build());
    assertEquals(
        "kernel: memory is empty, must have 0x0..0x9fc00 for the zero page and the command line",
        e.getMessage());
  }

  @Test
  void takesMemoryInAdjacentRegions() throws Exception {
    BootPlan plan =
        BootPlan.builder(TestKernels.parse(image))
            .ram(
                List.of(
                    MemoryRange.between(0x108000, SIZE),
                    MemoryRange.between(0, 0x50000),
                    MemoryRange.between(0x50000, 0x108000)))
            .build();
    assertEquals(0x100000, plan.kernelRange().gpa());
    try (GuestMemory memory =
        GuestMemory.builder()
            .anonymous("a", 0, 0x102000)
            .anonymous("b", 0x102000, SIZE - 0x102000)
            .build()) {
      plan.writeTo(memory, 0);
      assertArrayEquals(
          Arrays.copyOfRange(TestKernels.bytes(image), 3 * 512, 3 * 512 + 4096),
          read(memory, 0x100000, 4096));
    }
  }

  @Test
  void limitsTheCommandLine() throws Exception {
    image.putInt(0x238, 5);
    assertEquals(
        6, builder().commandLine(CommandLine.of("12345")).build().commandLineRange().size());
    LoaderException e =
        assertThrows(
            LoaderException.class, () -> builder().commandLine(CommandLine.of("123456")).build());
    assertEquals("command line: length is 6 bytes, must be at most 5", e.getMessage());
    assertEquals(Reason.COMMAND_LINE, e.reason());
    image.putInt(0x238, -1);
    CommandLine longest = CommandLine.of("x".repeat(0x9fc00 - 0x20000 - 1));
    assertEquals(0x9fc00, builder().commandLine(longest).build().commandLineRange().end());
    CommandLine tooLong = CommandLine.of("x".repeat(0x9fc00 - 0x20000));
    assertThrows(LoaderException.class, () -> builder().commandLine(tooLong).build());
  }

  @Test
  void writesNothingIntoMemoryThatWasNotPlannedFor() throws Exception {
    BootPlan plan = builder().initrd(TestKernels.initrd(TestKernels.noise(100))).build();
    try (GuestMemory memory = TestKernels.memory(SIZE - 4096)) {
      assertEquals(
          "planned range 0x3ff000..0x3ff064 is not in the guest memory, 4190208 bytes: region ram"
              + " [0x0..0x3fefff]: not the memory planned for",
          assertThrows(IllegalArgumentException.class, () -> plan.writeTo(memory, 0)).getMessage());
      assertArrayEquals(new byte[SIZE - 4096], read(memory, 0, SIZE - 4096));
    }
  }

  @Test
  void writesNothingFromClosedFiles() throws Exception {
    Path file = Files.write(folder.resolve("kernel"), TestKernels.bytes(image));
    try (GuestMemory memory = TestKernels.memory(SIZE);
        Arena arena = Arena.ofConfined()) {
      BootPlan.Builder builder = builder();
      Arena closed = Arena.ofConfined();
      builder.initrd(
          Initrd.read(Files.write(folder.resolve("disk"), new byte[10]), closed)
              .join(Initrd.of("b", arena.allocate(10))));
      closed.close();
      assertEquals(
          "initrd is closed",
          assertThrows(IllegalStateException.class, () -> builder.build().writeTo(memory, 0))
              .getMessage());
      Arena gone = Arena.ofConfined();
      KernelImage kernel = KernelImage.read(file, gone);
      BootPlan plan = BootPlan.builder(kernel).ram(TestKernels.ram(SIZE)).build();
      gone.close();
      assertEquals(
          file + " is closed",
          assertThrows(IllegalStateException.class, () -> plan.writeTo(memory, 0)).getMessage());
      assertArrayEquals(new byte[SIZE], read(memory, 0, SIZE));
    }
  }

  @Test
  void refusesClosedMemory() throws Exception {
    GuestMemory memory = TestKernels.memory(SIZE);
    memory.close();
    BootPlan plan = builder().build();
    assertEquals(
        "guest memory is closed",
        assertThrows(IllegalStateException.class, () -> plan.writeTo(memory, 0)).getMessage());
  }

  @Test
  void saysWhenTheFileWasCutShort() throws Exception {
    Path file = Files.write(folder.resolve("disk"), new byte[1 << 20]);
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      BootPlan plan = builder().initrd(Initrd.read(file)).build();
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
        channel.truncate(4096);
      }
      LoaderException e = assertThrows(LoaderException.class, () -> plan.writeTo(memory, 0));
      assertEquals(
          file + ": size is 4096 bytes, must be at least 1048576, as when it was opened",
          e.getMessage());
      assertEquals(Reason.FILE, e.reason());
      assertArrayEquals(new byte[SIZE], read(memory, 0, SIZE));
    }
  }

  @Test
  void joinsInitrdsAtMultiplesOfFour() throws Exception {
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      memory.fill(0, SIZE, (byte) 0xaa);
      Initrd joined =
          TestKernels.initrd(new byte[] {1, 2, 3, 4, 5})
              .join(Initrd.of("b", MemorySegment.ofArray(new byte[] {6, 7, 8, 9})))
              .join(Initrd.of("c", MemorySegment.ofArray(new byte[] {10})));
      assertEquals(13, joined.size());
      assertEquals("initrd + b + c", joined.name());
      assertEquals("initrd initrd + b + c, 13 bytes", joined.toString());
      BootPlan plan = builder().initrd(joined).build();
      plan.writeTo(memory, 0);
      assertEquals(Optional.of(new MemoryRange(SIZE - 4096, 13)), plan.initrdRange());
      assertArrayEquals(
          new byte[] {1, 2, 3, 4, 5, 0, 0, 0, 6, 7, 8, 9, 10, (byte) 0xaa},
          read(memory, SIZE - 4096, 14));
    }
  }

  @Test
  void refusesEmptyInitrds() throws Exception {
    Path file = Files.createFile(folder.resolve("empty"));
    LoaderException e = assertThrows(LoaderException.class, () -> Initrd.read(file));
    assertEquals(file + ": size is 0 bytes, must be at least 1", e.getMessage());
    e = assertThrows(LoaderException.class, () -> Initrd.read(folder));
    assertEquals(folder + ": file is a folder, must be a regular file", e.getMessage());
  }
}

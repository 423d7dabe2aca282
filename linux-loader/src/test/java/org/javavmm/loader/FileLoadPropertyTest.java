// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.statistics.Statistics;
import org.javavmm.memory.GuestMemory;

/** An image in a file is the image that its bytes are in memory, in every respect. */
class FileLoadPropertyTest {
  private static final int SIZE = 0x140000;
  private static final int FLAT_SIZE = 6 << 20;
  private static final long FLAT = 0x40000000L;

  private static final Path FOLDER = createFolder();

  private static Path createFolder() {
    try {
      return Files.createTempDirectory("file-load");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @AfterContainer
  static void deleteFolder() throws IOException {
    try (Stream<Path> files = Files.list(FOLDER)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(FOLDER);
  }

  enum Kind {
    BZIMAGE,
    ELF,
    ELF32,
    MULTIBOOT;

    byte[] bytes() {
      ByteBuffer image =
          switch (this) {
            case BZIMAGE -> TestKernels.bzImage();
            case ELF -> TestKernels.elfWithNotes(4);
            case ELF32 -> TestKernels.elf32WithNotes(4);
            case MULTIBOOT -> TestKernels.multiboot();
          };
      if (this == ELF || this == ELF32) {
        TestKernels.note(image, 4, "Xen", 18, TestKernels.number(0x100040, 4));
      }
      return TestKernels.bytes(image);
    }
  }

  private interface Load {
    void into(GuestMemory memory) throws IOException;
  }

  /** What is in guest memory afterwards, which is two regions that a kernel crosses. */
  private record Outcome(String result, ByteBuffer memory) {
    static Outcome of(long gpa, int size, Load load) throws IOException {
      int cut = 0x101000; // in the second page from 1 MiB on
      try (GuestMemory memory =
          GuestMemory.builder()
              .anonymous("low", gpa, cut)
              .anonymous("high", gpa + cut, size - cut)
              .build()) {
        memory.fill(gpa, size, (byte) 0xaa);
        String result = "loaded";
        try {
          load.into(memory);
        } catch (LoaderException e) {
          result = e.getMessage();
        }
        Statistics.collect(result.equals("loaded") ? "loaded" : "refused");
        byte[] bytes = new byte[size];
        memory.read(gpa, bytes);
        return new Outcome(result, ByteBuffer.wrap(bytes));
      }
    }

    @Override
    public String toString() {
      return result;
    }
  }

  private static void mutate(byte[] file, int offset, byte value, int mutations) {
    if (mutations == 0) {
      file[offset % Math.min(file.length, 0x280)] = value;
    }
  }

  @Property(tries = 150)
  void x86KernelsAndInitrds(
      @ForAll Kind kind,
      @ForAll @IntRange(max = 0x27f) int offset,
      @ForAll byte value,
      @ForAll @IntRange(max = 2) int mutations,
      @ForAll @Size(max = 3) List<@IntRange(min = 1, max = 9000) Integer> disks)
      throws Exception {
    byte[] bytes = kind.bytes();
    mutate(bytes, offset, value, mutations);
    Path file = Files.write(FOLDER.resolve("kernel"), bytes);
    MemorySegment image = MemorySegment.ofArray(bytes);
    assertEquals(
        Outcome.of(
            0,
            SIZE,
            memory -> write(KernelImage.parse(file.toString(), image), ofBytes(disks), memory)),
        Outcome.of(0, SIZE, memory -> write(KernelImage.read(file), ofFiles(disks), memory)));
  }

  private static Path disk(int index) {
    return FOLDER.resolve("disk" + index);
  }

  private static List<Initrd> ofFiles(List<Integer> sizes) throws IOException {
    List<Initrd> disks = new ArrayList<>();
    for (int i = 0; i < sizes.size(); i++) {
      disks.add(Initrd.read(Files.write(disk(i), TestKernels.noise(sizes.get(i)))));
    }
    return disks;
  }

  private static List<Initrd> ofBytes(List<Integer> sizes) throws IOException {
    List<Initrd> disks = new ArrayList<>();
    for (int i = 0; i < sizes.size(); i++) {
      byte[] noise = TestKernels.noise(sizes.get(i));
      disks.add(Initrd.of(disk(i).toString(), MemorySegment.ofArray(noise)));
    }
    return disks;
  }

  private static void write(KernelImage kernel, List<Initrd> disks, GuestMemory memory)
      throws LoaderException {
    BootPlan.Builder builder = BootPlan.builder(kernel).ram(TestKernels.ram(SIZE));
    disks.stream().reduce(Initrd::join).ifPresent(builder::initrd);
    builder.build().writeTo(memory, 0xe0000);
  }

  @Property(tries = 60)
  void flatImages(
      @ForAll boolean arm,
      @ForAll @IntRange(max = 0x3f) int offset,
      @ForAll byte value,
      @ForAll @IntRange(max = 2) int mutations,
      @ForAll @Size(max = 2) List<@IntRange(min = 1, max = 9000) Integer> disks)
      throws Exception {
    byte[] bytes = TestKernels.bytes(arm ? TestImages.arm64() : TestImages.riscv64());
    mutate(bytes, offset, value, mutations);
    Path file = Files.write(FOLDER.resolve("kernel"), bytes);
    MemorySegment image = MemorySegment.ofArray(bytes);
    assertEquals(
        Outcome.of(
            FLAT,
            FLAT_SIZE,
            memory -> writeFlat(FlatImage.parse(file.toString(), image), ofBytes(disks), memory)),
        Outcome.of(
            FLAT, FLAT_SIZE, memory -> writeFlat(FlatImage.read(file), ofFiles(disks), memory)));
  }

  private static void writeFlat(FlatImage kernel, List<Initrd> disks, GuestMemory memory)
      throws LoaderException {
    FlatPlan.Builder builder =
        FlatPlan.builder(kernel).ram(List.of(new MemoryRange(FLAT, FLAT_SIZE))).deviceTreeSize(40);
    disks.stream().reduce(Initrd::join).ifPresent(builder::initrd);
    ByteBuffer tree = ByteBuffer.allocate(40).putInt(0xd00dfeed).putInt(40);
    builder.build().writeTo(memory, MemorySegment.ofArray(tree.array()));
  }

  @Property(tries = 200)
  void partsOfFilesAreThoseOfBytes(
      @ForAll @Size(min = 1, max = 5000) byte[] bytes,
      @ForAll @IntRange(max = 5000) int from,
      @ForAll @IntRange(max = 5000) int length)
      throws Exception {
    Path file = Files.write(FOLDER.resolve("file"), bytes);
    ImageBytes inFile = ImageFile.open(file, Arena.ofAuto());
    ImageBytes inMemory = ImageBytes.of(file.toString(), MemorySegment.ofArray(bytes));
    int offset = Math.min(from, bytes.length);
    int size = Math.min(length, bytes.length - offset);
    assertEquals(inMemory.size(), inFile.size());
    assertEquals(inMemory.copy(offset, size), inFile.copy(offset, size));
    ImageBytes slice = inFile.slice(offset, size);
    assertArrayEquals(
        Arrays.copyOfRange(bytes, offset, offset + size), slice.copy(0, size).array());
    assertEquals(
        -1,
        inMemory
            .slice(offset, size)
            .toMemory(Arena.ofAuto())
            .mismatch(slice.toMemory(Arena.ofAuto())));
    int half = size / 2;
    assertEquals(
        inMemory.slice(offset, size).slice(half, size - half).copy(0, size - half),
        slice.slice(half, size - half).copy(0, size - half));
    for (ImageBytes one : List.of(inFile, inMemory)) {
      assertThrows(
          IndexOutOfBoundsException.class, () -> one.slice(offset, bytes.length - offset + 1L));
      assertThrows(
          IndexOutOfBoundsException.class, () -> one.copy(offset, bytes.length - offset + 1L));
    }
  }
}

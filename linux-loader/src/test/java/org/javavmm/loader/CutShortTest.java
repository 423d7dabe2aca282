// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
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
import java.util.stream.Stream;
import org.javavmm.loader.LoaderException.Reason;
import org.javavmm.memory.GuestMemory;
import org.javavmm.sys.Errno;
import org.javavmm.sys.FaultInjection;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Files that another process cuts short, at any time. */
class CutShortTest {
  private static final int SIZE = 0x400000;
  private static final long FLAT = 0x40000000L;

  @TempDir Path folder;

  enum Kind {
    BZIMAGE,
    PAYLOAD,
    ELF,
    ELF32,
    MULTIBOOT,
    ARM64,
    RISCV64,
    UKI,
    GZIP,
    ZBOOT;

    byte[] bytes() {
      return switch (this) {
        case BZIMAGE -> TestKernels.bytes(TestKernels.bzImage());
        case PAYLOAD ->
            TestKernels.bytes(
                TestImages.bzImage(TestImages.gzip(TestKernels.bytes(TestKernels.elf()))));
        case ELF -> withNote(TestKernels.elfWithNotes(4));
        case ELF32 -> withNote(TestKernels.elf32WithNotes(4));
        case MULTIBOOT -> TestKernels.bytes(TestKernels.multiboot());
        case ARM64 -> TestKernels.bytes(TestImages.arm64());
        case RISCV64 -> TestKernels.bytes(TestImages.riscv64());
        case UKI -> TestKernels.bytes(TestImages.uki());
        case GZIP -> TestImages.gzip(TestKernels.bytes(TestKernels.bzImage()));
        case ZBOOT ->
            TestKernels.bytes(
                TestImages.zboot(TestImages.gzip(TestKernels.bytes(TestImages.arm64())), "gzip"));
      };
    }

    private static byte[] withNote(ByteBuffer image) {
      TestKernels.note(image, 4, "Xen", 18, TestKernels.number(0x100040, 4));
      return TestKernels.bytes(image);
    }

    boolean isX86() {
      return List.of(BZIMAGE, PAYLOAD, ELF, ELF32, MULTIBOOT).contains(this);
    }
  }

  private Path write(Kind kind) throws IOException {
    return Files.write(folder.resolve(kind.name()), kind.bytes());
  }

  private static void cut(Path file, long size) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(size);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] contents(GuestMemory memory, long gpa) {
    byte[] bytes = new byte[SIZE];
    memory.read(gpa, bytes);
    return bytes;
  }

  private static String cutTo(Path file, long now, long before) {
    return file
        + ": size is "
        + now
        + " bytes, must be at least "
        + before
        + ", as when it was opened";
  }

  private static LoaderException refused(String message, ThrowingRunnable step) {
    LoaderException e = assertThrows(LoaderException.BadFile.class, step::run);
    assertEquals(message, e.getMessage());
    assertEquals(Reason.FILE, e.reason());
    return e;
  }

  private interface ThrowingRunnable {
    void run() throws IOException;
  }

  private static BootPlan.Builder plan(KernelImage kernel) {
    return BootPlan.builder(kernel).ram(TestKernels.ram(SIZE));
  }

  // ---- between the parsing and the loading ---------------------------------------------------

  @ParameterizedTest
  @EnumSource(
      value = Kind.class,
      names = {"BZIMAGE", "ELF", "ELF32", "MULTIBOOT"})
  void nothingIsWrittenIfTheKernelWasCutShort(Kind kind) throws Exception {
    Path file = write(kind);
    long size = Files.size(file);
    BootPlan plan = plan(KernelImage.read(file)).build();
    cut(file, size - 1);
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      refused(cutTo(file, size - 1, size), () -> plan.writeTo(memory, 0));
      assertArrayEquals(new byte[SIZE], contents(memory, 0));
      Files.write(file, kind.bytes());
      plan.writeTo(memory, 0);
    }
  }

  @Test
  void nothingIsWrittenIfAnInitrdOrModuleWasCutShort() throws Exception {
    Path kernel = write(Kind.MULTIBOOT);
    Path disk = Files.write(folder.resolve("disk"), TestKernels.noise(5000));
    Path module = Files.write(folder.resolve("module"), TestKernels.noise(6000));
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      BootPlan plan =
          plan(KernelImage.read(kernel))
              .initrd(TestKernels.initrd(new byte[] {1}).join(Initrd.read(disk)))
              .module(Initrd.read(module), CommandLine.of("m"))
              .build();
      cut(module, 0);
      refused(cutTo(module, 0, 6000), () -> plan.writeTo(memory, 0));
      cut(disk, 4096);
      refused(cutTo(disk, 4096, 5000), () -> plan.writeTo(memory, 0));
      assertArrayEquals(new byte[SIZE], contents(memory, 0));
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Kind.class,
      names = {"ARM64", "RISCV64"})
  void nothingIsWrittenIfAnImageOrItsInitrdWasCutShort(Kind kind) throws Exception {
    Path file = write(kind);
    Path disk = Files.write(folder.resolve("disk"), TestKernels.noise(5000));
    MemoryRange ram = new MemoryRange(FLAT, 2 * SIZE);
    FlatPlan plan =
        FlatPlan.builder(FlatImage.read(file))
            .ram(List.of(ram))
            .initrd(Initrd.read(disk))
            .deviceTreeSize(4096)
            .build();
    ByteBuffer tree = ByteBuffer.allocate(40).putInt(0xd00dfeed).putInt(40);
    MemorySegment deviceTree = MemorySegment.ofArray(tree.array());
    try (GuestMemory memory =
        GuestMemory.builder().anonymous("ram", ram.gpa(), ram.size()).build()) {
      cut(disk, 1);
      refused(cutTo(disk, 1, 5000), () -> plan.writeTo(memory, deviceTree));
      cut(file, 64);
      refused(cutTo(file, 64, 4096), () -> plan.writeTo(memory, deviceTree));
      assertArrayEquals(new byte[SIZE], contents(memory, FLAT));
      assertArrayEquals(new byte[SIZE], contents(memory, FLAT + SIZE));
    }
  }

  // ---- during the loading --------------------------------------------------------------------

  @Test
  void whatWasReadBeforeTheCutIsWrittenAndNoBootInformation() throws Exception {
    Path kernel = write(Kind.BZIMAGE);
    byte[] noise = TestKernels.noise(0x10000);
    Path disk = Files.write(folder.resolve("disk"), noise);
    BootPlan plan = plan(KernelImage.read(kernel)).initrd(Initrd.read(disk)).build();
    MemoryRange range = plan.initrdRange().orElseThrow();
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      try (FaultInjection cut =
              FaultInjection.before("preadv", () -> cut(disk, 5000)).after(2).times(1);
          FaultInjection _ = FaultInjection.shorten("preadv", 4096)) {
        refused(cutTo(disk, 5000, 0x10000), () -> plan.writeTo(memory, 0));
        assertEquals(1, cut.hits());
      }
      byte[] after = contents(memory, 0);
      byte[] expected = new byte[SIZE];
      byte[] file = Kind.BZIMAGE.bytes();
      System.arraycopy(file, 1536, expected, (int) plan.kernelRange().gpa(), file.length - 1536);
      System.arraycopy(noise, 0, expected, (int) range.gpa(), 5000);
      assertArrayEquals(expected, after);
      // Written again from a file that is whole, it is as if nothing had been.
      Files.write(disk, noise);
      plan.writeTo(memory, 0);
      try (GuestMemory other = TestKernels.memory(SIZE)) {
        plan.writeTo(other, 0);
        assertArrayEquals(contents(other, 0), contents(memory, 0));
      }
    }
  }

  @Test
  void readsAreExactHoweverShortTheCalls() throws Exception {
    BootPlan plan = plan(KernelImage.read(write(Kind.ELF))).build();
    try (GuestMemory whole = TestKernels.memory(SIZE);
        GuestMemory pieces = TestKernels.memory(SIZE);
        GuestMemory copied = TestKernels.memory(SIZE)) {
      plan.writeTo(whole, 0);
      try (FaultInjection interrupt = FaultInjection.fail("preadv", Errno.EINTR).times(3);
          FaultInjection _ = FaultInjection.shorten("preadv", 333)) {
        plan.writeTo(pieces, 0);
        assertEquals(3, interrupt.hits());
      }
      // Where the kernel cannot write, the memory is asked.
      try (FaultInjection fault = FaultInjection.fail("preadv", Errno.EFAULT)) {
        plan.writeTo(copied, 0);
        assertEquals(2, fault.hits());
      }
      assertArrayEquals(contents(whole, 0), contents(pieces, 0));
      assertArrayEquals(contents(whole, 0), contents(copied, 0));
    }
  }

  @Test
  void otherErrorsOfTheHostAreNamed() throws Exception {
    Path file = write(Kind.ELF);
    BootPlan plan = plan(KernelImage.read(file)).build();
    try (GuestMemory memory = TestKernels.memory(SIZE);
        FaultInjection _ = FaultInjection.fail("preadv", Errno.EIO)) {
      LoaderException e = assertThrows(LoaderException.class, () -> plan.writeTo(memory, 0));
      assertEquals(
          file
              + ": file is not readable (pread(fd N ("
              + file
              + "), offset=4096): EIO (input/output error)), must be a readable file",
          e.getMessage().replaceFirst("fd \\d+", "fd N"));
      assertEquals(Reason.FILE, e.reason());
    }
    try (FaultInjection _ = FaultInjection.fail("statx", Errno.EIO)) {
      assertThrows(LoaderException.BadFile.class, () -> KernelImage.read(file));
    }
  }

  // ---- during the parsing, unpacking, inspecting, extracting ---------------------------------

  /** Cuts the file before each read in turn; each gives this error, or did not need the rest. */
  private void walk(Kind kind, ThrowingRunnable step) throws IOException {
    Path file = folder.resolve(kind.name());
    for (int reads = 0; ; reads++) {
      byte[] whole = kind.bytes();
      Files.write(file, whole);
      try (FaultInjection cut =
          FaultInjection.before("pread", () -> cut(file, 0)).after(reads).times(1)) {
        try {
          step.run();
          assertEquals(0, cut.hits(), kind + " was read to its end from an empty file");
          assertTrue(reads > 0, "nothing was read of " + kind);
          return;
        } catch (LoaderException e) {
          if (cut.hits() == 0) {
            assertFalse(e.reason() == Reason.FILE, e.getMessage());
            assertTrue(reads > 0, "nothing was read of " + kind);
            return;
          }
          assertEquals(cutTo(file, 0, whole.length), e.getMessage());
          assertEquals(Reason.FILE, e.reason());
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void parsingAndInspecting(Kind kind) throws Exception {
    Path file = write(kind);
    walk(kind, () -> KernelImage.read(file));
    walk(kind, () -> FlatImage.read(file));
    walk(kind, () -> PeImage.read(file));
    walk(kind, () -> KernelInspector.inspect(file));
    walk(kind, () -> KernelInspector.extract(file, 1 << 20));
  }

  @Test
  void unpackingAndTakingParts() throws Exception {
    Path file = write(Kind.PAYLOAD);
    walk(
        Kind.PAYLOAD,
        () -> {
          try (Arena arena = Arena.ofConfined()) {
            ((BzImage) KernelImage.read(file, arena)).decompressPayload(arena);
          }
        });
    walk(
        Kind.PAYLOAD,
        () -> {
          try (Arena arena = Arena.ofConfined()) {
            PackedImage.of((BzImage) KernelImage.read(file, arena)).unpack(1 << 20);
          }
        });
    Path uki = write(Kind.UKI);
    walk(
        Kind.UKI,
        () -> {
          UnifiedKernelImage image = UnifiedKernelImage.of(PeImage.read(uki)).orElseThrow();
          assertEquals(Optional.of("6.1.0-test"), image.uname());
          assertEquals("6.1.0-test", ((BzImage) image.kernelImage()).release());
          assertEquals(12, image.initrd().orElseThrow().byteSize());
          assertEquals(12, image.initrdImage().orElseThrow().size());
          assertEquals(5632, image.kernel().byteSize());
        });
  }

  @Test
  void partsOfAUnifiedImageGoStraightToTheGuest() throws Exception {
    Path file = write(Kind.UKI);
    UnifiedKernelImage uki = UnifiedKernelImage.of(PeImage.read(file)).orElseThrow();
    BootPlan plan = plan(uki.kernelImage()).initrd(uki.initrdImage().orElseThrow()).build();
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      plan.writeTo(memory, 0);
      byte[] bytes = Kind.BZIMAGE.bytes();
      byte[] after = contents(memory, 0);
      int kernel = (int) plan.kernelRange().gpa();
      assertArrayEquals(
          Arrays.copyOfRange(bytes, 1536, bytes.length),
          Arrays.copyOfRange(after, kernel, kernel + bytes.length - 1536));
      int disk = (int) plan.initrdRange().orElseThrow().gpa();
      assertEquals("070701initrd", new String(after, disk, 12, StandardCharsets.US_ASCII));
      cut(file, 4096);
      refused(cutTo(file, 4096, Kind.UKI.bytes().length), () -> plan.writeTo(memory, 0));
      refused(cutTo(file, 4096, Kind.UKI.bytes().length), uki::kernel);
    }
  }

  // ---- mappings of the caller's --------------------------------------------------------------

  @ParameterizedTest
  @EnumSource(Kind.class)
  void mappingsGiveTheSameError(Kind kind) throws Exception {
    Path file = write(kind);
    String name = file.toString();
    String message = file + ": file is shorter than when it was mapped, must not change";
    try (Arena arena = Arena.ofConfined();
        FileChannel channel =
            FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
        GuestMemory memory = TestKernels.memory(SIZE)) {
      MemorySegment image = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      BootPlan plan =
          plan(TestKernels.parse(TestKernels.bzImage())).initrd(Initrd.of(name, image)).build();
      Optional<BootPlan> asKernel =
          kind.isX86()
              ? Optional.of(plan(KernelImage.parse(name, image)).build())
              : Optional.empty();
      channel.truncate(0);
      refused(message, () -> plan.writeTo(memory, 0));
      if (asKernel.isPresent()) {
        refused(message, () -> asKernel.get().writeTo(memory, 0));
      }
      refused(message, () -> KernelImage.parse(name, image));
      refused(message, () -> FlatImage.parse(name, image));
      refused(message, () -> PeImage.parse(name, image));
      refused(message, () -> PackedImage.detect(name, image));
      refused(message, () -> KernelInspector.extract(name, image, 1 << 20));
      assertFalse(PeImage.detect(image));
      assertEquals(Optional.empty(), FlatImage.detect(image));
      ImageReport report = KernelInspector.inspect(name, image, 1 << 20);
      assertEquals(message, report.problem().orElseThrow().getMessage());
      assertFalse(report.isKernel());
      assertEquals(image.byteSize(), report.fileSize());
    }
  }

  // ---- whose the descriptor is ---------------------------------------------------------------

  private static long descriptorsOf(Path file) throws IOException {
    try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
      return open.filter(fd -> isLinkTo(fd, file)).count();
    }
  }

  private static boolean isLinkTo(Path fd, Path file) {
    try {
      return Files.readSymbolicLink(fd).equals(file.toRealPath());
    } catch (IOException e) {
      return false; // closed meanwhile
    }
  }

  @Test
  void theDescriptorIsTheArenas() throws Exception {
    Path file = write(Kind.PAYLOAD);
    try (Arena arena = Arena.ofShared()) {
      BzImage kernel = (BzImage) KernelImage.read(file, arena);
      Initrd disk = Initrd.read(file, arena);
      assertEquals(2, descriptorsOf(file));
      assertEquals(BootEntry.LINUX_64, kernel.decompressPayload(arena).entries().getFirst());
      assertTrue(disk.isAlive());
    }
    assertEquals(0, descriptorsOf(file));
    KernelInspector.extract(file, 1 << 20);
    assertEquals(0, descriptorsOf(file));
    assertThrows(
        LoaderException.class,
        () -> KernelImage.read(Files.write(file, new byte[10]), Arena.global()));
    Arena closed = Arena.ofShared();
    closed.close();
    Path other = write(Kind.ELF);
    assertThrows(IllegalStateException.class, () -> KernelImage.read(other, closed));
    assertEquals(0, descriptorsOf(other));
  }

  @Test
  void whoDeletesOrReplacesTheFileChangesNothing() throws Exception {
    Path file = write(Kind.ELF);
    BootPlan plan = plan(KernelImage.read(file)).build();
    Files.delete(file);
    Files.write(file, new byte[1]);
    try (GuestMemory memory = TestKernels.memory(SIZE);
        GuestMemory expected = TestKernels.memory(SIZE)) {
      plan.writeTo(memory, 0);
      plan(KernelImage.parse("kernel", MemorySegment.ofArray(Kind.ELF.bytes())))
          .build()
          .writeTo(expected, 0);
      assertArrayEquals(contents(expected, 0), contents(memory, 0));
    }
  }

  @Test
  void compressedDataIsBounded() throws Exception {
    Path file = write(Kind.GZIP);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(new byte[1]), 1L << 40); // a hole
    }
    LoaderException e =
        assertThrows(LoaderException.class, () -> KernelInspector.extract(file, 1 << 20));
    assertEquals(
        file
            + ": compressed size is 1099511627777 bytes, must be at most 17956864 for what unpacks"
            + " to at most 1048576",
        e.getMessage());
    assertEquals(Reason.HEADER, e.reason());
  }
}

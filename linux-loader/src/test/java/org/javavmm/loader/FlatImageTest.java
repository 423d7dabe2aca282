// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.javavmm.loader.LoaderException.Reason;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FlatImageTest {
  private final ByteBuffer arm = TestImages.arm64();
  private final ByteBuffer riscv = TestImages.riscv64();

  private static FlatImage parse(ByteBuffer image) throws LoaderException {
    return FlatImage.parse("kernel", TestImages.segment(image));
  }

  private static void refuses(ByteBuffer image, Reason reason, String message) {
    LoaderException e = assertThrows(LoaderException.class, () -> parse(image));
    assertEquals("kernel: " + message, e.getMessage());
    assertEquals(reason, e.reason());
  }

  @Test
  void readsAnArm64Header(@TempDir Path folder) throws Exception {
    FlatImage kernel = parse(arm);
    assertEquals(Architecture.ARM64, kernel.architecture());
    assertEquals("kernel", kernel.name());
    assertEquals(4096, kernel.fileSize());
    assertEquals(0, kernel.textOffset());
    assertTrue(kernel.hasImageSize());
    assertEquals(0x10000, kernel.imageSize());
    assertEquals(0xa, kernel.flags());
    assertEquals(4096, kernel.pageSize());
    assertFalse(kernel.bigEndian());
    assertTrue(kernel.placedAnywhere());
    assertFalse(kernel.hasEfiStub());
    assertEquals(0, kernel.headerVersion());
    assertEquals("kernel: arm64 Image, text_offset 0x0, image_size 0x10000", kernel.toString());
    Path file = Files.write(folder.resolve("Image"), TestKernels.bytes(arm));
    assertEquals(0x10000, FlatImage.read(file).imageSize());
  }

  @Test
  void readsEveryFlag() throws Exception {
    arm.putLong(24, 0xffff_ffff_ffff_fff1L);
    FlatImage kernel = parse(arm);
    assertTrue(kernel.bigEndian());
    assertEquals(0, kernel.pageSize());
    assertFalse(kernel.placedAnywhere());
    arm.putLong(24, 4);
    assertEquals(16 << 10, parse(arm).pageSize());
    arm.putLong(24, 6);
    assertEquals(64 << 10, parse(arm).pageSize());
    riscv.putLong(24, 0xf);
    assertTrue(parse(riscv).bigEndian());
    assertEquals(0, parse(riscv).pageSize());
    assertFalse(parse(riscv).placedAnywhere());
    arm.putShort(0, (short) 0x5a4d).putInt(60, 64);
    assertTrue(parse(arm).hasEfiStub());
  }

  @Test
  void anOldArm64KernelLiesAt512KiB() throws Exception {
    arm.putLong(16, 0);
    arm.putLong(8, 0x0000_0800_0000_0000L); // 0x80000 in the other byte order
    FlatImage kernel = parse(arm);
    assertFalse(kernel.hasImageSize());
    assertEquals(0x80000, kernel.textOffset());
    assertEquals(4096, kernel.imageSize());
    assertEquals("kernel: arm64 Image, text_offset 0x80000, image_size unknown", kernel.toString());
  }

  @Test
  void readsARiscv64Header() throws Exception {
    FlatImage kernel = parse(riscv);
    assertEquals(Architecture.RISCV64, kernel.architecture());
    assertEquals(0x200000, kernel.textOffset());
    assertEquals(2, kernel.headerVersion());
    assertEquals("riscv64", kernel.architecture().toString());
  }

  @Test
  void theFirstRiscvMagicCountsInVersion0Dot1Only() throws Exception {
    riscv.putInt(56, 0);
    refuses(
        riscv, Reason.FORMAT, "magic is 0x0, must be 0x644d5241 (arm64) or 0x5435352 (riscv64)");
    riscv.putInt(32, 1);
    assertEquals(1, parse(riscv).headerVersion());
    assertEquals(Optional.of(Architecture.RISCV64), FlatImage.detect(TestImages.segment(riscv)));
  }

  @Test
  void detectsWithoutChecking() {
    arm.putLong(16, -1);
    assertEquals(Optional.of(Architecture.ARM64), FlatImage.detect(TestImages.segment(arm)));
    assertEquals(Optional.empty(), FlatImage.detect(MemorySegment.ofArray(new byte[63])));
    assertEquals(Optional.empty(), FlatImage.detect(MemorySegment.ofArray(new byte[64])));
  }

  @Test
  void refusesWhatHasNoHeader() {
    refuses(
        TestKernels.little(63),
        Reason.TRUNCATED,
        "file is 63 bytes, must be at least 64, the header of an Image");
    refuses(
        TestKernels.bzImage(),
        Reason.FORMAT,
        "magic is 0x0, must be 0x644d5241 (arm64) or 0x5435352 (riscv64)");
  }

  @Test
  void refusesOtherVersions() {
    riscv.putInt(32, 0x10003);
    refuses(riscv, Reason.PROTOCOL, "version is 1.3, must be 0.1 or a later 0.x");
    riscv.putInt(32, -1);
    refuses(riscv, Reason.PROTOCOL, "version is 65535.65535, must be 0.1 or a later 0.x");
  }

  @Test
  void refusesSizesThatMakeNoSense() {
    riscv.putLong(16, 0);
    refuses(riscv, Reason.HEADER, "image_size is 0x0, must not be 0 on riscv64");
    arm.putLong(16, 4095);
    refuses(arm, Reason.HEADER, "image_size is 0xfff, must be at least 0x1000, the file's size");
    arm.putLong(16, 0x1_0000_0000_0001L);
    refuses(arm, Reason.HEADER, "image_size is 0x1000000000001, must be at most 0x1000000000000");
    arm.putLong(16, -1);
    refuses(
        arm, Reason.HEADER, "image_size is 0xffffffffffffffff, must be at most 0x1000000000000");
  }

  @Test
  void refusesOffsetsThatMakeNoSense() {
    arm.putLong(8, 0x800);
    refuses(arm, Reason.HEADER, "text_offset is 0x800, must be a multiple of 0x1000");
    arm.putLong(8, 0x200000);
    refuses(arm, Reason.HEADER, "text_offset is 0x200000, must be below 0x200000");
    arm.putLong(8, -4096);
    refuses(arm, Reason.HEADER, "text_offset is 0xfffffffffffff000, must be below 0x200000");
    riscv.putLong(8, 0x1000);
    refuses(
        riscv,
        Reason.HEADER,
        "text_offset is 0x1000, must be a multiple of 0x200000: the kernel starts at a PMD"
            + " boundary");
    riscv.putLong(8, -0x200000);
    refuses(
        riscv, Reason.HEADER, "text_offset is 0xffffffffffe00000, must be at most 0x1000000000000");
  }
}

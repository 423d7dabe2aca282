// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.OptionalLong;
import org.javavmm.loader.LoaderException.Reason;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PackedImageTest {
  private static final byte[] KERNEL = TestKernels.bytes(TestImages.arm64());
  private static final byte[] GZIP = TestImages.gzip(KERNEL);

  private static PackedImage detect(byte[] file) throws LoaderException {
    return PackedImage.detect("file", MemorySegment.ofArray(file)).orElseThrow();
  }

  private static void refuses(PackedImage packed, long limit, Reason reason, String message) {
    LoaderException e = assertThrows(LoaderException.class, () -> packed.unpack(limit));
    assertEquals("file: " + message, e.getMessage());
    assertEquals(reason, e.reason());
  }

  @Test
  void unpacksAFile() throws Exception {
    PackedImage packed = detect(GZIP);
    assertEquals(PackedImage.Kind.FILE, packed.kind());
    assertEquals("gzip", packed.compression());
    assertEquals(GZIP.length, packed.compressedSize());
    assertEquals(OptionalLong.of(4096), packed.announcedSize());
    MemorySegment kernel = packed.unpack(4096);
    assertTrue(kernel.isReadOnly());
    assertArrayEquals(KERNEL, kernel.toArray(ValueLayout.JAVA_BYTE));
    assertEquals("file: gzip-compressed, " + GZIP.length + " bytes", packed.toString());
  }

  @Test
  void saysWhenTheFileWasCutShort(@TempDir Path folder) throws Exception {
    byte[] gzip = TestImages.gzip(TestKernels.noise(1 << 20));
    Path file = Files.write(folder.resolve("kernel"), gzip);
    String message = file + ": file is shorter than when it was mapped, must not change";
    try (Arena arena = Arena.ofConfined();
        FileChannel channel =
            FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      MemorySegment image = channel.map(FileChannel.MapMode.READ_ONLY, 0, gzip.length, arena);
      PackedImage packed = PackedImage.detect(file.toString(), image).orElseThrow();
      channel.truncate(4096);
      LoaderException e = assertThrows(LoaderException.class, () -> packed.unpack(2 << 20));
      assertEquals(message, e.getMessage());
      assertEquals(Reason.FILE, e.reason());
    }
  }

  @Test
  void boundsWhatItUnpacks() throws Exception {
    refuses(
        detect(GZIP), 4095, Reason.HEADER, "uncompressed size is 4096 bytes, must be at most 4095");
    byte[] lie = GZIP.clone();
    ByteBuffer.wrap(lie).putInt(lie.length - 4, 0x01000000); // ISIZE 1
    refuses(
        detect(lie),
        4095,
        Reason.HEADER,
        "uncompressed size is more than 4095 bytes, must be at most 4095");
    refuses(detect(lie), 1 << 20, Reason.FORMAT, "gzip data's ISIZE is 1, must be 4096");
    assertEquals(
        "limit -1: is negative",
        assertThrows(IllegalArgumentException.class, () -> detect(GZIP).unpack(-1)).getMessage());
  }

  @Test
  void severalMembersAreOneKernel() throws Exception {
    byte[] two = Arrays.copyOf(GZIP, 2 * GZIP.length);
    System.arraycopy(GZIP, 0, two, GZIP.length, GZIP.length);
    assertEquals(8192, detect(two).unpack(1 << 20).byteSize());
  }

  @Test
  void damageAndWantOfCodecsAreErrors() throws Exception {
    refuses(
        detect(Arrays.copyOf(GZIP, GZIP.length - 9)),
        1L << 40,
        Reason.TRUNCATED,
        "gzip data's compressed data is cut off at byte "
            + (GZIP.length - 9)
            + ", must be complete");
    refuses(
        detect(HexFormat.of().parseHex("89" + "4c5a4f000d0a1a0a")),
        1 << 20,
        Reason.FORMAT,
        "lzo data's codec is missing, add the artifact org.javavmm:codecs");
  }

  @Test
  void otherFilesAreNotPacked() throws Exception {
    assertEquals(
        Optional.empty(), PackedImage.detect("file", TestImages.segment(TestKernels.bzImage())));
    // zlib by its header, but nobody compresses kernels so.
    assertEquals(
        Optional.empty(),
        PackedImage.detect("file", MemorySegment.ofArray(new byte[] {0x78, (byte) 0x9c, 3, 0})));
  }

  @Test
  void unpacksZboot() throws Exception {
    PackedImage packed = detect(TestKernels.bytes(TestImages.zboot(GZIP, "gzip")));
    assertEquals(PackedImage.Kind.ZBOOT, packed.kind());
    assertEquals("gzip", packed.compression());
    assertEquals(OptionalLong.of(4096), packed.announcedSize());
    assertArrayEquals(KERNEL, packed.unpack(1 << 20).toArray(ValueLayout.JAVA_BYTE));
  }

  @Test
  void zbootNamesItsCompression() throws Exception {
    ByteBuffer image = TestImages.zboot(new byte[100], "zstd22");
    image.putInt(image.capacity() - 4, 0x12345);
    PackedImage packed = detect(TestKernels.bytes(image));
    assertEquals("zstd22", packed.compression());
    assertEquals(OptionalLong.of(0x12345), packed.announcedSize());
    for (String known : new String[] {"lz4", "lzma", "lzo", "xzkern", "xz", "zstd"}) {
      assertEquals(
          known, detect(TestKernels.bytes(TestImages.zboot(new byte[8], known))).compression());
    }
    refuses(
        detect(TestKernels.bytes(TestImages.zboot(GZIP, "rar\u001b"))),
        1 << 20,
        Reason.FORMAT,
        "compression is rar?, must be gzip, xz, zstd, lz4, lzma, bzip2 or lzo");
    refuses(
        detect(TestKernels.bytes(TestImages.zboot(GZIP, ""))),
        1 << 20,
        Reason.FORMAT,
        "compression is empty, must be gzip, xz, zstd, lz4, lzma, bzip2 or lzo");
  }

  @Test
  void refusesZbootPayloadsOutOfTheFile() {
    ByteBuffer image = TestImages.zboot(new byte[100], "gzip");
    image.putInt(12, 105);
    LoaderException e = assertThrows(LoaderException.class, () -> detect(TestKernels.bytes(image)));
    assertEquals(
        "file: end of the zboot payload is 0x169, must be at most 0x168, the file's size",
        e.getMessage());
    image.putInt(8, -1).putInt(12, -1);
    e = assertThrows(LoaderException.class, () -> detect(TestKernels.bytes(image)));
    assertEquals(Reason.TRUNCATED, e.reason());
  }

  @Test
  void unpacksABzImage() throws Exception {
    byte[] gzip = TestImages.gzip("vmlinux".getBytes(StandardCharsets.US_ASCII));
    BzImage kernel = (BzImage) TestKernels.parse(TestImages.bzImage(gzip));
    PackedImage packed = PackedImage.of(kernel);
    assertEquals(PackedImage.Kind.BZIMAGE, packed.kind());
    assertEquals(OptionalLong.of(7), packed.announcedSize());
    assertEquals(7, packed.unpack(7).byteSize());
    // A size that is less than what comes is exact, and so an error.
    ByteBuffer image = TestImages.bzImage(gzip);
    image.putInt(3 * 512 + 0x400 + gzip.length - 4, 6);
    PackedImage lie = PackedImage.of((BzImage) TestKernels.parse(image));
    LoaderException e = assertThrows(LoaderException.class, () -> lie.unpack(100));
    assertEquals(
        "kernel: uncompressed size is more than 6 bytes, must be at most 6", e.getMessage());
  }

  @Test
  void refusesBzImagesWithoutPayload() throws Exception {
    ByteBuffer image = TestKernels.bzImage();
    image.putInt(0x24c, 4);
    BzImage none = (BzImage) TestKernels.parse(image);
    LoaderException e = assertThrows(LoaderException.class, () -> PackedImage.of(none));
    assertEquals(
        "kernel: payload_length is 0x4, must be above 4, the size behind the payload",
        e.getMessage());
    image.putShort(0x206, (short) 0x207);
    BzImage old = (BzImage) TestKernels.parse(image);
    e = assertThrows(LoaderException.class, () -> PackedImage.of(old));
    assertEquals(
        "kernel: version is 0x207, must be at least 0x208, which says where the payload is",
        e.getMessage());
    BzImage noise = (BzImage) TestKernels.parse(TestKernels.bzImage());
    assertEquals("unknown", PackedImage.of(noise).compression());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.GZIPOutputStream;
import org.javavmm.codec.DecompressionException;
import org.javavmm.memory.GuestMemory;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** A bzImage's payload, decompressed on the host. */
class PayloadTest {
  private static final int SIZE = 4 << 20;

  @AutoClose private final Arena arena = Arena.ofConfined();

  private static byte[] gzip(byte[] bytes) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (OutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    }
    return out.toByteArray();
  }

  /** As the kernel's build does for all formats but gzip: the size appended. */
  private static byte[] zlib(byte[] bytes, int size) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (OutputStream zlib = new DeflaterOutputStream(out)) {
      zlib.write(bytes);
    }
    out.writeBytes(TestKernels.number(size, 4));
    return out.toByteArray();
  }

  /** A bzImage with a payload and room to decompress 64 KiB. */
  private static ByteBuffer bzImage(byte[] payload) {
    ByteBuffer plain = TestKernels.bzImage();
    int kernel = (0x400 + payload.length + 15) & -16;
    ByteBuffer image = TestKernels.little(1536 + kernel);
    image.put(0, plain, 0, 1536 + 0x400);
    image.put(1536 + 0x400, payload);
    image.putInt(0x1f4, kernel / 16);
    image.putInt(0x24c, payload.length);
    return image;
  }

  private void refuses(ByteBuffer image, String message) throws LoaderException {
    BzImage kernel = (BzImage) TestKernels.parse(image);
    LoaderException e =
        assertThrows(LoaderException.BadPayload.class, () -> kernel.decompressPayload(arena));
    assertEquals(message, e.getMessage());
  }

  @Test
  void isTheKernelThatWasCompressed() throws Exception {
    // Relocations behind the ELF file, as a relocatable kernel has.
    byte[] elf = TestKernels.bytes(TestKernels.elf());
    byte[] withTail = Arrays.copyOf(elf, elf.length + 1234);
    for (byte[] payload :
        List.of(
            gzip(elf), gzip(withTail), zlib(elf, elf.length), zlib(withTail, withTail.length))) {
      BzImage bzImage = (BzImage) TestKernels.parse(bzImage(payload));
      ElfKernel kernel = bzImage.decompressPayload(arena);
      assertEquals("kernel (payload)", kernel.name());
      assertEquals(0x100040, kernel.entry());
      try (GuestMemory memory = TestKernels.memory(SIZE)) {
        BootPlan.builder(kernel).ram(TestKernels.ram(SIZE)).build().writeTo(memory, 0);
        byte[] code = new byte[0x1000];
        memory.read(0x100000, code);
        assertEquals(-1, Arrays.mismatch(code, 0, 0x1000, elf, 0x1000, 0x2000));
      }
    }
  }

  @Test
  void refusesSizesThatAreNotTheTrueOne() throws Exception {
    byte[] elf = TestKernels.bytes(TestKernels.elf());
    refuses(
        bzImage(zlib(elf, elf.length + 1)),
        "kernel: payload's uncompressed size is 9216 bytes, must be 9217, as its last 4 bytes say");
    refuses(
        bzImage(zlib(elf, elf.length - 1)),
        "kernel: payload's zlib uncompressed size is more than 9215 bytes, must be at most 9215");
    refuses(
        bzImage(zlib(elf, 0)),
        "kernel: payload's uncompressed size is 0x0, must be from 0x1 to 0x10000, init_size");
    refuses(
        bzImage(zlib(elf, -1)),
        "kernel: payload's uncompressed size is 0xffffffff, must be from 0x1 to 0x10000, init_size");
    ByteBuffer old = bzImage(zlib(elf, -1));
    old.putShort(0x206, (short) 0x209);
    refuses(
        old, "kernel: payload's uncompressed size is 0xffffffff, must be from 0x1 to 0x10000000");
    old.putShort(0x206, (short) 0x207);
    refuses(
        old,
        "kernel: payload_length is 0x0, must be at least 0x4, which is the size of the size at its"
            + " end (protocol 2.08)");
  }

  /** An arena that says how much was asked of it, and gives none beyond 32 MiB. */
  private final class Frugal implements Arena {
    private long asked;

    @Override
    public MemorySegment allocate(long size, long alignment) {
      asked += size;
      assertTrue(size <= 32 << 20, () -> size + " bytes were asked for");
      return arena.allocate(size, alignment);
    }

    @Override
    public MemorySegment.Scope scope() {
      return arena.scope();
    }

    @Override
    public void close() {}
  }

  @Test
  void aSizeThatIsNotBorneOutCostsNoMemory() throws Exception {
    byte[] elf = TestKernels.bytes(TestKernels.elf());
    ByteBuffer image = bzImage(zlib(elf, -16));
    image.putInt(0x260, -1); // init_size
    BzImage kernel = (BzImage) TestKernels.parse(image);
    Frugal frugal = new Frugal();
    assertEquals(
        "kernel: payload's uncompressed size is 9216 bytes, must be 4294967280, as its last 4 bytes"
            + " say",
        assertThrows(LoaderException.BadPayload.class, () -> kernel.decompressPayload(frugal))
            .getMessage());
    assertEquals(0, frugal.asked);
  }

  @Test
  void aPayloadOfManyZerosGetsTheRoomThatItNeeds() throws Exception {
    int size = 20 << 20;
    byte[] elf = Arrays.copyOf(TestKernels.bytes(TestKernels.elf()), size);
    ByteBuffer image = bzImage(zlib(elf, size));
    image.putInt(0x260, 1 << 30); // init_size
    Frugal frugal = new Frugal();
    ElfKernel kernel = ((BzImage) TestKernels.parse(image)).decompressPayload(frugal);
    assertEquals(size, kernel.fileSize());
    assertEquals(size, frugal.asked);
    ByteBuffer wrong = bzImage(zlib(elf, size + 1));
    wrong.putInt(0x260, 1 << 30);
    refuses(
        wrong,
        "kernel: payload's uncompressed size is 20971520 bytes, must be 20971521, as its last 4"
            + " bytes say");
  }

  @Test
  void namesTheCodecThatIsMissing() throws Exception {
    byte[] lz4 = new byte[64];
    ByteBuffer.wrap(lz4).putInt(0, 0x02214c18);
    lz4[60] = 1;
    refuses(
        bzImage(lz4),
        "kernel: payload's lz4 legacy codec is missing, add the artifact org.javavmm:codecs");
  }

  @Test
  void refusesDamagedPayloads() throws Exception {
    byte[] gzip = gzip(TestKernels.bytes(TestKernels.elf()));
    gzip[gzip.length - 8]++; // the checksum
    BzImage kernel = (BzImage) TestKernels.parse(bzImage(gzip));
    LoaderException e = assertThrows(LoaderException.class, () -> kernel.decompressPayload(arena));
    assertInstanceOf(DecompressionException.class, e.getCause());
    assertEquals(LoaderException.Reason.PAYLOAD, e.reason());
    byte[] noise = TestKernels.noise(64);
    noise[62] = 0;
    noise[63] = 0;
    refuses(
        bzImage(noise),
        "kernel: payload's format is not known, must be one of [GZIP, ZLIB, XZ, ZSTD, LZ4_LEGACY,"
            + " LZ4, LZMA, BZIP2, LZO]");
  }

  @Test
  void refusesWhatIsNoKernelInside() throws Exception {
    refuses(
        bzImage(gzip(TestKernels.bytes(TestKernels.bzImage()))),
        "kernel (payload): format is a bzImage, must be an ELF vmlinux");
    refuses(
        bzImage(gzip(new byte[10])),
        "kernel (payload): format is not known, must be an ELF vmlinux");
    ByteBuffer elf = TestKernels.elf();
    elf.putShort(18, (short) 183);
    BzImage arm = (BzImage) TestKernels.parse(bzImage(gzip(TestKernels.bytes(elf))));
    assertEquals(
        "kernel (payload): e_machine is 0xb7 (arm64), must be 0x3e (x86-64)",
        assertThrows(LoaderException.WrongArchitecture.class, () -> arm.decompressPayload(arena))
            .getMessage());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codec;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.OptionalLong;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.GZIPOutputStream;
import org.javavmm.codec.DecompressionException.Kind;
import org.junit.jupiter.api.Test;

class DecompressorsTest {
  private static final byte[] TEXT =
      "some text, again and again; ".repeat(9000).getBytes(StandardCharsets.US_ASCII);

  static byte[] gzip(byte[] data) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(data);
    }
    return out.toByteArray();
  }

  static byte[] zlib(byte[] data) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (DeflaterOutputStream zlib = new DeflaterOutputStream(out)) {
      zlib.write(data);
    }
    return out.toByteArray();
  }

  private static byte[] join(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }

  private static byte[] decompress(CompressionFormat format, byte[] input, int limit)
      throws DecompressionException {
    byte[] output = new byte[limit];
    long length =
        Decompressors.decompress(
            format, MemorySegment.ofArray(input), MemorySegment.ofArray(output));
    return Arrays.copyOf(output, Math.toIntExact(length));
  }

  private static void fails(
      Kind kind, String message, CompressionFormat format, byte[] input, int limit) {
    DecompressionException e =
        assertThrows(DecompressionException.class, () -> decompress(format, input, limit));
    assertEquals(message, e.getMessage());
    assertEquals(kind, e.kind());
    assertEquals(format, e.format());
    assertEquals(
        message, format.label() + ": " + e.field() + " is " + e.value() + ", " + e.limit());
  }

  @Test
  void decompressesBoth() throws IOException {
    assertArrayEquals(TEXT, decompress(CompressionFormat.GZIP, gzip(TEXT), TEXT.length));
    assertArrayEquals(TEXT, decompress(CompressionFormat.ZLIB, zlib(TEXT), TEXT.length));
    assertArrayEquals(new byte[0], decompress(CompressionFormat.GZIP, gzip(new byte[0]), 0));
    assertArrayEquals(new byte[0], decompress(CompressionFormat.ZLIB, zlib(new byte[0]), 0));
  }

  @Test
  void membersFollowEachOther() throws IOException {
    byte[] two = join(gzip(TEXT), gzip(new byte[0]), gzip(new byte[] {1, 2}));
    assertArrayEquals(
        join(TEXT, new byte[] {1, 2}), decompress(CompressionFormat.GZIP, two, TEXT.length + 100));
  }

  @Test
  void worksOnEveryKindOfSegment() throws IOException {
    byte[] data = gzip(TEXT);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment input = arena.allocate(data.length).copyFrom(MemorySegment.ofArray(data));
      MemorySegment output = arena.allocate(TEXT.length + 1);
      assertEquals(
          TEXT.length,
          Decompressors.decompress(CompressionFormat.GZIP, input.asReadOnly(), output));
      assertArrayEquals(TEXT, output.asSlice(0, TEXT.length).toArray(ValueLayout.JAVA_BYTE));
      MemorySegment longs = MemorySegment.ofArray(new long[TEXT.length / 8 + 1]);
      assertEquals(TEXT.length, Decompressors.decompress(CompressionFormat.GZIP, input, longs));
      assertArrayEquals(TEXT, longs.asSlice(0, TEXT.length).toArray(ValueLayout.JAVA_BYTE));
    }
  }

  @Test
  void optionalHeaderFields() throws IOException {
    byte[] plain = gzip(TEXT);
    // FHCRC, FEXTRA, FNAME, FCOMMENT.
    byte[] header =
        HexFormat.of().parseHex("1f8b081e000000000003" + "0300aabbcc" + "6e00" + "6300");
    CRC32 crc = new CRC32();
    crc.update(header);
    byte[] check = {(byte) crc.getValue(), (byte) (crc.getValue() >> 8)};
    byte[] body = Arrays.copyOfRange(plain, 10, plain.length);
    assertArrayEquals(
        TEXT, decompress(CompressionFormat.GZIP, join(header, check, body), TEXT.length));
    check[0] ^= 1;
    int right = (int) crc.getValue() & 0xffff;
    fails(
        Kind.CORRUPT,
        String.format(
            "gzip: CRC16 is 0x%04x, must be 0x%04x, that of the header", right ^ 1, right),
        CompressionFormat.GZIP,
        join(header, check, body),
        TEXT.length);
    fails(
        Kind.TRUNCATED,
        "gzip: FEXTRA is cut off at byte 13, must be complete",
        CompressionFormat.GZIP,
        Arrays.copyOf(header, 13),
        0);
    fails(
        Kind.TRUNCATED,
        "gzip: FNAME is cut off at byte 16, must be complete",
        CompressionFormat.GZIP,
        Arrays.copyOf(header, 16),
        0);
    fails(
        Kind.TRUNCATED,
        "gzip: FCOMMENT is cut off at byte 18, must be complete",
        CompressionFormat.GZIP,
        Arrays.copyOf(header, 18),
        0);
  }

  @Test
  void tooLarge() throws IOException {
    fails(
        Kind.TOO_LARGE,
        "gzip: uncompressed size is more than 10 bytes, must be at most 10",
        CompressionFormat.GZIP,
        gzip(new byte[11]),
        10);
    fails(
        Kind.TOO_LARGE,
        "zlib: uncompressed size is more than 0 bytes, must be at most 0",
        CompressionFormat.ZLIB,
        zlib(new byte[1]),
        0);
    fails(
        Kind.TOO_LARGE,
        "gzip: uncompressed size is more than 65536 bytes, must be at most 65536",
        CompressionFormat.GZIP,
        join(gzip(new byte[65536]), gzip(new byte[1])),
        65536);
  }

  @Test
  void brokenHeaders() throws IOException {
    byte[] data = gzip(new byte[3]);
    fails(
        Kind.CORRUPT,
        "gzip: magic number is 0x8b20, must be 0x8b1f",
        CompressionFormat.GZIP,
        with(data, 0, 0x20),
        3);
    fails(Kind.CORRUPT, "gzip: CM is 9, must be 8", CompressionFormat.GZIP, with(data, 2, 9), 3);
    fails(
        Kind.CORRUPT,
        "gzip: FLG is 0x20, must have no bit of 0xe0",
        CompressionFormat.GZIP,
        with(data, 3, 0x20),
        3);
    fails(
        Kind.CORRUPT,
        "zlib: compressed data is damaged before byte 11, must have no incorrect header check",
        CompressionFormat.ZLIB,
        with(zlib(new byte[3]), 1, 0),
        3);
    fails(
        Kind.CORRUPT,
        "zlib: FDICT is 1, must be 0, for a preset dictionary is not supported",
        CompressionFormat.ZLIB,
        HexFormat.of().parseHex("78bb000000010300"),
        3);
  }

  @Test
  void brokenTrailers() throws IOException {
    byte[] data = gzip(new byte[3]);
    int end = data.length;
    fails(
        Kind.CORRUPT,
        "gzip: CRC32 is 0xff41d900, must be 0xff41d912, that of the data",
        CompressionFormat.GZIP,
        with(data, end - 8, 0),
        3);
    fails(
        Kind.CORRUPT,
        "gzip: ISIZE is 4, must be 3",
        CompressionFormat.GZIP,
        with(data, end - 4, 4),
        3);
    fails(
        Kind.CORRUPT,
        "gzip: length behind the compressed data is 1 bytes, must be 0",
        CompressionFormat.GZIP,
        Arrays.copyOf(data, end + 1),
        3);
    fails(
        Kind.CORRUPT,
        "gzip: length behind the compressed data is 5 bytes, must be 0",
        CompressionFormat.GZIP,
        Arrays.copyOf(data, end + 5),
        3);
    byte[] zlib = zlib(new byte[3]);
    fails(
        Kind.CORRUPT,
        "zlib: length behind the compressed data is 2 bytes, must be 0",
        CompressionFormat.ZLIB,
        Arrays.copyOf(zlib, zlib.length + 2),
        3);
    fails(
        Kind.CORRUPT,
        "zlib: compressed data is damaged before byte 11, must have no incorrect data check",
        CompressionFormat.ZLIB,
        with(zlib, zlib.length - 1, 0),
        3);
  }

  @Test
  void everyTruncationIsNoticed() throws IOException {
    byte[] text = Arrays.copyOf(TEXT, 500);
    for (CompressionFormat format :
        new CompressionFormat[] {CompressionFormat.GZIP, CompressionFormat.ZLIB}) {
      byte[] data = format == CompressionFormat.GZIP ? gzip(text) : zlib(text);
      for (int length = 0; length < data.length; length++) {
        byte[] cut = Arrays.copyOf(data, length);
        DecompressionException e =
            assertThrows(DecompressionException.class, () -> decompress(format, cut, 500));
        assertEquals(Kind.TRUNCATED, e.kind(), e.getMessage());
      }
    }
  }

  @Test
  void withoutCodecTheErrorSaysWhatToAdd() {
    fails(
        Kind.NO_CODEC,
        "zstd: codec is missing, add the artifact org.javavmm:codecs",
        CompressionFormat.ZSTD,
        new byte[10],
        10);
    assertEquals(
        OptionalLong.empty(),
        Decompressors.uncompressedSize(
            CompressionFormat.ZSTD, MemorySegment.ofArray(new byte[10])));
  }

  @Test
  void misuse() {
    MemorySegment segment = MemorySegment.ofArray(new byte[100]);
    IllegalArgumentException readOnly =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                Decompressors.decompress(
                    CompressionFormat.GZIP, segment.asSlice(0, 50), segment.asReadOnly()));
    assertEquals("the output is read-only", readOnly.getMessage());
    IllegalArgumentException overlap =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                Decompressors.decompress(
                    CompressionFormat.GZIP, segment.asSlice(0, 50), segment.asSlice(49)));
    assertEquals("the output overlaps the input", overlap.getMessage());
  }

  @Test
  void announcedSize() throws IOException {
    assertEquals(
        OptionalLong.of(TEXT.length),
        Decompressors.uncompressedSize(CompressionFormat.GZIP, MemorySegment.ofArray(gzip(TEXT))));
    assertEquals(
        OptionalLong.empty(),
        Decompressors.uncompressedSize(
            CompressionFormat.GZIP, MemorySegment.ofArray(new byte[19])));
    assertEquals(
        OptionalLong.empty(),
        Decompressors.uncompressedSize(CompressionFormat.ZLIB, MemorySegment.ofArray(zlib(TEXT))));
  }

  private static byte[] with(byte[] data, int at, int value) {
    byte[] copy = data.clone();
    copy[at] = (byte) value;
    return copy;
  }
}

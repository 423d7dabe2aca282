// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codecs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.javavmm.codec.CompressionFormat;
import org.javavmm.codec.DecompressionException;
import org.javavmm.codec.DecompressionException.Kind;
import org.javavmm.codec.Decompressors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Against the formats' own tools. */
class CodecsTest {
  private static final byte[] NOTHING = new byte[0];

  static Stream<Arguments> options() {
    return Stream.of(
            "GZIP -1",
            "GZIP -9",
            "XZ -0",
            "XZ -6",
            "XZ -9",
            "XZ --check=crc32",
            "XZ --check=none",
            "XZ --check=sha256",
            "XZ --x86 --lzma2=dict=32MiB",
            "XZ --block-size=10000",
            "LZMA -0",
            "LZMA -9",
            "ZSTD -1",
            "ZSTD -3",
            "ZSTD -6",
            "ZSTD -19",
            "ZSTD --fast=5",
            "ZSTD --no-check",
            "ZSTD -19 --long=27",
            "ZSTD -B100000",
            "LZ4 -1",
            "LZ4 -9",
            "LZ4 -B4",
            "LZ4 -B7 -BX",
            "LZ4 -BD",
            "LZ4 -BD -B4 -9",
            "LZ4 --no-frame-crc",
            "LZ4 --content-size",
            "LZ4_LEGACY -1",
            "LZ4_LEGACY -9",
            "BZIP2 -1",
            "BZIP2 -9")
        .map(line -> line.split(" ", 2))
        .map(parts -> Arguments.of(Tool.valueOf(parts[0]), parts[1]));
  }

  @ParameterizedTest
  @MethodSource("options")
  void decompressesWhatTheToolCompresses(Tool tool, String options) throws IOException {
    tool.assumeThere();
    int[] sizes = {0, 1, 100, 70_001, 700_000};
    for (int size : sizes) {
      byte[] data = Tool.data(size, size);
      byte[] compressed = tool.compress(data, options.split(" "));
      if (tool != Tool.LZMA || size > 0) {
        assertEquals(
            Optional.of(tool.format), CompressionFormat.detect(MemorySegment.ofArray(compressed)));
      }
      assertArrayEquals(data, Tool.decompress(tool.format, compressed, size), options + size);
    }
  }

  @ParameterizedTest
  @EnumSource
  void kindsOfDataAndOfSegments(Tool tool) throws IOException {
    tool.assumeThere();
    byte[] zeros = new byte[9_000_000]; // more than a block of lz4 legacy
    byte[] text = "one line of text after another\n".repeat(9999).getBytes(StandardCharsets.UTF_8);
    byte[] random = new byte[300_000];
    new java.util.SplittableRandom(4).nextBytes(random);
    for (byte[] data : new byte[][] {zeros, text, random}) {
      byte[] compressed = tool.compress(data);
      assertArrayEquals(data, Tool.decompress(tool.format, compressed, data.length));
      try (Arena arena = Arena.ofConfined()) {
        // Unaligned, native, with bytes around that must stay.
        MemorySegment input = arena.allocate(compressed.length + 3).asSlice(3);
        input.copyFrom(MemorySegment.ofArray(compressed));
        MemorySegment memory = arena.allocate(data.length + 10).fill((byte) 0x5a);
        MemorySegment output = memory.asSlice(5, data.length);
        assertEquals(
            data.length, Decompressors.decompress(tool.format, input.asReadOnly(), output));
        assertTrue(output.mismatch(MemorySegment.ofArray(data)) < 0);
        for (int i = 0; i < 5; i++) {
          assertEquals(0x5a, memory.get(ValueLayout.JAVA_BYTE, i));
          assertEquals(0x5a, memory.get(ValueLayout.JAVA_BYTE, memory.byteSize() - 1 - i));
        }
      }
      DecompressionException e =
          assertThrows(
              DecompressionException.class,
              () -> Tool.decompress(tool.format, compressed, data.length - 1));
      assertEquals(
          tool.format.label()
              + ": uncompressed size is more than "
              + (data.length - 1)
              + " bytes, must be at most "
              + (data.length - 1),
          e.getMessage());
      assertEquals(Kind.TOO_LARGE, e.kind());
    }
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "LZMA")
  void partsFollowEachOther(Tool tool) throws IOException {
    tool.assumeThere();
    byte[] a = Tool.data(1, 50_000);
    byte[] b = Tool.data(2, 777);
    byte[] compressed = join(tool.compress(a), tool.compress(NOTHING), tool.compress(b));
    assertArrayEquals(join(a, b), Tool.decompress(tool.format, compressed, 60_000));
  }

  @ParameterizedTest
  @EnumSource
  void everyTruncationIsNoticed(Tool tool) throws IOException {
    tool.assumeThere();
    byte[] data = Tool.data(3, 3000);
    byte[] compressed =
        tool == Tool.XZ || tool == Tool.LZMA ? tool.compress(data, "-0") : tool.compress(data);
    for (int length = 0; length < compressed.length; length += length < 60 ? 1 : 7) {
      byte[] cut = Arrays.copyOf(compressed, length);
      // Blocks of lz4 legacy need no end: the magic number alone is a whole file.
      if (tool == Tool.LZ4_LEGACY && length == 4) {
        assertArrayEquals(NOTHING, Tool.decompress(tool.format, cut, 3000));
        continue;
      }
      DecompressionException e =
          assertThrows(
              DecompressionException.class,
              () -> Tool.decompress(tool.format, cut, 3000),
              "length " + length);
      assertEquals(Kind.TRUNCATED, e.kind(), e.getMessage());
    }
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "GZIP")
  void trailingBytesAreRefused(Tool tool) throws IOException {
    tool.assumeThere();
    byte[] compressed = tool.compress(Tool.data(3, 3000));
    for (int more = 1; more < 6; more++) {
      for (byte value : new byte[] {0, 77}) {
        byte[] longer = Arrays.copyOf(compressed, compressed.length + more);
        Arrays.fill(longer, compressed.length, longer.length, value);
        if (tool == Tool.XZ && value == 0 && more == 4) {
          // Stream padding.
          assertEquals(3000, Tool.decompress(tool.format, longer, 3000).length);
          continue;
        }
        DecompressionException e =
            assertThrows(
                DecompressionException.class, () -> Tool.decompress(tool.format, longer, 3000));
        boolean cut = tool == Tool.XZ || tool == Tool.LZ4_LEGACY;
        assertTrue(e.kind() == Kind.CORRUPT || (cut && e.kind() == Kind.TRUNCATED), e.getMessage());
      }
    }
  }

  @Test
  void announcedSizes() throws IOException {
    Tool.ZSTD.assumeThere();
    Tool.LZ4.assumeThere();
    Tool.XZ.assumeThere();
    for (int size : new int[] {1, 255, 256, 65_791, 65_792, 100_000}) {
      byte[] data = Tool.data(size, size);
      assertSize(OptionalLong.empty(), Tool.ZSTD.compress(data), CompressionFormat.ZSTD);
      assertSize(
          OptionalLong.of(size),
          Tool.ZSTD.compress(data, "--stream-size=" + size),
          CompressionFormat.ZSTD);
      assertSize(OptionalLong.empty(), Tool.LZ4.compress(data), CompressionFormat.LZ4);
      assertSize(OptionalLong.empty(), Tool.LZMA.compress(data), CompressionFormat.LZMA);
      assertSize(OptionalLong.empty(), Tool.XZ.compress(data), CompressionFormat.XZ);
    }
    assertSize(
        OptionalLong.of(5),
        HexFormat.of().parseHex("5d000080000500000000000000"),
        CompressionFormat.LZMA);
    assertSize(
        OptionalLong.of(9),
        HexFormat.of().parseHex("04224d1868400900000000000000"),
        CompressionFormat.LZ4);
    for (CompressionFormat format : new Codecs().formats()) {
      assertSize(OptionalLong.empty(), NOTHING, format);
    }
  }

  private static void assertSize(OptionalLong size, byte[] input, CompressionFormat format) {
    assertEquals(size, Decompressors.uncompressedSize(format, MemorySegment.ofArray(input)));
  }

  static byte[] join(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }
}

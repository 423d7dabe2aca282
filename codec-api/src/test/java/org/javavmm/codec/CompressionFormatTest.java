// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codec;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CompressionFormatTest {
  private static Optional<CompressionFormat> detect(String hex) {
    return CompressionFormat.detect(
        MemorySegment.ofArray(HexFormat.of().parseHex(hex.replace(" ", ""))));
  }

  @ParameterizedTest
  @CsvSource({
    "1f8b08, GZIP",
    "78 9c 03 00, ZLIB",
    "78 01 63, ZLIB",
    "fd377a585a00, XZ",
    "28b52ffd, ZSTD",
    "02214c18, LZ4_LEGACY",
    "04224d18, LZ4",
    "5d 00008000 ffffffffffffffff 00, LZMA",
    "5d 00000001 0000004000000000 00, LZMA",
    "5d 00006000 0000000000000000 00, LZMA",
    "e0 ffffffff 0000000000000000 00, LZMA",
    "425a6839 314159265359, BZIP2",
    "425a6831 177245385090, BZIP2",
    "894c5a4f000d0a1a0a, LZO",
  })
  void recognises(String hex, CompressionFormat format) {
    assertEquals(Optional.of(format), detect(hex));
  }

  @ParameterizedTest
  @CsvSource({
    "''",
    "1f",
    "1f8b",
    "1f8b07",
    "78 9c",
    "78 9d 00", // check bits
    "78 bb 00", // preset dictionary
    "88 1c 00", // window of 64 KiB
    "78 9c 06", // block type 3
    "fd377a585a01",
    "28b52ffe",
    "28b52f",
    "425a6830 314159265359", // level 0
    "425a683a 314159265359",
    "425a6839 314159265350",
    "e1 00008000 ffffffffffffffff 00", // properties
    "5d 00008100 ffffffffffffffff 00", // dictionary
    "5d 00000000 ffffffffffffffff 00",
    "5d 00008000 0000000040000000 00", // 256 GiB
    "5d 00008000 feffffffffffffff 00", // negative
    "5d 00008000 ffffffffffffffff 01", // range coder
    "5d 00008000 ffffffffffffffff", // too short to tell
    "7f454c46",
  })
  void refuses(String hex) {
    assertEquals(Optional.empty(), detect(hex));
  }

  @Test
  void worksOnNativeMemoryOfAnyAlignment() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment all = arena.allocate(16);
      for (int offset = 0; offset < 8; offset++) {
        MemorySegment data = all.asSlice(offset, 4);
        data.copyFrom(MemorySegment.ofArray(new byte[] {0x02, 0x21, 0x4c, 0x18}));
        assertEquals(Optional.of(CompressionFormat.LZ4_LEGACY), CompressionFormat.detect(data));
      }
    }
  }

  /** What the Javadoc of detect says about zlib. */
  @Test
  void randomDataIsSeldomTakenForZlib() {
    SplittableRandom random = new SplittableRandom(1);
    byte[] data = new byte[18];
    int found = 0;
    for (int i = 0; i < 300_000; i++) {
      random.nextBytes(data);
      if (CompressionFormat.detect(MemorySegment.ofArray(data)).isPresent()) {
        found++;
      }
    }
    assertEquals(1.0 / 2500, found / 300_000.0, 0.0001);
  }
}

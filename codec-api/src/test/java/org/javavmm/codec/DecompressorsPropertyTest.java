// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codec;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;
import java.util.zip.InflaterInputStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

/** Damaged data gives what the JDK's own streams say, or an error. */
class DecompressorsPropertyTest {
  private static final int GUARD = 0x5a;

  @Property(tries = 2000)
  void damageIsAnErrorOrHarmless(
      @ForAll @Size(max = 600) byte[] random,
      @ForAll @IntRange(max = 5000) int zeros,
      @ForAll boolean gzip,
      @ForAll @IntRange(max = 5600) int limit,
      @ForAll @Size(max = 3) int[] flips)
      throws IOException {
    byte[] plain = Arrays.copyOf(random, random.length + zeros);
    byte[] data = gzip ? DecompressorsTest.gzip(plain) : DecompressorsTest.zlib(plain);
    for (int flip : flips) {
      int bit = Math.floorMod(flip, data.length * 8);
      data[bit / 8] ^= (byte) (1 << bit % 8);
    }
    byte[] memory = new byte[limit + 16];
    Arrays.fill(memory, (byte) GUARD);
    MemorySegment output = MemorySegment.ofArray(memory).asSlice(8, limit);
    try {
      long length =
          Decompressors.decompress(
              gzip ? CompressionFormat.GZIP : CompressionFormat.ZLIB,
              MemorySegment.ofArray(data),
              output);
      byte[] oracle =
          (gzip
                  ? new GZIPInputStream(new ByteArrayInputStream(data))
                  : new InflaterInputStream(new ByteArrayInputStream(data)))
              .readAllBytes();
      assertArrayEquals(oracle, Arrays.copyOfRange(memory, 8, 8 + (int) length));
    } catch (DecompressionException e) {
      boolean expected =
          flips.length > 0
              || (e.kind() == DecompressionException.Kind.TOO_LARGE && plain.length > limit);
      assertTrue(expected, e.getMessage());
    }
    for (int i = 0; i < 8; i++) {
      assertTrue(memory[i] == GUARD && memory[memory.length - 1 - i] == GUARD, "beyond the output");
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codecs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.statistics.Statistics;
import org.javavmm.codec.DecompressionException;
import org.javavmm.codec.DecompressionException.Kind;
import org.javavmm.codec.Decompressors;

/** Damaged data gives what the format's tool says, or an error; nothing is written outside. */
class CodecsPropertyTest {
  private static final byte GUARD = 0x5a;

  @Property(tries = 500)
  void damageIsAnErrorOrHarmless(
      @ForAll Tool tool,
      @ForAll @IntRange(max = 9) int seed,
      @ForAll @IntRange(max = 12_000) int size,
      @ForAll @IntRange(max = 12_000) int limit,
      @ForAll @Size(max = 3) int[] flips)
      throws IOException {
    tool.assumeThere();
    byte[] plain = Tool.data(seed, size);
    byte[] data = tool.compress(plain, seed % 2 == 0 ? "-1" : "-9");
    for (int flip : flips) {
      int bit = Math.floorMod(flip, data.length * 8);
      data[bit / 8] ^= (byte) (1 << bit % 8);
    }
    byte[] memory = new byte[limit + 32];
    Arrays.fill(memory, GUARD);
    try {
      long length =
          Decompressors.decompress(
              tool.format,
              MemorySegment.ofArray(data),
              MemorySegment.ofArray(memory).asSlice(16, limit));
      byte[] found = Arrays.copyOfRange(memory, 16, 16 + (int) length);
      if (!Arrays.equals(plain, found) && !tool.isPickyAbout(data)) {
        // Only formats without a checksum may be changed without notice.
        Optional<byte[]> oracle = tool.decompress(data);
        assertTrue(oracle.isPresent(), "accepted, but not by the tool");
        assertArrayEquals(oracle.get(), found);
      }
      Statistics.collect("accepted");
    } catch (DecompressionException e) {
      boolean tooLarge = e.kind() == Kind.TOO_LARGE && size > limit;
      assertTrue(flips.length > 0 || tooLarge, e.getMessage());
      assertEquals(1, String.valueOf(e.getMessage()).lines().count());
      Statistics.collect(e.kind());
    }
    for (int i = 0; i < 16; i++) {
      assertTrue(memory[i] == GUARD && memory[memory.length - 1 - i] == GUARD, "beyond the output");
    }
  }
}

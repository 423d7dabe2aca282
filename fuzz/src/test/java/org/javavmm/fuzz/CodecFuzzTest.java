// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;
import org.javavmm.codec.CompressionFormat;
import org.javavmm.codec.DecompressionException;
import org.javavmm.codec.Decompressors;

/**
 * Any bytes, decompressed as what they look like: no other exception, nothing beyond the output,
 * and of gzip the JDK's stream says the same.
 */
class CodecFuzzTest {
  private static final int LIMIT = 1 << 16;
  private static final byte GUARD = 0x5a;

  @FuzzTest
  void data(byte[] file) throws IOException {
    MemorySegment input = MemorySegment.ofArray(file);
    CompressionFormat format = CompressionFormat.detect(input).orElse(CompressionFormat.GZIP);
    Decompressors.uncompressedSize(format, input);
    byte[] memory = new byte[LIMIT + 32];
    Arrays.fill(memory, GUARD);
    try {
      int length =
          (int)
              Decompressors.decompress(
                  format, input, MemorySegment.ofArray(memory).asSlice(16, LIMIT));
      if (format == CompressionFormat.GZIP) {
        byte[] oracle = new GZIPInputStream(new ByteArrayInputStream(file)).readAllBytes();
        if (!Arrays.equals(oracle, Arrays.copyOfRange(memory, 16, 16 + length))) {
          throw new AssertionError("not what the JDK says");
        }
      }
    } catch (DecompressionException e) {
      if (String.valueOf(e.getMessage()).lines().count() != 1) {
        throw new AssertionError("not one line: " + e.getMessage());
      }
    }
    for (int i = 0; i < 16; i++) {
      if (memory[i] != GUARD || memory[memory.length - 1 - i] != GUARD) {
        throw new AssertionError("beyond the output");
      }
    }
  }
}

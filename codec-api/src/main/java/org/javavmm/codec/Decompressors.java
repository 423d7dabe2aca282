// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codec;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.ServiceLoader;

/**
 * Decompresses with the codecs that are there: gzip and zlib from the JDK, other formats by the
 * first {@link Decompressor} service that knows them.
 *
 * <p>Services are looked for at each call, through the class loader of this class. All methods may
 * be called by any thread that may access the segments.
 */
public final class Decompressors {
  private static final Decompressor JDK = new JdkDecompressor();

  private Decompressors() {}

  /**
   * {@return the codec for a format, or empty if there is none}
   *
   * @param format the format
   * @throws java.util.ServiceConfigurationError if a service cannot be loaded
   */
  public static Optional<Decompressor> find(CompressionFormat format) {
    if (JDK.formats().contains(format)) {
      return Optional.of(JDK);
    }
    for (Decompressor codec :
        ServiceLoader.load(Decompressor.class, Decompressors.class.getClassLoader())) {
      if (codec.formats().contains(format)) {
        return Optional.of(codec);
      }
    }
    return Optional.empty();
  }

  /**
   * Decompresses all of the input; see {@link Decompressor#decompress} for what may stand behind
   * the compressed data.
   *
   * @param format the input's format
   * @param input the compressed data, in a heap or native segment; not changed meanwhile
   * @param output where the data goes, from its start; its size is the limit. After an error its
   *     content is undefined, and otherwise what lies behind the bytes that were written
   * @return how many bytes were written
   * @throws IllegalArgumentException if the output is read-only or overlaps the input
   * @throws DecompressionException if there is no codec for the format; if the data is damaged,
   *     ends early, or is larger than the output, whichever is noticed first
   * @throws java.util.ServiceConfigurationError if a service cannot be loaded
   */
  public static long decompress(CompressionFormat format, MemorySegment input, MemorySegment output)
      throws DecompressionException {
    if (output.isReadOnly()) {
      throw new IllegalArgumentException("the output is read-only");
    }
    if (input.asOverlappingSlice(output).isPresent()) {
      throw new IllegalArgumentException("the output overlaps the input");
    }
    return find(format)
        .orElseThrow(() -> DecompressionException.noCodec(format))
        .decompress(format, input, output);
  }

  /**
   * {@return the uncompressed size that the input announces, in bytes; empty if it announces none,
   * or there is no codec for the format} A claim of the input, neither checked nor bounded: compare
   * it with a limit before anything is allocated. gzip has the size modulo 2^32, of its last
   * member; zlib and bzip2 have none.
   *
   * @param format the input's format
   * @param input the compressed data
   * @throws java.util.ServiceConfigurationError if a service cannot be loaded
   */
  public static OptionalLong uncompressedSize(CompressionFormat format, MemorySegment input) {
    return find(format)
        .map(codec -> codec.uncompressedSize(format, input))
        .orElse(OptionalLong.empty());
  }
}

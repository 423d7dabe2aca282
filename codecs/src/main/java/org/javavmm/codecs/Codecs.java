// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codecs;

import java.lang.foreign.MemorySegment;
import java.util.OptionalLong;
import java.util.Set;
import org.javavmm.codec.CompressionFormat;
import org.javavmm.codec.DecompressionException;
import org.javavmm.codec.Decompressor;

/**
 * Decompresses xz, lzma, zstd, lz4, lz4 legacy and bzip2. Has no state; any threads may use it.
 *
 * <p>What it does not know is an error: dictionaries of zstd and lz4, bzip2's randomised blocks
 * (written before 1999), and xz dictionaries that need more than 130 MiB.
 */
public final class Codecs implements Decompressor {
  /** For {@link java.util.ServiceLoader}. */
  public Codecs() {}

  @Override
  public Set<CompressionFormat> formats() {
    return Set.of(
        CompressionFormat.XZ,
        CompressionFormat.LZMA,
        CompressionFormat.ZSTD,
        CompressionFormat.LZ4,
        CompressionFormat.LZ4_LEGACY,
        CompressionFormat.BZIP2);
  }

  @Override
  public long decompress(CompressionFormat format, MemorySegment input, MemorySegment output)
      throws DecompressionException {
    return switch (format) {
      case XZ -> Xz.xz(input, output);
      case LZMA -> Xz.lzma(input, output);
      case ZSTD -> Zstd.decompress(input, output);
      case LZ4 -> Lz4.frames(input, output);
      case LZ4_LEGACY -> Lz4.legacy(input, output);
      case BZIP2 -> Bzip2.decompress(input, output);
      default -> throw DecompressionException.noCodec(format);
    };
  }

  /**
   * {@inheritDoc} zstd and lz4 have it in the header of a frame, of which the first is read; lzma
   * in its header. For xz, bzip2 and lz4 legacy it is empty.
   */
  @Override
  public OptionalLong uncompressedSize(CompressionFormat format, MemorySegment input) {
    return switch (format) {
      case LZMA -> Xz.lzmaSize(input);
      case ZSTD -> Zstd.contentSize(input);
      case LZ4 -> Lz4.contentSize(input);
      default -> OptionalLong.empty();
    };
  }
}

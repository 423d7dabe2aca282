// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codec;

import java.lang.foreign.MemorySegment;
import java.util.OptionalLong;
import java.util.Set;

/**
 * A codec: decompresses some formats. A service; users call {@link Decompressors}, which finds it.
 *
 * <p>An implementation treats its input as hostile: it reads and writes nothing beyond the two
 * segments, ends for every input, and allocates no more than a constant and what is proportional to
 * the segments' sizes. It has no state that calls share, so that any threads may call it at the
 * same time.
 */
public interface Decompressor {
  /** {@return the formats that this codec knows; always the same} */
  Set<CompressionFormat> formats();

  /**
   * Decompresses all of the input.
   *
   * <p>The input begins with the first byte of the format and must end with its last one. Where a
   * format lets parts follow each other, all of them are decompressed, one behind the other:
   *
   * <ul>
   *   <li>gzip: members; bzip2: streams; lz4 and zstd: frames, and skippable frames, which are
   *       skipped;
   *   <li>xz: streams, each with a padding of zero bytes behind it, a multiple of four;
   *   <li>lz4 legacy: blocks until the input ends, the magic number between them permitted.
   * </ul>
   *
   * <p>Anything else behind the end is an error of the kind {@link
   * DecompressionException.Kind#CORRUPT}, zero bytes included: what surrounds compressed data, as
   * the four bytes with the size that Linux appends to its payloads, is for the caller to cut off.
   * Every checksum that the format has is verified.
   *
   * @param format one of {@link #formats()}
   * @param input the compressed data; a heap or native segment that the calling thread may access;
   *     not changed meanwhile
   * @param output where the data goes, from its start; of the same kinds, writable, and not
   *     overlapping the input. After an error its content is undefined, and otherwise what lies
   *     behind the bytes that were written
   * @return how many bytes were written, at most the output's size
   * @throws DecompressionException if the data is damaged or ends early, or is larger than the
   *     output, whichever is noticed first
   */
  long decompress(CompressionFormat format, MemorySegment input, MemorySegment output)
      throws DecompressionException;

  /**
   * {@return the uncompressed size that the input announces, in bytes; empty if it announces none
   * or cannot be understood} This is a claim of the input, not checked, and may be wrong or absurd:
   * it is compared with a limit before anything is allocated. Where parts follow each other, it may
   * be that of the first or the last alone.
   *
   * @param format one of {@link #formats()}
   * @param input the compressed data, as for {@link #decompress}
   */
  default OptionalLong uncompressedSize(CompressionFormat format, MemorySegment input) {
    return OptionalLong.empty();
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codec;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;

/** A format of compressed data. */
public enum CompressionFormat {
  /** RFC 1952. */
  GZIP("gzip"),
  /** RFC 1950. */
  ZLIB("zlib"),
  /** The .xz file format, 1.2.1. */
  XZ("xz"),
  /** RFC 8878. */
  ZSTD("zstd"),
  /** The format of {@code lz4 -l}, which Linux uses for itself and its initramfs. */
  LZ4_LEGACY("lz4 legacy"),
  /** The LZ4 frame format, 1.6.4. */
  LZ4("lz4"),
  /** The .lzma file format, also called LZMA-alone. */
  LZMA("lzma"),
  /** What {@code bzip2} writes. */
  BZIP2("bzip2"),
  /** The file format of {@code lzop}. */
  LZO("lzo");

  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final byte[] XZ_MAGIC = {(byte) 0xfd, '7', 'z', 'X', 'Z', 0};
  private static final byte[] LZO_MAGIC = {(byte) 0x89, 'L', 'Z', 'O', 0, '\r', '\n', 0x1a, '\n'};
  private static final byte[] BZIP2_BLOCK = {0x31, 0x41, 0x59, 0x26, 0x53, 0x59};
  private static final byte[] BZIP2_END = {0x17, 0x72, 0x45, 0x38, 0x50, (byte) 0x90};

  /** The header of a .lzma file: properties, dictionary size, uncompressed size. */
  private static final int LZMA_HEADER = 13;

  private static final long LZMA_MAX_SIZE = 1L << 38;

  private final String label;

  CompressionFormat(String label) {
    this.label = label;
  }

  /** {@return the format's name for messages, such as {@code lz4 legacy}} */
  public String label() {
    return label;
  }

  /**
   * Tells the format by the first bytes. Data that starts like a format need not be of it: only
   * decompressing tells.
   *
   * <p>Most formats have a magic number of at least three bytes. Two have none. {@link #LZMA} is
   * recognised by a header that makes sense as {@code xz} judges it: properties below 225, a
   * dictionary of 2^n or 2^n + 2^(n-1) bytes or of 2^32 - 1, an uncompressed size that is unknown
   * or below 256 GiB, and the zero byte with which its range coder starts. {@link #ZLIB}, looked
   * for last, is recognised by its two header bytes (RFC 1950 §2.2; without a preset dictionary)
   * and a first block of a known type; of random data, about one in 2500 passes for it.
   *
   * @param data the data, or at least the first 18 bytes of it
   * @return the format, or empty if it is none of these or the data is too short to tell
   */
  public static Optional<CompressionFormat> detect(MemorySegment data) {
    if (starts(data, 0, (byte) 0x1f, (byte) 0x8b, (byte) 8)) {
      return Optional.of(GZIP);
    }
    if (starts(data, 0, XZ_MAGIC)) {
      return Optional.of(XZ);
    }
    if (starts(data, 0, LZO_MAGIC)) {
      return Optional.of(LZO);
    }
    if (data.byteSize() >= Integer.BYTES) {
      int magic = data.get(INT, 0);
      if (magic == 0xfd2fb528) {
        return Optional.of(ZSTD);
      }
      if (magic == 0x184c2102) {
        return Optional.of(LZ4_LEGACY);
      }
      if (magic == 0x184d2204) {
        return Optional.of(LZ4);
      }
    }
    if (starts(data, 0, (byte) 'B', (byte) 'Z', (byte) 'h')
        && (starts(data, 4, BZIP2_BLOCK) || starts(data, 4, BZIP2_END))
        && data.get(ValueLayout.JAVA_BYTE, 3) >= '1'
        && data.get(ValueLayout.JAVA_BYTE, 3) <= '9') {
      return Optional.of(BZIP2);
    }
    if (isLzma(data)) {
      return Optional.of(LZMA);
    }
    return isZlib(data) ? Optional.of(ZLIB) : Optional.empty();
  }

  private static boolean starts(MemorySegment data, long at, byte... bytes) {
    return data.byteSize() >= at + bytes.length
        && MemorySegment.mismatch(
                data, at, at + bytes.length, MemorySegment.ofArray(bytes), 0, bytes.length)
            < 0;
  }

  private static boolean isLzma(MemorySegment data) {
    if (data.byteSize() <= LZMA_HEADER) {
      return false;
    }
    long dictionary = Integer.toUnsignedLong(data.get(INT, 1));
    long top = Long.highestOneBit(dictionary);
    boolean usual =
        dictionary != 0
            && (dictionary == top || dictionary == top + (top >> 1) || dictionary == 0xffff_ffffL);
    long size = data.get(LONG, 5);
    return Byte.toUnsignedInt(data.get(ValueLayout.JAVA_BYTE, 0)) < 9 * 5 * 5
        && usual
        && (size == -1 || (size >= 0 && size < LZMA_MAX_SIZE))
        && data.get(ValueLayout.JAVA_BYTE, LZMA_HEADER) == 0;
  }

  private static boolean isZlib(MemorySegment data) {
    if (data.byteSize() < 3) {
      return false;
    }
    int cmf = Byte.toUnsignedInt(data.get(ValueLayout.JAVA_BYTE, 0));
    int flags = Byte.toUnsignedInt(data.get(ValueLayout.JAVA_BYTE, 1));
    int block = (data.get(ValueLayout.JAVA_BYTE, 2) >> 1) & 3;
    return (cmf & 0xf) == 8
        && cmf >> 4 <= 7
        && (cmf * 256 + flags) % 31 == 0
        && (flags & 0x20) == 0
        && block != 3;
  }
}

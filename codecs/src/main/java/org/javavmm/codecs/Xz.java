// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codecs;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.OptionalLong;
import org.javavmm.codec.CompressionFormat;
import org.javavmm.codec.DecompressionException;
import org.tukaani.xz.LZMAInputStream;
import org.tukaani.xz.MemoryLimitException;
import org.tukaani.xz.XZInputStream;

/** xz and lzma, by XZ for Java. */
final class Xz {
  /** Enough for a dictionary of 128 MiB, which Linux uses at most; {@code xz -9} takes 64 MiB. */
  private static final int MEMORY_KIB = 130 << 10;

  private Xz() {}

  static long xz(MemorySegment input, MemorySegment output) throws DecompressionException {
    Source source = new Source(input);
    try (InputStream in = new XZInputStream(source, MEMORY_KIB)) {
      return copy(CompressionFormat.XZ, in, output);
    } catch (IOException e) {
      throw translate(CompressionFormat.XZ, source, e);
    }
  }

  static long lzma(MemorySegment input, MemorySegment output) throws DecompressionException {
    Input header = new Input(CompressionFormat.LZMA, input);
    int properties = header.u8("properties");
    if (properties >= 9 * 5 * 5) {
      throw header.corrupt("properties", properties, "must be less than 225");
    }
    long dictionary = Integer.toUnsignedLong(header.i32("dictionary size"));
    long size = header.i64("uncompressed size");
    if (size < -1) {
      throw header.corrupt(
          "uncompressed size", Long.toUnsignedString(size), "must be -1 or less than 2^63");
    }
    // No distance can be more than what was written, so a larger dictionary is of no use.
    long useful = Math.clamp(output.byteSize(), 4096, LZMAInputStream.DICT_SIZE_MAX);
    Source source = new Source(header.segment("compressed data", header.remaining()));
    long length;
    try (InputStream in =
        new LZMAInputStream(source, size, (byte) properties, (int) Math.min(dictionary, useful))) {
      length = copy(CompressionFormat.LZMA, in, output);
    } catch (IOException e) {
      throw translate(CompressionFormat.LZMA, source, e);
    }
    if (source.at < source.data.byteSize()) {
      throw header.corrupt(
          "length behind the compressed data",
          (source.data.byteSize() - source.at) + " bytes",
          "must be 0");
    }
    return length;
  }

  /** The size in the header of a .lzma file. */
  static OptionalLong lzmaSize(MemorySegment input) {
    if (input.byteSize() < 13) {
      return OptionalLong.empty();
    }
    try {
      Input header = new Input(CompressionFormat.LZMA, input);
      header.segment("properties, dictionary size", 5);
      long size = header.i64("uncompressed size");
      return size >= 0 ? OptionalLong.of(size) : OptionalLong.empty();
    } catch (DecompressionException e) {
      return OptionalLong.empty();
    }
  }

  private static long copy(CompressionFormat format, InputStream in, MemorySegment output)
      throws IOException {
    byte[] buffer = new byte[64 << 10];
    long written = 0;
    while (true) {
      // One byte more than there is room, to notice whether it comes.
      long room = output.byteSize() - written;
      int length = in.read(buffer, 0, (int) Math.min(buffer.length, Math.max(room, 1)));
      if (length < 0) {
        return written;
      }
      if (length > room) {
        throw DecompressionException.tooLarge(format, output.byteSize());
      }
      MemorySegment.copy(buffer, 0, output, ValueLayout.JAVA_BYTE, written, length);
      written += length;
    }
  }

  private static DecompressionException translate(
      CompressionFormat format, Source source, IOException e) {
    if (e instanceof DecompressionException ours) {
      return ours;
    }
    long header = format == CompressionFormat.LZMA ? 13 : 0;
    DecompressionException error;
    if (e instanceof EOFException) {
      error =
          DecompressionException.truncated(
              format, "compressed data", header + source.data.byteSize());
    } else if (e instanceof MemoryLimitException limit) {
      error =
          DecompressionException.corrupt(
              format,
              "memory for the dictionary",
              limit.getMemoryNeeded() + " KiB",
              "must be at most " + MEMORY_KIB);
    } else {
      String message = e.getMessage();
      error =
          DecompressionException.corrupt(
              format,
              "compressed data",
              "damaged before byte " + (header + source.at),
              "must be valid" + (message == null ? "" : " (" + message + ")"));
    }
    error.initCause(e);
    return error;
  }

  /** A segment as a stream. */
  private static final class Source extends InputStream {
    final MemorySegment data;
    private final byte[] buffer = new byte[8 << 10];
    private int bufferAt;
    private int bufferEnd;

    /** How many bytes were taken. */
    long at;

    Source(MemorySegment data) {
      this.data = data;
    }

    private boolean fill() {
      if (bufferAt < bufferEnd) {
        return true;
      }
      bufferAt = 0;
      bufferEnd = (int) Math.min(buffer.length, data.byteSize() - at);
      MemorySegment.copy(data, ValueLayout.JAVA_BYTE, at, buffer, 0, bufferEnd);
      return bufferEnd > 0;
    }

    @Override
    public int read() {
      if (!fill()) {
        return -1;
      }
      at++;
      return Byte.toUnsignedInt(buffer[bufferAt++]);
    }

    @Override
    public int read(byte[] to, int offset, int length) {
      if (length == 0) {
        return 0;
      }
      if (!fill()) {
        return -1;
      }
      int count = Math.min(length, bufferEnd - bufferAt);
      System.arraycopy(buffer, bufferAt, to, offset, count);
      bufferAt += count;
      at += count;
      return count;
    }
  }
}

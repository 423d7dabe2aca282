// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codec;

import static org.javavmm.codec.CompressionFormat.GZIP;
import static org.javavmm.codec.CompressionFormat.ZLIB;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.OptionalLong;
import java.util.Set;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/** gzip and zlib, over the JDK's inflater. */
final class JdkDecompressor implements Decompressor {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int CHUNK = 64 << 10;

  // RFC 1952 §2.3.1
  private static final int FHCRC = 0x02;
  private static final int FEXTRA = 0x04;
  private static final int FNAME = 0x08;
  private static final int FCOMMENT = 0x10;
  private static final int RESERVED = 0xe0;

  @Override
  public Set<CompressionFormat> formats() {
    return Set.of(GZIP, ZLIB);
  }

  @Override
  public long decompress(CompressionFormat format, MemorySegment input, MemorySegment output)
      throws DecompressionException {
    return switch (format) {
      case GZIP -> new Run(GZIP, input, output).gzip();
      case ZLIB -> new Run(ZLIB, input, output).zlib();
      default -> throw DecompressionException.noCodec(format);
    };
  }

  @Override
  public OptionalLong uncompressedSize(CompressionFormat format, MemorySegment input) {
    // Header, an empty block and the trailer, whose last field is ISIZE (RFC 1952 §2.3.1).
    if (format != GZIP || input.byteSize() < 20) {
      return OptionalLong.empty();
    }
    return OptionalLong.of(
        Integer.toUnsignedLong(input.get(INT, input.byteSize() - Integer.BYTES)));
  }

  /** One decompression. */
  private static final class Run {
    private final CompressionFormat format;
    private final MemorySegment input;
    private final MemorySegment output;
    private final CRC32 crc = new CRC32();
    private final byte[] in = new byte[CHUNK];
    private final byte[] out = new byte[CHUNK];

    /** The next byte of the input. */
    private long at;

    private long written;

    Run(CompressionFormat format, MemorySegment input, MemorySegment output) {
      this.format = format;
      this.input = input;
      this.output = output;
    }

    long gzip() throws DecompressionException {
      do {
        gzipHeader();
        crc.reset();
        long begin = written;
        inflate(true);
        int check = u32("CRC32");
        if (check != (int) crc.getValue()) {
          throw DecompressionException.corrupt(
              GZIP,
              "CRC32",
              String.format("0x%08x", check),
              String.format("must be 0x%08x, that of the data", crc.getValue()));
        }
        int size = u32("ISIZE");
        if (size != (int) (written - begin)) {
          throw DecompressionException.corrupt(
              GZIP,
              "ISIZE",
              Integer.toUnsignedString(size),
              "must be " + Integer.toUnsignedString((int) (written - begin)));
        }
      } while (at < input.byteSize());
      return written;
    }

    /** RFC 1952 §2.3. */
    private void gzipHeader() throws DecompressionException {
      long begin = at;
      if (begin > 0 && input.byteSize() - begin < Short.BYTES) {
        throw trailing(begin);
      }
      int magic = u8("ID1") | u8("ID2") << 8;
      if (magic != 0x8b1f) {
        throw begin == 0
            ? DecompressionException.corrupt(
                GZIP, "magic number", String.format("0x%04x", magic), "must be 0x8b1f")
            : trailing(begin);
      }
      int method = u8("CM");
      if (method != 8) {
        throw DecompressionException.corrupt(GZIP, "CM", Integer.toString(method), "must be 8");
      }
      int flags = u8("FLG");
      if ((flags & RESERVED) != 0) {
        throw DecompressionException.corrupt(
            GZIP, "FLG", String.format("0x%02x", flags), "must have no bit of 0xe0");
      }
      skip("MTIME, XFL and OS", 6);
      if ((flags & FEXTRA) != 0) {
        skip("FEXTRA", u8("XLEN") | u8("XLEN") << 8);
      }
      if ((flags & FNAME) != 0) {
        skipString("FNAME");
      }
      if ((flags & FCOMMENT) != 0) {
        skipString("FCOMMENT");
      }
      if ((flags & FHCRC) != 0) {
        crc.reset();
        long left = at - begin;
        for (long from = begin; left > 0; ) {
          int length = (int) Math.min(left, CHUNK);
          MemorySegment.copy(input, ValueLayout.JAVA_BYTE, from, in, 0, length);
          crc.update(in, 0, length);
          from += length;
          left -= length;
        }
        int check = u8("CRC16") | u8("CRC16") << 8;
        if (check != (crc.getValue() & 0xffff)) {
          throw DecompressionException.corrupt(
              GZIP,
              "CRC16",
              String.format("0x%04x", check),
              String.format("must be 0x%04x, that of the header", crc.getValue() & 0xffff));
        }
      }
    }

    /** RFC 1950; the inflater checks header and ADLER32. */
    long zlib() throws DecompressionException {
      inflate(false);
      if (at < input.byteSize()) {
        throw trailing(at);
      }
      return written;
    }

    private void inflate(boolean raw) throws DecompressionException {
      try (Inflater inflater = new Inflater(raw)) {
        while (!inflater.finished()) {
          if (inflater.needsInput()) {
            int length = (int) Math.min(CHUNK, input.byteSize() - at);
            if (length == 0) {
              throw DecompressionException.truncated(format, "compressed data", at);
            }
            MemorySegment.copy(input, ValueLayout.JAVA_BYTE, at, in, 0, length);
            at += length;
            inflater.setInput(in, 0, length);
          }
          if (inflater.needsDictionary()) {
            throw DecompressionException.corrupt(
                format, "FDICT", "1", "must be 0, for a preset dictionary is not supported");
          }
          // One byte more than there is room, to notice whether it comes.
          long room = output.byteSize() - written;
          int length = inflater.inflate(out, 0, (int) Math.min(CHUNK, Math.max(room, 1)));
          if (length > room) {
            throw DecompressionException.tooLarge(format, output.byteSize());
          }
          MemorySegment.copy(out, 0, output, ValueLayout.JAVA_BYTE, written, length);
          crc.update(out, 0, length);
          written += length;
        }
        at -= inflater.getRemaining();
      } catch (DataFormatException e) {
        String message = e.getMessage();
        DecompressionException error =
            DecompressionException.corrupt(
                format,
                "compressed data",
                "damaged before byte " + at,
                message == null ? "must be valid" : "must have no " + message);
        error.initCause(e);
        throw error;
      }
    }

    private int u8(String field) throws DecompressionException {
      if (at >= input.byteSize()) {
        throw DecompressionException.truncated(format, field, at);
      }
      return Byte.toUnsignedInt(input.get(ValueLayout.JAVA_BYTE, at++));
    }

    private int u32(String field) throws DecompressionException {
      skip(field, Integer.BYTES);
      return input.get(INT, at - Integer.BYTES);
    }

    private void skip(String field, int length) throws DecompressionException {
      if (length > input.byteSize() - at) {
        throw DecompressionException.truncated(format, field, input.byteSize());
      }
      at += length;
    }

    private void skipString(String field) throws DecompressionException {
      while (u8(field) != 0) {
        // A string ends at its zero byte.
      }
    }

    private DecompressionException trailing(long from) {
      return DecompressionException.corrupt(
          format,
          "length behind the compressed data",
          (input.byteSize() - from) + " bytes",
          "must be 0");
    }
  }
}

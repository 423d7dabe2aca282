// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.javavmm.loader.MemoryRange.hex;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongFunction;
import org.javavmm.codec.CompressionFormat;
import org.javavmm.codec.DecompressionException;
import org.javavmm.codec.Decompressors;
import org.javavmm.loader.LoaderException.Reason;

/**
 * A compressed kernel inside a file: the whole file, as of {@code Image.gz}, the payload of an EFI
 * zboot program, or that of a {@link BzImage}. gzip needs nothing else; other formats need a codec,
 * as of the artifact {@code org.javavmm:codecs}. Immutable and thread-safe.
 */
public final class PackedImage {
  /** What is around the compressed data. */
  public enum Kind {
    /** Nothing: the file is the compressed data. */
    FILE,
    /** An EFI program that unpacks and starts it. */
    ZBOOT,
    /** A bzImage. */
    BZIMAGE
  }

  /** What is allocated at once for data that does not need it, in bytes. */
  private static final long FIRST_ROOM = 16 << 20;

  /** No kernel is compressed better, so there is but one attempt for it. */
  private static final long USUAL_RATIO = 8;

  private static final int GROWTH = 4;

  /** What tells one format of compressed data from another. */
  private static final int MAGIC_SIZE = 18;

  private final String name;
  private final Kind kind;
  private final String compression;
  private final Optional<CompressionFormat> format;
  private final ImageBytes data;
  private final OptionalLong size;

  private PackedImage(
      String name,
      Kind kind,
      String compression,
      Optional<CompressionFormat> format,
      ImageBytes data,
      OptionalLong size) {
    this.name = name;
    this.kind = kind;
    this.compression = compression;
    this.format = format;
    this.data = data;
    this.size = size;
  }

  /**
   * {@return the compressed kernel that a file is or wraps, if it looks like one}
   *
   * @param name what to call it in messages
   * @param image the whole file
   * @throws LoaderException {@code TRUNCATED} if the payload of an EFI zboot program does not lie
   *     in the file; {@code FILE} if the segment maps a file that was cut short
   * @throws IllegalStateException if the segment is no longer alive
   */
  public static Optional<PackedImage> detect(String name, MemorySegment image)
      throws LoaderException {
    return detect(name, ImageBytes.of(name, image));
  }

  /** As above; what is in a file has to be {@link #loaded} before its size is asked for. */
  static Optional<PackedImage> detect(String name, ImageBytes image) throws LoaderException {
    if (isZboot(image)) {
      return Optional.of(zboot(name, image));
    }
    return fileFormat(image)
        .map(format ->
            new PackedImage(
                name, Kind.FILE, format.label(), Optional.of(format), image, OptionalLong.empty()));
  }

  static boolean isZboot(ImageBytes image) throws LoaderException {
    if (image.size() < PeLayout.DOS_HEADER_SIZE) {
      return false;
    }
    ByteBuffer head = image.copy(0, PeLayout.DOS_HEADER_SIZE);
    return (head.getShort(0) & 0xffff) == PeLayout.DOS_MAGIC
        && head.getInt(PeLayout.ZBOOT_MAGIC_OFFSET) == PeLayout.ZBOOT_MAGIC;
  }

  /** zlib has no magic number, and nobody compresses a kernel with it. */
  private static Optional<CompressionFormat> fileFormat(ImageBytes image) throws LoaderException {
    return format(image).filter(format -> format != CompressionFormat.ZLIB);
  }

  /** {@return the format that data begins like} */
  static Optional<CompressionFormat> format(ImageBytes data) throws LoaderException {
    ByteBuffer start = data.copy(0, Math.min(MAGIC_SIZE, data.size()));
    return CompressionFormat.detect(MemorySegment.ofBuffer(start));
  }

  private static PackedImage zboot(String name, ImageBytes image) throws LoaderException {
    ByteBuffer head = image.copy(0, PeLayout.DOS_HEADER_SIZE);
    long offset = Integer.toUnsignedLong(head.getInt(PeLayout.ZBOOT_PAYLOAD_OFFSET));
    long length = Integer.toUnsignedLong(head.getInt(PeLayout.ZBOOT_PAYLOAD_SIZE));
    if (offset + length > image.size()) {
      throw LoaderException.of(
          Reason.TRUNCATED,
          name,
          "end of the zboot payload",
          hex(offset + length),
          "must be at most " + hex(image.size()) + ", the file's size");
    }
    StringBuilder compression = new StringBuilder();
    for (int i = PeLayout.ZBOOT_COMPRESSION;
        i < PeLayout.ZBOOT_COMPRESSION_END && head.get(i) != 0;
        i++) {
      char c = (char) (head.get(i) & 0xff);
      compression.append(c <= ' ' || c >= 0x7f ? '?' : c);
    }
    ImageBytes data = image.slice(offset, length);
    String text = compression.toString();
    // Linux' build appends the size, and does not count it; gzip has it anyway.
    boolean appended = !text.equals("gzip") && image.size() - offset - length >= Integer.BYTES;
    return new PackedImage(
        name,
        Kind.ZBOOT,
        text,
        zbootFormat(text),
        data,
        appended ? OptionalLong.of(size(image, offset + length)) : OptionalLong.empty());
  }

  /** By the names of Linux' build, whose lz4 is the legacy format. */
  private static Optional<CompressionFormat> zbootFormat(String compression) {
    return switch (compression) {
      case "gzip" -> Optional.of(CompressionFormat.GZIP);
      case "lz4" -> Optional.of(CompressionFormat.LZ4_LEGACY);
      case "lzma" -> Optional.of(CompressionFormat.LZMA);
      case "lzo" -> Optional.of(CompressionFormat.LZO);
      case "xz", "xzkern" -> Optional.of(CompressionFormat.XZ);
      case "zstd", "zstd22" -> Optional.of(CompressionFormat.ZSTD);
      default -> Optional.empty();
    };
  }

  /**
   * {@return the payload of a bzImage}
   *
   * @param kernel the bzImage
   * @throws LoaderException {@code PROTOCOL} if its boot protocol, older than 2.08, does not say
   *     where the payload is; {@code HEADER} if there is none; {@code FILE} if its file was cut
   *     short
   * @throws IllegalStateException if the arena of the bzImage is closed
   */
  public static PackedImage of(BzImage kernel) throws LoaderException {
    if (kernel.protocolVersion() < 0x208) {
      throw kernel.error(
          Reason.PROTOCOL,
          "version",
          kernel.protocolVersion(),
          "must be at least 0x208, which says where the payload is");
    }
    if (kernel.payloadLength() <= Integer.BYTES) {
      throw kernel.error(
          Reason.HEADER,
          "payload_length",
          kernel.payloadLength(),
          "must be above 4, the size behind the payload");
    }
    long start = (kernel.setupSectors() + 1L) * 512 + kernel.payloadOffset();
    return payload(kernel.name(), kernel.image().slice(start, kernel.payloadLength()));
  }

  /** A bzImage's payload, with the size of what it unpacks to in its last four bytes. */
  static PackedImage payload(String name, ImageBytes payload) throws LoaderException {
    Optional<CompressionFormat> format = fileFormat(payload);
    long end = payload.size() - Integer.BYTES;
    // Those four bytes are gzip's own; other formats end before.
    boolean own = format.equals(Optional.of(CompressionFormat.GZIP));
    return new PackedImage(
        name,
        Kind.BZIMAGE,
        format.map(CompressionFormat::label).orElse("unknown"),
        format,
        own ? payload : payload.slice(0, end),
        OptionalLong.of(size(payload, end)));
  }

  private static long size(ImageBytes bytes, long offset) throws LoaderException {
    return Integer.toUnsignedLong(bytes.copy(offset, Integer.BYTES).getInt(0));
  }

  /**
   * {@return how large compressed data may be for what unpacks to so many bytes at most: no format
   * makes of a kernel an eighth more}
   */
  static long compressedLimit(long limit) {
    long sum = limit + limit / 8 + FIRST_ROOM;
    return sum < 0 ? Long.MAX_VALUE : sum;
  }

  /**
   * {@return the same with its data in memory: a copy, if it is in a file}
   *
   * @param limit the largest kernel that is wanted
   * @param arena how long a copy lives
   * @throws LoaderException {@code HEADER} if it is larger than what unpacks to {@code limit} bytes
   *     can be; {@code FILE} if the file was cut short
   */
  PackedImage loaded(long limit, Arena arena) throws LoaderException {
    long most = compressedLimit(limit);
    if (data.size() > most) {
      throw error(
          Reason.HEADER,
          "compressed size",
          data.size() + " bytes",
          "must be at most " + most + " for what unpacks to at most " + limit);
    }
    ImageBytes copy = ImageBytes.of(name, data.toMemory(arena));
    return new PackedImage(name, kind, compression, format, copy, size);
  }

  /** {@return what is around the compressed data} */
  public Kind kind() {
    return kind;
  }

  /** {@return the compression's name, which for a zboot program is what its header says} */
  public String compression() {
    return compression;
  }

  /** {@return the size of the compressed data in bytes} */
  public long compressedSize() {
    return data.size();
  }

  /**
   * {@return the uncompressed size that file or format announces, in bytes: a claim, not checked}
   * Formats that need a codec which is not there announce nothing, nor does a mapped file that was
   * cut short.
   */
  public OptionalLong announcedSize() {
    if (size.isPresent() || format.isEmpty()) {
      return size;
    }
    try {
      return Decompressors.uncompressedSize(format.get(), data.inMemory());
    } catch (InternalError e) { // SIGBUS: unpacking will say so
      return OptionalLong.empty();
    }
  }

  /**
   * Decompresses. What is allocated grows with what is really unpacked, whatever the file
   * announces; beside it, the compressed data of a file is copied.
   *
   * @param limit the largest kernel that is wanted, in bytes
   * @return the kernel, read-only, freed by the garbage collector
   * @throws IllegalArgumentException if the limit is negative
   * @throws LoaderException {@code FORMAT} if the compression is unknown, has no codec, or the data
   *     is damaged; {@code TRUNCATED} if it ends early; {@code HEADER} if it is larger than the
   *     limit or not as large as the file announces, or if the compressed data is larger than the
   *     limit, an eighth of it and 16 MiB; {@code FILE} if the file was cut short meanwhile
   * @throws IllegalStateException if the segment is no longer alive, or the arena of the bzImage is
   *     closed
   */
  public MemorySegment unpack(long limit) throws LoaderException {
    if (limit < 0) {
      throw new IllegalArgumentException("limit " + limit + ": is negative");
    }
    if (format.isEmpty()) {
      throw error(
          Reason.FORMAT,
          "compression",
          compression.isEmpty() ? "empty" : compression,
          "must be gzip, xz, zstd, lz4, lzma, bzip2 or lzo");
    }
    try (Arena copy = Arena.ofConfined()) {
      return loaded(limit, copy).unpack(format.get(), limit);
    } catch (InternalError e) { // SIGBUS: the mapped file is shorter now
      throw ImageBytes.becameShorter(name, e);
    }
  }

  private MemorySegment unpack(CompressionFormat known, long limit) throws LoaderException {
    OptionalLong announced = announcedSize();
    if (announced.isPresent() && (announced.getAsLong() < 0 || announced.getAsLong() > limit)) {
      throw tooLarge(Long.toUnsignedString(announced.getAsLong()) + " bytes", limit);
    }
    // A size that the file adds to the format's data is exact, the format's own may be a part's.
    long bound = size.isPresent() ? size.getAsLong() : limit;
    long first = bound;
    if (announced.isPresent() && announced.getAsLong() > 0) {
      first = announced.getAsLong();
    }
    try {
      MemorySegment output =
          decompress(known, data.inMemory(), first, bound, room -> Arena.ofAuto().allocate(room));
      if (size.isPresent() && output.byteSize() != size.getAsLong()) {
        throw error(
            Reason.HEADER,
            "uncompressed size",
            output.byteSize() + " bytes",
            "must be " + size.getAsLong() + ", as the file says");
      }
      return output.asReadOnly();
    } catch (DecompressionException e) {
      throw e.kind() == DecompressionException.Kind.TOO_LARGE
          ? tooLarge("more than " + bound + " bytes", bound)
          : because(e);
    }
  }

  /**
   * Decompresses into memory that grows with what is really unpacked, whatever was announced.
   *
   * @param announced how much memory would suffice if that is true
   * @param bound the most that may come out
   * @param memory gives so many bytes; what is too small is not used any more
   * @return what came out, from the last that was given
   * @throws DecompressionException as of a codec, {@code TOO_LARGE} if it is more than the bound
   */
  static MemorySegment decompress(
      CompressionFormat format,
      MemorySegment data,
      long announced,
      long bound,
      LongFunction<MemorySegment> memory)
      throws DecompressionException {
    long first = Math.max(FIRST_ROOM, USUAL_RATIO * data.byteSize());
    long room = Math.min(Math.min(first, announced), bound);
    while (true) {
      try {
        MemorySegment output = memory.apply(room);
        return output.asSlice(0, Decompressors.decompress(format, data, output));
      } catch (DecompressionException e) {
        if (e.kind() != DecompressionException.Kind.TOO_LARGE || room >= bound) {
          throw e;
        }
        room = room > bound / GROWTH ? bound : room * GROWTH;
      }
    }
  }

  private LoaderException tooLarge(String value, long limit) {
    return error(Reason.HEADER, "uncompressed size", value, "must be at most " + limit);
  }

  private LoaderException because(DecompressionException e) {
    LoaderException exception =
        error(
            e.kind() == DecompressionException.Kind.TRUNCATED ? Reason.TRUNCATED : Reason.FORMAT,
            e.format().label() + " data's " + e.field(),
            e.value(),
            e.limit());
    exception.initCause(e);
    return exception;
  }

  private LoaderException error(Reason reason, String field, String value, String limit) {
    return LoaderException.of(reason, name, field, value, limit);
  }

  @Override
  public String toString() {
    return name + ": " + compression + "-compressed, " + data.size() + " bytes";
  }
}

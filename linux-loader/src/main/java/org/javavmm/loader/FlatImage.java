// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.javavmm.loader.MemoryRange.hex;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Optional;
import org.javavmm.loader.LoaderException.Reason;

/**
 * A kernel of arm64 or riscv64 in the format {@code Image}: the code as it lies in memory, with a
 * header of 64 bytes (Documentation/arch/arm64/booting.rst,
 * Documentation/arch/riscv/boot-image-header.rst). It was read and checked; a {@link FlatPlan} says
 * where it goes.
 *
 * <p>The header was copied when it was parsed; the rest of a file is read when the plan is written,
 * from the page cache straight to guest memory. Until then the file stays open and must not change:
 * whether it was cut short is noticed, whether other bytes were written to it is not. Immutable and
 * thread-safe.
 */
public final class FlatImage {
  /** The base of an image is a multiple of this, on both architectures. */
  static final long BASE_ALIGNMENT = 2L << 20;

  private static final int ARM64_TEXT_ALIGNMENT = 4096;

  private final String name;
  private final ImageBytes image;
  private final ByteBuffer head;
  private final Architecture architecture;

  private FlatImage(String name, ImageBytes image, ByteBuffer head, Architecture architecture) {
    this.name = name;
    this.image = image;
    this.head = head;
    this.architecture = architecture;
  }

  /**
   * Opens a kernel file and checks it. The image owns the descriptor, which is closed when the
   * garbage collector finds that the image is no longer in use, nor a plan with it.
   *
   * @param file an uncompressed {@code Image}
   * @return the kernel
   * @throws LoaderException if it is not a readable regular file, or as {@link #parse}
   */
  public static FlatImage read(Path file) throws LoaderException {
    return parse(file.toString(), ImageFile.open(file, Arena.ofAuto()));
  }

  /**
   * Checks a kernel that lies in memory.
   *
   * @param name what to call it in messages
   * @param image the whole file
   * @return the kernel, usable as long as the segment is
   * @throws LoaderException in this order: {@code TRUNCATED} if there is no header; {@code FORMAT}
   *     if it is neither architecture's; {@code PROTOCOL} if riscv's {@code version} is not 0.x;
   *     {@code HEADER} if {@code image_size} is 0 on riscv, is less than the file, or above 2^48;
   *     {@code HEADER} if {@code text_offset} is not aligned (arm64: 4 KiB, riscv: 2 MiB) or too
   *     large (arm64: from 2 MiB on, riscv: above 2^48); {@code FILE} at any point if the bytes are
   *     those of a file that was cut short
   * @throws IllegalStateException if the segment is no longer alive
   */
  public static FlatImage parse(String name, MemorySegment image) throws LoaderException {
    return parse(name, ImageBytes.of(name, image));
  }

  static FlatImage parse(String name, ImageBytes image) throws LoaderException {
    if (image.size() < FlatImageLayout.SIZE) {
      throw LoaderException.of(
          Reason.TRUNCATED,
          name,
          "file",
          image.size() + " bytes",
          "must be at least " + FlatImageLayout.SIZE + ", the header of an Image");
    }
    ByteBuffer head = image.copy(0, FlatImageLayout.SIZE);
    Optional<Architecture> architecture = architectureOf(head);
    if (architecture.isEmpty()) {
      throw LoaderException.of(
          Reason.FORMAT,
          name,
          "magic",
          hex(Integer.toUnsignedLong(head.getInt(FlatImageLayout.MAGIC))),
          "must be 0x644d5241 (arm64) or 0x5435352 (riscv64)");
    }
    FlatImage kernel = new FlatImage(name, image, head, architecture.get());
    kernel.check();
    return kernel;
  }

  /**
   * {@return the architecture if these bytes have the magic number of an {@code Image}}
   *
   * @param image the file's beginning, or all of it; if it maps a file that was cut short, the
   *     bytes have none
   */
  public static Optional<Architecture> detect(MemorySegment image) {
    try {
      return detect(ImageBytes.of("image", image));
    } catch (LoaderException e) {
      return Optional.empty();
    }
  }

  static Optional<Architecture> detect(ImageBytes image) throws LoaderException {
    return image.size() < FlatImageLayout.SIZE
        ? Optional.empty()
        : architectureOf(image.copy(0, FlatImageLayout.SIZE));
  }

  private static Optional<Architecture> architectureOf(ByteBuffer head) {
    int magic = head.getInt(FlatImageLayout.MAGIC);
    if (magic == FlatImageLayout.ARM64_MAGIC) {
      return Optional.of(Architecture.ARM64);
    }
    // Linux 5.3 wrote header version 0.1, which has the first magic number only.
    boolean old =
        head.getLong(FlatImageLayout.RISCV_MAGIC) == FlatImageLayout.RISCV_MAGIC1
            && Integer.compareUnsigned(head.getInt(FlatImageLayout.RISCV_VERSION), 2) < 0;
    return magic == FlatImageLayout.RISCV_MAGIC2 || old
        ? Optional.of(Architecture.RISCV64)
        : Optional.empty();
  }

  private void check() throws LoaderException {
    if (architecture == Architecture.RISCV64 && headerVersion() >>> 16 != 0) {
      throw error(
          Reason.PROTOCOL,
          "version",
          (headerVersion() >>> 16) + "." + (headerVersion() & 0xffff),
          "must be 0.1 or a later 0.x");
    }
    checkImageSize();
    checkTextOffset();
  }

  private void checkImageSize() throws LoaderException {
    long size = rawImageSize();
    if (size == 0) {
      if (architecture == Architecture.RISCV64) {
        throw error(Reason.HEADER, "image_size", "0x0", "must not be 0 on riscv64");
      }
      return; // arm64 before 3.17
    }
    if (Long.compareUnsigned(size, fileSize()) < 0) {
      throw error(
          Reason.HEADER,
          "image_size",
          hex(size),
          "must be at least " + hex(fileSize()) + ", the file's size");
    }
    if (Long.compareUnsigned(size, FlatImageLayout.ADDRESS_LIMIT) > 0) {
      throw error(
          Reason.HEADER,
          "image_size",
          hex(size),
          "must be at most " + hex(FlatImageLayout.ADDRESS_LIMIT));
    }
  }

  private void checkTextOffset() throws LoaderException {
    long offset = textOffset();
    boolean arm = architecture == Architecture.ARM64;
    long alignment = arm ? ARM64_TEXT_ALIGNMENT : BASE_ALIGNMENT;
    if ((offset & (alignment - 1)) != 0) {
      throw error(
          Reason.HEADER,
          "text_offset",
          hex(offset),
          "must be a multiple of "
              + hex(alignment)
              + (arm ? "" : ": the kernel starts at a PMD boundary"));
    }
    if (arm && Long.compareUnsigned(offset, BASE_ALIGNMENT) >= 0) {
      throw error(
          Reason.HEADER, "text_offset", hex(offset), "must be below " + hex(BASE_ALIGNMENT));
    }
    if (Long.compareUnsigned(offset, FlatImageLayout.ADDRESS_LIMIT) > 0) {
      throw error(
          Reason.HEADER,
          "text_offset",
          hex(offset),
          "must be at most " + hex(FlatImageLayout.ADDRESS_LIMIT));
    }
  }

  /** {@return what the kernel is called in messages: its file's name} */
  public String name() {
    return name;
  }

  /** {@return the architecture: {@link Architecture#ARM64} or {@link Architecture#RISCV64}} */
  public Architecture architecture() {
    return architecture;
  }

  /** {@return the size of the file in bytes} */
  public long fileSize() {
    return image.size();
  }

  /** {@return the whole file} */
  ImageBytes image() {
    return image;
  }

  /**
   * {@return the offset of the image from a 2 MiB aligned base in bytes; 0x80000 for an arm64
   * kernel without {@code image_size}, whose field may be of either byte order}
   */
  public long textOffset() {
    return architecture == Architecture.ARM64 && rawImageSize() == 0
        ? FlatImageLayout.ARM64_OLD_TEXT_OFFSET
        : head.getLong(FlatImageLayout.TEXT_OFFSET);
  }

  private long rawImageSize() {
    return head.getLong(FlatImageLayout.IMAGE_SIZE);
  }

  /**
   * {@return whether the header says how much memory the kernel uses; arm64 kernels before 3.17 do
   * not}
   */
  public boolean hasImageSize() {
    return rawImageSize() != 0;
  }

  /**
   * {@return the memory in bytes that the kernel uses from its first byte on; the file's size if
   * the header does not say}
   */
  public long imageSize() {
    return hasImageSize() ? rawImageSize() : fileSize();
  }

  /** {@return the header's flags, bits without a meaning included} */
  public long flags() {
    return head.getLong(FlatImageLayout.FLAGS);
  }

  /** {@return whether the kernel runs big-endian} */
  public boolean bigEndian() {
    return (flags() & FlatImageLayout.FLAG_BIG_ENDIAN) != 0;
  }

  /** {@return the kernel's page size in bytes, 0 if the header does not say} */
  public int pageSize() {
    if (architecture != Architecture.ARM64) {
      return 0;
    }
    int field =
        (int) (flags() >>> FlatImageLayout.ARM64_PAGE_SHIFT) & FlatImageLayout.ARM64_PAGE_MASK;
    return switch (field) {
      case 1 -> 4 << 10;
      case 2 -> 16 << 10;
      case 3 -> 64 << 10;
      default -> 0;
    };
  }

  /**
   * {@return whether the kernel may lie anywhere in memory; an arm64 kernel that may not wants to
   * be as low as possible, for it does not use the memory below}
   */
  public boolean placedAnywhere() {
    return architecture == Architecture.ARM64
        && (flags() & FlatImageLayout.ARM64_FLAG_ANYWHERE) != 0;
  }

  /**
   * {@return the version of a riscv64 header, major in the upper 16 bits: 0x2 is 0.2; 0 for arm64,
   * whose header has none}
   */
  public int headerVersion() {
    return architecture == Architecture.RISCV64 ? head.getInt(FlatImageLayout.RISCV_VERSION) : 0;
  }

  /** {@return whether the image is an EFI program as well, with a PE header} */
  public boolean hasEfiStub() {
    return (head.getShort(0) & 0xffff) == PeLayout.DOS_MAGIC
        && head.getInt(FlatImageLayout.PE_OFFSET) != 0;
  }

  LoaderException error(Reason reason, String field, String value, String limit) {
    return LoaderException.of(reason, name, field, value, limit);
  }

  @Override
  public String toString() {
    return name
        + ": "
        + architecture
        + " Image, text_offset "
        + hex(textOffset())
        + ", image_size "
        + (hasImageSize() ? hex(imageSize()) : "unknown");
  }
}

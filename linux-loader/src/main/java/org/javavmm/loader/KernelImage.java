// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import org.javavmm.memory.GuestMemory;

/**
 * A kernel that was read and checked. Its header was copied when it was parsed; the rest of the
 * file is copied once, from the page cache to guest memory, when a {@link BootPlan} is written.
 * Until then the file must not change. Immutable and thread-safe.
 */
public abstract sealed class KernelImage permits BzImage, ElfKernel {
  /** Enough for the setup header, an ELF header and every magic number that is looked for. */
  private static final int HEAD = 1024;

  private final String name;
  private final MemorySegment image;

  KernelImage(String name, MemorySegment image) {
    this.name = name;
    this.image = image;
  }

  /**
   * Maps a kernel file and checks it. The mapping ends when the garbage collector finds that the
   * image is no longer in use.
   *
   * @param file a bzImage or an ELF {@code vmlinux}
   * @return the kernel
   * @throws LoaderException if it is not a readable regular file, or not a kernel that can be
   *     loaded
   */
  public static KernelImage read(Path file) throws LoaderException {
    return read(file, Arena.ofAuto());
  }

  /**
   * Maps a kernel file and checks it.
   *
   * @param file a bzImage or an ELF {@code vmlinux}
   * @param arena how long the file stays mapped
   * @return the kernel, usable until the arena is closed
   * @throws LoaderException if it is not a readable regular file, or not a kernel that can be
   *     loaded
   * @throws IllegalStateException if the arena is closed
   */
  public static KernelImage read(Path file, Arena arena) throws LoaderException {
    return parse(file.toString(), ImageFile.map(file, arena));
  }

  /**
   * Checks a kernel that lies in memory.
   *
   * @param name what to call it in messages
   * @param image the whole file
   * @return the kernel, usable as long as the segment is
   * @throws LoaderException if it is not a kernel that can be loaded
   * @throws IllegalStateException if the segment is no longer alive
   */
  public static KernelImage parse(String name, MemorySegment image) throws LoaderException {
    MemorySegment readOnly = image.asReadOnly();
    ByteBuffer head = copy(readOnly, 0, Math.min(HEAD, image.byteSize()));
    return switch (Magic.of(head)) {
      case BZIMAGE -> BzImage.parse(name, readOnly, head);
      case ELF -> ElfKernel.parse(name, readOnly, head);
      case ARM64_IMAGE, RISCV64_IMAGE, PE_ARM64, PE_RISCV64, PE_I386 ->
          throw new LoaderException(
              LoaderException.Reason.ARCHITECTURE,
              name,
              "format",
              Magic.of(head).description(),
              "must be an x86-64 bzImage or ELF vmlinux");
      default ->
          throw new LoaderException(
              LoaderException.Reason.FORMAT,
              name,
              "format",
              Magic.of(head).description(),
              "must be an x86-64 bzImage or ELF vmlinux");
    };
  }

  /** {@return a copy of a part of the image, little-endian, which nobody can change any more} */
  static ByteBuffer copy(MemorySegment image, long offset, long length) {
    byte[] bytes = image.asSlice(offset, length).toArray(ValueLayout.JAVA_BYTE);
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** {@return what the kernel is called in messages: its file's name} */
  public final String name() {
    return name;
  }

  /** {@return the whole file, read-only} */
  final MemorySegment image() {
    return image;
  }

  /** {@return the size of the file in bytes} */
  public final long fileSize() {
    return image.byteSize();
  }

  /** {@return the longest command line that the kernel takes, in bytes without the final zero} */
  public abstract long commandLineLimit();

  /** {@return the highest address that a byte of the initrd may have} */
  public abstract long initrdAddressMax();

  /** Finds the kernel's place in memory. */
  abstract KernelPlacement place(RamMap ram) throws LoaderException;

  /** Copies the kernel to its place, all of which is in memory. */
  abstract void writeTo(GuestMemory memory, KernelPlacement placement);

  /** Fills in the zero page what the kernel itself says; the rest of the header stays zero. */
  abstract void writeHeader(ByteBuffer zeroPage, KernelPlacement placement);

  final LoaderException error(
      LoaderException.Reason reason, String field, String value, String limit) {
    return new LoaderException(reason, name, field, value, limit);
  }

  final LoaderException error(
      LoaderException.Reason reason, String field, long value, String limit) {
    return error(reason, field, MemoryRange.hex(value), limit);
  }
}

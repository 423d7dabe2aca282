// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.javavmm.memory.GuestMemory;

/**
 * A kernel that was read and checked. Its header was copied when it was parsed; the rest of the
 * file is copied once, from the page cache to guest memory, when a {@link BootPlan} is written.
 * Until then the file must not change. Immutable and thread-safe.
 */
public abstract sealed class KernelImage permits BzImage, ElfKernel, MultibootKernel {
  /** Enough for the setup header, an ELF header and every magic number that is looked for. */
  private static final int HEAD = MultibootHeader.SEARCH_SIZE;

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
   * @param file a bzImage, an ELF {@code vmlinux} or a Multiboot kernel
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
   * @param file a bzImage, an ELF {@code vmlinux} or a Multiboot kernel
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
      case ELF -> parseElf(name, readOnly, head);
      case ARM64_IMAGE, RISCV64_IMAGE, PE_ARM64, PE_RISCV64, PE_I386 ->
          throw LoaderException.of(
              LoaderException.Reason.ARCHITECTURE,
              name,
              "format",
              Magic.of(head).description(),
              "must be an x86-64 bzImage or ELF vmlinux");
      default -> parseFlat(name, readOnly, head);
    };
  }

  /** A Multiboot header with addresses takes precedence over what an ELF header says. */
  private static KernelImage parseElf(String name, MemorySegment image, ByteBuffer head)
      throws LoaderException {
    Optional<MultibootHeader> multiboot = MultibootHeader.find(name, head);
    return multiboot.isPresent() && multiboot.get().hasAddresses()
        ? MultibootKernel.parse(name, image, multiboot.get())
        : ElfKernel.parse(name, image, head, multiboot);
  }

  private static KernelImage parseFlat(String name, MemorySegment image, ByteBuffer head)
      throws LoaderException {
    Optional<MultibootHeader> multiboot = MultibootHeader.find(name, head);
    if (multiboot.isPresent()) {
      return MultibootKernel.parse(name, image, multiboot.get());
    }
    throw LoaderException.of(
        LoaderException.Reason.FORMAT,
        name,
        "format",
        Magic.of(head).description(),
        "must be an x86-64 bzImage or ELF vmlinux");
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

  /** {@return the entries that the kernel has, first the one that it prefers; never empty} */
  public abstract List<BootEntry> entries();

  /**
   * {@return the error for an entry that the kernel has not}
   *
   * @param entry one that {@link #entries()} lacks
   */
  LoaderException lacks(BootEntry entry) {
    return error(
        LoaderException.Reason.PROTOCOL,
        "entry",
        entry.name(),
        "must be "
            + String.join(" or ", entries().stream().map(BootEntry::name).toList())
            + ": the kernel has no other");
  }

  /** {@return the highest address that a byte of the initrd may have with an entry} */
  long initrdAddressMax(BootEntry entry) {
    return initrdAddressMax();
  }

  /** {@return the longest command line with an entry, in bytes without the final zero} */
  long commandLineLimit(BootEntry entry) {
    return commandLineLimit();
  }

  /** {@return whether initrd and command line may lie above 4 GiB with an entry} */
  boolean dataMayBeHigh(BootEntry entry) {
    return false;
  }

  /** {@return whether the zero page may point to a list of setup_data} */
  boolean takesSetupData() {
    return true;
  }

  /**
   * Finds the kernel's place in memory.
   *
   * @param entry one of {@link #entries()}
   * @param ram what is free
   * @param high whether it must lie above 4 GiB
   */
  abstract KernelPlacement place(BootEntry entry, RamMap ram, boolean high) throws LoaderException;

  /** Refuses a place above 4 GiB, which none but some bzImages can have. */
  final void checkNotHigh(boolean high) throws LoaderException {
    if (high) {
      throw error(
          LoaderException.Reason.PROTOCOL,
          "place",
          "above 4 GiB",
          "must be below, where the file says: only a relocatable bzImage can be loaded above");
    }
  }

  /** Copies the kernel to its place, all of which is in memory. */
  abstract void writeTo(GuestMemory memory, KernelPlacement placement);

  /** Fills in the zero page what the kernel itself says; the rest of the header stays zero. */
  abstract void writeHeader(ByteBuffer zeroPage, KernelPlacement placement);

  final LoaderException error(
      LoaderException.Reason reason, String field, String value, String limit) {
    return LoaderException.of(reason, name, field, value, limit);
  }

  final LoaderException error(
      LoaderException.Reason reason, String field, long value, String limit) {
    return error(reason, field, MemoryRange.hex(value), limit);
  }
}

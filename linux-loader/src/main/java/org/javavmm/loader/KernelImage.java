// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.javavmm.memory.GuestMemory;

/**
 * A kernel that was read and checked. Its headers were copied when it was parsed; the rest of a
 * file is read when a {@link BootPlan} is written, from the page cache straight to guest memory.
 * Until then the file stays open and must not change: whether it was cut short is noticed, whether
 * other bytes were written to it is not. Who renames or deletes it changes nothing. Immutable and
 * thread-safe.
 */
public abstract sealed class KernelImage permits BzImage, ElfKernel, MultibootKernel {
  /** Enough for the setup header, an ELF header and every magic number that is looked for. */
  private static final int HEAD = MultibootHeader.SEARCH_SIZE;

  private static final String FORMATS =
      "must be an x86 kernel: a bzImage, an ELF file or a Multiboot kernel";

  private final String name;
  private final ImageBytes image;

  KernelImage(String name, ImageBytes image) {
    this.name = name;
    this.image = image;
  }

  /**
   * Opens a kernel file and checks it. The kernel owns the descriptor, which is closed when the
   * garbage collector finds that the kernel is no longer in use, nor a plan with it. Who reads many
   * kernels gives an arena, that descriptors do not pile up until then.
   *
   * @param file a bzImage, an ELF {@code vmlinux} or a Multiboot kernel
   * @return the kernel
   * @throws LoaderException if it is not a readable regular file, is cut short meanwhile, or is not
   *     a kernel that can be loaded
   */
  public static KernelImage read(Path file) throws LoaderException {
    return read(file, Arena.ofAuto());
  }

  /**
   * Opens a kernel file and checks it.
   *
   * @param file a bzImage, an ELF {@code vmlinux} or a Multiboot kernel
   * @param arena how long the file stays open; closing it closes the descriptor
   * @return the kernel, usable by any thread until the arena is closed
   * @throws LoaderException if it is not a readable regular file, is cut short meanwhile, or is not
   *     a kernel that can be loaded
   * @throws IllegalStateException if the arena is closed
   * @throws WrongThreadException if the arena is confined to another thread
   */
  public static KernelImage read(Path file, Arena arena) throws LoaderException {
    return parse(file.toString(), ImageFile.open(file, arena));
  }

  /**
   * Checks a kernel that lies in memory.
   *
   * @param name what to call it in messages
   * @param image the whole file
   * @return the kernel, usable as long as the segment is
   * @throws LoaderException if it is not a kernel that can be loaded, or if the segment maps a file
   *     that was cut short
   * @throws IllegalStateException if the segment is no longer alive
   */
  public static KernelImage parse(String name, MemorySegment image) throws LoaderException {
    return parse(name, ImageBytes.of(name, image));
  }

  static KernelImage parse(String name, ImageBytes image) throws LoaderException {
    ByteBuffer head = image.copy(0, Math.min(HEAD, image.size()));
    return switch (Magic.of(head)) {
      case BZIMAGE -> BzImage.parse(name, image, head);
      case ELF -> parseElf(name, image, head);
      case ARM64_IMAGE, RISCV64_IMAGE, PE_ARM64, PE_RISCV64, PE_I386 ->
          throw LoaderException.of(
              LoaderException.Reason.ARCHITECTURE,
              name,
              "format",
              Magic.of(head).description(),
              FORMATS);
      default -> parseFlat(name, image, head);
    };
  }

  /** A Multiboot header with addresses takes precedence over what an ELF header says. */
  private static KernelImage parseElf(String name, ImageBytes image, ByteBuffer head)
      throws LoaderException {
    Optional<MultibootHeader> multiboot = MultibootHeader.find(name, head);
    return multiboot.isPresent() && multiboot.get().hasAddresses()
        ? MultibootKernel.parse(name, image, multiboot.get())
        : ElfKernel.parse(name, image, head, multiboot);
  }

  private static KernelImage parseFlat(String name, ImageBytes image, ByteBuffer head)
      throws LoaderException {
    Optional<MultibootHeader> multiboot = MultibootHeader.find(name, head);
    if (multiboot.isPresent()) {
      return MultibootKernel.parse(name, image, multiboot.get());
    }
    throw LoaderException.of(
        LoaderException.Reason.FORMAT, name, "format", Magic.of(head).description(), FORMATS);
  }

  /** {@return what the kernel is called in messages: its file's name} */
  public final String name() {
    return name;
  }

  /** {@return the whole file} */
  final ImageBytes image() {
    return image;
  }

  /** {@return the size of the file in bytes} */
  public final long fileSize() {
    return image.size();
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

  /**
   * Writes the kernel to its place, all of which is in memory.
   *
   * @throws LoaderException {@code FILE} if its file was cut short; a part may be written
   */
  abstract void writeTo(GuestMemory memory, KernelPlacement placement) throws LoaderException;

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

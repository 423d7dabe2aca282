// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.javavmm.loader.MemoryRange.hex;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.javavmm.loader.LoaderException.Reason;
import org.javavmm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/**
 * Where everything of a Linux boot through the 64-bit entry goes, made before any memory is mapped.
 * A plan that could be built fits: writing it cannot fail for a reason that lies in the kernel, the
 * initrd or the command line. Immutable and thread-safe.
 *
 * <p>The kernel lies at the address it prefers or, if that is taken and the kernel is relocatable,
 * above it; the initrd as high as kernel and memory permit; the zero page and the command line
 * where {@link X86Layout} says. Everything lies below 4 GiB.
 */
public final class BootPlan {
  private static final int PAGE = 4096;

  private final KernelImage kernel;
  private final KernelPlacement placement;
  private final CommandLine commandLine;
  private final @Nullable Initrd initrd;
  private final @Nullable MemoryRange initrdRange;
  private final E820Map e820;

  private BootPlan(Builder builder) throws LoaderException {
    this.kernel = builder.kernel;
    this.commandLine = builder.commandLine;
    this.initrd = builder.initrd;
    this.e820 = E820Map.x86(builder.ram, builder.reserved);
    if (e820.entries().size() > BootParamsLayout.E820_MAX_ENTRIES_ZEROPAGE) {
      throw new IllegalArgumentException(
          "memory map of "
              + e820.entries().size()
              + " entries: the zero page has room for "
              + BootParamsLayout.E820_MAX_ENTRIES_ZEROPAGE);
    }
    long room = X86Layout.EBDA_START - X86Layout.COMMAND_LINE - 1;
    commandLine.checkLength(Math.min(kernel.commandLineLimit(), room));
    checkLowMemory(builder);
    RamMap ram = new RamMap(builder.ram);
    builder.reserved.forEach(entry -> ram.take(entry.range()));
    this.placement = kernel.place(ram);
    ram.take(placement.memory());
    this.initrdRange = initrd == null ? null : placeInitrd(initrd, ram);
  }

  /** Collects what a plan is made of. Not thread-safe. */
  public static final class Builder {
    private final KernelImage kernel;
    private List<MemoryRange> ram = List.of();
    private final List<E820Map.Entry> reserved = new ArrayList<>();
    private CommandLine commandLine = CommandLine.builder().build();
    private @Nullable Initrd initrd;

    private Builder(KernelImage kernel) {
      this.kernel = kernel;
    }

    /**
     * Sets the guest's memory.
     *
     * @param ranges its regions; they must hold at least the addresses from 0 to {@link
     *     X86Layout#EBDA_START} without a gap, see {@link X86Layout#splitRam}
     * @return this builder
     */
    public Builder ram(List<MemoryRange> ranges) {
      ram = List.copyOf(ranges);
      return this;
    }

    /**
     * Sets the command line. Without one it is empty.
     *
     * @param line the command line
     * @return this builder
     */
    public Builder commandLine(CommandLine line) {
      commandLine = line;
      return this;
    }

    /**
     * Sets the initrd. Without one there is none.
     *
     * @param disk the initrd
     * @return this builder
     */
    public Builder initrd(Initrd disk) {
      initrd = disk;
      return this;
    }

    /**
     * Keeps a range free of kernel and initrd and shows it to the guest as reserved. It need not be
     * memory.
     *
     * @param range the addresses
     * @param type what the guest's memory map says of them; not RAM
     * @return this builder
     */
    public Builder reserve(MemoryRange range, E820Map.Type type) {
      reserved.add(new E820Map.Entry(range, type));
      return this;
    }

    /**
     * Makes the plan.
     *
     * @return the plan
     * @throws IllegalArgumentException if ranges of memory overlap, if reserved ranges of different
     *     types overlap, if one is of type RAM or overlaps what {@link X86Layout} has below {@link
     *     X86Layout#EBDA_START}, or if the memory map has more than 128 entries
     * @throws LoaderException if the command line is longer than the kernel takes, if the kernel
     *     has no 64-bit entry, or if kernel or initrd do not fit
     */
    public BootPlan build() throws LoaderException {
      return new BootPlan(this);
    }
  }

  /**
   * {@return a builder for a plan}
   *
   * @param kernel the kernel
   */
  public static Builder builder(KernelImage kernel) {
    return new Builder(kernel);
  }

  private void checkLowMemory(Builder builder) throws LoaderException {
    MemoryRange low = MemoryRange.between(0, X86Layout.EBDA_START);
    for (E820Map.Entry entry : builder.reserved) {
      if (entry.range().overlaps(low)) {
        throw new IllegalArgumentException(
            "reserved entry " + entry + " overlaps the boot data in " + low);
      }
    }
    boolean there =
        e820.entries().stream()
            .anyMatch(entry -> entry.type() == E820Map.Type.RAM && entry.range().contains(low));
    if (!there) {
      throw new LoaderException(
          Reason.MEMORY,
          kernel.name(),
          "memory",
          builder.ram.isEmpty() ? "empty" : builder.ram.toString(),
          "must have " + low + " for the zero page and the command line");
    }
  }

  private MemoryRange placeInitrd(Initrd disk, RamMap ram) throws LoaderException {
    long endLimit = Math.min(kernel.initrdAddressMax() + 1, X86Layout.HOLE_END);
    long size = disk.size();
    long gpa = ram.highest(endLimit, size, PAGE).orElse(-1);
    if (gpa >= 0) {
      return new MemoryRange(gpa, size);
    }
    long needed = RamMap.alignUp(placement.memory().end(), PAGE) + RamMap.alignUp(size, PAGE);
    if (ram.totalSize() < needed && needed <= Math.min(endLimit, X86Layout.HOLE_START)) {
      throw new LoaderException(
          Reason.MEMORY,
          kernel.name(),
          "memory",
          ram.totalSize() + " bytes",
          "must be at least "
              + needed
              + ": the kernel takes "
              + placement.memory()
              + " and the initrd "
              + size
              + " bytes");
    }
    throw new LoaderException(
        Reason.INITRD,
        disk.name(),
        "size",
        size + " bytes",
        "must be at most "
            + ram.largest(endLimit)
            + ", the largest free range below "
            + hex(endLimit)
            + " beside the kernel at "
            + placement.memory());
  }

  /** {@return the address at which the first vCPU begins, in 64-bit mode} */
  public long entry() {
    return placement.entry();
  }

  /** {@return the address of the zero page, which the first vCPU has in RSI} */
  public long zeroPage() {
    return X86Layout.ZERO_PAGE;
  }

  /**
   * {@return the addresses that the identity map at the entry must cover: from 0 to the end of the
   * memory that the kernel uses before it makes page tables of its own}
   */
  public MemoryRange identityMap() {
    return MemoryRange.between(0, placement.memory().end());
  }

  /** {@return the memory that the kernel uses before it reads its memory map} */
  public MemoryRange kernelRange() {
    return placement.memory();
  }

  /** {@return where the command line goes, its final zero included} */
  public MemoryRange commandLineRange() {
    return new MemoryRange(X86Layout.COMMAND_LINE, commandLine.length() + 1L);
  }

  /** {@return where the initrd goes, if there is one} */
  public Optional<MemoryRange> initrdRange() {
    return Optional.ofNullable(initrdRange);
  }

  /** {@return the memory map that the guest gets} */
  public E820Map e820() {
    return e820;
  }

  /** {@return all that is written, or left to the kernel: no byte outside is touched} */
  public List<MemoryRange> ranges() {
    List<MemoryRange> ranges = new ArrayList<>();
    ranges.add(new MemoryRange(zeroPage(), BootParamsLayout.SIZE));
    ranges.add(commandLineRange());
    ranges.add(placement.memory());
    if (initrdRange != null) {
      ranges.add(initrdRange);
    }
    return List.copyOf(ranges);
  }

  /**
   * Writes kernel, initrd, command line and zero page into guest memory. Nothing is written unless
   * all of it can be. No vCPU may run meanwhile.
   *
   * @param memory memory that has at least what the plan was made for
   * @param rsdpAddress the address of the ACPI RSDP, or 0 if there is none
   * @throws IllegalArgumentException if a range of the plan is not in memory
   * @throws IllegalStateException if the memory, or the arena of kernel or initrd, is closed
   * @throws LoaderException if a mapped file was cut short meanwhile; part of it may be written
   */
  public void writeTo(GuestMemory memory, long rsdpAddress) throws LoaderException {
    for (MemoryRange range : ranges()) {
      if (!memory.contains(range.gpa(), range.size())) {
        throw new IllegalArgumentException(
            "planned range " + range + " is not in the " + memory + ": not the memory planned for");
      }
    }
    checkAlive(memory.regions().getFirst().segment().scope().isAlive(), "guest memory");
    checkAlive(kernel.image().scope().isAlive(), kernel.name());
    checkAlive(initrd == null || initrd.isAlive(), "initrd");
    copyFile(kernel.name(), () -> kernel.writeTo(memory, placement));
    if (initrd != null && initrdRange != null) {
      copyFile(initrd.name(), () -> initrd.writeTo(memory, initrdRange.gpa()));
    }
    byte[] line = commandLine.bytes();
    memory.write(X86Layout.COMMAND_LINE, line);
    memory.putByte(X86Layout.COMMAND_LINE + line.length, (byte) 0);
    memory.write(zeroPage(), zeroPageBytes(rsdpAddress));
  }

  private static void checkAlive(boolean alive, String what) {
    if (!alive) {
      throw new IllegalStateException(what + " is closed");
    }
  }

  /** Copies from a mapped file; where the file has become shorter, the host raises SIGBUS. */
  private static void copyFile(String name, Runnable copy) throws LoaderException {
    try {
      copy.run();
    } catch (InternalError e) {
      LoaderException exception =
          new LoaderException(
              Reason.FILE, name, "file", "shorter than when it was opened", "must not change");
      exception.initCause(e);
      throw exception;
    }
  }

  private byte[] zeroPageBytes(long rsdpAddress) {
    ByteBuffer page = ByteBuffer.allocate(BootParamsLayout.SIZE).order(ByteOrder.LITTLE_ENDIAN);
    kernel.writeHeader(page, placement);
    page.put(BootParamsLayout.TYPE_OF_LOADER, (byte) BootParamsLayout.LOADER_UNDEFINED);
    int flags = page.get(BootParamsLayout.LOADFLAGS) | BootParamsLayout.LOADED_HIGH;
    page.put(BootParamsLayout.LOADFLAGS, (byte) flags);
    long initrdGpa = initrdRange == null ? 0 : initrdRange.gpa();
    long initrdSize = initrdRange == null ? 0 : initrdRange.size();
    putSplit(page, BootParamsLayout.RAMDISK_IMAGE, BootParamsLayout.EXT_RAMDISK_IMAGE, initrdGpa);
    putSplit(page, BootParamsLayout.RAMDISK_SIZE, BootParamsLayout.EXT_RAMDISK_SIZE, initrdSize);
    putSplit(
        page,
        BootParamsLayout.CMD_LINE_PTR,
        BootParamsLayout.EXT_CMD_LINE_PTR,
        X86Layout.COMMAND_LINE);
    page.putLong(BootParamsLayout.ACPI_RSDP_ADDR, rsdpAddress);
    // Zero says that the page was cleared; else the kernel drops the ext_ fields.
    page.put(BootParamsLayout.SENTINEL, (byte) 0);
    page.put(BootParamsLayout.E820_ENTRIES, (byte) e820.entries().size());
    page.position(BootParamsLayout.E820_TABLE);
    for (E820Map.Entry entry : e820.entries()) {
      page.putLong(entry.range().gpa());
      page.putLong(entry.range().size());
      page.putInt(entry.type().number());
    }
    return page.array();
  }

  private static void putSplit(ByteBuffer page, int low, int high, long value) {
    page.putInt(low, (int) value);
    page.putInt(high, (int) (value >>> 32));
  }

  @Override
  public String toString() {
    return "boot plan: kernel "
        + kernel.name()
        + " "
        + placement.memory()
        + ", entry "
        + hex(entry())
        + ", zero page "
        + hex(zeroPage())
        + ", command line "
        + commandLineRange()
        + (initrdRange == null ? "" : ", initrd " + initrdRange);
  }
}

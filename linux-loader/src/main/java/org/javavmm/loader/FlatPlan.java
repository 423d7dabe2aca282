// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.javavmm.loader.MemoryRange.hex;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.javavmm.loader.LoaderException.Reason;
import org.javavmm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/**
 * Where a {@link FlatImage}, its device tree and its initrd go, made before any memory is mapped. A
 * plan that could be built fits. Immutable and thread-safe.
 *
 * <p>The image lies {@code text_offset} above the lowest 2 MiB aligned base in memory from which
 * all that it uses is free. Device tree and initrd lie above it, as high as they may, so that a
 * kernel that does not say how much it uses has the most room:
 *
 * <ul>
 *   <li>the device tree (at most 2 MiB) at a multiple of 2 MiB, so that it lies in one 2 MiB block
 *       (of which the initrd may have what is left), if possible within 512 MiB from the base,
 *       which arm64 kernels before 4.2 need;
 *   <li>the initrd at a page, on arm64 within the 32 GiB from the 1 GiB boundary below the image.
 * </ul>
 *
 * <p>The device tree names the initrd's addresses, so it is made after the plan, and given to
 * {@link #writeTo}.
 */
public final class FlatPlan {
  /** The largest device tree that a kernel maps, in bytes. */
  public static final int DEVICE_TREE_LIMIT = 2 << 20;

  private static final int PAGE = 4096;
  private static final long GIB = 1L << 30;

  /** Of both windows the end is relative to the start. */
  private static final long INITRD_WINDOW = 32 * GIB;

  private static final long OLD_DEVICE_TREE_WINDOW = 512L << 20;

  private static final int FDT_MAGIC = 0xd00d_feed;
  private static final int FDT_HEADER = 40;

  private final FlatImage kernel;
  private final MemoryRange kernelRange;
  private final MemoryRange deviceTreeRange;
  private final @Nullable Initrd initrd;
  private final @Nullable MemoryRange initrdRange;
  private final long hartId;

  private FlatPlan(Builder builder) throws LoaderException {
    this.kernel = builder.kernel;
    this.initrd = builder.initrd;
    this.hartId = builder.hartId;
    FreeRanges free = new FreeRanges(builder.ram);
    List<MemoryRange> ram = free.ranges();
    builder.reserved.forEach(free::take);
    this.kernelRange = placeKernel(ram, free);
    free.take(kernelRange);
    this.deviceTreeRange = placeDeviceTree(free, builder.deviceTreeSize);
    free.take(deviceTreeRange);
    this.initrdRange = initrd == null ? null : placeInitrd(initrd, free);
  }

  /** Collects what a plan is made of. Not thread-safe. */
  public static final class Builder {
    private final FlatImage kernel;
    private List<MemoryRange> ram = List.of();
    private final List<MemoryRange> reserved = new ArrayList<>();
    private int deviceTreeSize = DEVICE_TREE_LIMIT;
    private @Nullable Initrd initrd;
    private long hartId;

    private Builder(FlatImage kernel) {
      this.kernel = kernel;
    }

    /**
     * Sets the guest's memory.
     *
     * @param ranges its regions, in any order
     * @return this builder
     */
    public Builder ram(List<MemoryRange> ranges) {
      ram = List.copyOf(ranges);
      return this;
    }

    /**
     * Keeps a range free, firmware's for instance. It need not be memory.
     *
     * @param range the addresses
     * @return this builder
     */
    public Builder reserve(MemoryRange range) {
      reserved.add(range);
      return this;
    }

    /**
     * Sets the room for the device tree. Without it that is {@link #DEVICE_TREE_LIMIT}.
     *
     * @param size the largest device tree that will be written, in bytes, from 40, its header, to
     *     {@link #DEVICE_TREE_LIMIT}
     * @return this builder
     * @throws IllegalArgumentException if the size is out of range
     */
    public Builder deviceTreeSize(int size) {
      if (size < FDT_HEADER || size > DEVICE_TREE_LIMIT) {
        throw new IllegalArgumentException(
            "device tree of "
                + size
                + " bytes: must be from "
                + FDT_HEADER
                + " to "
                + DEVICE_TREE_LIMIT);
      }
      deviceTreeSize = size;
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
     * Sets the hart that enters a riscv64 kernel. Without it that is 0.
     *
     * @param id the hart's id
     * @return this builder
     */
    public Builder hartId(long id) {
      hartId = id;
      return this;
    }

    /**
     * Makes the plan.
     *
     * @return the plan
     * @throws IllegalArgumentException if ranges of memory overlap
     * @throws LoaderException if the kernel, the device tree or the initrd do not fit, in this
     *     order
     */
    public FlatPlan build() throws LoaderException {
      return new FlatPlan(this);
    }
  }

  /**
   * {@return a builder for a plan}
   *
   * @param kernel the kernel
   */
  public static Builder builder(FlatImage kernel) {
    return new Builder(kernel);
  }

  private MemoryRange placeKernel(List<MemoryRange> ram, FreeRanges free) throws LoaderException {
    long size = kernel.imageSize();
    long gpa = free.lowest(ram, size, FlatImage.BASE_ALIGNMENT, kernel.textOffset()).orElse(-1);
    if (gpa < 0) {
      throw kernel.error(
          Reason.MEMORY,
          "memory",
          ram.isEmpty() ? "empty" : ram.toString(),
          "must have "
              + hex(size)
              + " free bytes (image_size) from "
              + hex(kernel.textOffset())
              + " (text_offset) above a multiple of 2 MiB");
    }
    if (kernel.architecture() == Architecture.ARM64 && gpa > FlatImageLayout.ADDRESS_LIMIT - size) {
      throw kernel.error(
          Reason.MEMORY,
          "end of the image",
          hex(gpa + size),
          "must be at most " + hex(FlatImageLayout.ADDRESS_LIMIT) + ", 48 bits of address");
    }
    return new MemoryRange(gpa, size);
  }

  private MemoryRange placeDeviceTree(FreeRanges free, int size) throws LoaderException {
    long from = kernelRange.end();
    long base = kernelRange.gpa() - kernel.textOffset();
    long gpa =
        free.highest(from, base + OLD_DEVICE_TREE_WINDOW, size, FlatImage.BASE_ALIGNMENT)
            .orElse(-1);
    if (gpa < 0 && kernel.hasImageSize()) {
      gpa =
          free.highest(from, FlatImageLayout.ADDRESS_LIMIT, size, FlatImage.BASE_ALIGNMENT)
              .orElse(-1);
    }
    if (gpa < 0) {
      throw kernel.error(
          Reason.MEMORY,
          "memory",
          free.ranges().isEmpty() ? "empty" : free.ranges() + " beside the kernel",
          "must have "
              + size
              + " free bytes for the device tree at a multiple of 2 MiB above the kernel at "
              + kernelRange
              + (kernel.hasImageSize() ? "" : " and below " + hex(base + OLD_DEVICE_TREE_WINDOW)));
    }
    return new MemoryRange(gpa, size);
  }

  private MemoryRange placeInitrd(Initrd disk, FreeRanges free) throws LoaderException {
    long end =
        kernel.architecture() == Architecture.ARM64
            ? (kernelRange.gpa() & -GIB) + INITRD_WINDOW
            : FlatImageLayout.ADDRESS_LIMIT;
    long gpa = free.highest(kernelRange.end(), end, disk.size(), PAGE).orElse(-1);
    if (gpa < 0) {
      throw LoaderException.of(
          Reason.INITRD,
          disk.name(),
          "size",
          disk.size() + " bytes",
          "must fit into free memory from "
              + hex(kernelRange.end())
              + " to "
              + hex(end)
              + ": "
              + (free.ranges().isEmpty() ? "none" : free.ranges()));
    }
    return new MemoryRange(gpa, disk.size());
  }

  /** {@return the address of the image's first byte, where the first CPU begins} */
  public long entry() {
    return kernelRange.gpa();
  }

  /** {@return the registers of the first CPU} */
  public EntryState entryState() {
    return kernel.architecture() == Architecture.ARM64
        ? EntryState.arm64(entry(), deviceTreeRange.gpa())
        : EntryState.riscv64(entry(), hartId, deviceTreeRange.gpa());
  }

  /** {@return the memory that the kernel uses before it reads its device tree} */
  public MemoryRange kernelRange() {
    return kernelRange;
  }

  /** {@return the room of the device tree} */
  public MemoryRange deviceTreeRange() {
    return deviceTreeRange;
  }

  /** {@return where the initrd goes, if there is one} */
  public Optional<MemoryRange> initrdRange() {
    return Optional.ofNullable(initrdRange);
  }

  /** {@return all that is written, or left to the kernel: no byte outside is touched} */
  public List<MemoryRange> ranges() {
    List<MemoryRange> ranges = new ArrayList<>();
    ranges.add(kernelRange);
    ranges.add(deviceTreeRange);
    if (initrdRange != null) {
      ranges.add(initrdRange);
    }
    return List.copyOf(ranges);
  }

  /**
   * Writes kernel, initrd and device tree into guest memory, in this order. Nothing is written
   * unless all of it can be: that the files still have all of their bytes is looked at before.
   * Should one be cut short while it is read, what comes before it and a part of it are written,
   * but no device tree: then the memory is to be given up, or the plan written again. What the
   * kernel uses behind its file is left as it is: it clears that itself. No vCPU may run meanwhile.
   *
   * @param memory memory that has at least what the plan was made for
   * @param deviceTree a flattened device tree; what follows its {@code totalsize} is not written
   * @throws IllegalArgumentException if a range of the plan is not in memory
   * @throws IllegalStateException if the memory, or the arena of kernel or initrd, is closed
   * @throws LoaderException if the device tree has no header or does not fit into its room; {@code
   *     FILE} if a file was cut short since it was opened, or cannot be read
   */
  public void writeTo(GuestMemory memory, MemorySegment deviceTree) throws LoaderException {
    PlanCheck.fits(memory, ranges());
    PlanCheck.alive(kernel.image().isAlive(), kernel.name());
    PlanCheck.alive(initrd == null || initrd.isAlive(), "initrd");
    byte[] tree = checkedDeviceTree(deviceTree);
    kernel.image().checkComplete();
    if (initrd != null) {
      initrd.checkComplete();
    }
    memory.prefault(kernelRange.gpa(), kernel.image().size());
    kernel.image().writeTo(memory, kernelRange.gpa());
    if (initrd != null && initrdRange != null) {
      initrd.writeTo(memory, initrdRange.gpa());
    }
    memory.write(deviceTreeRange.gpa(), tree);
  }

  private byte[] checkedDeviceTree(MemorySegment deviceTree) throws LoaderException {
    if (deviceTree.byteSize() < FDT_HEADER) {
      throw treeError(
          Reason.TRUNCATED,
          "size",
          deviceTree.byteSize() + " bytes",
          "must be at least " + FDT_HEADER + ", its header");
    }
    // One copy, which nobody changes between check and use.
    byte[] tree =
        deviceTree
            .asSlice(0, Math.min(deviceTree.byteSize(), deviceTreeRange.size()))
            .toArray(ValueLayout.JAVA_BYTE);
    ByteBuffer header = ByteBuffer.wrap(tree); // big-endian on every machine
    if (header.getInt(0) != FDT_MAGIC) {
      throw treeError(
          Reason.FORMAT,
          "magic",
          hex(Integer.toUnsignedLong(header.getInt(0))),
          "must be " + hex(Integer.toUnsignedLong(FDT_MAGIC)));
    }
    long size = Integer.toUnsignedLong(header.getInt(4));
    if (size > deviceTree.byteSize()) {
      throw treeError(
          Reason.TRUNCATED,
          "totalsize",
          size + " bytes",
          "must be at most " + deviceTree.byteSize() + ", what was given");
    }
    if (size < FDT_HEADER || size > deviceTreeRange.size()) {
      throw treeError(
          Reason.HEADER,
          "totalsize",
          size + " bytes",
          "must be from " + FDT_HEADER + " to " + deviceTreeRange.size() + ", the room planned");
    }
    return Arrays.copyOf(tree, (int) size);
  }

  private static LoaderException treeError(
      Reason reason, String field, String value, String limit) {
    return LoaderException.of(reason, "device tree", field, value, limit);
  }

  @Override
  public String toString() {
    return "boot plan: "
        + kernel.architecture()
        + " kernel "
        + kernel.name()
        + " "
        + kernelRange
        + ", device tree "
        + deviceTreeRange
        + (initrdRange == null ? "" : ", initrd " + initrdRange);
  }
}

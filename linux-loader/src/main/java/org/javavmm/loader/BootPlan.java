// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.javavmm.loader.MemoryRange.hex;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.javavmm.loader.LoaderException.Reason;
import org.javavmm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/**
 * Where everything of a boot goes, made before any memory is mapped. A plan that could be built
 * fits: writing it cannot fail for a reason that lies in the kernel, the initrd or the command
 * line, unless a file is changed meanwhile. Immutable and thread-safe.
 *
 * <p>The kernel is entered by one of its {@linkplain BootEntry entries}: the one it prefers, or the
 * one that is asked for. It lies at the address it prefers or, if that is taken and the kernel is
 * relocatable, above it; initrd and modules as high as kernel and memory permit; the zero page, or
 * what takes its place, and the command line where {@link X86Layout} says. Everything lies below 4
 * GiB, unless there is no room and the kernel may lie above, or {@link Builder#above4GiB} is asked
 * for.
 */
public final class BootPlan {
  private static final int PAGE = 4096;
  private static final int BLOCK_ALIGNMENT = 16;

  private final KernelImage kernel;
  private final BootEntry entry;
  private final KernelPlacement placement;
  private final CommandLine commandLine;
  private final MemoryRange commandLineRange;
  private final @Nullable MemoryRange initrdRange;
  private final List<BootInfo.Placed> modules;
  private final MemoryRange infoRange;
  private final List<SetupData> setupData;
  private final @Nullable MemoryRange setupDataRange;
  private final Optional<Framebuffer> framebuffer;
  private final E820Map e820;

  /** The next byte of low memory that is free for boot data. */
  private long lowNext;

  private BootPlan(Builder builder) throws LoaderException {
    this.kernel = builder.kernel;
    this.entry = chosenEntry(builder);
    this.commandLine = builder.commandLine;
    this.framebuffer = Optional.ofNullable(builder.framebuffer);
    this.e820 = E820Map.x86(builder.ram, builder.reserved);
    this.setupData = allSetupData(builder);
    checkWhatTheEntryTakes(builder);
    commandLine.checkLength(Math.min(kernel.commandLineLimit(entry), X86Layout.COMMAND_LINE_MAX));
    checkLowMemory(builder);
    RamMap ram = new RamMap(builder.ram);
    builder.reserved.forEach(reserved -> ram.take(reserved.range()));
    this.placement = kernel.place(entry, ram, builder.high);
    ram.take(placement.memory());
    this.commandLineRange = placeCommandLine(ram, builder.high);
    this.modules = placeModules(builder, ram);
    this.initrdRange = builder.initrd == null ? null : modules.getFirst().range();
    this.infoRange = placeInfo(ram);
    this.setupDataRange =
        setupData.isEmpty() ? null : placeBlock("setup_data", SetupDataList.size(setupData), ram);
  }

  /** Collects what a plan is made of. Not thread-safe. */
  public static final class Builder {
    private final KernelImage kernel;
    private List<MemoryRange> ram = List.of();
    private final List<E820Map.Entry> reserved = new ArrayList<>();
    private CommandLine commandLine = CommandLine.builder().build();
    private @Nullable Initrd initrd;
    private @Nullable BootEntry entry;
    private final List<BootModule> modules = new ArrayList<>();
    private final List<SetupData> setupData = new ArrayList<>();
    private @Nullable Framebuffer framebuffer;
    private boolean high;

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
     * Sets the entry. Without it, it is the first of {@link KernelImage#entries()}.
     *
     * @param wanted the entry
     * @return this builder
     */
    public Builder entry(BootEntry wanted) {
      entry = wanted;
      return this;
    }

    /**
     * Adds a module, behind the initrd, which is the first one. For the entries {@link
     * BootEntry#PVH} and {@link BootEntry#MULTIBOOT}.
     *
     * @param contents the file
     * @param string what the kernel is told with it
     * @return this builder
     */
    public Builder module(Initrd contents, CommandLine string) {
      modules.add(new BootModule(contents, string));
      return this;
    }

    /**
     * Adds an element to the list of {@code setup_data}. For Linux's entries, from protocol 2.09
     * on.
     *
     * @param element the element
     * @return this builder
     */
    public Builder setupData(SetupData element) {
      setupData.add(element);
      return this;
    }

    /**
     * Tells the kernel of a framebuffer. For Linux's entries and {@link BootEntry#MULTIBOOT}. Its
     * addresses are not reserved by this.
     *
     * @param screen the framebuffer
     * @return this builder
     */
    public Builder framebuffer(Framebuffer screen) {
      framebuffer = screen;
      return this;
    }

    /**
     * Places kernel, initrd and command line above 4 GiB. For {@link BootEntry#LINUX_64} and a
     * kernel with {@link BzImage#loadableAbove4GiB()} that is relocatable.
     *
     * @return this builder
     */
    public Builder above4GiB() {
      high = true;
      return this;
    }

    /**
     * Makes the plan.
     *
     * @return the plan
     * @throws LoaderException if the kernel lacks the entry
     * @throws IllegalArgumentException if ranges of memory overlap, if reserved ranges of different
     *     types overlap, if one is of type RAM or overlaps what {@link X86Layout} has below {@link
     *     X86Layout#EBDA_START}
     * @throws LoaderException if the entry's protocol cannot carry modules, setup_data, a
     *     framebuffer or that many entries of the memory map; if the command line is longer than
     *     the kernel takes; if the kernel cannot lie above 4 GiB and must; or if kernel, initrd,
     *     modules or boot data do not fit
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

  private static BootEntry chosenEntry(Builder builder) throws LoaderException {
    BootEntry wanted = builder.entry;
    if (wanted == null) {
      return builder.kernel.entries().getFirst();
    }
    if (!builder.kernel.entries().contains(wanted)) {
      throw builder.kernel.lacks(wanted);
    }
    return wanted;
  }

  /** What the zero page has no room for becomes an element of setup_data, the first. */
  private List<SetupData> allSetupData(Builder builder) {
    List<SetupData> all = new ArrayList<>(builder.setupData);
    int room = BootParamsLayout.E820_MAX_ENTRIES_ZEROPAGE;
    if (entry.isLinux() && e820.entries().size() > room) {
      List<E820Map.Entry> rest = e820.entries().subList(room, e820.entries().size());
      ByteBuffer bytes =
          ByteBuffer.allocate(rest.size() * BootParamsLayout.E820_ENTRY_SIZE)
              .order(ByteOrder.LITTLE_ENDIAN);
      rest.forEach(range -> putE820(bytes, range));
      all.addFirst(SetupData.e820(bytes.array()));
    }
    return List.copyOf(all);
  }

  /** Refuses what the entry's protocol has no place for. */
  private void checkWhatTheEntryTakes(Builder builder) throws LoaderException {
    if (entry.isLinux()) {
      checkNone("modules", builder.modules.size());
    } else {
      checkNone("setup_data", builder.setupData.size());
    }
    if (entry == BootEntry.PVH) {
      checkNone("framebuffers", framebuffer.isPresent() ? 1 : 0);
    }
    int limit = Integer.MAX_VALUE;
    String why = "";
    if (entry == BootEntry.PVH) {
      limit = PvhLayout.MEMMAP_MAX;
      why = "what Linux has room for with the entry PVH";
    } else if (entry.isLinux() && !kernel.takesSetupData()) {
      limit = BootParamsLayout.E820_MAX_ENTRIES_ZEROPAGE;
      why = "what the zero page has room for: the kernel's protocol has no setup_data";
    }
    if (e820.entries().size() > limit) {
      throw kernel.error(
          Reason.PROTOCOL,
          "memory map",
          e820.entries().size() + " entries",
          "must be at most " + limit + ", " + why);
    }
    if (!kernel.takesSetupData() && !setupData.isEmpty()) {
      throw kernel.error(
          Reason.PROTOCOL,
          "setup_data",
          setupData.size() + " elements",
          "must be none: the kernel's protocol is older than 2.09");
    }
  }

  private void checkNone(String what, int count) throws LoaderException {
    if (count != 0) {
      throw kernel.error(
          Reason.PROTOCOL,
          "number of " + what,
          Integer.toString(count),
          "must be 0 with the entry " + entry);
    }
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
      throw LoaderException.of(
          Reason.MEMORY,
          kernel.name(),
          "memory",
          builder.ram.isEmpty() ? "empty" : builder.ram.toString(),
          "must have " + low + " for the zero page and the command line");
    }
  }

  private MemoryRange placeCommandLine(RamMap ram, boolean high) throws LoaderException {
    long size = commandLine.length() + 1L;
    if (!high) {
      lowNext = X86Layout.COMMAND_LINE + size;
      return new MemoryRange(X86Layout.COMMAND_LINE, size);
    }
    lowNext = X86Layout.COMMAND_LINE;
    long gpa = ram.lowest(X86Layout.HOLE_END, Long.MAX_VALUE, size, PAGE).orElse(-1);
    if (gpa < 0) {
      throw kernel.error(
          Reason.MEMORY,
          "memory",
          ram.totalSize() + " bytes",
          "must have room for the command line above 4 GiB, behind the kernel at "
              + placement.memory());
    }
    MemoryRange range = new MemoryRange(gpa, size);
    ram.take(range);
    return range;
  }

  private List<BootInfo.Placed> placeModules(Builder builder, RamMap ram) throws LoaderException {
    List<BootModule> all = new ArrayList<>();
    if (builder.initrd != null) {
      all.add(new BootModule(builder.initrd, CommandLine.builder().build()));
    }
    all.addAll(builder.modules);
    List<BootInfo.Placed> placed = new ArrayList<>();
    for (BootModule module : all) {
      MemoryRange range = placeInitrd(module.contents(), ram, builder.high);
      ram.take(range);
      placed.add(new BootInfo.Placed(module, range));
    }
    return List.copyOf(placed);
  }

  private MemoryRange placeInitrd(Initrd disk, RamMap ram, boolean high) throws LoaderException {
    long endLimit = Math.min(kernel.initrdAddressMax(entry) + 1, X86Layout.HOLE_END);
    long size = disk.size();
    OptionalLong found = OptionalLong.empty();
    if (!high) {
      found = ram.highest(endLimit, size, PAGE);
    }
    if (found.isEmpty() && kernel.dataMayBeHigh(entry)) {
      // Not between the kernel's limit and 4 GiB, of which it says nothing.
      found = ram.lowest(X86Layout.HOLE_END, Long.MAX_VALUE, size, PAGE);
    }
    if (found.isPresent()) {
      return new MemoryRange(found.getAsLong(), size);
    }
    long needed =
        MemoryRange.alignUp(placement.memory().end(), PAGE) + MemoryRange.alignUp(size, PAGE);
    if (!high && ram.totalSize() < needed && needed <= Math.min(endLimit, X86Layout.HOLE_START)) {
      throw LoaderException.of(
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
    if (high) {
      throw LoaderException.of(
          Reason.INITRD,
          disk.name(),
          "size",
          size + " bytes",
          "must fit above 4 GiB, behind the kernel at " + placement.memory());
    }
    throw LoaderException.of(
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

  /** The page for boot information, or more room where that is too small. */
  private MemoryRange placeInfo(RamMap ram) throws LoaderException {
    if (entry.isLinux()) {
      return new MemoryRange(X86Layout.ZERO_PAGE, BootParamsLayout.SIZE);
    }
    long size = info(0, 0).length;
    return size <= BootParamsLayout.SIZE
        ? new MemoryRange(X86Layout.ZERO_PAGE, size)
        : placeBlock("boot information", size, ram);
  }

  /** Behind the command line, or above 1 MiB where there is no room. */
  private MemoryRange placeBlock(String what, long size, RamMap ram) throws LoaderException {
    long low = MemoryRange.alignUp(lowNext, BLOCK_ALIGNMENT);
    if (size <= X86Layout.EBDA_START - low) {
      lowNext = low + size;
      return new MemoryRange(low, size);
    }
    long endLimit = Math.min(kernel.initrdAddressMax(entry) + 1, X86Layout.HOLE_END);
    long gpa = ram.highest(endLimit, size, PAGE).orElse(-1);
    if (gpa < 0) {
      throw kernel.error(
          Reason.MEMORY,
          what,
          size + " bytes",
          "must be at most "
              + Math.max(X86Layout.EBDA_START - low, ram.largest(endLimit))
              + ", the largest free range");
    }
    MemoryRange range = new MemoryRange(gpa, size);
    ram.take(range);
    return range;
  }

  /** The block of a protocol other than Linux's. */
  private byte[] info(long base, long rsdpAddress) {
    BootInfo info =
        new BootInfo(base, commandLineRange.gpa(), rsdpAddress, modules, e820, framebuffer);
    return entry == BootEntry.PVH ? info.pvh() : info.multiboot();
  }

  /** {@return the protocol by which the kernel is entered} */
  public BootEntry bootEntry() {
    return entry;
  }

  /** {@return the mode in which the first vCPU begins} */
  public BootEntry.Mode entryMode() {
    return entry.mode();
  }

  /** {@return the physical address at which the first vCPU begins} */
  public long entry() {
    return placement.entry();
  }

  /**
   * {@return the address of what the kernel is told: the zero page, {@code hvm_start_info} or the
   * Multiboot information}
   */
  public long bootInfo() {
    return infoRange.gpa();
  }

  /** {@return the registers of the first vCPU that the protocol gives a meaning} */
  public BootRegisters registers() {
    return switch (entry) {
      case LINUX_64, LINUX_32 -> new BootRegisters(entry(), 0, 0, bootInfo());
      case PVH -> new BootRegisters(entry(), 0, bootInfo(), 0);
      case MULTIBOOT -> new BootRegisters(entry(), MultibootHeader.BOOT_MAGIC, bootInfo(), 0);
    };
  }

  /**
   * {@return the address of the zero page, which the first vCPU has in RSI}
   *
   * @throws IllegalStateException if the kernel is not entered by Linux's protocol, so that there
   *     is none
   */
  public long zeroPage() {
    if (!entry.isLinux()) {
      throw new IllegalStateException("no zero page with the entry " + entry);
    }
    return bootInfo();
  }

  /**
   * {@return the addresses that the identity map at the entry must cover, ascending: what the
   * kernel uses before it makes page tables of its own. The first range begins at 0; there are more
   * if something lies above 4 GiB, and none if the entry is one without paging}
   */
  public List<MemoryRange> identityMap() {
    if (entry.mode() != BootEntry.Mode.LONG) {
      return List.of();
    }
    long lowEnd = X86Layout.HIGH_MEMORY_START;
    List<MemoryRange> high = new ArrayList<>();
    List<MemoryRange> used = new ArrayList<>(List.of(placement.memory(), commandLineRange));
    if (setupDataRange != null) {
      used.add(setupDataRange);
    }
    for (MemoryRange range : used) {
      if (range.gpa() >= X86Layout.HOLE_END) {
        high.add(range);
      } else {
        lowEnd = Math.max(lowEnd, range.end());
      }
    }
    high.add(MemoryRange.between(0, lowEnd));
    high.sort(Comparator.comparingLong(MemoryRange::gpa));
    return List.copyOf(high);
  }

  /** {@return the memory that the kernel uses before it reads its memory map} */
  public MemoryRange kernelRange() {
    return placement.memory();
  }

  /** {@return where the command line goes, its final zero included} */
  public MemoryRange commandLineRange() {
    return commandLineRange;
  }

  /** {@return where the initrd goes, if there is one} */
  public Optional<MemoryRange> initrdRange() {
    return Optional.ofNullable(initrdRange);
  }

  /** {@return where the modules go, the initrd first if there is one} */
  public List<MemoryRange> moduleRanges() {
    return modules.stream().map(BootInfo.Placed::range).toList();
  }

  /** {@return where the list of setup_data goes, if there is one} */
  public Optional<MemoryRange> setupDataRange() {
    return Optional.ofNullable(setupDataRange);
  }

  /** {@return the memory map that the guest gets} */
  public E820Map e820() {
    return e820;
  }

  /** {@return all that is written, or left to the kernel: no byte outside is touched} */
  public List<MemoryRange> ranges() {
    List<MemoryRange> ranges = new ArrayList<>();
    ranges.add(infoRange);
    ranges.add(commandLineRange());
    ranges.add(placement.memory());
    ranges.addAll(moduleRanges());
    setupDataRange().ifPresent(ranges::add);
    return List.copyOf(ranges);
  }

  /**
   * Writes kernel, initrd, modules, command line and boot information into guest memory, in this
   * order. Nothing is written unless all of it can be: that the files still have all of their bytes
   * is looked at before. Should one be cut short while it is read, what comes before it and a part
   * of it are written, but neither command line nor boot information: then the memory is to be
   * given up, or the plan written again. No vCPU may run meanwhile.
   *
   * @param memory memory that has at least what the plan was made for
   * @param rsdpAddress the address of the ACPI RSDP, or 0 if there is none; Multiboot cannot pass
   *     it on, its kernels look for it from 0xe0000 on
   * @throws IllegalArgumentException if a range of the plan is not in memory
   * @throws IllegalStateException if the memory, or the arena of kernel or initrd, is closed
   * @throws LoaderException {@code FILE} if a file was cut short since it was opened, or cannot be
   *     read
   */
  public void writeTo(GuestMemory memory, long rsdpAddress) throws LoaderException {
    PlanCheck.fits(memory, ranges());
    PlanCheck.alive(kernel.image().isAlive(), kernel.name());
    for (int i = 0; i < modules.size(); i++) {
      boolean isInitrd = i == 0 && initrdRange != null;
      Initrd contents = modules.get(i).module().contents();
      PlanCheck.alive(contents.isAlive(), isInitrd ? "initrd" : "module " + contents.name());
    }
    kernel.image().checkComplete();
    for (BootInfo.Placed placed : modules) {
      placed.module().contents().checkComplete();
    }
    kernel.writeTo(memory, placement);
    for (BootInfo.Placed placed : modules) {
      placed.module().contents().writeTo(memory, placed.range().gpa());
    }
    byte[] line = commandLine.bytes();
    memory.write(commandLineRange.gpa(), line);
    memory.putByte(commandLineRange.gpa() + line.length, (byte) 0);
    if (setupDataRange != null) {
      memory.write(setupDataRange.gpa(), SetupDataList.bytes(setupData, setupDataRange.gpa()));
    }
    memory.write(
        bootInfo(), entry.isLinux() ? zeroPageBytes(rsdpAddress) : info(bootInfo(), rsdpAddress));
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
        commandLineRange.gpa());
    if (setupDataRange != null) {
      page.putLong(BootParamsLayout.SETUP_DATA, setupDataRange.gpa());
    }
    framebuffer.ifPresent(screen -> screen.writeScreenInfo(page));
    page.putLong(BootParamsLayout.ACPI_RSDP_ADDR, rsdpAddress);
    // Zero says that the page was cleared; else the kernel drops the ext_ fields.
    page.put(BootParamsLayout.SENTINEL, (byte) 0);
    int count = Math.min(e820.entries().size(), BootParamsLayout.E820_MAX_ENTRIES_ZEROPAGE);
    page.put(BootParamsLayout.E820_ENTRIES, (byte) count);
    page.position(BootParamsLayout.E820_TABLE);
    e820.entries().subList(0, count).forEach(range -> putE820(page, range));
    return page.array();
  }

  private static void putE820(ByteBuffer bytes, E820Map.Entry range) {
    bytes.putLong(range.range().gpa());
    bytes.putLong(range.range().size());
    bytes.putInt(range.type().number());
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
        + entry
        + " at "
        + hex(entry())
        + (entry.isLinux() ? ", zero page " : ", boot information ")
        + hex(bootInfo())
        + ", command line "
        + commandLineRange
        + (initrdRange == null ? "" : ", initrd " + initrdRange)
        + (modules.size() > (initrdRange == null ? 0 : 1) ? ", modules " + moduleRanges() : "");
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.javavmm.loader.MemoryRange.hex;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.javavmm.codec.CompressionFormat;
import org.javavmm.codec.DecompressionException;
import org.javavmm.loader.LoaderException.Reason;
import org.javavmm.memory.GuestMemory;

/**
 * A kernel in the format of the Linux x86 boot protocol, version 2.06 or later: a real-mode part
 * with the setup header, of which only the header is used, and the protected-mode part, which is
 * loaded (Documentation/arch/x86/boot.rst). Its 32-bit entry point is its first byte; the 64-bit
 * one, which protocol 2.12 introduced, lies 0x200 bytes behind.
 */
public final class BzImage extends KernelImage {
  private static final int SECTOR = 512;
  private static final int PARAGRAPH = 16;
  private static final int ENTRY_64 = 0x200;
  private static final int MINIMUM_VERSION = 0x206;
  private static final int RELEASE_LIMIT = 256;

  /** The most that is decompressed of a kernel whose header does not say. */
  private static final long PAYLOAD_MAX = 256 << 20;

  private static final long PAYLOAD_ALIGNMENT = 4096;

  /** What a kernel with page tables of four levels can address. */
  private static final long ADDRESS_LIMIT = 1L << 46;

  /** The image's first bytes, at least up to the end of the setup header. */
  private final ByteBuffer head;

  private final int headerEnd;
  private final ImageBytes kernel;
  private final String release;

  private BzImage(String name, ImageBytes image, ByteBuffer head) throws LoaderException {
    super(name, image);
    this.head = head;
    checkVersion();
    this.headerEnd = checkedHeaderEnd();
    this.kernel = checkedKernel();
    checkPayload();
    checkAlignment();
    checkInitSize();
    this.release = findRelease();
  }

  static BzImage parse(String name, ImageBytes image, ByteBuffer head) throws LoaderException {
    return new BzImage(name, image, head);
  }

  private void checkVersion() throws LoaderException {
    int bootFlag = head.getShort(BootParamsLayout.BOOT_FLAG) & 0xffff;
    if (bootFlag != BootParamsLayout.BOOT_FLAG_MAGIC) {
      throw error(Reason.HEADER, "boot_flag", bootFlag, "must be 0xaa55");
    }
    if (head.capacity() < 2 * SECTOR) {
      throw error(
          Reason.TRUNCATED,
          "file",
          fileSize() + " bytes",
          "must be at least " + 2 * SECTOR + ": boot sector and setup header");
    }
    if (protocolVersion() < MINIMUM_VERSION) {
      throw error(
          Reason.PROTOCOL,
          "version",
          protocolVersion(),
          "must be at least " + hex(MINIMUM_VERSION) + " (Linux 2.6.22)");
    }
    if ((loadFlags() & BootParamsLayout.LOADED_HIGH) == 0) {
      throw error(
          Reason.PROTOCOL,
          "loadflags",
          loadFlags(),
          "must have bit 0 (LOADED_HIGH): zImages are not loaded");
    }
  }

  /** The jump over the header tells where the header ends. */
  private int checkedHeaderEnd() throws LoaderException {
    int opcode = head.get(BootParamsLayout.JUMP) & 0xff;
    if (opcode != 0xeb) {
      throw error(Reason.HEADER, "jump", opcode, "must be 0xeb, a short jump over the header");
    }
    int end = BootParamsLayout.JUMP + 2 + (head.get(BootParamsLayout.JUMP + 1) & 0xff);
    int needed = BootParamsLayout.headerEnd(protocolVersion());
    if (end < needed || end > BootParamsLayout.EDD_MBR_SIG_BUFFER) {
      throw error(
          Reason.HEADER,
          "end of the setup header",
          end,
          "must be from "
              + hex(needed)
              + " (protocol "
              + hex(protocolVersion())
              + ") to "
              + hex(BootParamsLayout.EDD_MBR_SIG_BUFFER));
    }
    return end;
  }

  private ImageBytes checkedKernel() throws LoaderException {
    long offset = (setupSectors() + 1L) * SECTOR;
    if (offset > fileSize()) {
      throw error(
          Reason.TRUNCATED,
          "setup_sects",
          setupSectors(),
          "must be at most "
              + hex(fileSize() / SECTOR - 1)
              + ": the file has "
              + fileSize()
              + " bytes");
    }
    long size = Integer.toUnsignedLong(head.getInt(BootParamsLayout.SYSSIZE)) * PARAGRAPH;
    if (has64BitEntry() && size <= ENTRY_64) {
      throw error(
          Reason.HEADER,
          "syssize",
          size + " bytes",
          "must be above " + ENTRY_64 + ", where the 64-bit entry is");
    }
    if (size == 0) {
      throw error(Reason.HEADER, "syssize", "0 bytes", "must be at least 16, not empty");
    }
    if (size > fileSize() - offset) {
      throw error(
          Reason.TRUNCATED,
          "syssize",
          size + " bytes",
          "must be at most " + (fileSize() - offset) + ", what the file has after setup");
    }
    return image().slice(offset, size);
  }

  private void checkPayload() throws LoaderException {
    if (protocolVersion() < 0x208) {
      return;
    }
    long end = payloadOffset() + payloadLength();
    if (end > kernel.size()) {
      throw error(
          Reason.HEADER,
          "payload_offset + payload_length",
          end,
          "must be at most " + hex(kernel.size()) + ", the protected-mode part's size");
    }
  }

  private void checkAlignment() throws LoaderException {
    if (Long.bitCount(kernelAlignment()) != 1) {
      throw error(Reason.HEADER, "kernel_alignment", kernelAlignment(), "must be a power of two");
    }
  }

  private void checkInitSize() throws LoaderException {
    if (protocolVersion() >= 0x20a && initSize() < kernel.size()) {
      throw error(
          Reason.HEADER,
          "init_size",
          initSize(),
          "must be at least " + hex(kernel.size()) + ", the protected-mode part's size");
    }
  }

  /** For information only, so a value that makes no sense is no error. */
  private String findRelease() throws LoaderException {
    long offset = head.getShort(BootParamsLayout.KERNEL_VERSION) & 0xffff;
    if (offset == 0 || offset >= (long) setupSectors() * SECTOR) {
      return "";
    }
    long start = offset + SECTOR;
    ByteBuffer text = image().copy(start, Math.min(RELEASE_LIMIT, fileSize() - start));
    StringBuilder found = new StringBuilder();
    // Up to the first blank: what follows is the builder and the date.
    while (text.hasRemaining()) {
      char c = (char) text.get();
      if (c <= ' ' || c >= 0x7f) {
        break;
      }
      found.append(c);
    }
    return found.toString();
  }

  /** {@return the boot protocol's version, major in the high byte: 0x20f is 2.15} */
  public int protocolVersion() {
    return head.getShort(BootParamsLayout.VERSION) & 0xffff;
  }

  /** {@return the kernel's release, as {@code uname -r} prints it, or an empty string} */
  public String release() {
    return release;
  }

  /** {@return the number of 512-byte sectors of the real-mode part after the first} */
  public int setupSectors() {
    int sectors = head.get(BootParamsLayout.SETUP_SECTS) & 0xff;
    return sectors == 0 ? 4 : sectors; // 0 means 4, from the first version on
  }

  /** {@return the size of the protected-mode part in bytes, 16 times the header's syssize} */
  public long kernelSize() {
    return kernel.size();
  }

  /** {@return the header's loadflags} */
  public int loadFlags() {
    return head.get(BootParamsLayout.LOADFLAGS) & 0xff;
  }

  /** {@return the header's xloadflags, 0 before protocol 2.12} */
  public int xloadFlags() {
    return protocolVersion() < 0x20c ? 0 : head.getShort(BootParamsLayout.XLOADFLAGS) & 0xffff;
  }

  /** {@return whether the kernel may be loaded at another address than the one it prefers} */
  public boolean relocatable() {
    return head.get(BootParamsLayout.RELOCATABLE_KERNEL) != 0;
  }

  /** {@return the alignment of the load address of a relocatable kernel in bytes} */
  public long kernelAlignment() {
    return Integer.toUnsignedLong(head.getInt(BootParamsLayout.KERNEL_ALIGNMENT));
  }

  /** {@return the address at which the kernel prefers to run; 0x100000 before protocol 2.10} */
  public long prefAddress() {
    return protocolVersion() < 0x20a ? 0x100000 : head.getLong(BootParamsLayout.PREF_ADDRESS);
  }

  /**
   * {@return the memory in bytes that the kernel uses from its load address on before it reads the
   * memory map; the size of its protected-mode part before protocol 2.10}
   */
  public long initSize() {
    return protocolVersion() < 0x20a
        ? kernel.size()
        : Integer.toUnsignedLong(head.getInt(BootParamsLayout.INIT_SIZE));
  }

  /** {@return where the compressed kernel lies in the protected-mode part; 0 before 2.08} */
  public long payloadOffset() {
    return protocolVersion() < 0x208
        ? 0
        : Integer.toUnsignedLong(head.getInt(BootParamsLayout.PAYLOAD_OFFSET));
  }

  /** {@return the size of the compressed kernel in bytes; 0 before protocol 2.08} */
  public long payloadLength() {
    return protocolVersion() < 0x208
        ? 0
        : Integer.toUnsignedLong(head.getInt(BootParamsLayout.PAYLOAD_LENGTH));
  }

  /**
   * Decompresses the payload: the {@code vmlinux} that the kernel would unpack itself. What is
   * allocated grows with what is really unpacked, up to init_size, and to 256 MiB before protocol
   * 2.10; the payload of a file is copied while this takes.
   *
   * @param arena how long the decompressed kernel lives
   * @return the kernel, without symbols and with all its entries; usable until the arena is closed
   * @throws LoaderException if the protocol is older than 2.08 and has no payload; if the payload's
   *     format is not known or no codec is there for it; if it is damaged, ends early, or has
   *     another size than it says; if the file was cut short; or if what comes out is not an ELF
   *     file that can be loaded
   * @throws IllegalStateException if the arena, or the one of this image, is closed
   */
  public ElfKernel decompressPayload(Arena arena) throws LoaderException {
    if (payloadLength() < Integer.BYTES) {
      throw error(
          Reason.PAYLOAD,
          "payload_length",
          payloadLength(),
          "must be at least 0x4, which is the size of the size at its end (protocol 2.08)");
    }
    ImageBytes payload = kernel.slice(payloadOffset(), payloadLength());
    CompressionFormat format =
        PackedImage.format(payload)
            .orElseThrow(() ->
                error(
                    Reason.PAYLOAD,
                    "payload's format",
                    "not known",
                    "must be one of " + Arrays.toString(CompressionFormat.values())));
    long size = checkedUncompressedSize(payload);
    // Of gzip the size is a part, to all others the kernel's build appends it.
    long tail = format == CompressionFormat.GZIP ? 0 : Integer.BYTES;
    MemorySegment output;
    try (Arena copy = Arena.ofConfined()) {
      MemorySegment compressed = payload.slice(0, payload.size() - tail).toMemory(copy);
      output = decompress(format, compressed, size, arena);
    }
    // Tables of relocations may stand behind the ELF file: nothing refers to them.
    return parsePayload(output);
  }

  /** The size is a claim: where the payload does not bear it out, it costs no memory. */
  private MemorySegment decompress(
      CompressionFormat format, MemorySegment compressed, long size, Arena arena)
      throws LoaderException {
    MemorySegment output;
    try {
      output =
          PackedImage.decompress(
              format,
              compressed,
              size,
              size,
              // Less than the size can only be too small.
              room -> (room < size ? Arena.ofAuto() : arena).allocate(room, PAYLOAD_ALIGNMENT));
    } catch (DecompressionException e) {
      throw LoaderException.of(
          Reason.PAYLOAD,
          name(),
          "payload's " + format.label() + " " + e.field(),
          e.value(),
          e.limit(),
          e);
    } catch (InternalError e) { // SIGBUS: the mapped file is shorter now
      throw ImageBytes.becameShorter(name(), e);
    }
    if (output.byteSize() != size) {
      throw error(
          Reason.PAYLOAD,
          "payload's uncompressed size",
          output.byteSize() + " bytes",
          "must be " + size + ", as its last 4 bytes say");
    }
    return output;
  }

  private long checkedUncompressedSize(ImageBytes payload) throws LoaderException {
    long size = payload.copy(payload.size() - Integer.BYTES, Integer.BYTES).getInt();
    size &= 0xffff_ffffL;
    long limit = protocolVersion() >= 0x20a ? initSize() : PAYLOAD_MAX;
    if (size == 0 || size > limit) {
      throw error(
          Reason.PAYLOAD,
          "payload's uncompressed size",
          size,
          "must be from 0x1 to " + hex(limit) + (protocolVersion() >= 0x20a ? ", init_size" : ""));
    }
    long most = PackedImage.compressedLimit(limit);
    if (payload.size() > most) {
      throw error(
          Reason.PAYLOAD,
          "payload_length",
          payload.size(),
          "must be at most " + hex(most) + " for what unpacks to at most " + hex(limit) + " bytes");
    }
    return size;
  }

  private ElfKernel parsePayload(MemorySegment output) throws LoaderException {
    String called = name() + " (payload)";
    ImageBytes elf = ImageBytes.of(called, output);
    ByteBuffer start = elf.copy(0, Math.min(MultibootHeader.SEARCH_SIZE, elf.size()));
    Magic magic = Magic.of(start);
    if (magic != Magic.ELF) {
      throw LoaderException.of(
          Reason.PAYLOAD, called, "format", magic.description(), "must be an ELF vmlinux");
    }
    return ElfKernel.parse(called, elf, start, Optional.empty());
  }

  @Override
  public long commandLineLimit() {
    return Integer.toUnsignedLong(head.getInt(BootParamsLayout.CMDLINE_SIZE));
  }

  @Override
  public long initrdAddressMax() {
    return Integer.toUnsignedLong(head.getInt(BootParamsLayout.INITRD_ADDR_MAX));
  }

  /** {@return whether the kernel has a 64-bit entry point} */
  private boolean has64BitEntry() {
    return (xloadFlags() & BootParamsLayout.XLF_KERNEL_64) != 0;
  }

  @Override
  public List<BootEntry> entries() {
    return has64BitEntry()
        ? List.of(BootEntry.LINUX_64, BootEntry.LINUX_32)
        : List.of(BootEntry.LINUX_32);
  }

  /**
   * {@return whether the kernel, its initrd and its command line may lie above 4 GiB, if it is
   * entered at its 64-bit entry point}
   */
  public boolean loadableAbove4GiB() {
    int needed = BootParamsLayout.XLF_KERNEL_64 | BootParamsLayout.XLF_CAN_BE_LOADED_ABOVE_4G;
    return (xloadFlags() & needed) == needed;
  }

  @Override
  boolean dataMayBeHigh(BootEntry entry) {
    return entry == BootEntry.LINUX_64 && loadableAbove4GiB();
  }

  @Override
  boolean takesSetupData() {
    return protocolVersion() >= 0x209;
  }

  @Override
  KernelPlacement place(BootEntry entry, RamMap ram, boolean high) throws LoaderException {
    if (high) {
      checkHigh(entry);
    }
    boolean canBeHigh = dataMayBeHigh(entry) && relocatable();
    long preferred = prefAddress();
    long limit = canBeHigh ? ADDRESS_LIMIT : X86Layout.HOLE_END;
    if (Long.compareUnsigned(preferred, X86Layout.HIGH_MEMORY_START) < 0
        || Long.compareUnsigned(preferred, limit) >= 0) {
      throw error(
          Reason.HEADER,
          "pref_address",
          preferred,
          "must be from " + hex(X86Layout.HIGH_MEMORY_START) + " and below " + hex(limit));
    }
    OptionalLong found = OptionalLong.empty();
    // Never below: loaded there, a kernel runs at its preferred address all the same.
    if (relocatable() && !high) {
      found = ram.lowest(preferred, X86Layout.HOLE_END, initSize(), kernelAlignment());
    }
    if (found.isEmpty() && canBeHigh) {
      long from = Math.max(preferred, X86Layout.HOLE_END);
      found = ram.lowest(from, ADDRESS_LIMIT, initSize(), kernelAlignment());
    }
    long wanted = high ? Math.max(preferred, X86Layout.HOLE_END) : preferred;
    long load =
        found.orElse(relocatable() ? MemoryRange.alignUp(wanted, kernelAlignment()) : preferred);
    MemoryRange memory = new MemoryRange(load, initSize());
    boolean permitted =
        memory.end() <= X86Layout.HOLE_END || (canBeHigh && load >= X86Layout.HOLE_END);
    if (!permitted || !ram.isFree(memory)) {
      throw ram.noRoom(name(), memory, "init_size");
    }
    return new KernelPlacement(load, entry == BootEntry.LINUX_64 ? load + ENTRY_64 : load, memory);
  }

  private void checkHigh(BootEntry entry) throws LoaderException {
    if (entry != BootEntry.LINUX_64) {
      throw error(
          Reason.PROTOCOL, "entry", entry.name(), "must be LINUX_64 for a place above 4 GiB");
    }
    if (!loadableAbove4GiB()) {
      throw error(
          Reason.PROTOCOL,
          "xloadflags",
          xloadFlags(),
          "must have bit 1 (XLF_CAN_BE_LOADED_ABOVE_4G) for a place above 4 GiB");
    }
    if (!relocatable()) {
      throw error(Reason.PROTOCOL, "relocatable_kernel", 0, "must be 0x1 for a place above 4 GiB");
    }
  }

  @Override
  void writeTo(GuestMemory memory, KernelPlacement placement) throws LoaderException {
    memory.prefault(placement.load(), kernel.size());
    kernel.writeTo(memory, placement.load());
  }

  @Override
  void writeHeader(ByteBuffer zeroPage, KernelPlacement placement) {
    zeroPage.put(
        BootParamsLayout.HDR, head, BootParamsLayout.HDR, headerEnd - BootParamsLayout.HDR);
    // Ours to say, whatever the file has there.
    zeroPage.put(BootParamsLayout.EXT_LOADER_VER, (byte) 0);
    zeroPage.put(BootParamsLayout.EXT_LOADER_TYPE, (byte) 0);
    if (protocolVersion() >= 0x209) {
      zeroPage.putLong(BootParamsLayout.SETUP_DATA, 0);
    }
    // Not for the 64-bit entry, which alone is used above 4 GiB, where the field is too small.
    boolean high = placement.load() >= X86Layout.HOLE_END;
    zeroPage.putInt(BootParamsLayout.CODE32_START, high ? 0 : (int) placement.load());
  }

  @Override
  public String toString() {
    return name()
        + ": bzImage "
        + (release.isEmpty() ? "" : release + ", ")
        + "boot protocol "
        + (protocolVersion() >> 8)
        + "."
        + String.format("%02d", protocolVersion() & 0xff);
  }
}

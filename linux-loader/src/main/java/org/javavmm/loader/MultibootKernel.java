// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.javavmm.loader.MemoryRange.hex;

import java.nio.ByteBuffer;
import java.util.List;
import org.javavmm.loader.LoaderException.Reason;
import org.javavmm.memory.GuestMemory;

/**
 * A Multiboot kernel of any file format whose header says where it is loaded: one piece of the file
 * and zeros behind it (Multiboot Specification 0.6.96 §3.1.3, the "a.out kludge"). An ELF file
 * whose header does not say is an {@link ElfKernel}.
 */
public final class MultibootKernel extends KernelImage {
  private final MultibootHeader header;
  private final ImageBytes contents;
  private final MemoryRange memory;

  private MultibootKernel(String name, ImageBytes image, MultibootHeader header)
      throws LoaderException {
    super(name, image);
    this.header = header;
    if (!header.hasAddresses()) {
      throw error(
          Reason.FORMAT,
          "multiboot flags",
          header.flags() & 0xffff_ffffL,
          "must have bit 16 (addresses) in a file that is not ELF");
    }
    this.contents = checkedContents();
    this.memory = checkedMemory();
    if (header.entry() < header.loadAddress()
        || header.entry() - header.loadAddress() >= contents.size()) {
      throw error(
          Reason.HEADER,
          "entry_addr",
          header.entry(),
          "must be from "
              + hex(header.loadAddress())
              + " and below "
              + hex(header.loadAddress() + contents.size())
              + ", in what comes from the file");
    }
  }

  static MultibootKernel parse(String name, ImageBytes image, MultibootHeader header)
      throws LoaderException {
    return new MultibootKernel(name, image, header);
  }

  private ImageBytes checkedContents() throws LoaderException {
    long load = header.loadAddress();
    if (load < X86Layout.HIGH_MEMORY_START) {
      throw error(
          Reason.HEADER, "load_addr", load, "must be at least " + hex(X86Layout.HIGH_MEMORY_START));
    }
    long before = header.headerAddress() - load;
    if (before < 0 || before > header.offset()) {
      throw error(
          Reason.HEADER,
          "header_addr",
          header.headerAddress(),
          "must be from load_addr, "
              + hex(load)
              + ", to "
              + hex(load + header.offset())
              + ": the header's offset in the file is "
              + hex(header.offset()));
    }
    long offset = header.offset() - before;
    long available = fileSize() - offset;
    if (header.loadEnd() == 0) {
      return image().slice(offset, available);
    }
    long size = header.loadEnd() - load;
    if (size <= 0) {
      throw error(
          Reason.HEADER,
          "load_end_addr",
          header.loadEnd(),
          "must be 0x0 or above load_addr, " + hex(load));
    }
    if (size > available) {
      throw error(
          Reason.TRUNCATED,
          "load_end_addr",
          header.loadEnd(),
          "must be at most " + hex(load + available) + ", where the file ends");
    }
    return image().slice(offset, size);
  }

  private MemoryRange checkedMemory() throws LoaderException {
    long loadEnd = header.loadAddress() + contents.size();
    if (header.bssEnd() != 0 && header.bssEnd() < loadEnd) {
      throw error(
          Reason.HEADER,
          "bss_end_addr",
          header.bssEnd(),
          "must be 0x0 or at least " + hex(loadEnd) + ", the end of what comes from the file");
    }
    long end = Math.max(loadEnd, header.bssEnd());
    if (end > X86Layout.HOLE_END) {
      throw error(
          Reason.HEADER,
          "load_addr",
          header.loadAddress(),
          "must be at most "
              + hex(X86Layout.HOLE_END - contents.size())
              + ", to end by 4 GiB with the file's bytes");
    }
    return MemoryRange.between(header.loadAddress(), end);
  }

  /** {@return the physical address of the entry point} */
  public long entry() {
    return header.entry();
  }

  /**
   * {@return whether the kernel asks for a video mode; it gets the framebuffer of the plan, if
   * there is one, and the Multiboot information says whether there is}
   */
  public boolean requestsVideoMode() {
    return header.requestsVideoMode();
  }

  @Override
  public List<BootEntry> entries() {
    return List.of(BootEntry.MULTIBOOT);
  }

  @Override
  public long commandLineLimit() {
    return X86Layout.COMMAND_LINE_MAX;
  }

  @Override
  public long initrdAddressMax() {
    return MultibootHeader.MODULE_ADDRESS_MAX;
  }

  @Override
  KernelPlacement place(BootEntry entry, RamMap ram, boolean high) throws LoaderException {
    checkNotHigh(high);
    if (!ram.isFree(memory)) {
      throw ram.noRoom(name(), memory, "load_addr to bss_end_addr");
    }
    return new KernelPlacement(memory.gpa(), header.entry(), memory);
  }

  @Override
  void writeTo(GuestMemory guest, KernelPlacement placement) throws LoaderException {
    guest.prefault(memory.gpa(), memory.size());
    contents.writeTo(guest, memory.gpa());
    guest.fill(memory.gpa() + contents.size(), memory.size() - contents.size(), (byte) 0);
  }

  @Override
  void writeHeader(ByteBuffer zeroPage, KernelPlacement placement) {
    throw new IllegalStateException("a Multiboot kernel gets no zero page");
  }

  @Override
  public String toString() {
    return name() + ": Multiboot kernel, entry " + hex(header.entry()) + ", " + memory;
  }
}

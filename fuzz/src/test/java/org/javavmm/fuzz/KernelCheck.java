// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Set;
import org.javavmm.loader.BootEntry;
import org.javavmm.loader.BootPlan;
import org.javavmm.loader.CommandLine;
import org.javavmm.loader.KernelImage;
import org.javavmm.loader.LoaderException;
import org.javavmm.loader.MemoryRange;
import org.javavmm.loader.X86Layout;
import org.javavmm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/**
 * Loads any bytes as an ELF or Multiboot kernel, by each entry, and compares with the oracle.
 * Whatever the bytes are, either all is as the formats say, or memory is untouched and the error is
 * one line.
 */
final class KernelCheck implements AutoCloseable {
  static final int MEMORY = 0x140000;

  private static final int LOW = 0x100000;
  private static final long RSDP = 0xe0000;
  private static final MemorySegment ZEROS = MemorySegment.ofArray(new byte[MEMORY]);

  private final GuestMemory memory;
  private final CommandLine commandLine;

  KernelCheck() throws Exception {
    memory = GuestMemory.builder().anonymous("ram", 0, MEMORY).build();
    commandLine = CommandLine.of("console=ttyS0");
  }

  /**
   * Loads the file by each entry.
   *
   * @return the entries by which it was accepted
   * @throws AssertionError if the loader is wrong
   */
  Set<BootEntry> check(byte[] file) {
    Set<BootEntry> accepted = EnumSet.noneOf(BootEntry.class);
    if (isOtherFormat(file)) {
      return accepted;
    }
    for (BootEntry entry : BootEntry.values()) {
      KernelOracle.Protocol protocol = KernelOracle.Protocol.valueOf(entry.name());
      if (checkEntry(file, entry, KernelOracle.read(file, protocol, MEMORY))) {
        accepted.add(entry);
      }
    }
    return accepted;
  }

  /**
   * A setup header, and the arm64 and riscv64 headers, take precedence over other magic numbers.
   */
  private static boolean isOtherFormat(byte[] file) {
    return is(file, 0x202, 'H', 'd', 'r', 'S')
        || is(file, 0x38, 'A', 'R', 'M', 0x64)
        || is(file, 0x38, 'R', 'S', 'C', 5);
  }

  private static boolean is(byte[] file, int offset, int... bytes) {
    if (file.length < offset + bytes.length) {
      return false;
    }
    for (int i = 0; i < bytes.length; i++) {
      if (file[offset + i] != bytes[i]) {
        return false;
      }
    }
    return true;
  }

  private boolean checkEntry(byte[] file, BootEntry entry, @Nullable KernelOracle oracle) {
    BootPlan plan;
    try {
      KernelImage kernel = KernelImage.parse("kernel", MemorySegment.ofArray(file));
      plan =
          BootPlan.builder(kernel)
              .ram(X86Layout.splitRam(MEMORY))
              .commandLine(commandLine)
              .entry(entry)
              .build();
      plan.writeTo(memory, RSDP);
    } catch (LoaderException e) {
      String message = String.valueOf(e.getMessage());
      require(message.lines().count() == 1, "not one line: " + message);
      require(isZero(), "memory was written: " + message);
      require(oracle == null, "refused, and must be accepted by " + entry + ": " + message);
      return false;
    }
    try {
      if (oracle == null) {
        throw new AssertionError("accepted, and must be refused: " + plan);
      }
      checkPlan(plan, entry, oracle);
      checkInfo(plan, entry);
      plan.ranges().forEach(range -> memory.fill(range.gpa(), range.size(), (byte) 0));
      require(isZero(), "written outside the plan's ranges");
    } finally {
      memory.fill(0, MEMORY, (byte) 0);
    }
    return true;
  }

  private void checkPlan(BootPlan plan, BootEntry entry, KernelOracle oracle) {
    require(plan.entry() == oracle.entry(), "entry " + plan.entry());
    require(plan.bootEntry() == entry, "protocol " + plan.bootEntry());
    require(
        plan.kernelRange().equals(MemoryRange.between(oracle.start(), oracle.end())),
        "kernel " + plan.kernelRange());
    long at = memory.slice(LOW, MEMORY - LOW).mismatch(oracle.memory().asSlice(LOW));
    require(at < 0, "memory differs at 1 MiB + " + at);
  }

  private void checkInfo(BootPlan plan, BootEntry entry) {
    long info = plan.bootInfo();
    require(info == 0x7000, "information at " + info);
    switch (entry) {
      case LINUX_64, LINUX_32 -> {
        require(plan.registers().rsi() == info, "RSI");
        require(memory.getInt(info + 0x202) == 0x53726448, "HdrS");
        require(memory.getInt(info + 0x228) == 0x20000, "cmd_line_ptr");
        require(memory.getLong(info + 0x70) == RSDP, "acpi_rsdp_addr");
        require(memory.getByte(info + 0x1e8) == 3, "e820_entries");
      }
      case PVH -> {
        require(plan.registers().rbx() == info, "EBX");
        require(memory.getInt(info) == 0x336ec578, "magic");
        require(memory.getInt(info + 12) == 0, "nr_modules");
        require(memory.getLong(info + 24) == 0x20000, "cmdline_paddr");
        require(memory.getLong(info + 32) == RSDP, "rsdp_paddr");
        require(memory.getInt(info + 48) == 3, "memmap_entries");
        require(memory.getLong(memory.getLong(info + 40) + 8) == 0x9fc00, "memory map");
      }
      case MULTIBOOT -> {
        require(plan.registers().rbx() == info, "EBX");
        require(plan.registers().rax() == 0x2badb002, "EAX");
        require(memory.getInt(info) == 0x24d, "flags");
        require(memory.getInt(info + 16) == 0x20000, "cmdline");
        require(memory.getInt(info + 44) == 72, "mmap_length");
        require(memory.getLong(memory.getInt(info + 48) + 12) == 0x9fc00, "memory map");
      }
    }
  }

  private boolean isZero() {
    return memory.slice(0, MEMORY).mismatch(ZEROS) < 0;
  }

  private static void require(boolean condition, String what) {
    if (!condition) {
      throw new AssertionError(what);
    }
  }

  @Override
  public void close() {
    memory.close();
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.javavmm.loader.BootEntry;
import org.javavmm.loader.BootPlan;
import org.javavmm.loader.CommandLine;
import org.javavmm.loader.Initrd;
import org.javavmm.loader.KernelImage;
import org.javavmm.loader.LoaderException;
import org.javavmm.loader.MemoryRange;
import org.javavmm.loader.X86Layout;
import org.javavmm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/**
 * Loads any bytes as a kernel and compares with the oracle. Whatever the bytes are, either all is
 * as the protocol says, or memory is untouched and the error is one line.
 */
final class BzImageCheck implements AutoCloseable {
  static final long MEMORY = 0x140000;

  private static final int INITRD_SIZE = 4099;
  private static final MemorySegment ZEROS = MemorySegment.ofArray(new byte[(int) MEMORY]);

  private final GuestMemory memory;
  private final CommandLine commandLine;
  private final Initrd initrd;
  private final byte[] initrdBytes = new byte[INITRD_SIZE];

  BzImageCheck() throws Exception {
    memory = GuestMemory.builder().anonymous("ram", 0, MEMORY).build();
    commandLine = CommandLine.of("console=ttyS0");
    Arrays.fill(initrdBytes, (byte) 0x77);
    initrd = Initrd.of("initrd", MemorySegment.ofArray(initrdBytes));
  }

  /**
   * Loads the file.
   *
   * @return whether it was accepted
   * @throws AssertionError if the loader is wrong
   */
  boolean check(byte[] file) {
    BzImageOracle oracle = BzImageOracle.read(file, MEMORY);
    BootPlan plan;
    try {
      KernelImage kernel = KernelImage.parse("kernel", MemorySegment.ofArray(file));
      plan =
          BootPlan.builder(kernel)
              .ram(X86Layout.splitRam(MEMORY))
              .commandLine(commandLine)
              .initrd(initrd)
              .entry(BootEntry.LINUX_64)
              .build();
      plan.writeTo(memory, 0xe0000);
    } catch (LoaderException e) {
      checkRefusal(e, file, oracle);
      return false;
    }
    try {
      if (oracle == null) {
        throw new AssertionError("accepted, and must be refused: " + plan);
      }
      checkPlan(plan, oracle, file);
      checkMemory(plan, oracle, file);
      plan.ranges().forEach(range -> memory.fill(range.gpa(), range.size(), (byte) 0));
      require(isZero(), "written outside the plan's ranges");
    } finally {
      memory.fill(0, MEMORY, (byte) 0);
    }
    return true;
  }

  private void checkRefusal(LoaderException e, byte[] file, @Nullable BzImageOracle oracle) {
    String message = String.valueOf(e.getMessage());
    require(message.lines().count() == 1, "not one line: " + message);
    require(isZero(), "memory was written: " + message);
    boolean isElf = file.length >= 4 && file[0] == 0x7f && file[1] == 'E';
    if (oracle == null || isElf) {
      return;
    }
    switch (e.reason()) {
      case COMMAND_LINE ->
          require(
              BzImageOracle.commandLineSize(file) < commandLine.length(), "refused: " + message);
      // The free room is above the kernel or, for one that lies high, below.
      case INITRD, MEMORY -> {
        long limit = Math.min(MEMORY, BzImageOracle.initrdAddressMax(file) + 1);
        long end = oracle.load() + oracle.initSize();
        require(!fits(end, limit), "refused, fits above: " + message);
        require(!fits(0x100000, Math.min(limit, oracle.load())), "refused, fits below: " + message);
      }
      default -> throw new AssertionError("refused, and must be accepted: " + message);
    }
  }

  private static boolean fits(long from, long end) {
    long page = (from + 4095) / 4096 * 4096;
    return page + INITRD_SIZE <= end;
  }

  private static void checkPlan(BootPlan plan, BzImageOracle oracle, byte[] file) {
    require(plan.entry() == oracle.load() + 0x200, "entry " + plan.entry());
    require(
        plan.kernelRange().equals(new MemoryRange(oracle.load(), oracle.initSize())),
        "kernel " + plan.kernelRange());
    MemoryRange ram = new MemoryRange(0, MEMORY);
    for (MemoryRange range : plan.ranges()) {
      require(ram.contains(range), "outside memory: " + range);
      for (MemoryRange other : plan.ranges()) {
        require(range.equals(other) || !range.overlaps(other), range + " overlaps " + other);
      }
    }
    MemoryRange initrd = plan.initrdRange().orElseThrow();
    require(initrd.gpa() % 4096 == 0, "initrd " + initrd);
    require(initrd.end() - 1 <= BzImageOracle.initrdAddressMax(file), "initrd " + initrd);
  }

  private void checkMemory(BootPlan plan, BzImageOracle oracle, byte[] file) {
    MemorySegment kernel =
        MemorySegment.ofArray(file).asSlice(oracle.setupSize(), oracle.kernelSize());
    require(
        memory.slice(oracle.load(), oracle.kernelSize()).mismatch(kernel) < 0, "kernel's bytes");
    MemoryRange initrdRange = plan.initrdRange().orElseThrow();
    require(
        memory
                .slice(initrdRange.gpa(), initrdRange.size())
                .mismatch(MemorySegment.ofArray(initrdBytes))
            < 0,
        "initrd's bytes");
    long page = plan.zeroPage();
    for (int i = 0x1f1; i < 0x202 + Byte.toUnsignedInt(file[0x201]); i++) {
      require(
          BzImageOracle.isWritten(i) || memory.getByte(page + i) == file[i],
          "zero page 0x" + Integer.toHexString(i));
    }
    require(memory.getByte(page + 0x210) == (byte) 0xff, "type_of_loader");
    require(memory.getInt(page + 0x214) == oracle.load(), "code32_start");
    require(memory.getInt(page + 0x218) == initrdRange.gpa(), "ramdisk_image");
    require(memory.getInt(page + 0x21c) == INITRD_SIZE, "ramdisk_size");
    require(memory.getShort(page + 0x226) == 0, "ext_loader_ver, ext_loader_type");
    require(memory.getInt(page + 0x228) == 0x20000, "cmd_line_ptr");
    require(memory.getLong(page + 0x250) == 0, "setup_data");
    require(memory.getLong(page + 0x070) == 0xe0000, "acpi_rsdp_addr");
    require(memory.getLong(page + 0x0c0) == 0, "ext_ramdisk_image, ext_ramdisk_size");
    require(memory.getInt(page + 0x0c8) == 0, "ext_cmd_line_ptr");
    require(memory.getByte(page + 0x1ef) == 0, "sentinel");
    require(memory.getByte(page + 0x1e8) == 3, "e820_entries");
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

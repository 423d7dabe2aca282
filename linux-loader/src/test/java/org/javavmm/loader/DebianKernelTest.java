// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.javavmm.memory.GuestMemory;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** A kernel as Debian ships it: the one that VMM_TEST_KERNEL names, or any in /boot. */
class DebianKernelTest {
  private static final long MEMORY = 256 << 20;

  private static Path kernel() throws IOException {
    String named = System.getenv("VMM_TEST_KERNEL");
    if (named != null) {
      return Path.of(named);
    }
    Path boot = Path.of("/boot");
    if (Files.isDirectory(boot)) {
      try (Stream<Path> files = Files.list(boot)) {
        List<Path> found =
            files
                .filter(file -> String.valueOf(file.getFileName()).startsWith("vmlinuz-"))
                .filter(Files::isReadable)
                .sorted()
                .toList();
        if (!found.isEmpty()) {
          return found.getLast();
        }
      }
    }
    // The unit tier downloads nothing, so it is never required to have this.
    Assumptions.abort(
        "debian-kernel: VMM_TEST_KERNEL is not set and /boot has no readable vmlinuz");
    return boot;
  }

  @Test
  void loadsAsItsHeaderSays() throws Exception {
    Path file = kernel();
    try (Arena arena = Arena.ofShared();
        GuestMemory memory = TestKernels.memory(MEMORY)) {
      BzImage kernel = (BzImage) KernelImage.read(file, arena);
      assertTrue(kernel.release().matches("\\d+\\.\\d+.*"), kernel.release());
      assertEquals(2047, kernel.commandLineLimit());
      assertTrue(kernel.relocatable());
      BootPlan plan = BootPlan.builder(kernel).ram(MemoryRange.of(memory)).build();
      plan.writeTo(memory, 0);
      assertEquals(kernel.prefAddress(), plan.kernelRange().gpa());
      assertEquals(kernel.prefAddress() + 0x200, plan.entry());
      try (RandomAccessFile raw = new RandomAccessFile(file.toFile(), "r")) {
        long offset = (kernel.setupSectors() + 1L) * 512;
        MemorySegment expected =
            raw.getChannel().map(FileChannel.MapMode.READ_ONLY, offset, kernel.kernelSize(), arena);
        MemorySegment loaded = memory.slice(kernel.prefAddress(), kernel.kernelSize());
        assertEquals(-1, loaded.mismatch(expected));
        raw.seek(0x202);
        assertEquals(0x48647253, raw.readInt());
      }
      assertEquals(0x53726448, memory.getInt(plan.zeroPage() + 0x202));
    }
  }
}

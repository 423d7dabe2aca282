// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import org.javavmm.memory.GuestMemory;

/**
 * Four-level page tables that map the first 4 GiB to themselves in pages of 2 MiB: what the 64-bit
 * Linux boot protocol asks for (the kernel, the zero page and the command line must be mapped).
 */
public final class PageTables {
  /** The memory that the tables take: one PML4, one PDPT and four page directories. */
  public static final int SIZE = 6 * 4096;

  private static final long PRESENT_WRITABLE = 0x3;
  private static final long LARGE_PAGE = 0x80;
  private static final int ENTRIES = 512;
  private static final int DIRECTORIES = 4;

  private PageTables() {}

  /**
   * Writes the tables.
   *
   * @param memory the guest's memory
   * @param gpa where the tables go, {@link #SIZE} bytes from a multiple of 4096; the value for CR3
   * @throws IllegalArgumentException if {@code gpa} is not a multiple of 4096
   */
  public static void writeIdentity(GuestMemory memory, long gpa) {
    if ((gpa & 0xfff) != 0) {
      throw new IllegalArgumentException(
          "gpa=0x" + Long.toHexString(gpa) + " is not a multiple of 4096");
    }
    memory.fill(gpa, SIZE, (byte) 0);
    long pdpt = gpa + 4096;
    long directories = pdpt + 4096;
    memory.putLong(gpa, pdpt | PRESENT_WRITABLE);
    for (int d = 0; d < DIRECTORIES; d++) {
      long directory = directories + 4096L * d;
      memory.putLong(pdpt + 8L * d, directory | PRESENT_WRITABLE);
      for (int i = 0; i < ENTRIES; i++) {
        long page = ((long) d * ENTRIES + i) << 21;
        memory.putLong(directory + 8L * i, page | LARGE_PAGE | PRESENT_WRITABLE);
      }
    }
  }
}

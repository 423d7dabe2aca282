// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.util.ArrayList;
import java.util.List;

/**
 * Where the fixed things of an x86 guest lie in its physical address space. All are guest-physical
 * addresses; an {@code …_END} is the address after the last byte.
 *
 * <p>A {@link BootPlan} places the zero page and the command line by this table; whoever writes
 * descriptor tables, page tables and ACPI tables uses its other addresses, and nothing collides.
 */
public final class X86Layout {
  /** The global descriptor table. */
  public static final long GDT = 0x500;

  /** The interrupt descriptor table, empty at boot. */
  public static final long IDT = 0x520;

  /** The zero page: {@code struct boot_params}, 4096 bytes; or what a kernel gets in its place. */
  public static final long ZERO_PAGE = 0x7000;

  /** The initial stack pointer; the stack grows down from here to the zero page's end. */
  public static final long BOOT_STACK = 0x8ff0;

  /** The top-level page table of the identity map. */
  public static final long PML4 = 0x9000;

  /** The page directory pointer table of the identity map. */
  public static final long PDPT = 0xa000;

  /** The first page directory of the identity map; the next ones follow, 4096 bytes each. */
  public static final long PD = 0xb000;

  /** The command line, and behind it other boot data, up to {@link #EBDA_START}. */
  public static final long COMMAND_LINE = 0x20000;

  /** The end of conventional memory; from here to 1 MiB all is reserved. */
  public static final long EBDA_START = 0x9fc00;

  /** The first address at which ACPI tables may lie. A kernel looks for the RSDP from here on. */
  public static final long ACPI_START = 0xe0000;

  /** The end of the area for ACPI tables. */
  public static final long ACPI_END = 0x100000;

  /** The first address above the low memory of a PC: kernels and initrds lie here and above. */
  public static final long HIGH_MEMORY_START = 0x100000;

  /** The beginning of the hole below 4 GiB, where devices lie and memory does not. */
  public static final long HOLE_START = 0xc000_0000L;

  /** The end of the hole: memory goes on at 4 GiB. */
  public static final long HOLE_END = 0x1_0000_0000L;

  /** The longest command line that there is room for, in bytes without the final zero. */
  static final long COMMAND_LINE_MAX = EBDA_START - COMMAND_LINE - 1;

  private X86Layout() {}

  /**
   * {@return the regions of a memory of this size}: one from address 0 up to the hole, and another
   * from 4 GiB on for what is left
   *
   * @param size the size in bytes, a positive multiple of 4096
   * @throws IllegalArgumentException if the size is not, or exceeds the address space
   */
  public static List<MemoryRange> splitRam(long size) {
    if (size <= 0 || (size & 0xfff) != 0) {
      throw new IllegalArgumentException(
          "memory of " + size + " bytes: size is not a positive multiple of 4096");
    }
    List<MemoryRange> ranges = new ArrayList<>();
    ranges.add(new MemoryRange(0, Math.min(size, HOLE_START)));
    if (size > HOLE_START) {
      ranges.add(new MemoryRange(HOLE_END, size - HOLE_START));
    }
    return List.copyOf(ranges);
  }
}

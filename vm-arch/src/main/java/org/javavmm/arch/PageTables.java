// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import java.util.Arrays;
import java.util.Collection;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.javavmm.device.AddressRange;
import org.javavmm.memory.GuestMemory;

/**
 * Four-level page tables that map addresses to themselves: what the 64-bit Linux boot protocol asks
 * for (the kernel, the zero page and the command line must be mapped).
 *
 * <p>{@link #writeIdentity} maps the first 4 GiB in pages of 2 MiB. For a kernel that lies above,
 * {@link #identity} plans tables for any ranges, and says how large they are before anything is
 * written. A plan does not change and may be used by any thread.
 */
public final class PageTables {
  /** The memory that the tables of the first 4 GiB take: one PML4, one PDPT, four directories. */
  public static final int SIZE = 6 * 4096;

  private static final long PRESENT_WRITABLE = 0x3;
  private static final long LARGE_PAGE = 0x80;
  private static final int ENTRIES = 512;
  private static final int TABLE = 4096;
  private static final long FOUR_GIB = 1L << 32;

  /** Above the last address that an identity map of four levels reaches. */
  private static final long LIMIT = 1L << 47;

  /** Which of the 512 pages of 2 MiB of a GiB are mapped, by the number of the GiB. */
  private final NavigableMap<Integer, long[]> gigabytes;

  private final boolean gigabytePages;
  private final int pdpts;
  private final int directories;

  private PageTables(NavigableMap<Integer, long[]> gigabytes, boolean gigabytePages) {
    this.gigabytes = gigabytes;
    this.gigabytePages = gigabytePages;
    TreeSet<Integer> tops = new TreeSet<>();
    int partly = 0;
    for (Map.Entry<Integer, long[]> gigabyte : gigabytes.entrySet()) {
      tops.add(gigabyte.getKey() / ENTRIES);
      partly += onePage(gigabyte.getValue()) ? 0 : 1;
    }
    pdpts = tops.size();
    directories = partly;
  }

  /**
   * Plans tables that map ranges to themselves, in pages of 2 MiB, so that what surrounds a range
   * up to the next multiples of 2 MiB is mapped too, and nothing else.
   *
   * @param ranges what to map, in any order; they may overlap
   * @param gigabytePages whether a GiB that is mapped whole takes one page, for which the vCPU
   *     needs {@code pdpe1gb} (CPUID leaf 0x80000001, EDX bit 26)
   * @return the plan
   * @throws IllegalArgumentException if there is no range, if one ends before it starts, or if one
   *     reaches 128 TiB, where the addresses that four levels of tables translate are negative
   */
  public static PageTables identity(Collection<AddressRange> ranges, boolean gigabytePages) {
    if (ranges.isEmpty()) {
      throw new IllegalArgumentException("there is no range to map");
    }
    for (AddressRange range : ranges) {
      if (Long.compareUnsigned(range.last(), range.start()) < 0) {
        throw new IllegalArgumentException(range + " ends before it starts");
      }
      if (Long.compareUnsigned(range.last(), LIMIT) >= 0) {
        throw new IllegalArgumentException(
            range
                + " is not below 0x"
                + Long.toHexString(LIMIT)
                + ", the end of what can be mapped");
      }
    }
    NavigableMap<Integer, long[]> gigabytes = new TreeMap<>();
    for (AddressRange range : ranges) {
      for (long page = range.start() >>> 21; page <= range.last() >>> 21; page++) {
        long[] mapped =
            gigabytes.computeIfAbsent(
                (int) (page / ENTRIES), gigabyte -> new long[ENTRIES / Long.SIZE]);
        int i = (int) (page % ENTRIES);
        mapped[i / Long.SIZE] |= 1L << i;
      }
    }
    return new PageTables(gigabytes, gigabytePages);
  }

  /** {@return the memory that the tables take, in bytes: a multiple of 4096} */
  public long size() {
    return (1L + pdpts + directories) * TABLE;
  }

  /**
   * Writes the tables.
   *
   * @param memory the guest's memory
   * @param gpa where the tables go, {@link #size()} bytes from a multiple of 4096; the value for
   *     CR3
   * @throws IllegalArgumentException if {@code gpa} is not a multiple of 4096, or if the tables
   *     would not end below 128 TiB
   * @throws org.javavmm.memory.GuestMemoryException if they would not lie in memory; nothing is
   *     written then
   */
  public void write(GuestMemory memory, long gpa) {
    checkAligned(gpa);
    if (Long.compareUnsigned(gpa, LIMIT - size()) > 0) {
      throw new IllegalArgumentException(
          "gpa=0x"
              + Long.toHexString(gpa)
              + ": tables of 0x"
              + Long.toHexString(size())
              + " bytes do not end below 0x"
              + Long.toHexString(LIMIT));
    }
    memory.fill(gpa, size(), (byte) 0);
    long nextPdpt = gpa + TABLE;
    long nextDirectory = nextPdpt + (long) pdpts * TABLE;
    int top = -1;
    long pdpt = 0;
    for (Map.Entry<Integer, long[]> gigabyte : gigabytes.entrySet()) {
      int number = gigabyte.getKey();
      if (number / ENTRIES != top) {
        top = number / ENTRIES;
        pdpt = nextPdpt;
        nextPdpt += TABLE;
        memory.putLong(gpa + 8L * top, pdpt | PRESENT_WRITABLE);
      }
      long at = pdpt + 8L * (number % ENTRIES);
      if (onePage(gigabyte.getValue())) {
        memory.putLong(at, (long) number << 30 | LARGE_PAGE | PRESENT_WRITABLE);
      } else {
        memory.putLong(at, nextDirectory | PRESENT_WRITABLE);
        writeDirectory(memory, nextDirectory, number, gigabyte.getValue());
        nextDirectory += TABLE;
      }
    }
  }

  private boolean onePage(long[] mapped) {
    if (!gigabytePages) {
      return false;
    }
    for (long word : mapped) {
      if (word != -1) {
        return false;
      }
    }
    return true;
  }

  private static void writeDirectory(GuestMemory memory, long gpa, int gigabyte, long[] mapped) {
    for (int i = 0; i < ENTRIES; i++) {
      if ((mapped[i / Long.SIZE] >>> i & 1) != 0) {
        long page = ((long) gigabyte * ENTRIES + i) << 21;
        memory.putLong(gpa + 8L * i, page | LARGE_PAGE | PRESENT_WRITABLE);
      }
    }
  }

  private static void checkAligned(long gpa) {
    if ((gpa & 0xfff) != 0) {
      throw new IllegalArgumentException(
          "gpa=0x" + Long.toHexString(gpa) + " is not a multiple of 4096");
    }
  }

  /**
   * Writes tables that map the first 4 GiB in pages of 2 MiB.
   *
   * @param memory the guest's memory
   * @param gpa where the tables go, {@link #SIZE} bytes from a multiple of 4096; the value for CR3
   * @throws IllegalArgumentException if {@code gpa} is not a multiple of 4096
   * @throws org.javavmm.memory.GuestMemoryException if the tables would not lie in memory; nothing
   *     is written then
   */
  public static void writeIdentity(GuestMemory memory, long gpa) {
    checkAligned(gpa);
    memory.fill(gpa, SIZE, (byte) 0);
    long pdpt = gpa + TABLE;
    memory.putLong(gpa, pdpt | PRESENT_WRITABLE);
    long[] all = new long[ENTRIES / Long.SIZE];
    Arrays.fill(all, -1);
    for (int d = 0; d < FOUR_GIB >>> 30; d++) {
      long directory = pdpt + TABLE * (1L + d);
      memory.putLong(pdpt + 8L * d, directory | PRESENT_WRITABLE);
      writeDirectory(memory, directory, d, all);
    }
  }
}

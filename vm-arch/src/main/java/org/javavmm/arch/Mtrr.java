// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.javavmm.device.AddressRange;
import org.javavmm.kvm.Msrs;

/**
 * The memory type range registers as firmware leaves them (Intel SDM vol. 3, 13.11): memory is
 * write-back by default, places of devices are uncached. Below 1 MiB the fixed registers hold:
 * uncached from 0xa0000 up to 0xc0000, write-back elsewhere. All processors of a machine must have
 * the same.
 *
 * @param variable the variable ranges in use, all of them uncached
 * @param addressBits the width of physical addresses in bits
 */
public record Mtrr(List<Range> variable, int addressBits) {
  /** How many variable ranges there are at most: what KVM has and says in IA32_MTRRCAP. */
  public static final int VARIABLE = 8;

  private static final int MSR_IA32_MTRR_PHYSBASE0 = 0x200;
  private static final int MSR_IA32_MTRR_PHYSMASK0 = 0x201;
  private static final int MSR_IA32_MTRR_FIX64K_00000 = 0x250;
  private static final int MSR_IA32_MTRR_FIX16K_80000 = 0x258;
  private static final int MSR_IA32_MTRR_FIX16K_A0000 = 0x259;
  private static final int MSR_IA32_MTRR_FIX4K_C0000 = 0x268;
  private static final int FIX4K = 8;
  private static final int MSR_IA32_MTRR_DEF_TYPE = 0x2ff;

  private static final long UNCACHED = 0;
  private static final long WRITE_BACK = 6;
  private static final long FIXED_WRITE_BACK = 0x0606_0606_0606_0606L;
  private static final long MASK_VALID = 1 << 11;
  private static final long DEF_TYPE_ENABLED = 1 << 11;
  private static final long DEF_TYPE_FIXED_ENABLED = 1 << 10;

  private static final long PAGE = 4096;
  private static final long MIB = 1 << 20;

  /**
   * A range that one pair of registers describes.
   *
   * @param base its first address, a multiple of its size
   * @param size its size in bytes, a power of two, at least 4096
   */
  public record Range(long base, long size) {}

  /** Copies the list. */
  public Mtrr {
    variable = List.copyOf(variable);
  }

  /**
   * {@return the registers that make ranges uncached}
   *
   * @param addressBits the width of physical addresses, 36 to 52: CPUID leaf 0x80000008, EAX[7:0]
   * @param uncached where devices lie, in any order; they may touch or overlap. The hole below 4
   *     GiB takes one register. A range takes as many as there are aligned powers of two in it
   * @throws IllegalArgumentException if the width is out of range; if a range does not start and
   *     end at multiples of 4096, ends before it starts, starts below 1 MiB, or exceeds the width;
   *     or if more than {@link #VARIABLE} registers were needed
   */
  public static Mtrr uncached(int addressBits, List<AddressRange> uncached) {
    if (addressBits < 36 || addressBits > 52) {
      throw new IllegalArgumentException("addressBits=" + addressBits + " is not in 36..52");
    }
    for (AddressRange range : uncached) {
      check(range, addressBits);
    }
    List<Range> ranges = new ArrayList<>();
    List<AddressRange> sorted = new ArrayList<>(uncached);
    sorted.sort(Comparator.comparingLong(AddressRange::start));
    for (int i = 0; i < sorted.size(); ) {
      long start = sorted.get(i).start();
      long end = sorted.get(i).last() + 1;
      for (i++; i < sorted.size() && sorted.get(i).start() <= end; i++) {
        end = Math.max(end, sorted.get(i).last() + 1);
      }
      while (start < end) {
        // The largest power of two that starts here and does not pass the end.
        long size = Math.min(Long.lowestOneBit(start), Long.highestOneBit(end - start));
        ranges.add(new Range(start, size));
        start += size;
      }
    }
    if (ranges.size() > VARIABLE) {
      throw new IllegalArgumentException(
          "uncached ranges need "
              + ranges.size()
              + " registers, more than "
              + VARIABLE
              + ": "
              + uncached);
    }
    return new Mtrr(ranges, addressBits);
  }

  private static void check(AddressRange range, int addressBits) {
    if (range.start() % PAGE != 0 || (range.last() + 1) % PAGE != 0) {
      throw new IllegalArgumentException(range + " does not start and end at multiples of 4096");
    }
    if (Long.compareUnsigned(range.last(), range.start()) < 0) {
      throw new IllegalArgumentException(range + " ends before it starts");
    }
    if (Long.compareUnsigned(range.start(), MIB) < 0) {
      throw new IllegalArgumentException(
          range + " starts below 1 MiB, where the fixed registers hold");
    }
    if (range.last() >>> addressBits != 0) {
      throw new IllegalArgumentException(range + " exceeds addresses of " + addressBits + " bits");
    }
  }

  /**
   * {@return the registers and their values, those that enable the others last}: for {@code
   * KVM_SET_MSRS} on each vCPU, after its CPUID
   */
  public Msrs msrs() {
    List<Msrs.Entry> entries = new ArrayList<>();
    entries.add(new Msrs.Entry(MSR_IA32_MTRR_FIX64K_00000, FIXED_WRITE_BACK));
    entries.add(new Msrs.Entry(MSR_IA32_MTRR_FIX16K_80000, FIXED_WRITE_BACK));
    entries.add(new Msrs.Entry(MSR_IA32_MTRR_FIX16K_A0000, UNCACHED));
    for (int i = 0; i < FIX4K; i++) {
      entries.add(new Msrs.Entry(MSR_IA32_MTRR_FIX4K_C0000 + i, FIXED_WRITE_BACK));
    }
    long addresses = (1L << addressBits) - 1;
    for (int i = 0; i < VARIABLE; i++) {
      long base = 0;
      long mask = 0;
      if (i < variable.size()) {
        base = variable.get(i).base() | UNCACHED;
        mask = (addresses & -variable.get(i).size()) | MASK_VALID;
      }
      entries.add(new Msrs.Entry(MSR_IA32_MTRR_PHYSBASE0 + 2 * i, base));
      entries.add(new Msrs.Entry(MSR_IA32_MTRR_PHYSMASK0 + 2 * i, mask));
    }
    entries.add(
        new Msrs.Entry(
            MSR_IA32_MTRR_DEF_TYPE, DEF_TYPE_ENABLED | DEF_TYPE_FIXED_ENABLED | WRITE_BACK));
    return new Msrs(entries);
  }

  /** {@return what Linux shows of the variable ranges in {@code /proc/mtrr}, a line each} */
  public String procMtrr() {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < variable.size(); i++) {
      Range range = variable.get(i);
      boolean mib = range.size() >= MIB;
      text.append(
          String.format(
              Locale.ROOT,
              "reg%02d: base=0x%09x (%5dMB), size=%5d%cB, count=1: uncachable\n",
              i,
              range.base(),
              range.base() / MIB,
              range.size() / (mib ? MIB : 1024),
              mib ? 'M' : 'K'));
    }
    return text.toString();
  }
}

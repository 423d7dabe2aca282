// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.List;
import java.util.function.IntPredicate;

/**
 * Which model-specific registers the guest may access, {@code struct kvm_msr_filter}. What it
 * denies is a general protection fault in the guest, or an exit ({@link
 * VmCapabilities#userSpaceMsr}).
 *
 * <p>A register is judged by the first range that has it and the direction of the access, else by
 * the default. The registers of the x2APIC (0x800 to 0x8ff) are not filtered.
 *
 * @param defaultDeny whether registers in no range are denied; KVM refuses that without a range
 * @param ranges the ranges, at most {@value #MAX_RANGES}
 */
public record MsrFilter(boolean defaultDeny, List<Range> ranges) {
  /** The number of ranges a filter may have. */
  public static final int MAX_RANGES = MsrFilterLayout.KVM_MSR_FILTER_MAX_RANGES;

  /** The number of registers a range may have. */
  public static final int MAX_REGISTERS =
      Byte.SIZE * MsrFilterLayout.KVM_MSR_FILTER_MAX_BITMAP_SIZE;

  /** {@link Range}: judges reads. */
  public static final int KVM_MSR_FILTER_READ = 1;

  /** {@link Range}: judges writes. */
  public static final int KVM_MSR_FILTER_WRITE = 2;

  /** Allows all: the filter a VM starts with. */
  public static final MsrFilter ALLOW_ALL = new MsrFilter(false, List.of());

  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;

  /** Consecutive registers. Immutable. */
  public static final class Range {
    private final int flags;
    private final int base;
    private final int count;
    private final BitSet allowed = new BitSet();

    /**
     * Describes a range.
     *
     * @param flags {@link #KVM_MSR_FILTER_READ}, {@link #KVM_MSR_FILTER_WRITE} or both
     * @param base the first register
     * @param count the number of registers, 1 to {@link #MAX_REGISTERS}
     * @param allowed whether a register, given by its number, may be accessed
     * @throws IllegalArgumentException if {@code flags} or {@code count} is out of its range
     */
    public Range(int flags, int base, int count, IntPredicate allowed) {
      this.flags = Check.check("flags", flags, 1, KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE);
      this.base = base;
      this.count = Check.check("count", count, 1, MAX_REGISTERS);
      for (int i = 0; i < count; i++) {
        this.allowed.set(i, allowed.test(base + i));
      }
    }

    /** {@return the directions that it judges} */
    public int flags() {
      return flags;
    }

    /** {@return the first register} */
    public int base() {
      return base;
    }

    /** {@return the number of registers} */
    public int count() {
      return count;
    }

    /**
     * {@return whether a register of the range may be accessed}
     *
     * @param msr the register
     * @throws IndexOutOfBoundsException if it is not in the range
     */
    public boolean allows(int msr) {
      int index = msr - base;
      if (index < 0 || index >= count) {
        throw new IndexOutOfBoundsException(
            "msr=0x" + Integer.toHexString(msr) + " is not in " + this);
      }
      return allowed.get(index);
    }

    private MemorySegment bitmap(Arena arena) {
      // KVM reads whole longs, whatever the count.
      MemorySegment bitmap =
          arena.allocate((long) Math.ceilDiv(count, Long.SIZE) * Long.BYTES, Long.BYTES);
      byte[] bytes = allowed.toByteArray();
      MemorySegment.copy(bytes, 0, bitmap, ValueLayout.JAVA_BYTE, 0, bytes.length);
      return bitmap;
    }

    @Override
    public String toString() {
      return "MSRs 0x" + Integer.toHexString(base) + " and following, " + count;
    }
  }

  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if there are too many ranges
   */
  public MsrFilter {
    ranges = List.copyOf(ranges);
    var _ = Check.size("ranges", ranges.size(), MAX_RANGES);
  }

  MemorySegment toStruct(Arena arena) {
    MemorySegment struct = Kvm.struct(arena, MsrFilterLayout.SIZEOF);
    struct.set(
        U32, MsrFilterLayout.FLAGS, defaultDeny ? MsrFilterLayout.KVM_MSR_FILTER_DEFAULT_DENY : 0);
    long at = MsrFilterLayout.RANGES;
    for (Range range : ranges) {
      struct.set(U32, at + MsrFilterLayout.RANGE_FLAGS, range.flags);
      struct.set(U32, at + MsrFilterLayout.RANGE_NMSRS, range.count);
      struct.set(U32, at + MsrFilterLayout.RANGE_BASE, range.base);
      struct.set(
          ValueLayout.JAVA_LONG, at + MsrFilterLayout.RANGE_BITMAP, range.bitmap(arena).address());
      at += MsrFilterLayout.SIZEOF_ENTRY;
    }
    return struct;
  }
}

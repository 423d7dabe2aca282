// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The system resource affinity table, signature SRAT, revision 3 (ACPI §5.2.16): which processors
 * and which memory are near each other. What is near each other has one proximity domain, which
 * Linux makes a NUMA node.
 *
 * {@snippet :
 * Sdt srat =
 *     Srat.builder()
 *         .processor(0, 0)
 *         .processor(1, 1)
 *         .memory(0, 512L << 20, 0)
 *         .memory(512L << 20, 512L << 20, 1)
 *         .build();
 * }
 */
public final class Srat {
  private static final int REVISION = 3;
  private static final long UNSIGNED_MAX = 0xffff_ffffL;

  private Srat() {}

  /** What a range of memory is, besides enabled (ACPI §5.2.16.2, table 5.59). */
  public enum MemoryFlag {
    /** Memory may be plugged in and out there. */
    HOT_PLUGGABLE(1),
    /** It keeps its contents without power. */
    NON_VOLATILE(2);

    private final int bit;

    MemoryFlag(int bit) {
      this.bit = bit;
    }
  }

  /** {@return a builder of a table without entries} */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Collects the entries; they stand in the table in the order of the calls. Not safe for use by
   * several threads.
   */
  public static final class Builder {
    private final ByteSink entries = new ByteSink();
    private final Set<Long> apicIds = new HashSet<>();
    private final List<Range> ranges = new ArrayList<>();

    /** A range of memory by its ends, both inclusive and unsigned. */
    private record Range(long first, long last) {}

    private Builder() {}

    /**
     * Puts a processor into a domain: as a local APIC (type 0) if its APIC id is below 255, else as
     * a local x2APIC (type 2), the same choice as {@link Madt.Builder#processor}. The entry is
     * enabled.
     *
     * @param apicId the id of its local APIC, 0 to 0xfffffffe
     * @param domain the proximity domain, 0 to 0xffffffff
     * @return this builder
     * @throws IllegalArgumentException if a value is out of range, or the id was given before
     */
    public Builder processor(long apicId, long domain) {
      Check.range("APIC id", apicId, 0, UNSIGNED_MAX - 1);
      Check.range("proximity domain", domain, 0, UNSIGNED_MAX);
      if (!apicIds.add(apicId)) {
        throw new IllegalArgumentException("APIC id %d was given before".formatted(apicId));
      }
      if (apicId < Madt.FIRST_X2APIC_ID) {
        entries
            .u8(0)
            .u8(16)
            .u8((int) domain & 0xff)
            .u8((int) apicId)
            .u32(1) // enabled
            .u8(0); // local SAPIC EID
        for (int shift = 8; shift < 32; shift += 8) {
          entries.u8((int) (domain >>> shift) & 0xff);
        }
        entries.u32(0); // clock domain
      } else {
        entries.u8(2).u8(24).u16(0).u32(domain).u32(apicId).u32(1).u32(0).u32(0);
      }
      return this;
    }

    /**
     * Puts a range of memory into a domain. The entry is enabled.
     *
     * @param gpa its guest-physical address, unsigned
     * @param length its bytes, 1 or more
     * @param domain the proximity domain, 0 to 0xffffffff
     * @param flags what it is; none for memory that is there from the start and forgets
     * @return this builder
     * @throws IllegalArgumentException if a value is out of range, the range passes 2^64, or it
     *     overlaps one that was given before
     */
    public Builder memory(long gpa, long length, long domain, MemoryFlag... flags) {
      Check.range("memory length", length, 1, Long.MAX_VALUE);
      Check.range("proximity domain", domain, 0, UNSIGNED_MAX);
      long last = gpa + length - 1;
      if (Long.compareUnsigned(last, gpa) < 0) {
        throw new IllegalArgumentException(
            "memory of 0x%x bytes at 0x%x passes 2^64".formatted(length, gpa));
      }
      for (Range other : ranges) {
        if (Long.compareUnsigned(gpa, other.last) <= 0
            && Long.compareUnsigned(other.first, last) <= 0) {
          throw new IllegalArgumentException(
              "memory 0x%x..0x%x overlaps 0x%x..0x%x"
                  .formatted(gpa, last, other.first, other.last));
        }
      }
      ranges.add(new Range(gpa, last));
      int bits = 1; // enabled
      Set<MemoryFlag> distinct = EnumSet.noneOf(MemoryFlag.class);
      distinct.addAll(List.of(flags));
      for (MemoryFlag flag : distinct) {
        bits |= 1 << flag.bit;
      }
      entries.u8(1).u8(40).u32(domain).u16(0).u64(gpa).u64(length).u32(0).u32(bits).u64(0);
      return this;
    }

    /** {@return the table} */
    public Sdt build() {
      return Sdt.builder("SRAT", REVISION)
          .u32(1) // as ACPI 1.0 had it
          .u64(0)
          .bytes(entries.toByteArray())
          .build();
    }
  }
}

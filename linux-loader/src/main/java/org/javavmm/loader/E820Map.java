// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The memory map that a PC's firmware gives its operating system (ACPI 6.5 §15, the BIOS call
 * {@code INT 15h, AX=E820h}). Immutable.
 *
 * @param entries the entries by ascending address, without overlap; neighbours of one type are one
 */
public record E820Map(List<Entry> entries) {
  /** What a range is, with its number in the map. */
  public enum Type {
    /** Memory that the guest may use. */
    RAM(1),
    /** Not to be used: devices, tables, holes. */
    RESERVED(2),
    /** ACPI tables; usable once the guest has read them. */
    ACPI(3),
    /** ACPI memory that survives sleep. */
    NVS(4),
    /** Memory in which errors were found. */
    UNUSABLE(5),
    /** Persistent memory. */
    PERSISTENT(7);

    private final int number;

    Type(int number) {
      this.number = number;
    }

    /** {@return the type's number in the map} */
    public int number() {
      return number;
    }
  }

  /**
   * An entry of the map.
   *
   * @param range the addresses
   * @param type what they are
   */
  public record Entry(MemoryRange range, Type type) {
    @Override
    public String toString() {
      return range + " " + type;
    }
  }

  /**
   * Takes finished entries; {@link #builder()} puts them in order.
   *
   * @throws IllegalArgumentException if entries overlap or do not ascend
   */
  public E820Map {
    entries = List.copyOf(entries);
    for (int i = 1; i < entries.size(); i++) {
      if (entries.get(i - 1).range().end() > entries.get(i).range().gpa()) {
        throw new IllegalArgumentException(
            "e820 entry " + entries.get(i) + " does not follow " + entries.get(i - 1));
      }
    }
  }

  /**
   * {@return the map of an x86 guest}: its memory, less what a PC reserves from {@link
   * X86Layout#EBDA_START} to 1 MiB, less what else is reserved
   *
   * @param ram the guest's memory
   * @param reserved further entries, which take precedence over memory; none may be of type RAM
   * @throws IllegalArgumentException if ranges of memory overlap, if reserved entries of different
   *     types overlap, or if a reserved entry is of type RAM
   */
  public static E820Map x86(List<MemoryRange> ram, List<Entry> reserved) {
    Builder builder = builder();
    List<MemoryRange> before = new ArrayList<>();
    for (MemoryRange range : ram) {
      for (MemoryRange other : before) {
        if (range.overlaps(other)) {
          throw new IllegalArgumentException("memory " + range + " overlaps memory " + other);
        }
      }
      before.add(range);
      builder.put(range, Type.RAM);
    }
    builder.put(
        MemoryRange.between(X86Layout.EBDA_START, X86Layout.HIGH_MEMORY_START), Type.RESERVED);
    List<Entry> seen = new ArrayList<>();
    for (Entry entry : reserved) {
      if (entry.type() == Type.RAM) {
        throw new IllegalArgumentException("reserved entry " + entry + " is of type RAM");
      }
      for (Entry other : seen) {
        if (entry.range().overlaps(other.range()) && entry.type() != other.type()) {
          throw new IllegalArgumentException("reserved entry " + entry + " overlaps " + other);
        }
      }
      seen.add(entry);
      builder.put(entry.range(), entry.type());
    }
    return builder.build();
  }

  /** {@return a builder for a map without entries yet} */
  public static Builder builder() {
    return new Builder();
  }

  /** Puts entries in order. Not thread-safe. */
  public static final class Builder {
    private final List<Entry> entries = new ArrayList<>();

    private Builder() {}

    /**
     * Sets what a range is. It replaces whatever was said before of the same addresses.
     *
     * @param range the addresses
     * @param type what they are
     * @return this builder
     */
    public Builder put(MemoryRange range, Type type) {
      for (Entry entry : List.copyOf(entries)) {
        MemoryRange old = entry.range();
        if (!old.overlaps(range)) {
          continue;
        }
        entries.remove(entry);
        if (old.gpa() < range.gpa()) {
          entries.add(new Entry(MemoryRange.between(old.gpa(), range.gpa()), entry.type()));
        }
        if (range.end() < old.end()) {
          entries.add(new Entry(MemoryRange.between(range.end(), old.end()), entry.type()));
        }
      }
      entries.add(new Entry(range, type));
      return this;
    }

    /** {@return the map; neighbours of one type are one entry} */
    public E820Map build() {
      List<Entry> sorted = new ArrayList<>(entries);
      sorted.sort(Comparator.comparingLong(entry -> entry.range().gpa()));
      List<Entry> merged = new ArrayList<>();
      for (Entry entry : sorted) {
        Entry last = merged.isEmpty() ? null : merged.getLast();
        if (last != null
            && last.type() == entry.type()
            && last.range().end() == entry.range().gpa()) {
          MemoryRange both = MemoryRange.between(last.range().gpa(), entry.range().end());
          merged.set(merged.size() - 1, new Entry(both, entry.type()));
        } else {
          merged.add(entry);
        }
      }
      return new E820Map(merged);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Model-specific registers and their values, {@code struct kvm_msrs}.
 *
 * @param entries the registers
 */
public record Msrs(List<Entry> entries) {
  // struct kvm_msrs
  static final int NMSRS = 0; // __u32
  static final int ENTRIES = 8;

  // struct kvm_msr_entry
  static final int ENTRY_INDEX = 0; // __u32
  static final int ENTRY_DATA = 8; // __u64
  static final int SIZEOF_ENTRY = 16;

  /**
   * One register.
   *
   * @param index its number
   * @param data its value
   */
  public record Entry(int index, long data) {}

  /** Copies the list. */
  public Msrs {
    entries = List.copyOf(entries);
  }

  static Msrs ofIndexes(int... indexes) {
    return new Msrs(Arrays.stream(indexes).mapToObj(i -> new Entry(i, 0)).toList());
  }

  MemorySegment toStruct(Arena arena) {
    MemorySegment struct =
        arena.allocate(ENTRIES + (long) entries.size() * SIZEOF_ENTRY, Long.BYTES);
    struct.set(ValueLayout.JAVA_INT, NMSRS, entries.size());
    long at = ENTRIES;
    for (Entry entry : entries) {
      struct.set(ValueLayout.JAVA_INT, at + ENTRY_INDEX, entry.index());
      struct.set(ValueLayout.JAVA_LONG, at + ENTRY_DATA, entry.data());
      at += SIZEOF_ENTRY;
    }
    return struct;
  }

  static Msrs fromStruct(MemorySegment struct, int count) {
    List<Entry> entries = new ArrayList<>(count);
    for (long at = ENTRIES; at < ENTRIES + (long) count * SIZEOF_ENTRY; at += SIZEOF_ENTRY) {
      entries.add(
          new Entry(
              struct.get(ValueLayout.JAVA_INT, at + ENTRY_INDEX),
              struct.get(ValueLayout.JAVA_LONG, at + ENTRY_DATA)));
    }
    return new Msrs(entries);
  }
}

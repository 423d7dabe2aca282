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

  /**
   * Takes registers that were saved. The bytes may come from anywhere: their structure is checked
   * here, the registers by KVM.
   *
   * @param bytes the registers, from {@link #toBytes}
   * @return the registers
   * @throws IllegalArgumentException if the length is not that of the number of registers which
   *     stands first
   */
  public static Msrs of(byte[] bytes) {
    MemorySegment struct = Saved.struct(bytes, ENTRIES, SIZEOF_ENTRY);
    return fromStruct(struct, struct.get(ValueLayout.JAVA_INT, NMSRS));
  }

  /** {@return the registers, for {@link #of}: {@code struct kvm_msrs}} */
  public byte[] toBytes() {
    try (Arena arena = Arena.ofConfined()) {
      return toStruct(arena).toArray(ValueLayout.JAVA_BYTE);
    }
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

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.javavmm.sys.Errno;

/**
 * The extended control registers of a vCPU, {@code struct kvm_xcrs}. There is one so far: number 0
 * says which parts of the extended state are in use.
 *
 * @param entries the registers, at most 16
 */
public record Xcrs(List<Entry> entries) {
  /** The most registers that the structure holds. */
  public static final int KVM_MAX_XCRS = 16;

  // struct kvm_xcrs
  static final int NR_XCRS = 0; // __u32
  static final int XCRS = 8;
  static final int SIZEOF = 392;

  // struct kvm_xcr
  static final int ENTRY_XCR = 0; // __u32
  static final int ENTRY_VALUE = 8; // __u64
  static final int SIZEOF_ENTRY = 16;

  /**
   * One register.
   *
   * @param index its number
   * @param value its value
   */
  public record Entry(int index, long value) {}

  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if there are more than 16 registers
   */
  public Xcrs {
    entries = List.copyOf(entries);
    if (entries.size() > KVM_MAX_XCRS) {
      throw new IllegalArgumentException(
          entries.size() + " registers, must be at most " + KVM_MAX_XCRS);
    }
  }

  MemorySegment toStruct(Arena arena) {
    MemorySegment struct = Kvm.struct(arena, SIZEOF);
    struct.set(ValueLayout.JAVA_INT, NR_XCRS, entries.size());
    long at = XCRS;
    for (Entry entry : entries) {
      struct.set(ValueLayout.JAVA_INT, at + ENTRY_XCR, entry.index());
      struct.set(ValueLayout.JAVA_LONG, at + ENTRY_VALUE, entry.value());
      at += SIZEOF_ENTRY;
    }
    return struct;
  }

  static Xcrs fromStruct(MemorySegment struct) throws KvmException {
    int n = struct.get(ValueLayout.JAVA_INT, NR_XCRS);
    if (n < 0 || n > KVM_MAX_XCRS) {
      throw new KvmException("KVM_GET_XCRS()", Errno.E2BIG, "KVM answered nr_xcrs=" + n);
    }
    List<Entry> entries = new ArrayList<>(n);
    for (long at = XCRS; at < XCRS + (long) n * SIZEOF_ENTRY; at += SIZEOF_ENTRY) {
      entries.add(
          new Entry(
              struct.get(ValueLayout.JAVA_INT, at + ENTRY_XCR),
              struct.get(ValueLayout.JAVA_LONG, at + ENTRY_VALUE)));
    }
    return new Xcrs(entries);
  }
}

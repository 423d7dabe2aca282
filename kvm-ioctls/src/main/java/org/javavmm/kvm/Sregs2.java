// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The segment and control registers of a vCPU and, under 32-bit paging with physical address
 * extension, its four directory pointers, {@code struct kvm_sregs2}. A copy: changes reach the vCPU
 * by {@link Vcpu#setSregs2}. Not thread-safe.
 */
public final class Sregs2 {
  /** Flag: the directory pointers are valid. */
  public static final int KVM_SREGS2_FLAGS_PDPTRS_VALID = 1;

  static final int FLAGS = 280; // __u64
  static final int PDPTRS = 288; // __u64[4]
  static final int SIZEOF = 320;

  private static final int POINTERS = 4;

  private final MemorySegment segment = Arena.ofAuto().allocate(SIZEOF, 8);

  // Up to the APIC's address both structures are the same; the rest of kvm_sregs has no accessor.
  private final Sregs sregs = new Sregs(segment);

  Sregs2() {}

  MemorySegment segment() {
    return segment;
  }

  /** {@return the segment and control registers; changes of them are changes of this} */
  public Sregs sregs() {
    return sregs;
  }

  /** {@return whether the directory pointers are valid} */
  public boolean pdptrsValid() {
    return (segment.get(ValueLayout.JAVA_LONG, FLAGS) & KVM_SREGS2_FLAGS_PDPTRS_VALID) != 0;
  }

  /**
   * {@return a directory pointer}
   *
   * @param index which one, 0 to 3
   * @throws IndexOutOfBoundsException if there is no such pointer
   */
  public long pdptr(int index) {
    return segment.get(ValueLayout.JAVA_LONG, at(index));
  }

  /**
   * Sets a directory pointer and makes all four valid.
   *
   * @param index which one, 0 to 3
   * @param value the pointer
   * @return this
   * @throws IndexOutOfBoundsException if there is no such pointer
   */
  public Sregs2 pdptr(int index, long value) {
    segment.set(ValueLayout.JAVA_LONG, at(index), value);
    segment.set(ValueLayout.JAVA_LONG, FLAGS, KVM_SREGS2_FLAGS_PDPTRS_VALID);
    return this;
  }

  /**
   * Makes the directory pointers invalid: KVM reads them from the guest's memory.
   *
   * @return this
   */
  public Sregs2 withoutPdptrs() {
    segment.set(ValueLayout.JAVA_LONG, FLAGS, 0);
    return this;
  }

  private static long at(int index) {
    if (index < 0 || index >= POINTERS) {
      throw new IndexOutOfBoundsException("index=" + index + ", count=" + POINTERS);
    }
    return PDPTRS + 8L * index;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The registers of a local APIC, {@code struct kvm_lapic_state}: the APIC's page as the guest sees
 * it. A copy: changes reach the vCPU by {@link Vcpu#setLapic}. Not thread-safe.
 */
public final class LapicState {
  /** The local vector table's entry for the LINT0 pin. */
  public static final int APIC_LVT0 = 0x350;

  /** The local vector table's entry for the LINT1 pin. */
  public static final int APIC_LVT1 = 0x360;

  static final int SIZEOF = 1024;

  private final MemorySegment segment = Arena.ofAuto().allocate(SIZEOF, 8);

  LapicState() {}

  MemorySegment segment() {
    return segment;
  }

  /**
   * {@return a register}
   *
   * @param offset its offset in the APIC's page, a multiple of 16 below 1024
   * @throws IndexOutOfBoundsException if the offset is not in the page
   */
  public int get(int offset) {
    return segment.get(ValueLayout.JAVA_INT, offset);
  }

  /**
   * Sets a register.
   *
   * @param offset its offset in the APIC's page, a multiple of 16 below 1024
   * @param value the value
   * @return this
   * @throws IndexOutOfBoundsException if the offset is not in the page
   */
  public LapicState set(int offset, int value) {
    segment.set(ValueLayout.JAVA_INT, offset, value);
    return this;
  }
}

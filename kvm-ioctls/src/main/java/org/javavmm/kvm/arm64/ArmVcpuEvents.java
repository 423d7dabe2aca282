// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Errors that are on their way to a vCPU of arm64, {@code struct kvm_vcpu_events}.
 *
 * @param serrorPending whether an SError is pending
 * @param serrorHasEsr whether {@code serrorEsr} counts; needs {@link ArmCap#ARM_INJECT_SERROR_ESR}
 * @param extDabtPending whether the guest gets an external data abort at its last access, for one
 *     that ended in {@code KVM_EXIT_MMIO} or {@code KVM_EXIT_ARM_NISV}; needs {@link
 *     ArmCap#ARM_INJECT_EXT_DABT}; never set in what KVM tells
 * @param serrorEsr the syndrome of the SError: the ISS field, bits 0 to 23; 0 without
 */
public record ArmVcpuEvents(
    boolean serrorPending, boolean serrorHasEsr, boolean extDabtPending, long serrorEsr) {
  /** Nothing pending. */
  public static final ArmVcpuEvents NONE = new ArmVcpuEvents(false, false, false, 0);

  private static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;

  /**
   * {@return an SError}
   *
   * @param esr its syndrome, bits 0 to 23
   */
  public static ArmVcpuEvents serror(long esr) {
    return new ArmVcpuEvents(true, true, false, esr);
  }

  /** {@return an external data abort at the access that was the last exit} */
  public static ArmVcpuEvents externalDataAbort() {
    return new ArmVcpuEvents(false, false, true, 0);
  }

  MemorySegment toStruct(Arena arena) {
    MemorySegment struct = arena.allocate(VcpuEventsLayout.SIZEOF, Long.BYTES);
    struct.set(U8, VcpuEventsLayout.EXCEPTION_SERROR_PENDING, bit(serrorPending));
    struct.set(U8, VcpuEventsLayout.EXCEPTION_SERROR_HAS_ESR, bit(serrorHasEsr));
    struct.set(U8, VcpuEventsLayout.EXCEPTION_EXT_DABT_PENDING, bit(extDabtPending));
    struct.set(ValueLayout.JAVA_LONG, VcpuEventsLayout.EXCEPTION_SERROR_ESR, serrorEsr);
    return struct;
  }

  private static byte bit(boolean value) {
    return (byte) (value ? 1 : 0);
  }

  static ArmVcpuEvents fromStruct(MemorySegment struct) {
    return new ArmVcpuEvents(
        struct.get(U8, VcpuEventsLayout.EXCEPTION_SERROR_PENDING) != 0,
        struct.get(U8, VcpuEventsLayout.EXCEPTION_SERROR_HAS_ESR) != 0,
        struct.get(U8, VcpuEventsLayout.EXCEPTION_EXT_DABT_PENDING) != 0,
        struct.get(ValueLayout.JAVA_LONG, VcpuEventsLayout.EXCEPTION_SERROR_ESR));
  }

  @Override
  public String toString() {
    return "serror_pending="
        + serrorPending
        + ", serror_has_esr="
        + serrorHasEsr
        + ", ext_dabt_pending="
        + extDabtPending
        + ", serror_esr="
        + Check.hex(serrorEsr);
  }
}

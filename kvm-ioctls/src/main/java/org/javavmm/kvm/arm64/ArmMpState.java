// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** What a vCPU of arm64 is doing, as {@code KVM_GET_MP_STATE} tells it. */
public enum ArmMpState {
  /** It runs, or would. */
  RUNNABLE(0),

  /** It is off, by {@link VcpuFeature#POWER_OFF} or by PSCI's CPU_OFF. */
  STOPPED(5),

  /**
   * It waits for an interrupt, as by PSCI's SYSTEM_SUSPEND; to be set by the monitor, which {@code
   * KVM_SYSTEM_EVENT_WAKEUP} then tells of the interrupt.
   */
  SUSPENDED(10);

  private final int number;

  ArmMpState(int number) {
    this.number = number;
  }

  /** {@return the number of the state in the header, {@code KVM_MP_STATE_…}} */
  public int number() {
    return number;
  }

  /**
   * {@return the state of a number}
   *
   * @param number {@code KVM_MP_STATE_…}
   * @throws IllegalArgumentException if arm64 has no such state
   */
  public static ArmMpState of(int number) {
    for (ArmMpState state : values()) {
      if (state.number == number) {
        return state;
      }
    }
    throw new IllegalArgumentException("state=" + number + ", must be 0, 5 or 10");
  }
}

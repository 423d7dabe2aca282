// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The guest's clock {@code kvmclock}, {@code struct kvm_clock_data}.
 *
 * @param clock its time in nanoseconds
 * @param flags {@code KVM_CLOCK_…}, or-ed: what of the rest is valid
 * @param realtime the host's real time at that moment, in nanoseconds since 1970
 * @param hostTsc the host's time stamp counter at that moment
 */
public record ClockData(long clock, int flags, long realtime, long hostTsc) {
  /** {@link #flags}: all vCPUs see the same time; ignored when set. */
  public static final int KVM_CLOCK_TSC_STABLE = 2;

  /** {@link #flags}: {@link #realtime} is valid; when set, the time that passed since is added. */
  public static final int KVM_CLOCK_REALTIME = 4;

  /** {@link #flags}: {@link #hostTsc} is valid; ignored when set. */
  public static final int KVM_CLOCK_HOST_TSC = 8;

  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG;

  /**
   * A time to set.
   *
   * @param clock the time in nanoseconds
   */
  public ClockData(long clock) {
    this(clock, 0, 0, 0);
  }

  static ClockData fromStruct(MemorySegment struct) {
    return new ClockData(
        struct.get(U64, ClockDataLayout.CLOCK),
        struct.get(ValueLayout.JAVA_INT, ClockDataLayout.FLAGS),
        struct.get(U64, ClockDataLayout.REALTIME),
        struct.get(U64, ClockDataLayout.HOST_TSC));
  }

  MemorySegment toStruct(Arena arena) {
    MemorySegment struct = Kvm.struct(arena, ClockDataLayout.SIZEOF);
    struct.set(U64, ClockDataLayout.CLOCK, clock);
    struct.set(ValueLayout.JAVA_INT, ClockDataLayout.FLAGS, flags);
    struct.set(U64, ClockDataLayout.REALTIME, realtime);
    struct.set(U64, ClockDataLayout.HOST_TSC, hostTsc);
    return struct;
  }
}

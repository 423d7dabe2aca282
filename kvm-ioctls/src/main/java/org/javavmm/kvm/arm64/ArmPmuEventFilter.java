// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A range of events that the guest's performance counters may or may not count; for {@link
 * ArmVcpu#addPmuEventFilter}.
 *
 * @param baseEvent the first event, 0 to 65535
 * @param count the number of events, 1 to 65535
 * @param deny whether they are denied; what the first filter says holds the other way round for all
 *     other events
 */
public record ArmPmuEventFilter(int baseEvent, int count, boolean deny) {
  static final int KVM_PMU_EVENT_ALLOW = 0;
  static final int KVM_PMU_EVENT_DENY = 1;

  private static final int MAX_EVENT = 0xffff;

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one of them is out of range, or if the last event is
   */
  public ArmPmuEventFilter {
    Check.range("baseEvent", baseEvent, 0, MAX_EVENT);
    Check.range("count", count, 1, MAX_EVENT);
    Check.range("last event", baseEvent + count - 1, 0, MAX_EVENT);
  }

  MemorySegment toStruct(Arena arena) {
    MemorySegment struct = arena.allocate(PmuEventFilterLayout.SIZEOF, Long.BYTES);
    struct.set(ValueLayout.JAVA_SHORT, PmuEventFilterLayout.BASE_EVENT, (short) baseEvent);
    struct.set(ValueLayout.JAVA_SHORT, PmuEventFilterLayout.NEVENTS, (short) count);
    struct.set(
        ValueLayout.JAVA_BYTE,
        PmuEventFilterLayout.ACTION,
        (byte) (deny ? KVM_PMU_EVENT_DENY : KVM_PMU_EVENT_ALLOW));
    return struct;
  }

  @Override
  public String toString() {
    return "base_event=" + Check.hex(baseEvent) + ", nevents=" + count + ", deny=" + deny;
  }
}

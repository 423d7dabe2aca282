// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Which events the guest's performance counters may count, {@code struct kvm_pmu_event_filter}.
 *
 * @param deny whether the events are those denied rather than those allowed
 * @param masked whether the events are made by {@link #maskedEvent}; needs {@link
 *     Cap#PMU_EVENT_MASKED_EVENTS}
 * @param fixedCounters bit n: fixed counter n is allowed, or denied
 * @param events the events, event select and unit mask as in a counter's control register; KVM
 *     takes at most {@value #MAX_EVENTS}
 */
public record PmuEventFilter(boolean deny, boolean masked, int fixedCounters, List<Long> events) {
  /** {@link #deny} is false. */
  static final int KVM_PMU_EVENT_ALLOW = 0;

  /** {@link #deny} is true. */
  static final int KVM_PMU_EVENT_DENY = 1;

  static final int KVM_PMU_EVENT_FLAG_MASKED_EVENTS = 1;

  /** The number of events a filter may have: KVM_PMU_EVENT_FILTER_MAX_EVENTS of the kernel. */
  public static final int MAX_EVENTS = 300;

  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;

  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if there are too many events
   */
  public PmuEventFilter {
    events = List.copyOf(events);
    var _ = Check.size("events", events.size(), MAX_EVENTS);
  }

  /**
   * {@return an event that stands for several unit masks}
   *
   * @param select the event select, 12 bits
   * @param mask which bits of a counter's unit mask are looked at, 8 bits
   * @param match what they must be, 8 bits
   * @param exclude whether unit masks that match are taken out again
   * @throws IllegalArgumentException if a number has more bits
   */
  public static long maskedEvent(int select, int mask, int match, boolean exclude) {
    long event = Check.check("select", select, 0, 0xfff);
    return (event & 0xff)
        | ((event & 0xf00) << 24)
        | ((long) Check.u8("mask", mask) << 56)
        | ((long) Check.u8("match", match) << 8)
        | (exclude ? 1L << 55 : 0);
  }

  MemorySegment toStruct(Arena arena) {
    MemorySegment struct =
        arena.allocate(PmuEventFilterLayout.EVENTS + 8L * events.size(), Long.BYTES);
    struct.set(U32, PmuEventFilterLayout.ACTION, deny ? KVM_PMU_EVENT_DENY : KVM_PMU_EVENT_ALLOW);
    struct.set(U32, PmuEventFilterLayout.NEVENTS, events.size());
    struct.set(U32, PmuEventFilterLayout.FIXED_COUNTER_BITMAP, fixedCounters);
    struct.set(U32, PmuEventFilterLayout.FLAGS, masked ? KVM_PMU_EVENT_FLAG_MASKED_EVENTS : 0);
    for (int i = 0; i < events.size(); i++) {
      struct.set(ValueLayout.JAVA_LONG, PmuEventFilterLayout.EVENTS + 8L * i, events.get(i));
    }
    return struct;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.javavmm.bindings.kvm.kvm_clock_data;
import org.javavmm.bindings.kvm.kvm_coalesced_mmio;
import org.javavmm.bindings.kvm.kvm_coalesced_mmio_ring;
import org.javavmm.bindings.kvm.kvm_device_attr;
import org.javavmm.bindings.kvm.kvm_h;
import org.javavmm.bindings.kvm.kvm_ioapic_state;
import org.javavmm.bindings.kvm.kvm_ioeventfd;
import org.javavmm.bindings.kvm.kvm_irq_routing;
import org.javavmm.bindings.kvm.kvm_irq_routing_entry;
import org.javavmm.bindings.kvm.kvm_irq_routing_hv_sint;
import org.javavmm.bindings.kvm.kvm_irq_routing_irqchip;
import org.javavmm.bindings.kvm.kvm_irq_routing_msi;
import org.javavmm.bindings.kvm.kvm_irq_routing_xen_evtchn;
import org.javavmm.bindings.kvm.kvm_msr_filter;
import org.javavmm.bindings.kvm.kvm_msr_filter_range;
import org.javavmm.bindings.kvm.kvm_pic_state;
import org.javavmm.bindings.kvm.kvm_pit_channel_state;
import org.javavmm.bindings.kvm.kvm_pit_state2;
import org.javavmm.bindings.kvm.kvm_pmu_event_filter;
import org.javavmm.sys.Errno;

/** Structures of the VM written by us and read by the generated accessors, and back. */
class VmStructTest {
  private static Random same(long seed) {
    return new Random(seed);
  }

  private static String misuse(org.junit.jupiter.api.function.Executable call) {
    return String.valueOf(assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @Provide
  Arbitrary<GsiRoute> routes() {
    Arbitrary<Integer> any = Arbitraries.integers();
    return Arbitraries.oneOf(
        Combinators.combine(any, any, any).as(GsiRoute.Irqchip::new),
        Combinators.combine(any, Arbitraries.longs(), any).as(GsiRoute.Msi::new),
        Combinators.combine(any, Arbitraries.longs(), any, any).as(GsiRoute.DeviceMsi::new),
        Combinators.combine(any, any, any).as(GsiRoute.HvSint::new),
        Combinators.combine(any, any, any, any).as(GsiRoute.XenEvtchn::new));
  }

  @Property(tries = 300)
  void routesAreReadBack(@ForAll @Size(max = 40) List<@net.jqwik.api.From("routes") GsiRoute> in) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment table = GsiRoute.toStruct(arena, in);
      assertEquals(
          kvm_irq_routing.sizeof() + in.size() * kvm_irq_routing_entry.sizeof(), table.byteSize());
      assertEquals(0, kvm_irq_routing.flags(table));
      List<GsiRoute> out = new ArrayList<>();
      for (int i = 0; i < kvm_irq_routing.nr(table); i++) {
        MemorySegment e =
            table.asSlice(
                kvm_irq_routing.entries$offset() + i * kvm_irq_routing_entry.sizeof(),
                kvm_irq_routing_entry.sizeof());
        int flags = kvm_irq_routing_entry.flags(e);
        int gsi = kvm_irq_routing_entry.gsi(e);
        MemorySegment u = kvm_irq_routing_entry.u(e);
        int type = kvm_irq_routing_entry.type(e);
        if (type == kvm_h.KVM_IRQ_ROUTING_IRQCHIP()) {
          MemorySegment r = kvm_irq_routing_entry.u.irqchip(u);
          out.add(
              new GsiRoute.Irqchip(
                  gsi, kvm_irq_routing_irqchip.irqchip(r), kvm_irq_routing_irqchip.pin(r)));
        } else if (type == kvm_h.KVM_IRQ_ROUTING_MSI()) {
          MemorySegment r = kvm_irq_routing_entry.u.msi(u);
          long address =
              Integer.toUnsignedLong(kvm_irq_routing_msi.address_lo(r))
                  | ((long) kvm_irq_routing_msi.address_hi(r) << 32);
          int data = kvm_irq_routing_msi.data(r);
          int device = kvm_irq_routing_msi.devid(r);
          if (flags == kvm_h.KVM_MSI_VALID_DEVID()) {
            flags = 0;
            out.add(new GsiRoute.DeviceMsi(gsi, address, data, device));
          } else {
            assertEquals(0, device);
            out.add(new GsiRoute.Msi(gsi, address, data));
          }
        } else if (type == kvm_h.KVM_IRQ_ROUTING_HV_SINT()) {
          MemorySegment r = kvm_irq_routing_entry.u.hv_sint(u);
          out.add(
              new GsiRoute.HvSint(
                  gsi, kvm_irq_routing_hv_sint.vcpu(r), kvm_irq_routing_hv_sint.sint(r)));
        } else {
          assertEquals(kvm_h.KVM_IRQ_ROUTING_XEN_EVTCHN(), type);
          MemorySegment r = kvm_irq_routing_entry.u.xen_evtchn(u);
          out.add(
              new GsiRoute.XenEvtchn(
                  gsi,
                  kvm_irq_routing_xen_evtchn.port(r),
                  kvm_irq_routing_xen_evtchn.vcpu(r),
                  kvm_irq_routing_xen_evtchn.priority(r)));
        }
        assertEquals(0, flags);
      }
      assertEquals(in, out);
    }
  }

  @Property(tries = 100)
  void msrRangesAreReadBack(
      @ForAll @IntRange(min = 1, max = 12_288) int count,
      @ForAll int base,
      @ForAll @IntRange(min = 1, max = 3) int flags,
      @ForAll long seed) {
    Random random = same(seed);
    boolean[] allowed = new boolean[count];
    for (int i = 0; i < count; i++) {
      allowed[i] = random.nextBoolean();
    }
    MsrFilter.Range range = new MsrFilter.Range(flags, base, count, i -> allowed[i - base]);
    MsrFilter filter = new MsrFilter(true, Collections.nCopies(16, range));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = filter.toStruct(arena);
      assertEquals(kvm_msr_filter.sizeof(), s.byteSize());
      assertEquals(kvm_h.KVM_MSR_FILTER_DEFAULT_DENY(), kvm_msr_filter.flags(s));
      MemorySegment r =
          s.asSlice(
              kvm_msr_filter.ranges$offset() + 15 * kvm_msr_filter_range.sizeof(),
              kvm_msr_filter_range.sizeof());
      assertEquals(flags, kvm_msr_filter_range.flags(r));
      assertEquals(base, kvm_msr_filter_range.base(r));
      assertEquals(count, kvm_msr_filter_range.nmsrs(r));
      byte[] bitmap = Recorder.at(kvm_msr_filter_range.bitmap(r).address(), Math.ceilDiv(count, 8));
      for (int i = 0; i < count; i++) {
        assertEquals(allowed[i], (bitmap[i / 8] & (1 << (i % 8))) != 0);
        assertEquals(allowed[i], range.allows(base + i));
      }
    }
    assertThrows(IndexOutOfBoundsException.class, () -> range.allows(base - 1));
    assertThrows(IndexOutOfBoundsException.class, () -> range.allows(base + count));
    assertEquals(List.of(flags, base, count), List.of(range.flags(), range.base(), range.count()));
  }

  /** KVM reads a bitmap in whole longs: what it reads must be the bitmap's, and zero. */
  @Property(tries = 50)
  void msrBitmapsAreAsLongAsKvmReadsThem(@ForAll @IntRange(min = 1, max = 12_288) int count) {
    MsrFilter.Range range = new MsrFilter.Range(1, 0, count, _ -> true);
    List<MemorySegment> allocated = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      Arena recording =
          new Arena() {
            @Override
            public MemorySegment allocate(long size, long alignment) {
              MemorySegment segment = arena.allocate(size, alignment);
              allocated.add(segment);
              return segment;
            }

            @Override
            public MemorySegment.Scope scope() {
              return arena.scope();
            }

            @Override
            public void close() {}
          };
      MemorySegment s = new MsrFilter(false, List.of(range)).toStruct(recording);
      long address =
          kvm_msr_filter_range.bitmap(s.asSlice(kvm_msr_filter.ranges$offset())).address();
      MemorySegment bitmap =
          allocated.stream().filter(a -> a.address() == address).findFirst().orElseThrow();
      assertEquals(Math.ceilDiv(count, 64) * 8L, bitmap.byteSize());
      for (long bit = count; bit < 8 * bitmap.byteSize(); bit++) {
        assertEquals(0, bitmap.get(ValueLayout.JAVA_BYTE, bit / 8) & (1 << (bit % 8)));
      }
    }
  }

  @Example
  void msrFilterLimits() {
    MsrFilter.Range range = new MsrFilter.Range(1, 0, 1, _ -> true);
    assertEquals(
        "ranges: 17, must be at most 16",
        misuse(() -> new MsrFilter(false, Collections.nCopies(17, range))));
    assertEquals(
        "count=12289, must be 1 to 12288",
        misuse(() -> new MsrFilter.Range(1, 0, 12_289, _ -> true)));
    assertEquals("flags=0, must be 1 to 3", misuse(() -> new MsrFilter.Range(0, 0, 1, _ -> true)));
    try (Arena arena = Arena.ofConfined()) {
      assertEquals(0, kvm_msr_filter.flags(MsrFilter.ALLOW_ALL.toStruct(arena)));
    }
  }

  @Property(tries = 100)
  void pmuEventsAreReadBack(
      @ForAll boolean deny,
      @ForAll boolean masked,
      @ForAll int fixed,
      @ForAll @Size(max = 300) List<Long> events) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = new PmuEventFilter(deny, masked, fixed, events).toStruct(arena);
      assertEquals(kvm_pmu_event_filter.sizeof() + 8L * events.size(), s.byteSize());
      assertEquals(
          deny ? kvm_h.KVM_PMU_EVENT_DENY() : kvm_h.KVM_PMU_EVENT_ALLOW(),
          kvm_pmu_event_filter.action(s));
      assertEquals(masked ? 1 : 0, kvm_pmu_event_filter.flags(s));
      assertEquals(fixed, kvm_pmu_event_filter.fixed_counter_bitmap(s));
      assertEquals(events.size(), kvm_pmu_event_filter.nevents(s));
      for (int i = 0; i < events.size(); i++) {
        assertEquals(
            events.get(i),
            s.get(ValueLayout.JAVA_LONG, kvm_pmu_event_filter.events$offset() + 8L * i));
      }
    }
  }

  @Example
  void maskedEvents() {
    // The layout in the header: select low 7:0 and high 35:32, match 15:8, exclude 55, mask 63:56.
    assertEquals(0x7f80_000a_0000_34cdL, PmuEventFilter.maskedEvent(0xacd, 0x7f, 0x34, true));
    assertEquals(0xff00_0000_0000_00c0L, PmuEventFilter.maskedEvent(0xc0, 0xff, 0, false));
    assertEquals(
        "select=4096, must be 0 to 4095",
        misuse(() -> PmuEventFilter.maskedEvent(0x1000, 0, 0, false)));
    assertEquals(
        "mask=256, must be 0 to 255", misuse(() -> PmuEventFilter.maskedEvent(0, 256, 0, false)));
    assertEquals(
        "events: 301, must be at most 300",
        misuse(() -> new PmuEventFilter(true, false, 0, Collections.nCopies(301, 1L))));
  }

  @Property(tries = 100)
  void picStatesAreReadBack(@ForAll @Size(16) byte[] bytes) {
    MemorySegment chip = MemorySegment.ofArray(bytes.clone());
    PicState pic = PicState.fromStruct(chip);
    assertEquals(kvm_pic_state.imr(chip), (byte) pic.imr());
    assertEquals(kvm_pic_state.elcr(chip), (byte) pic.elcr());
    MemorySegment back = MemorySegment.ofArray(new byte[16]);
    pic.toStruct(back);
    assertEquals(-1, back.mismatch(chip));
  }

  @Example
  void picBytesAreChecked() {
    assertEquals(
        "imr=256, must be 0 to 255",
        misuse(() -> new PicState(0, 0, 256, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)));
  }

  @Property(tries = 100)
  void ioapicStatesAreReadBack(@ForAll long seed) {
    Random random = same(seed);
    MemorySegment chip = Arena.ofAuto().allocate(kvm_ioapic_state.sizeof(), 8);
    List<Long> entries = new ArrayList<>();
    for (int i = 0; i < IoapicState.PINS; i++) {
      entries.add(random.nextLong());
    }
    IoapicState state =
        new IoapicState(
            random.nextLong(), random.nextInt(), random.nextInt(), random.nextInt(), entries);
    state.toStruct(chip);
    assertEquals(state.baseAddress(), kvm_ioapic_state.base_address(chip));
    assertEquals(state.ioregsel(), kvm_ioapic_state.ioregsel(chip));
    assertEquals(state.id(), kvm_ioapic_state.id(chip));
    assertEquals(state.irr(), kvm_ioapic_state.irr(chip));
    assertEquals(
        entries.get(23), kvm_ioapic_state.redirtbl.bits(kvm_ioapic_state.redirtbl(chip, 23)));
    assertEquals(state, IoapicState.fromStruct(chip));
    assertEquals(
        "redirtbl=1, must be 24 to 24", misuse(() -> new IoapicState(0, 0, 0, 0, List.of(1L))));
  }

  @Property(tries = 100)
  void pitStatesAreReadBack(@ForAll long seed) {
    Random random = same(seed);
    List<PitState.Channel> channels = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      int[] b = random.ints(10, 0, 256).toArray();
      channels.add(
          new PitState.Channel(
              random.nextInt(0x10001),
              random.nextInt(0x10000),
              b[0],
              b[1],
              b[2],
              b[3],
              b[4],
              b[5],
              b[6],
              b[7],
              b[8],
              b[9],
              random.nextLong()));
    }
    PitState pit = new PitState(channels, random.nextInt());
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = pit.toStruct(arena);
      assertEquals(kvm_pit_state2.sizeof(), s.byteSize());
      assertEquals(pit.flags(), kvm_pit_state2.flags(s));
      MemorySegment last = kvm_pit_state2.channels(s, 2);
      PitState.Channel channel = channels.get(2);
      assertEquals(channel.count(), kvm_pit_channel_state.count(last));
      assertEquals((short) channel.latchedCount(), kvm_pit_channel_state.latched_count(last));
      assertEquals((byte) channel.mode(), kvm_pit_channel_state.mode(last));
      assertEquals((byte) channel.gate(), kvm_pit_channel_state.gate(last));
      assertEquals(channel.countLoadTime(), kvm_pit_channel_state.count_load_time(last));
      assertEquals(pit, PitState.fromStruct(s));
    }
  }

  @Example
  void pitNumbersAreChecked() {
    assertEquals(
        "count=65537, must be 0 to 65536",
        misuse(() -> new PitState.Channel(0x10001, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)));
    assertEquals("channels=0, must be 3 to 3", misuse(() -> new PitState(List.of(), 0)));
  }

  @Property(tries = 50)
  void clocksAreReadBack(
      @ForAll long clock, @ForAll int flags, @ForAll long real, @ForAll long tsc) {
    ClockData data = new ClockData(clock, flags, real, tsc);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = data.toStruct(arena);
      assertEquals(clock, kvm_clock_data.clock(s));
      assertEquals(flags, kvm_clock_data.flags(s));
      assertEquals(real, kvm_clock_data.realtime(s));
      assertEquals(tsc, kvm_clock_data.host_tsc(s));
      assertEquals(data, ClockData.fromStruct(s));
    }
  }

  @Example
  void doorbells() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = IoeventAddress.mmio(0xfeb0_0000L, 8).matching(-2).toStruct(arena, 4);
      assertEquals(kvm_ioeventfd.sizeof(), s.byteSize());
      assertEquals(0xfeb0_0000L, kvm_ioeventfd.addr(s));
      assertEquals(8, kvm_ioeventfd.len(s));
      assertEquals(-2, kvm_ioeventfd.datamatch(s));
      assertEquals(4 | 1, kvm_ioeventfd.flags(s));
      assertEquals(2, kvm_ioeventfd.flags(IoeventAddress.pio(0xffff, 0).toStruct(arena, 0)));
    }
    assertEquals(
        "gpa=0x10, length=8, datamatch=0x1", IoeventAddress.mmio(16, 8).matching(1).toString());
    for (int length : new int[] {-1, 3, 5, 6, 7, 9, 16, Integer.MIN_VALUE}) {
      assertEquals(
          "length=" + length + ", must be 0, 1, 2, 4 or 8",
          misuse(() -> IoeventAddress.mmio(0, length)));
    }
    assertEquals(
        "port=65536, length=1, must be 0 to 65535 and at most 4",
        misuse(() -> IoeventAddress.pio(0x10000, 1)));
    assertEquals(
        "port=0, length=8, must be 0 to 65535 and at most 4",
        misuse(() -> IoeventAddress.pio(0, 8)));
    assertEquals(
        "port=-1, length=1, must be 0 to 65535 and at most 4",
        misuse(() -> IoeventAddress.pio(-1, 1)));
    assertEquals(
        "datamatch=0x10000 does not fit length=2",
        misuse(() -> IoeventAddress.pio(0x50, 2).matching(0x1_0000)));
    // What a sign extends is no value that KVM ever sees.
    assertEquals(
        "datamatch=0xffffffffffffffff does not fit length=4",
        misuse(() -> IoeventAddress.mmio(0, 4).matching(-1)));
    assertEquals(
        OptionalLong.of(0xffff_ffffL),
        IoeventAddress.mmio(0, 4).matching(0xffff_ffffL).datamatch());
    assertEquals(OptionalLong.of(0xff), IoeventAddress.mmio(0, 1).matching(0xff).datamatch());
    assertEquals(
        "a value can match only with a length",
        misuse(() -> new IoeventAddress(false, 0, 0, OptionalLong.of(1))));
  }

  @Example
  void deviceAttributes() throws Exception {
    Recorder recorder = new Recorder();
    DeviceAttributes attributes = new DeviceAttributes("thing", recorder);
    recorder.answer =
        s -> Recorder.put(kvm_device_attr.addr(s), new byte[] {1, 2, 3, 4, 5, 6, 7, 8});
    assertEquals(0x0807_0605_0403_0201L, attributes.getLong(3, 0x1_0000_0000L));
    assertEquals(KvmIoctl.KVM_GET_DEVICE_ATTR, recorder.last());
    assertEquals(3, kvm_device_attr.group(recorder.given));
    assertEquals(0x1_0000_0000L, kvm_device_attr.attr(recorder.given));
    assertEquals(0, kvm_device_attr.flags(recorder.given));
    byte[][] seen = new byte[1][];
    recorder.answer = s -> seen[0] = Recorder.at(kvm_device_attr.addr(s), 8);
    attributes.setLong(1, 2, 0x0807_0605_0403_0201L);
    assertEquals(8, seen[0][7]);
    recorder.answer = s -> seen[0] = Recorder.at(kvm_device_attr.addr(s), 4);
    attributes.setInt(1, 2, 0x0403_0201);
    assertEquals(4, seen[0][3]);
    recorder.answer = s -> assertEquals(0, kvm_device_attr.addr(s));
    attributes.set(1, 2, MemorySegment.NULL);
    assertTrue(attributes.has(1, 2));
    assertEquals(KvmIoctl.KVM_HAS_DEVICE_ATTR, recorder.last());
    for (int errno : new int[] {Errno.ENXIO, Errno.ENOTTY, Errno.EINVAL}) {
      recorder.result = -errno;
      assertFalse(attributes.has(1, 2));
    }
    recorder.answer = _ -> {};
    recorder.result = -Errno.EPERM;
    assertEquals(
        "KVM_HAS_DEVICE_ATTR(thing, group=1, attr=2): EPERM (operation not permitted)",
        assertThrows(KvmException.class, () -> attributes.has(1, 2)).getMessage());
    recorder.result = -Errno.ENXIO;
    assertEquals(
        "KVM_SET_DEVICE_ATTR(thing, group=1, attr=2): ENXIO (there is no such attribute)",
        assertThrows(KvmException.class, () -> attributes.setInt(1, 2, 3)).getMessage());
    MemorySegment heap = MemorySegment.ofArray(new byte[8]);
    assertEquals("value is not native memory", misuse(() -> attributes.get(1, 2, heap)));
    assertEquals("value is read-only", misuse(() -> attributes.get(1, 2, heap.asReadOnly())));
    MemorySegment freed;
    try (Arena arena = Arena.ofShared()) {
      freed = arena.allocate(8);
    }
    int calls = recorder.ioctls.size();
    for (org.junit.jupiter.api.function.Executable call :
        List.<org.junit.jupiter.api.function.Executable>of(
            () -> attributes.get(1, 2, freed), () -> attributes.set(1, 2, freed))) {
      assertEquals("value was freed", assertThrows(IllegalStateException.class, call).getMessage());
    }
    assertEquals(calls, recorder.ioctls.size());
  }

  // The coalesced ring: the kernel's side is played by the generated accessors.

  private static MemorySegment ring() {
    return Arena.ofAuto().allocate(4096, 8);
  }

  private static void produce(MemorySegment ring, long address, int length, long data) {
    int last = kvm_coalesced_mmio_ring.last(ring);
    MemorySegment e =
        ring.asSlice(
            kvm_coalesced_mmio_ring.coalesced_mmio$offset() + last * kvm_coalesced_mmio.sizeof(),
            kvm_coalesced_mmio.sizeof());
    kvm_coalesced_mmio.phys_addr(e, address);
    kvm_coalesced_mmio.len(e, length);
    kvm_coalesced_mmio.pio(e, 0);
    e.set(ValueLayout.JAVA_LONG, kvm_coalesced_mmio.data$offset(), data);
    kvm_coalesced_mmio_ring.last(ring, (last + 1) % 170);
  }

  @Property(tries = 100)
  void theRingKeepsOrderAcrossItsEnd(@ForAll long seed) {
    Random random = same(seed);
    MemorySegment segment = ring();
    CoalescedRing ring = new CoalescedRing(segment);
    long put = 0;
    long got = 0;
    for (int round = 0; round < 50; round++) {
      for (int n = random.nextInt(170 - (int) (put - got)); n > 0; n--) {
        produce(segment, 8 * put, 8, ~put);
        put++;
      }
      for (int n = random.nextInt(170); n > 0 && ring.next(); n--) {
        assertEquals(8 * got, ring.address());
        assertEquals(~got, ring.data());
        got++;
      }
    }
    while (ring.next()) {
      got++;
    }
    assertEquals(put, got);
  }

  @Example
  void theRingTrustsNoIndex() {
    for (int[] indexes : new int[][] {{170, 0}, {0, 170}, {-1, 0}, {0, Integer.MIN_VALUE}}) {
      MemorySegment segment = ring();
      kvm_coalesced_mmio_ring.first(segment, indexes[0]);
      kvm_coalesced_mmio_ring.last(segment, indexes[1]);
      IllegalStateException e =
          assertThrows(IllegalStateException.class, () -> new CoalescedRing(segment).next());
      assertEquals(
          "coalesced ring: first="
              + Integer.toUnsignedString(indexes[0])
              + ", last="
              + Integer.toUnsignedString(indexes[1])
              + ", capacity=170",
          e.getMessage());
    }
  }

  @Example
  void theRingClampsAWidth() {
    MemorySegment segment = ring();
    produce(segment, 1, 0, 0x1ff);
    produce(segment, 2, 99, -1);
    produce(segment, 3, 3, -1);
    CoalescedRing ring = new CoalescedRing(segment);
    assertTrue(ring.next());
    assertEquals(List.of(1L, 0xffL), List.of((long) ring.size(), ring.data()));
    assertTrue(ring.next());
    assertEquals(List.of(8L, -1L), List.of((long) ring.size(), ring.data()));
    assertTrue(ring.next());
    assertEquals(List.of(3L, 0xff_ffffL), List.of((long) ring.size(), ring.data()));
    assertFalse(ring.next());
  }

  @Property(tries = 50)
  void dirtyLogsCount(@ForAll @IntRange(min = 1, max = 1000) int pages, @ForAll long seed) {
    Random random = same(seed);
    MemorySegment bitmap = Arena.ofAuto().allocate(DirtyLog.bitmapSize(pages), 8);
    assertTrue(bitmap.byteSize() >= Math.ceilDiv(pages, 8));
    long count = 0;
    boolean[] dirty = new boolean[pages];
    for (int i = 0; i < pages; i++) {
      if (random.nextBoolean()) {
        dirty[i] = true;
        count++;
        bitmap.set(
            ValueLayout.JAVA_BYTE,
            i / 8,
            (byte) (bitmap.get(ValueLayout.JAVA_BYTE, i / 8) | (1 << (i % 8))));
      }
    }
    DirtyLog log = new DirtyLog(5, pages, bitmap);
    assertEquals(count, log.count());
    for (int i = 0; i < pages; i++) {
      assertEquals(dirty[i], log.isDirty(i));
    }
  }
}

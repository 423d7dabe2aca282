// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemoryLayout;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.javavmm.bindings.kvm.kvm_clear_dirty_log;
import org.javavmm.bindings.kvm.kvm_clock_data;
import org.javavmm.bindings.kvm.kvm_coalesced_mmio;
import org.javavmm.bindings.kvm.kvm_coalesced_mmio_ring;
import org.javavmm.bindings.kvm.kvm_coalesced_mmio_zone;
import org.javavmm.bindings.kvm.kvm_create_device;
import org.javavmm.bindings.kvm.kvm_create_guest_memfd;
import org.javavmm.bindings.kvm.kvm_device_attr;
import org.javavmm.bindings.kvm.kvm_dirty_log;
import org.javavmm.bindings.kvm.kvm_enable_cap;
import org.javavmm.bindings.kvm.kvm_enc_region;
import org.javavmm.bindings.kvm.kvm_h;
import org.javavmm.bindings.kvm.kvm_hyperv_eventfd;
import org.javavmm.bindings.kvm.kvm_ioapic_state;
import org.javavmm.bindings.kvm.kvm_ioeventfd;
import org.javavmm.bindings.kvm.kvm_irq_routing;
import org.javavmm.bindings.kvm.kvm_irq_routing_entry;
import org.javavmm.bindings.kvm.kvm_irq_routing_hv_sint;
import org.javavmm.bindings.kvm.kvm_irq_routing_irqchip;
import org.javavmm.bindings.kvm.kvm_irq_routing_msi;
import org.javavmm.bindings.kvm.kvm_irq_routing_xen_evtchn;
import org.javavmm.bindings.kvm.kvm_irqchip;
import org.javavmm.bindings.kvm.kvm_irqfd;
import org.javavmm.bindings.kvm.kvm_memory_attributes;
import org.javavmm.bindings.kvm.kvm_msi;
import org.javavmm.bindings.kvm.kvm_msr_filter;
import org.javavmm.bindings.kvm.kvm_msr_filter_range;
import org.javavmm.bindings.kvm.kvm_msr_list;
import org.javavmm.bindings.kvm.kvm_pic_state;
import org.javavmm.bindings.kvm.kvm_pit_channel_state;
import org.javavmm.bindings.kvm.kvm_pit_state2;
import org.javavmm.bindings.kvm.kvm_pmu_event_filter;
import org.javavmm.bindings.kvm.kvm_pre_fault_memory;
import org.javavmm.bindings.kvm.kvm_reinject_control;
import org.javavmm.bindings.kvm.kvm_sev_attestation_report;
import org.javavmm.bindings.kvm.kvm_sev_cmd;
import org.javavmm.bindings.kvm.kvm_sev_dbg;
import org.javavmm.bindings.kvm.kvm_sev_guest_status;
import org.javavmm.bindings.kvm.kvm_sev_init;
import org.javavmm.bindings.kvm.kvm_sev_launch_measure;
import org.javavmm.bindings.kvm.kvm_sev_launch_secret;
import org.javavmm.bindings.kvm.kvm_sev_launch_start;
import org.javavmm.bindings.kvm.kvm_sev_launch_update_data;
import org.javavmm.bindings.kvm.kvm_sev_receive_start;
import org.javavmm.bindings.kvm.kvm_sev_receive_update_data;
import org.javavmm.bindings.kvm.kvm_sev_send_start;
import org.javavmm.bindings.kvm.kvm_sev_send_update_data;
import org.javavmm.bindings.kvm.kvm_sev_snp_launch_finish;
import org.javavmm.bindings.kvm.kvm_sev_snp_launch_start;
import org.javavmm.bindings.kvm.kvm_sev_snp_launch_update;
import org.javavmm.bindings.kvm.kvm_stats_desc;
import org.javavmm.bindings.kvm.kvm_stats_header;
import org.javavmm.bindings.kvm.kvm_userspace_memory_region2;
import org.javavmm.bindings.kvm.kvm_xen_hvm_attr;
import org.javavmm.bindings.kvm.kvm_xen_hvm_config;
import org.junit.jupiter.api.Test;

/** The numbers of the system's, the VM's and the devices' structures against the generated ones. */
class VmLayoutTest {
  @Test
  void layouts() throws Exception {
    LayoutTest.compare(
        UserMemoryRegion2Layout.class, kvm_userspace_memory_region2.class, Map.of(), Set.of());
    LayoutTest.compare(
        CreateGuestMemfdLayout.class, kvm_create_guest_memfd.class, Map.of(), Set.of());
    LayoutTest.compare(
        MemoryAttributesLayout.class, kvm_memory_attributes.class, Map.of(), Set.of());
    LayoutTest.compare(PreFaultMemoryLayout.class, kvm_pre_fault_memory.class, Map.of(), Set.of());
    LayoutTest.compare(DirtyLogLayout.class, kvm_dirty_log.class, Map.of(), Set.of());
    LayoutTest.compare(ClearDirtyLogLayout.class, kvm_clear_dirty_log.class, Map.of(), Set.of());
    LayoutTest.compare(
        CoalescedMmioZoneLayout.class, kvm_coalesced_mmio_zone.class, Map.of(), Set.of());
    LayoutTest.compare(
        CoalescedMmioRingLayout.class,
        kvm_coalesced_mmio_ring.class,
        Map.of("ENTRY_", kvm_coalesced_mmio.class),
        Set.of());
    assertEquals(kvm_coalesced_mmio.sizeof(), CoalescedMmioRingLayout.SIZEOF_ENTRY);
    LayoutTest.compare(EncRegionLayout.class, kvm_enc_region.class, Map.of(), Set.of());
    LayoutTest.compare(IrqchipLayout.class, kvm_irqchip.class, Map.of(), Set.of());
    LayoutTest.compare(PicStateLayout.class, kvm_pic_state.class, Map.of(), Set.of());
    LayoutTest.compare(IoapicStateLayout.class, kvm_ioapic_state.class, Map.of(), Set.of());
    LayoutTest.compare(
        PitState2Layout.class,
        kvm_pit_state2.class,
        Map.of("CHANNEL_", kvm_pit_channel_state.class),
        Set.of());
    assertEquals(kvm_pit_channel_state.sizeof(), PitState2Layout.SIZEOF_ENTRY);
    LayoutTest.compare(ReinjectControlLayout.class, kvm_reinject_control.class, Map.of(), Set.of());
    LayoutTest.compare(IrqfdLayout.class, kvm_irqfd.class, Map.of(), Set.of());
    LayoutTest.compare(
        IrqRoutingLayout.class,
        kvm_irq_routing.class,
        Map.of(
            "ENTRY_",
            kvm_irq_routing_entry.class,
            "IRQCHIP_",
            kvm_irq_routing_irqchip.class,
            "MSI_",
            kvm_irq_routing_msi.class,
            "HV_SINT_",
            kvm_irq_routing_hv_sint.class,
            "XEN_EVTCHN_",
            kvm_irq_routing_xen_evtchn.class),
        Set.of("SIZEOF_XEN_EVTCHN"));
    assertEquals(kvm_irq_routing_entry.sizeof(), IrqRoutingLayout.SIZEOF_ENTRY);
    assertEquals(kvm_irq_routing_xen_evtchn.sizeof(), IrqRoutingLayout.SIZEOF_XEN_EVTCHN);
    LayoutTest.compare(MsiLayout.class, kvm_msi.class, Map.of(), Set.of());
    LayoutTest.compare(IoeventfdLayout.class, kvm_ioeventfd.class, Map.of(), Set.of());
    LayoutTest.compare(ClockDataLayout.class, kvm_clock_data.class, Map.of(), Set.of());
    LayoutTest.compare(MsrListLayout.class, kvm_msr_list.class, Map.of(), Set.of());
    LayoutTest.compare(
        MsrFilterLayout.class,
        kvm_msr_filter.class,
        Map.of("RANGE_", kvm_msr_filter_range.class),
        Set.of());
    assertEquals(kvm_msr_filter_range.sizeof(), MsrFilterLayout.SIZEOF_ENTRY);
    LayoutTest.compare(PmuEventFilterLayout.class, kvm_pmu_event_filter.class, Map.of(), Set.of());
    LayoutTest.compare(EnableCapLayout.class, kvm_enable_cap.class, Map.of(), Set.of());
    LayoutTest.compare(CreateDeviceLayout.class, kvm_create_device.class, Map.of(), Set.of());
    LayoutTest.compare(DeviceAttrLayout.class, kvm_device_attr.class, Map.of(), Set.of());
    LayoutTest.compare(HypervEventfdLayout.class, kvm_hyperv_eventfd.class, Map.of(), Set.of());
    LayoutTest.compare(XenHvmConfigLayout.class, kvm_xen_hvm_config.class, Map.of(), Set.of());
    LayoutTest.compare(
        XenHvmAttrLayout.class,
        kvm_xen_hvm_attr.class,
        Map.of(
            "EVTCHN_",
            kvm_xen_hvm_attr.u.evtchn.class,
            "PORT_",
            kvm_xen_hvm_attr.u.evtchn.deliver.port.class,
            "EVENTFD_",
            kvm_xen_hvm_attr.u.evtchn.deliver.eventfd.class),
        Set.of());
    LayoutTest.compare(
        StatsLayout.class, kvm_stats_header.class, Map.of("STAT_", kvm_stats_desc.class), Set.of());
    LayoutTest.compare(SevCmdLayout.class, kvm_sev_cmd.class, Map.of(), Set.of());
    LayoutTest.compare(SevInitLayout.class, kvm_sev_init.class, Map.of(), Set.of());
    LayoutTest.compare(SevLaunchStartLayout.class, kvm_sev_launch_start.class, Map.of(), Set.of());
    LayoutTest.compare(
        SevLaunchUpdateDataLayout.class, kvm_sev_launch_update_data.class, Map.of(), Set.of());
    LayoutTest.compare(SevPacketLayout.class, kvm_sev_launch_secret.class, Map.of(), Set.of());
    LayoutTest.compare(
        SevLaunchMeasureLayout.class, kvm_sev_launch_measure.class, Map.of(), Set.of());
    LayoutTest.compare(SevGuestStatusLayout.class, kvm_sev_guest_status.class, Map.of(), Set.of());
    LayoutTest.compare(SevDbgLayout.class, kvm_sev_dbg.class, Map.of(), Set.of());
    LayoutTest.compare(
        SevAttestationReportLayout.class, kvm_sev_attestation_report.class, Map.of(), Set.of());
    LayoutTest.compare(SevSendStartLayout.class, kvm_sev_send_start.class, Map.of(), Set.of());
    LayoutTest.compare(
        SevReceiveStartLayout.class, kvm_sev_receive_start.class, Map.of(), Set.of());
    LayoutTest.compare(
        SevSnpLaunchStartLayout.class, kvm_sev_snp_launch_start.class, Map.of(), Set.of());
    LayoutTest.compare(
        SevSnpLaunchUpdateLayout.class, kvm_sev_snp_launch_update.class, Map.of(), Set.of());
    LayoutTest.compare(
        SevSnpLaunchFinishLayout.class, kvm_sev_snp_launch_finish.class, Map.of(), Set.of());
  }

  @Test
  void packetsOfSevAreAllTheSame() {
    MemoryLayout secret = kvm_sev_launch_secret.layout();
    assertEquals(secret.withoutName(), kvm_sev_send_update_data.layout().withoutName(), "sending");
    assertEquals(
        secret.withoutName(), kvm_sev_receive_update_data.layout().withoutName(), "receiving");
  }

  @Test
  void constants() throws Exception {
    int compared = 0;
    for (Class<?> type :
        new Class<?>[] {
          ClockData.class,
          Device.class,
          DeviceAttributes.class,
          GsiRoute.class,
          GsiRoute.XenEvtchn.class,
          HypervEventfdLayout.class,
          IoapicStateLayout.class,
          IoeventfdLayout.class,
          IrqRoutingLayout.class,
          IrqchipLayout.class,
          IrqfdLayout.class,
          MsrFilter.class,
          MsrFilterLayout.class,
          CreateDeviceLayout.class,
          PitState.class,
          PmuEventFilter.class,
          Sev.class,
          StatsFlags.class,
          Vm.class,
          VmCapabilities.class,
          XenHvm.class,
          XenHvmAttrLayout.class
        }) {
      for (Field field : type.getDeclaredFields()) {
        boolean number = field.getType() == int.class || field.getType() == long.class;
        if (!number
            || !Modifier.isStatic(field.getModifiers())
            || !field.getName().startsWith("KVM_")) {
          continue;
        }
        long here = LayoutTest.value(field);
        long header = LayoutTest.constant(field.getName());
        // The header has it unsigned.
        long width = field.getType() == int.class ? 0xffff_ffffL : -1;
        assertEquals(header & width, here & width, field.getName());
        compared++;
      }
    }
    assertTrue(compared >= 90, compared + " constants compared");
  }

  @Test
  void enums() throws Exception {
    for (VmType type : VmType.values()) {
      assertEquals(LayoutTest.constant("KVM_X86_" + type + "_VM"), type.number());
    }
    for (Sev.Command command : Sev.Command.values()) {
      assertEquals(LayoutTest.constant(command.toString()), command.number, command.toString());
    }
    for (Stats.Type type : Stats.Type.values()) {
      if (type != Stats.Type.UNKNOWN) {
        assertEquals(
            LayoutTest.constant("KVM_STATS_TYPE_" + type),
            Arrays.asList(Stats.Type.values()).indexOf(type));
      }
    }
    for (Stats.Unit unit : Stats.Unit.values()) {
      if (unit != Stats.Unit.UNKNOWN) {
        assertEquals(
            LayoutTest.constant("KVM_STATS_UNIT_" + unit) >> StatsFlags.KVM_STATS_UNIT_SHIFT,
            Arrays.asList(Stats.Unit.values()).indexOf(unit));
      }
    }
    assertEquals(0, kvm_h.KVM_STATS_BASE_POW10());
    assertEquals(1 << StatsFlags.KVM_STATS_BASE_SHIFT, kvm_h.KVM_STATS_BASE_POW2());
  }

  @Test
  void everyCapabilityOfTheHeaderIsThere() {
    Set<String> header =
        Arrays.stream(kvm_h.class.getMethods())
            .map(m -> m.getName())
            .filter(n -> n.startsWith("KVM_CAP_"))
            .map(n -> n.substring("KVM_CAP_".length()))
            .collect(Collectors.toCollection(TreeSet::new));
    Set<String> here =
        Arrays.stream(Cap.values()).map(Cap::name).collect(Collectors.toCollection(TreeSet::new));
    assertEquals(header, here);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Field;
import java.util.Map;
import java.util.Set;
import org.javavmm.bindings.kvm.kvm_debugregs;
import org.javavmm.bindings.kvm.kvm_device_attr;
import org.javavmm.bindings.kvm.kvm_dirty_gfn;
import org.javavmm.bindings.kvm.kvm_enable_cap;
import org.javavmm.bindings.kvm.kvm_guest_debug;
import org.javavmm.bindings.kvm.kvm_guest_debug_arch;
import org.javavmm.bindings.kvm.kvm_h;
import org.javavmm.bindings.kvm.kvm_interrupt;
import org.javavmm.bindings.kvm.kvm_nested_state;
import org.javavmm.bindings.kvm.kvm_one_reg;
import org.javavmm.bindings.kvm.kvm_reg_list;
import org.javavmm.bindings.kvm.kvm_run;
import org.javavmm.bindings.kvm.kvm_signal_mask;
import org.javavmm.bindings.kvm.kvm_sregs;
import org.javavmm.bindings.kvm.kvm_sregs2;
import org.javavmm.bindings.kvm.kvm_svm_nested_state_hdr;
import org.javavmm.bindings.kvm.kvm_sync_regs;
import org.javavmm.bindings.kvm.kvm_tpr_access_ctl;
import org.javavmm.bindings.kvm.kvm_vapic_addr;
import org.javavmm.bindings.kvm.kvm_vcpu_events;
import org.javavmm.bindings.kvm.kvm_vmx_nested_state_hdr;
import org.javavmm.bindings.kvm.kvm_x86_mce;
import org.javavmm.bindings.kvm.kvm_xcr;
import org.javavmm.bindings.kvm.kvm_xcrs;
import org.javavmm.bindings.kvm.kvm_xen_vcpu_attr;
import org.javavmm.bindings.kvm.kvm_xsave;
import org.junit.jupiter.api.Test;

/** What is written down of a vCPU's state against the generated layouts. */
class VcpuLayoutTest {
  @Test
  void debugging() throws Exception {
    LayoutTest.compare(GuestDebugLayout.class, kvm_guest_debug.class, Map.of(), Set.of());
    assertEquals(0, kvm_guest_debug_arch.debugreg$offset());
    assertEquals(8 * Long.BYTES, kvm_guest_debug_arch.sizeof());
    LayoutTest.compare(DebugRegs.class, kvm_debugregs.class, Map.of(), Set.of());
  }

  @Test
  void extendedState() throws Exception {
    LayoutTest.compare(
        Xcrs.class, kvm_xcrs.class, Map.of("ENTRY_", kvm_xcr.class), Set.of("KVM_MAX_XCRS"));
    assertEquals(kvm_xcr.sizeof(), Xcrs.SIZEOF_ENTRY);
    assertEquals(kvm_h.KVM_MAX_XCRS(), Xcrs.KVM_MAX_XCRS);
    assertEquals(kvm_xsave.region$layout().byteSize(), Xsave.MIN_SIZE);
  }

  @Test
  void events() throws Exception {
    LayoutTest.compare(
        VcpuEvents.class,
        kvm_vcpu_events.class,
        Map.of(
            "INTERRUPT_", kvm_vcpu_events.interrupt.class,
            "NMI_", kvm_vcpu_events.nmi.class,
            "SMI_", kvm_vcpu_events.smi.class,
            "TRIPLE_FAULT_", kvm_vcpu_events.triple_fault.class,
            "EXCEPTION_", kvm_vcpu_events.exception.class),
        Set.of("EXCEPTION_HAS_PAYLOAD", "EXCEPTION_PAYLOAD"));
    assertEquals(kvm_vcpu_events.exception_has_payload$offset(), VcpuEvents.EXCEPTION_HAS_PAYLOAD);
    assertEquals(kvm_vcpu_events.exception_payload$offset(), VcpuEvents.EXCEPTION_PAYLOAD);
  }

  @Test
  void sregs2() throws Exception {
    LayoutTest.compare(Sregs2.class, kvm_sregs2.class, Map.of(), Set.of("POINTERS"));
    // The view as kvm_sregs that Sregs2 has of its first part.
    assertEquals(kvm_sregs.apic_base$offset(), kvm_sregs2.apic_base$offset());
    assertEquals(kvm_sregs.cs$offset(), kvm_sregs2.cs$offset());
    assertEquals(kvm_sregs.ldt$offset(), kvm_sregs2.ldt$offset());
    assertEquals(kvm_sregs.idt$offset(), kvm_sregs2.idt$offset());
    assertEquals(kvm_sregs.efer$offset(), kvm_sregs2.efer$offset());
    assertEquals(kvm_sregs.interrupt_bitmap$offset(), kvm_sregs2.flags$offset());
    assertTrue(SregsLayout.SIZEOF <= Sregs2.SIZEOF);
  }

  @Test
  void nestedState() throws Exception {
    LayoutTest.compare(
        NestedState.class,
        kvm_nested_state.class,
        Map.of("VMX_", kvm_vmx_nested_state_hdr.class, "SVM_", kvm_svm_nested_state_hdr.class),
        Set.of("HEADER_SIZE", "MAX_SIZE", "KNOWN_FLAGS"));
    assertEquals(kvm_nested_state.sizeof(), NestedState.HEADER_SIZE);
  }

  @Test
  void syncRegs() throws Exception {
    LayoutTest.compare(SyncRegs.class, kvm_sync_regs.class, Map.of(), Set.of("KNOWN"));
    assertEquals(kvm_run.s$offset() + kvm_run.s.regs$offset(), KvmRunLayout.S);
  }

  @Test
  void small() throws Exception {
    LayoutTest.compare(MachineCheckLayout.class, kvm_x86_mce.class, Map.of(), Set.of());
    LayoutTest.compare(DeviceAttrLayout.class, kvm_device_attr.class, Map.of(), Set.of());
    LayoutTest.compare(EnableCapLayout.class, kvm_enable_cap.class, Map.of(), Set.of());
    LayoutTest.compare(TprAccessCtlLayout.class, kvm_tpr_access_ctl.class, Map.of(), Set.of());
    LayoutTest.compare(SignalMaskLayout.class, kvm_signal_mask.class, Map.of(), Set.of());
    LayoutTest.compare(
        OneRegLayout.class, kvm_one_reg.class, Map.of("LIST_", kvm_reg_list.class), Set.of());
    LayoutTest.compare(
        DirtyRing.class,
        kvm_dirty_gfn.class,
        Map.of(),
        Set.of("SIZEOF_ENTRY", "MIN_ENTRIES", "KVM_DIRTY_LOG_PAGE_OFFSET"));
    assertEquals(kvm_dirty_gfn.sizeof(), DirtyRing.SIZEOF_ENTRY);
    assertEquals(Integer.BYTES, kvm_interrupt.sizeof());
    assertEquals(Long.BYTES, kvm_vapic_addr.sizeof());
  }

  @Test
  void xen() throws Exception {
    LayoutTest.compare(
        XenVcpuAttrLayout.class,
        kvm_xen_vcpu_attr.class,
        Map.of(
            "RUNSTATE_", kvm_xen_vcpu_attr.u.runstate.class,
            "TIMER_", kvm_xen_vcpu_attr.u.timer.class,
            "U_", kvm_xen_vcpu_attr.u.class),
        Set.of());
    assertEquals(0, kvm_xen_vcpu_attr.u.hva$offset());
    for (XenVcpuAttr.Type type : XenVcpuAttr.Type.values()) {
      assertEquals(
          LayoutTest.constant("KVM_XEN_VCPU_ATTR_TYPE_" + type), type.number(), type.name());
    }
  }

  @Test
  void constants() throws Exception {
    int compared = 0;
    for (Class<?> type :
        new Class<?>[] {
          Vcpu.class,
          VcpuExit.class,
          VcpuEvents.class,
          GuestDebug.class,
          NestedState.class,
          Sregs2.class,
          SyncRegs.class,
          Xcrs.class,
          DirtyRing.class,
          OneRegLayout.class
        }) {
      for (Field field : type.getDeclaredFields()) {
        if (LayoutTest.isConstant(field) && field.getName().startsWith("KVM_")) {
          assertEquals(
              LayoutTest.constant(field.getName()), LayoutTest.value(field), field.getName());
          compared++;
        }
      }
    }
    assertTrue(compared >= 60, compared + " constants compared");
  }
}

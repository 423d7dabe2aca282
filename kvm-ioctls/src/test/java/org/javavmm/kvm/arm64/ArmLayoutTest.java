// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemoryLayout;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.javavmm.bindings.kvm.arm64.kvm_arm64_h;
import org.javavmm.bindings.kvm.arm64.kvm_arm_copy_mte_tags;
import org.javavmm.bindings.kvm.arm64.kvm_arm_counter_offset;
import org.javavmm.bindings.kvm.arm64.kvm_arm_device_addr;
import org.javavmm.bindings.kvm.arm64.kvm_guest_debug_arch;
import org.javavmm.bindings.kvm.arm64.kvm_smccc_filter;
import org.javavmm.bindings.kvm.arm64.kvm_vcpu_events;
import org.javavmm.bindings.kvm.arm64.kvm_vcpu_init;
import org.javavmm.bindings.kvm.arm64.reg_mask_range;
import org.javavmm.bindings.kvm.arm64.user_pt_regs;
import org.javavmm.bindings.kvm.kvm_enable_cap;
import org.javavmm.bindings.kvm.kvm_h;
import org.javavmm.bindings.kvm.kvm_irq_level;
import org.junit.jupiter.api.Test;

/** What is written down of arm64's header against the generated layouts and constants. */
class ArmLayoutTest {
  /** What the generated header lacks; {@link ArmHeaderTest} asks a C compiler. */
  private static final List<String> NOT_GENERATED =
      List.of(
          "KVM_NR_SPSR",
          "KVM_PMU_EVENT_ALLOW",
          "KVM_PMU_EVENT_DENY",
          "KVM_HYPERCALL_EXIT_SMC",
          "KVM_HYPERCALL_EXIT_16BIT",
          "KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2",
          "KVM_EXIT_FAIL_ENTRY_CPU_UNSUPPORTED");

  static long value(Field field) throws Exception {
    field.setAccessible(true);
    return ((Number) field.get(null)).longValue();
  }

  private static boolean isConstant(Field field) {
    return Modifier.isStatic(field.getModifiers())
        && (field.getType() == int.class || field.getType() == long.class)
        && !field.isSynthetic();
  }

  private static long invoke(Class<?> type, String method) throws Exception {
    return ((Number) type.getMethod(method).invoke(null)).longValue();
  }

  /** A constant of arm64's header, or of the common one. */
  static long constant(String name) throws Exception {
    for (Class<?> header : new Class<?>[] {kvm_arm64_h.class, kvm_h.class}) {
      for (Method method : header.getMethods()) {
        if (method.getName().equals(name) && method.getParameterCount() == 0) {
          return invoke(header, name);
        }
      }
    }
    throw new AssertionError(name + " is in no header");
  }

  private static Map<String, Long> differences(Class<?> written, Class<?> struct, int base)
      throws Exception {
    Map<String, Long> wrong = new TreeMap<>();
    int compared = 0;
    for (Field field : written.getDeclaredFields()) {
      String name = field.getName();
      if (!isConstant(field) || name.startsWith("KVM_")) {
        continue;
      }
      compared++;
      long inHeader =
          name.equals("SIZEOF")
              ? base + ((MemoryLayout) struct.getMethod("layout").invoke(null)).byteSize()
              : base + invoke(struct, name.toLowerCase(Locale.ROOT) + "$offset");
      if (inHeader != value(field)) {
        wrong.put(name, inHeader);
      }
    }
    assertTrue(compared >= 2, written.getSimpleName());
    return wrong;
  }

  private static void compare(Class<?> written, Class<?> struct) throws Exception {
    assertEquals(Map.of(), differences(written, struct, 0), written.getSimpleName());
  }

  @Test
  void layouts() throws Exception {
    compare(VcpuInitLayout.class, kvm_vcpu_init.class);
    compare(DeviceAddrLayout.class, kvm_arm_device_addr.class);
    compare(CopyMteTagsLayout.class, kvm_arm_copy_mte_tags.class);
    compare(CounterOffsetLayout.class, kvm_arm_counter_offset.class);
    compare(RegMaskRangeLayout.class, reg_mask_range.class);
    compare(SmcccFilterLayout.class, kvm_smccc_filter.class);
    // The same on all architectures, and generated from x86's header.
    compare(EnableCapLayout.class, kvm_enable_cap.class);
    assertEquals(kvm_irq_level.sizeof(), IrqLevelLayout.SIZEOF);
    assertEquals(kvm_irq_level.irq$offset(), IrqLevelLayout.IRQ);
    assertEquals(kvm_irq_level.level$offset(), IrqLevelLayout.LEVEL);
  }

  @Test
  void events() {
    long base = kvm_vcpu_events.exception$offset();
    assertEquals(
        base + kvm_vcpu_events.exception.serror_pending$offset(),
        VcpuEventsLayout.EXCEPTION_SERROR_PENDING);
    assertEquals(
        base + kvm_vcpu_events.exception.serror_has_esr$offset(),
        VcpuEventsLayout.EXCEPTION_SERROR_HAS_ESR);
    assertEquals(
        base + kvm_vcpu_events.exception.ext_dabt_pending$offset(),
        VcpuEventsLayout.EXCEPTION_EXT_DABT_PENDING);
    assertEquals(
        base + kvm_vcpu_events.exception.serror_esr$offset(),
        VcpuEventsLayout.EXCEPTION_SERROR_ESR);
    assertEquals(kvm_vcpu_events.sizeof(), VcpuEventsLayout.SIZEOF);
  }

  @Test
  void guestDebug() {
    int arch = 8; // control and padding
    assertEquals(arch + kvm_guest_debug_arch.dbg_bcr$offset(), GuestDebugLayout.DBG_BCR);
    assertEquals(arch + kvm_guest_debug_arch.dbg_bvr$offset(), GuestDebugLayout.DBG_BVR);
    assertEquals(arch + kvm_guest_debug_arch.dbg_wcr$offset(), GuestDebugLayout.DBG_WCR);
    assertEquals(arch + kvm_guest_debug_arch.dbg_wvr$offset(), GuestDebugLayout.DBG_WVR);
    assertEquals(arch + kvm_guest_debug_arch.sizeof(), GuestDebugLayout.SIZEOF);
  }

  @Test
  void coreRegisters() {
    assertEquals(user_pt_regs.regs$offset(), RegsLayout.REGS);
    assertEquals(user_pt_regs.sp$offset(), RegsLayout.SP);
    assertEquals(user_pt_regs.pc$offset(), RegsLayout.PC);
    assertEquals(user_pt_regs.pstate$offset(), RegsLayout.PSTATE);
    assertEquals(user_pt_regs.sizeof(), RegsLayout.SP_EL1);
  }

  @Test
  void comparisonSeesAWrongOffset() throws Exception {
    assertEquals(
        Map.of("SIZEOF", 40L, "FEATURES", 12L, "TARGET", 8L),
        differences(VcpuInitLayout.class, kvm_vcpu_init.class, 8));
  }

  @Test
  void ioctls() throws Exception {
    for (ArmIoctl ioctl : ArmIoctl.values()) {
      long header = constant(ioctl.name()) & 0xffff_ffffL;
      if (ioctl == ArmIoctl.KVM_SET_GUEST_DEBUG) {
        // Its size, bits 16 to 29, is that of arm64's structure.
        long size = 8 + kvm_guest_debug_arch.sizeof();
        header = (header & ~(0x3fffL << 16)) | (size << 16);
      }
      assertEquals(header, ioctl.number, ioctl.name());
    }
    // The sizes in those of x86's header are those of arm64's structures.
    assertEquals(kvm_vcpu_events.sizeof(), ArmIoctl.KVM_GET_VCPU_EVENTS.number >>> 16 & 0x3fff);
  }

  @Test
  void constants() throws Exception {
    List<String> compared = new ArrayList<>();
    for (Class<?> type :
        new Class<?>[] {
          RegisterIdLayout.class,
          RegsLayout.class,
          VgicLayout.class,
          VcpuAttributesLayout.class,
          DeviceAddrLayout.class,
          RegMaskRangeLayout.class,
          SmcccFilterLayout.class,
          GuestDebugLayout.class,
          VcpuInit.class,
          Smccc.class,
          ArmIrq.class,
          ArmGuestDebug.class,
          ArmExits.class,
          ArmPmuEventFilter.class
        }) {
      for (Field field : type.getDeclaredFields()) {
        if (isConstant(field)
            && field.getName().startsWith("KVM_")
            && !NOT_GENERATED.contains(field.getName())) {
          assertEquals(constant(field.getName()), value(field), field.getName());
          compared.add(field.getName());
        }
      }
    }
    assertTrue(compared.size() >= 90, compared::toString);
  }

  @Test
  void enums() throws Exception {
    for (VcpuFeature feature : VcpuFeature.values()) {
      assertEquals(constant("KVM_ARM_VCPU_" + feature), feature.bit(), feature.name());
    }
    for (ArmMpState state : ArmMpState.values()) {
      assertEquals(constant("KVM_MP_STATE_" + state), state.number(), state.name());
      assertEquals(state, ArmMpState.of(state.number()));
    }
    for (ArmIrq.Type type : ArmIrq.Type.values()) {
      assertEquals(constant("KVM_ARM_IRQ_TYPE_" + type), type.code(), type.name());
    }
    for (ArmVm.TagDirection direction : ArmVm.TagDirection.values()) {
      assertEquals(constant("KVM_ARM_TAGS_" + direction), direction.flag(), direction.name());
    }
    assertEquals(constant("KVM_ARM_VCPU_TIMER_IRQ_VTIMER"), ArmTimer.VIRTUAL.attribute());
    assertEquals(constant("KVM_ARM_VCPU_TIMER_IRQ_PTIMER"), ArmTimer.PHYSICAL.attribute());
    assertEquals(
        constant("KVM_ARM_VCPU_TIMER_IRQ_HVTIMER"), ArmTimer.HYPERVISOR_VIRTUAL.attribute());
    assertEquals(
        constant("KVM_ARM_VCPU_TIMER_IRQ_HPTIMER"), ArmTimer.HYPERVISOR_PHYSICAL.attribute());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.javavmm.bindings.kvm.kvm_cpuid;
import org.javavmm.bindings.kvm.kvm_cpuid2;
import org.javavmm.bindings.kvm.kvm_cpuid_entry;
import org.javavmm.bindings.kvm.kvm_cpuid_entry2;
import org.javavmm.bindings.kvm.kvm_debug_exit_arch;
import org.javavmm.bindings.kvm.kvm_dtable;
import org.javavmm.bindings.kvm.kvm_fpu;
import org.javavmm.bindings.kvm.kvm_h;
import org.javavmm.bindings.kvm.kvm_hyperv_exit;
import org.javavmm.bindings.kvm.kvm_irq_level;
import org.javavmm.bindings.kvm.kvm_irqfd;
import org.javavmm.bindings.kvm.kvm_lapic_state;
import org.javavmm.bindings.kvm.kvm_mp_state;
import org.javavmm.bindings.kvm.kvm_msr_entry;
import org.javavmm.bindings.kvm.kvm_msrs;
import org.javavmm.bindings.kvm.kvm_pit_config;
import org.javavmm.bindings.kvm.kvm_regs;
import org.javavmm.bindings.kvm.kvm_run;
import org.javavmm.bindings.kvm.kvm_segment;
import org.javavmm.bindings.kvm.kvm_sregs;
import org.javavmm.bindings.kvm.kvm_translation;
import org.javavmm.bindings.kvm.kvm_userspace_memory_region;
import org.javavmm.bindings.kvm.kvm_xen_exit;
import org.junit.jupiter.api.Test;

/**
 * Every number that this module writes down against what jextract made of the header. The names are
 * the header's, so that reflection finds the generated number for each; a constant without one
 * fails.
 */
class LayoutTest {
  /** Constants that are no offset in a structure of the header. */
  private static final Set<String> OWN =
      Set.of("API_VERSION", "MAX_ENTRIES", "MAX_ROOM", "MAX_DATA", "APIC_LVT0", "APIC_LVT1");

  private static final Set<Class<?>> EXITS =
      Set.of(kvm_debug_exit_arch.class, kvm_hyperv_exit.class, kvm_xen_exit.class);

  /** What is called like an exit's reason and is none. */
  private static final Set<String> NO_REASONS =
      Set.of(
          "KVM_EXIT_IO_IN",
          "KVM_EXIT_IO_OUT",
          "KVM_EXIT_HYPERV_SYNIC",
          "KVM_EXIT_HYPERV_HCALL",
          "KVM_EXIT_HYPERV_SYNDBG",
          "KVM_EXIT_XEN_HCALL",
          "KVM_EXIT_HYPERCALL_LONG_MODE");

  private static final Set<String> OUTSIDE_OF_THE_UNION =
      Set.of(
          "request_interrupt_window",
          "immediate_exit",
          "padding1",
          "exit_reason",
          "ready_for_interrupt_injection",
          "if_flag",
          "flags",
          "cr8",
          "apic_base",
          "kvm_valid_regs",
          "kvm_dirty_regs",
          "s");

  @Test
  void run() throws Exception {
    compare(
        KvmRunLayout.class,
        kvm_run.class,
        Map.ofEntries(
            Map.entry("HW_", kvm_run.hw.class),
            Map.entry("FAIL_ENTRY_", kvm_run.fail_entry.class),
            Map.entry("EX_", kvm_run.ex.class),
            Map.entry("IO_", kvm_run.io.class),
            Map.entry("MMIO_", kvm_run.mmio.class),
            Map.entry("HYPERCALL_", kvm_run.hypercall.class),
            Map.entry("TPR_ACCESS_", kvm_run.tpr_access.class),
            Map.entry("INTERNAL_", kvm_run.internal.class),
            Map.entry("EMULATION_FAILURE_", kvm_run.emulation_failure.class),
            Map.entry("EPR_", kvm_run.epr.class),
            Map.entry("SYSTEM_EVENT_", kvm_run.system_event.class),
            Map.entry("EOI_", kvm_run.eoi.class),
            Map.entry("ARM_NISV_", kvm_run.arm_nisv.class),
            Map.entry("MSR_", kvm_run.msr.class),
            Map.entry("NOTIFY_", kvm_run.notify.class),
            Map.entry("MEMORY_FAULT_", kvm_run.memory_fault.class),
            Map.entry("DEBUG_", kvm_debug_exit_arch.class),
            Map.entry("HYPERV_SYNIC_", kvm_hyperv_exit.u.synic.class),
            Map.entry("HYPERV_HCALL_", kvm_hyperv_exit.u.hcall.class),
            Map.entry("HYPERV_SYNDBG_", kvm_hyperv_exit.u.syndbg.class),
            Map.entry("XEN_HCALL_", kvm_xen_exit.u.hcall.class)),
        Set.of("EXIT", "PADDING", "HYPERV_TYPE", "XEN_TYPE"));
    for (Method method : kvm_run.class.getMethods()) {
      // Every member of the union starts where the union starts.
      String name = method.getName().replace("$offset", "");
      if (method.getName().endsWith("$offset") && !OUTSIDE_OF_THE_UNION.contains(name)) {
        assertEquals((long) KvmRunLayout.EXIT, method.invoke(null), name);
      }
    }
    assertEquals(KvmRunLayout.PADDING, kvm_run.padding$layout().byteSize());
    assertEquals(KvmRunLayout.HYPERV_TYPE, KvmRunLayout.EXIT + kvm_hyperv_exit.type$offset());
    assertEquals(KvmRunLayout.XEN_TYPE, KvmRunLayout.EXIT + kvm_xen_exit.type$offset());
    assertEquals(0, kvm_run.debug.arch$offset());
    assertEquals(0, kvm_hyperv_exit.u.synic$offset());
    assertEquals(0, kvm_hyperv_exit.u.hcall$offset());
    assertEquals(0, kvm_hyperv_exit.u.syndbg$offset());
    assertEquals(0, kvm_xen_exit.u.hcall$offset());
  }

  @Test
  void registers() throws Exception {
    compare(Regs.class, kvm_regs.class, Map.of(), Set.of());
    compare(Fpu.class, kvm_fpu.class, Map.of(), Set.of());
    compare(LapicState.class, kvm_lapic_state.class, Map.of(), Set.of());
    compare(
        SregsLayout.class,
        kvm_sregs.class,
        Map.of("SEGMENT_", kvm_segment.class, "DTABLE_", kvm_dtable.class),
        Set.of());
  }

  @Test
  void arrays() throws Exception {
    compare(
        Cpuid.class,
        kvm_cpuid2.class,
        Map.of("ENTRY_", kvm_cpuid_entry2.class, "OLD_ENTRY_", kvm_cpuid_entry.class),
        Set.of("SIZEOF_OLD_ENTRY"));
    assertEquals(kvm_cpuid_entry.sizeof(), Cpuid.SIZEOF_OLD_ENTRY);
    assertEquals(kvm_cpuid.entries$offset(), Cpuid.ENTRIES);
    assertEquals(kvm_cpuid.nent$offset(), Cpuid.NENT);
    assertEquals(kvm_cpuid_entry2.sizeof(), Cpuid.SIZEOF_ENTRY);
    compare(Msrs.class, kvm_msrs.class, Map.of("ENTRY_", kvm_msr_entry.class), Set.of("SIZEOF"));
    assertEquals(kvm_msr_entry.sizeof(), Msrs.SIZEOF_ENTRY);
  }

  @Test
  void ofTheVm() throws Exception {
    compare(IrqfdLayout.class, kvm_irqfd.class, Map.of(), Set.of());
    compare(IrqLevelLayout.class, kvm_irq_level.class, Map.of(), Set.of());
    compare(PitConfigLayout.class, kvm_pit_config.class, Map.of(), Set.of());
    compare(TranslationLayout.class, kvm_translation.class, Map.of(), Set.of());
    compare(UserMemoryRegionLayout.class, kvm_userspace_memory_region.class, Map.of(), Set.of());
  }

  @Test
  void mpStateIsOneInt() {
    assertEquals(Integer.BYTES, kvm_mp_state.sizeof());
    assertEquals(0, kvm_mp_state.mp_state$offset());
  }

  @Test
  void localApicRegisters() {
    // Intel SDM vol. 3 table 11-1; they are not in the header.
    assertEquals(0x350, LapicState.APIC_LVT0);
    assertEquals(0x360, LapicState.APIC_LVT1);
  }

  @Test
  void ioctls() throws Exception {
    for (KvmIoctl ioctl : KvmIoctl.values()) {
      assertEquals(constant(ioctl.name()), ioctl.number, ioctl.name());
    }
  }

  @Test
  void capabilities() throws Exception {
    for (Cap cap : Cap.values()) {
      assertEquals(constant("KVM_CAP_" + cap), cap.number(), cap.name());
    }
  }

  @Test
  void exitReasons() throws Exception {
    for (ExitReason reason : ExitReason.values()) {
      if (reason.number() >= 0) {
        assertEquals(reason, ExitReason.of(reason.number()));
      }
    }
    assertEquals(ExitReason.OTHER, ExitReason.of(-1));
    assertEquals(ExitReason.OTHER, ExitReason.of(-2));
    assertEquals(ExitReason.OTHER, ExitReason.of(ExitReason.MEMORY_FAULT.number() + 1));
    assertEquals(ExitReason.OTHER, ExitReason.of(Integer.MAX_VALUE));
  }

  @Test
  void exitReasonsOfThisArchitectureAreTheBindings() throws Exception {
    int compared = 0;
    for (Method method : kvm_h.class.getMethods()) {
      String name = method.getName();
      if (name.startsWith("KVM_EXIT_") && !NO_REASONS.contains(name)) {
        assertEquals(
            constant(name),
            ExitReason.valueOf(name.substring("KVM_EXIT_".length())).number(),
            name);
        compared++;
      }
    }
    assertTrue(compared >= 27, compared + " reasons compared");
  }

  @Test
  void exitReasonsAreExactlyTheHeaders() throws Exception {
    Map<String, Integer> header = UapiHeader.numbers(UapiHeader.text(), "KVM_EXIT_");
    NO_REASONS.forEach(name -> header.remove(name.substring("KVM_EXIT_".length())));
    Map<String, Integer> ours = new TreeMap<>();
    for (ExitReason reason : ExitReason.values()) {
      if (reason.number() >= 0) {
        ours.put(reason.name(), reason.number());
      }
    }
    assertEquals(header, ours);
  }

  @Test
  void constants() throws Exception {
    int compared = 0;
    for (Class<?> type :
        new Class<?>[] {
          Kvm.class, Vm.class, Vcpu.class, VcpuExit.class, Cpuid.class, IrqfdLayout.class
        }) {
      for (Field field : type.getDeclaredFields()) {
        if (isConstant(field) && field.getName().startsWith("KVM_")) {
          assertEquals(constant(field.getName()), value(field), field.getName());
          compared++;
        }
      }
    }
    assertTrue(compared >= 7, compared + " constants compared");
    assertEquals(kvm_h.KVM_API_VERSION(), Kvm.API_VERSION);
  }

  @Test
  void comparisonSeesAWrongOffset() throws Exception {
    // The comparison itself must be able to fail: kvm_fpu has no such fields as kvm_regs.
    Map<String, String> wrong = differences(Regs.class, kvm_fpu.class, Map.of(), Set.of());
    assertEquals("no such field", wrong.get("RAX"));
    assertEquals("144 in Java, 416 in the header", wrong.get("SIZEOF"));
  }

  /**
   * @param nested what a name's prefix says of the structure in which the field lies
   * @param others constants checked elsewhere
   */
  static void compare(
      Class<?> written, Class<?> struct, Map<String, Class<?>> nested, Set<String> others)
      throws Exception {
    assertEquals(Map.of(), differences(written, struct, nested, others), written.getSimpleName());
  }

  private static Map<String, String> differences(
      Class<?> written, Class<?> struct, Map<String, Class<?>> nested, Set<String> others)
      throws Exception {
    Map<String, String> wrong = new TreeMap<>();
    Set<String> compared = new TreeSet<>();
    for (Field field : written.getDeclaredFields()) {
      String name = field.getName();
      if (!isConstant(field)
          || name.startsWith("KVM_")
          || name.equals("SIZEOF_ENTRY")
          || OWN.contains(name)
          || others.contains(name)) {
        continue;
      }
      compared.add(name);
      long inHeader;
      try {
        inHeader = inHeader(name, struct, nested);
      } catch (NoSuchMethodException e) {
        wrong.put(name, "no such field");
        continue;
      }
      if (inHeader != value(field)) {
        wrong.put(name, value(field) + " in Java, " + inHeader + " in the header");
      }
    }
    assertFalse(compared.isEmpty(), written.getSimpleName());
    return wrong;
  }

  private static long inHeader(String name, Class<?> struct, Map<String, Class<?>> nested)
      throws Exception {
    if (name.equals("SIZEOF")) {
      return ((MemoryLayout) invoke(struct, "layout")).byteSize();
    }
    String prefix = nested.keySet().stream().filter(name::startsWith).findFirst().orElse("");
    Class<?> type = nested.getOrDefault(prefix, struct);
    String field = name.substring(prefix.length()).toLowerCase(Locale.ROOT);
    return base(type) + (long) invoke(type, field + "$offset");
  }

  /** Where a part of a structure starts in it. */
  private static long base(Class<?> part) throws Exception {
    Class<?> whole = part.getEnclosingClass();
    if (whole != null) {
      return (long) invoke(whole, part.getSimpleName() + "$offset") + base(whole);
    }
    // Structures of their own that are part of kvm_run.
    return EXITS.contains(part) ? KvmRunLayout.EXIT : 0;
  }

  /** The generated constants are methods; those beyond 32 bits unsigned do not occur in KVM. */
  static long constant(String name) throws Exception {
    Object value = invoke(kvm_h.class, name);
    return switch (value) {
      case Integer i -> Integer.toUnsignedLong(i);
      case Long l -> l;
      case MemorySegment s -> s.address();
      default -> throw new AssertionError(name + " is a " + value.getClass());
    };
  }

  private static Object invoke(Class<?> type, String method) throws Exception {
    try {
      return type.getMethod(method).invoke(null);
    } catch (InvocationTargetException e) {
      throw new AssertionError(type + "." + method, e.getCause());
    }
  }

  static boolean isConstant(Field field) {
    return Modifier.isStatic(field.getModifiers())
        && Modifier.isFinal(field.getModifiers())
        && (field.getType() == int.class || field.getType() == long.class)
        && !field.isSynthetic();
  }

  static long value(Field field) throws Exception {
    field.setAccessible(true);
    return ((Number) field.get(null)).longValue();
  }
}

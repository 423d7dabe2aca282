// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.javavmm.bindings.kvm.kvm_cpuid;
import org.javavmm.bindings.kvm.kvm_cpuid_entry;
import org.javavmm.bindings.kvm.kvm_debugregs;
import org.javavmm.bindings.kvm.kvm_guest_debug;
import org.javavmm.bindings.kvm.kvm_guest_debug_arch;
import org.javavmm.bindings.kvm.kvm_nested_state;
import org.javavmm.bindings.kvm.kvm_sregs2;
import org.javavmm.bindings.kvm.kvm_vcpu_events;
import org.javavmm.bindings.kvm.kvm_x86_mce;
import org.javavmm.bindings.kvm.kvm_xcr;
import org.javavmm.bindings.kvm.kvm_xcrs;
import org.javavmm.bindings.kvm.kvm_xen_vcpu_attr;

/**
 * Structures of a vCPU's state against the generated accessors, and saved ones of any content: they
 * are taken or refused, and never read beyond their end.
 */
class VcpuStatePropertyTest {
  private static byte[] noise(Random random, int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }

  private static void refuses(String message, org.junit.jupiter.api.function.Executable what) {
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, what);
    assertEquals(message, e.getMessage());
  }

  @Property(tries = 200)
  void savedMsrsComeBack(@ForAll Random random, @ForAll @IntRange(max = 300) int n) {
    List<Msrs.Entry> entries = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      entries.add(new Msrs.Entry(random.nextInt(), random.nextLong()));
    }
    Msrs msrs = new Msrs(entries);
    byte[] bytes = msrs.toBytes();
    assertEquals(8 + 16 * n, bytes.length);
    assertEquals(msrs, Msrs.of(bytes));
    byte[] odd = java.util.Arrays.copyOf(bytes, bytes.length + 1 + random.nextInt(20));
    refuses("count=" + n + " does not fit length=" + odd.length, () -> Msrs.of(odd));
  }

  @Property(tries = 200)
  void savedCpuidComesBack(@ForAll Random random, @ForAll @IntRange(max = 300) int n) {
    List<Cpuid.Entry> entries = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      int[] r = random.ints(7).toArray();
      entries.add(new Cpuid.Entry(r[0], r[1], r[2], r[3], r[4], r[5], r[6]));
    }
    Cpuid cpuid = new Cpuid(entries);
    byte[] bytes = cpuid.toBytes();
    assertEquals(8 + 40 * n, bytes.length);
    assertEquals(cpuid, Cpuid.of(bytes));
    byte[] odd = java.util.Arrays.copyOf(bytes, bytes.length - 1 - random.nextInt(7));
    assertThrows(IllegalArgumentException.class, () -> Cpuid.of(odd));
  }

  @Property
  void anythingSavedIsTakenOrRefused(
      @ForAll Random random, @ForAll @IntRange(max = 600) int length) {
    byte[] bytes = noise(random, length);
    if (length >= 4 && random.nextBoolean()) {
      // A count that may fit.
      bytes[1] = bytes[2] = bytes[3] = 0;
      bytes[0] = (byte) (length / (random.nextBoolean() ? 16 : 40));
    }
    takenOrRefused(() -> Msrs.of(bytes));
    takenOrRefused(() -> Cpuid.of(bytes));
    takenOrRefused(() -> NestedState.of(bytes));
    takenOrRefused(() -> Xsave.of(bytes));
    takenOrRefused(() -> Xsave.of(noise(random, 4096 + 4 * random.nextInt(1024))));
  }

  private static void takenOrRefused(Runnable taking) {
    try {
      taking.run();
    } catch (IllegalArgumentException e) {
      assertFalse(String.valueOf(e.getMessage()).isEmpty());
    }
  }

  @Example
  void shortAndForgedCounts() {
    refuses("length=7, must be at least 8", () -> Msrs.of(new byte[7]));
    byte[] forged = new byte[24];
    java.util.Arrays.fill(forged, 0, 4, (byte) 0xff);
    refuses("count=4294967295 does not fit length=24", () -> Msrs.of(forged));
    refuses("count=4294967295 does not fit length=24", () -> Cpuid.of(forged));
  }

  @Property(tries = 100)
  void nestedStateIsReadBack(@ForAll Random random, @ForAll @IntRange(max = 2) int pages) {
    byte[] bytes = VcpuStateTest.nested(0, 3, noise(random, 4096 * pages));
    MemorySegment generated = Arena.ofAuto().allocate(bytes.length, 8);
    MemorySegment.copy(bytes, 0, generated, ValueLayout.JAVA_BYTE, 0, bytes.length);
    MemorySegment hdr = kvm_nested_state.hdr(generated);
    MemorySegment vmx = kvm_nested_state.hdr.vmx(hdr);
    org.javavmm.bindings.kvm.kvm_vmx_nested_state_hdr.vmxon_pa(vmx, 0x1234_5000L);
    org.javavmm.bindings.kvm.kvm_vmx_nested_state_hdr.vmcs12_pa(vmx, -1L);
    NestedState state = NestedState.of(generated.toArray(ValueLayout.JAVA_BYTE));
    assertEquals(0x1234_5000L, state.vmxonPa());
    assertEquals(-1, state.vmcs12Pa());
    assertEquals(0x1234_5000L, state.vmcbPa());
    assertEquals(kvm_nested_state.flags(generated), state.flags());
    assertEquals(kvm_nested_state.size(generated), state.size());
    assertArrayEquals(generated.toArray(ValueLayout.JAVA_BYTE), state.toBytes());
    assertEquals("format=0 flags=0x3 size=" + bytes.length, state.toString());
  }

  @Example
  void forgedNestedState() {
    refuses("length=127, must be 128 to 8320", () -> NestedState.of(new byte[127]));
    refuses("length=8321, must be 128 to 8320", () -> NestedState.of(new byte[8321]));
    refuses("size=0, but there are 128 bytes", () -> NestedState.of(new byte[128]));
    byte[] larger = VcpuStateTest.nested(0, 0, new byte[0]);
    larger[7] = (byte) 0xff;
    refuses("size=4278190208, but there are 128 bytes", () -> NestedState.of(larger));
    refuses(
        "format=2, known are 0, 1", () -> NestedState.of(VcpuStateTest.nested(2, 0, new byte[0])));
    refuses(
        "flags=0x200, known are 0x10f",
        () -> NestedState.of(VcpuStateTest.nested(0, 0x200, new byte[0])));
    refuses(
        "size=132 is not one that format=0 has",
        () -> NestedState.of(VcpuStateTest.nested(0, 0, new byte[4])));
    refuses(
        "size=8320 is not one that format=1 has",
        () -> NestedState.of(VcpuStateTest.nested(1, 0, new byte[8192])));
    assertEquals(1, NestedState.of(VcpuStateTest.nested(1, 0, new byte[4096])).format());
  }

  @Property(tries = 50)
  void xsaveIsReadBack(@ForAll Random random, @ForAll @IntRange(max = 64) int more) {
    byte[] bytes = noise(random, 4096 + 64 * more);
    java.util.Arrays.fill(bytes, 520, 576, (byte) 0);
    Xsave xsave = Xsave.of(bytes);
    assertEquals(bytes.length, xsave.size());
    assertArrayEquals(bytes, xsave.toBytes());
    assertEquals(
        MemorySegment.ofArray(bytes).get(ValueLayout.JAVA_LONG_UNALIGNED, 512), xsave.xstateBv());
    byte[] part = noise(random, 16);
    int at = random.nextInt(496);
    xsave.bytes(at, part);
    assertArrayEquals(part, xsave.bytes(at, 16));
    xsave.bytes(bytes.length - 16, part);
    assertArrayEquals(part, xsave.bytes(bytes.length - 16, 16));
    assertThrows(IndexOutOfBoundsException.class, () -> xsave.bytes(bytes.length - 15, part));
    assertThrows(IndexOutOfBoundsException.class, () -> xsave.bytes(-1, 1));
    assertThrows(IllegalArgumentException.class, () -> xsave.bytes(500, part));
    assertThrows(IllegalArgumentException.class, () -> xsave.bytes(575, part));
    assertEquals(0x27f, xsave.fcw(0x1_027f).fcw());
    assertEquals(0x1fa0, xsave.mxcsr(0x1fa0).mxcsr());
    int reserved = 528 + random.nextInt(48);
    bytes[reserved] = 1;
    refuses("reserved byte " + reserved + " of the header is 1, must be 0", () -> Xsave.of(bytes));
    bytes[527] = (byte) 0x80;
    refuses("xcomp_bv=0x8000000000000000, must be 0", () -> Xsave.of(bytes));
  }

  @Example
  void sizesOfXsave() {
    for (int size : new int[] {0, 4092, 4097, (1 << 20) + 4}) {
      refuses(
          "length=" + size + ", must be a multiple of 4 from 4096 to 1048576",
          () -> Xsave.of(new byte[size]));
    }
  }

  @Property(tries = 100)
  void xcrsAreReadBack(@ForAll Random random, @ForAll @IntRange(max = 16) int n)
      throws KvmException {
    List<Xcrs.Entry> entries = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      entries.add(new Xcrs.Entry(random.nextInt(), random.nextLong()));
    }
    Xcrs xcrs = new Xcrs(entries);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = xcrs.toStruct(arena);
      assertEquals(kvm_xcrs.sizeof(), struct.byteSize());
      assertEquals(n, kvm_xcrs.nr_xcrs(struct));
      for (int i = 0; i < n; i++) {
        MemorySegment xcr = kvm_xcrs.xcrs(struct, i);
        assertEquals(entries.get(i).index(), kvm_xcr.xcr(xcr));
        assertEquals(entries.get(i).value(), kvm_xcr.value(xcr));
      }
      assertEquals(xcrs, Xcrs.fromStruct(struct));
      kvm_xcrs.nr_xcrs(struct, 17 + random.nextInt(1000));
      assertThrows(KvmException.class, () -> Xcrs.fromStruct(struct));
      kvm_xcrs.nr_xcrs(struct, -1);
      assertThrows(KvmException.class, () -> Xcrs.fromStruct(struct));
    }
    List<Xcrs.Entry> many = java.util.Collections.nCopies(17, new Xcrs.Entry(0, 0));
    refuses("17 registers, must be at most 16", () -> new Xcrs(many));
  }

  @Property(tries = 100)
  void debugRegistersAreReadBack(@ForAll Random random) {
    long[] v = random.longs(6).toArray();
    DebugRegs registers = new DebugRegs(v[0], v[1], v[2], v[3], v[4], v[5]);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = registers.toStruct(arena);
      for (int i = 0; i < 4; i++) {
        assertEquals(v[i], kvm_debugregs.db(struct, i));
      }
      assertEquals(v[4], kvm_debugregs.dr6(struct));
      assertEquals(v[5], kvm_debugregs.dr7(struct));
      assertEquals(0, kvm_debugregs.flags(struct));
      assertEquals(registers, DebugRegs.fromStruct(struct));
    }
  }

  @Example
  void guestDebug() {
    GuestDebug debug =
        new GuestDebug()
            .singleStep()
            .softwareBreakpoints()
            .blockInterrupts()
            .injectDebugException()
            .injectBreakpointException()
            .hardwareBreakpoint(0, 0x1001)
            .hardwareBreakpoint(1, 0x2002, 2, GuestDebug.Access.WRITE)
            .hardwareBreakpoint(2, 0x3004, 4, GuestDebug.Access.READ_WRITE)
            .hardwareBreakpoint(3, 0x4008, 8, GuestDebug.Access.READ_WRITE);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = debug.toStruct(arena);
      assertEquals(0x1f0003, kvm_guest_debug.control(struct));
      MemorySegment arch = kvm_guest_debug.arch(struct);
      assertEquals(0x1001, kvm_guest_debug_arch.debugreg(arch, 0));
      assertEquals(0x4008, kvm_guest_debug_arch.debugreg(arch, 3));
      // Intel SDM vol. 3 §19.2.4: enable bits 1, 3, 5, 7, then type and length for each.
      assertEquals(0xbf5006aaL, kvm_guest_debug_arch.debugreg(arch, 7));
    }
    assertEquals(0x1f0003, debug.control());
    assertEquals(0x2002, debug.debugRegister(1));
    // A breakpoint set again replaces what was there.
    debug.hardwareBreakpoint(3, 0x5000);
    assertEquals(0x0f5006aaL, debug.debugRegister(7));
    assertEquals(0, GuestDebug.off().control());
    assertEquals("control=0x1f0003", debug.toString());
    refuses("index=4, must be 0 to 3", () -> debug.hardwareBreakpoint(4, 0));
    refuses(
        "length=3, must be 1, 2, 4 or 8",
        () -> debug.hardwareBreakpoint(0, 0, 3, GuestDebug.Access.WRITE));
    refuses(
        "length=2, must be 1 to stop at execution",
        () -> debug.hardwareBreakpoint(0, 0, 2, GuestDebug.Access.EXECUTE));
    refuses(
        "address=0x2002 is not a multiple of length=4",
        () -> debug.hardwareBreakpoint(0, 0x2002, 4, GuestDebug.Access.WRITE));
  }

  @Property(tries = 100)
  void eventsAreReadBack(@ForAll Random random) {
    VcpuEvents noise = new VcpuEvents();
    MemorySegment s = noise.segment();
    MemorySegment.copy(noise(random, 64), 0, s, ValueLayout.JAVA_BYTE, 0, 64);
    MemorySegment exception = kvm_vcpu_events.exception(s);
    assertEquals(kvm_vcpu_events.exception.injected(exception) != 0, noise.exceptionInjected());
    assertEquals(
        Byte.toUnsignedInt(kvm_vcpu_events.exception.nr(exception)), noise.exceptionVector());
    assertEquals(
        kvm_vcpu_events.exception.has_error_code(exception) != 0, noise.exceptionHasErrorCode());
    assertEquals(kvm_vcpu_events.exception.pending(exception) != 0, noise.exceptionPending());
    assertEquals(kvm_vcpu_events.exception.error_code(exception), noise.exceptionErrorCode());
    assertEquals(kvm_vcpu_events.exception_has_payload(s) != 0, noise.exceptionHasPayload());
    assertEquals(kvm_vcpu_events.exception_payload(s), noise.exceptionPayload());
    MemorySegment interrupt = kvm_vcpu_events.interrupt(s);
    assertEquals(kvm_vcpu_events.interrupt.injected(interrupt) != 0, noise.interruptInjected());
    assertEquals(
        Byte.toUnsignedInt(kvm_vcpu_events.interrupt.nr(interrupt)), noise.interruptVector());
    assertEquals(kvm_vcpu_events.interrupt.soft(interrupt) != 0, noise.interruptSoft());
    assertEquals(
        Byte.toUnsignedInt(kvm_vcpu_events.interrupt.shadow(interrupt)), noise.interruptShadow());
    MemorySegment nmi = kvm_vcpu_events.nmi(s);
    assertEquals(kvm_vcpu_events.nmi.injected(nmi) != 0, noise.nmiInjected());
    assertEquals(kvm_vcpu_events.nmi.pending(nmi) != 0, noise.nmiPending());
    assertEquals(kvm_vcpu_events.nmi.masked(nmi) != 0, noise.nmiMasked());
    assertEquals(kvm_vcpu_events.sipi_vector(s), noise.sipiVector());
    assertEquals(kvm_vcpu_events.flags(s), noise.flags());
    MemorySegment smi = kvm_vcpu_events.smi(s);
    assertEquals(kvm_vcpu_events.smi.smm(smi) != 0, noise.smm());
    assertEquals(kvm_vcpu_events.smi.pending(smi) != 0, noise.smiPending());
    assertEquals(kvm_vcpu_events.smi.smm_inside_nmi(smi) != 0, noise.smmInsideNmi());
    assertEquals(kvm_vcpu_events.smi.latched_init(smi) != 0, noise.latchedInit());
    assertEquals(
        kvm_vcpu_events.triple_fault.pending(kvm_vcpu_events.triple_fault(s)) != 0,
        noise.tripleFaultPending());

    // What the getters say, set into an empty one, gives the same fields and all flags.
    VcpuEvents copy = new VcpuEvents();
    copy.exceptionInjected(noise.exceptionInjected()).exceptionVector(noise.exceptionVector());
    copy.exceptionHasErrorCode(noise.exceptionHasErrorCode());
    copy.exceptionErrorCode(noise.exceptionErrorCode());
    assertEquals(0, copy.flags());
    copy.exceptionPending(noise.exceptionPending()).exceptionPayload(noise.exceptionPayload());
    copy.exceptionHasPayload(noise.exceptionHasPayload());
    assertEquals(0x10, copy.flags());
    copy.interruptInjected(noise.interruptInjected()).interruptVector(noise.interruptVector());
    copy.interruptSoft(noise.interruptSoft()).interruptShadow(noise.interruptShadow());
    assertEquals(0x14, copy.flags());
    copy.nmiInjected(noise.nmiInjected()).nmiPending(noise.nmiPending());
    copy.nmiMasked(noise.nmiMasked()).sipiVector(noise.sipiVector());
    assertEquals(0x17, copy.flags());
    copy.smm(noise.smm()).smiPending(noise.smiPending()).smmInsideNmi(noise.smmInsideNmi());
    copy.latchedInit(noise.latchedInit());
    assertEquals(0x1f, copy.flags());
    copy.tripleFaultPending(noise.tripleFaultPending());
    assertEquals(0x3f, copy.flags());
    assertEquals(noise.toString(), copy.flags(noise.flags()).toString());
    assertEquals(noise.exceptionPayload(), copy.exceptionPayload());
    assertEquals(noise.exceptionErrorCode(), copy.exceptionErrorCode());
    assertEquals(noise.sipiVector(), copy.sipiVector());
    assertEquals(noise.interruptShadow(), copy.interruptShadow());
    assertEquals(noise.latchedInit(), copy.latchedInit());
    assertEquals(noise.smmInsideNmi(), copy.smmInsideNmi());
    assertEquals(noise.tripleFaultPending(), copy.tripleFaultPending());
  }

  @Example
  void noByteIsCutOff() {
    VcpuEvents events = new VcpuEvents();
    refuses("value=256, must be 0 to 255", () -> events.exceptionVector(256));
    refuses("value=-1, must be 0 to 255", () -> events.interruptVector(-1));
    refuses("value=256, must be 0 to 255", () -> events.interruptShadow(256));
    Sregs sregs = new Sregs();
    Segment cs = sregs.cs();
    refuses("selector=65536, must be 0 to 65535", () -> sregs.cs(cs.at(0, 0x1_0000)));
    refuses(
        "type=267, must be 0 to 255",
        () ->
            sregs.cs(new Segment(0, 0, 0, 0x10b, true, 0, true, true, false, true, false, false)));
    refuses(
        "dpl=259, must be 0 to 255",
        () ->
            sregs.cs(new Segment(0, 0, 0, 11, true, 0x103, true, true, false, true, false, false)));
    refuses("limit=65536, must be 0 to 65535", () -> sregs.gdt(0, 0x1_0000));
    refuses("limit=-1, must be 0 to 65535", () -> sregs.idt(0, -1));
  }

  @Example
  void sregs2() {
    Sregs2 sregs = new Sregs2();
    assertFalse(sregs.pdptrsValid());
    for (int i = 0; i < 4; i++) {
      assertEquals(0x1000 + i, sregs.pdptr(i, 0x1000 + i).pdptr(i));
      assertEquals(0x1000 + i, kvm_sregs2.pdptrs(sregs.segment(), i));
    }
    assertTrue(sregs.pdptrsValid());
    assertEquals(1, kvm_sregs2.flags(sregs.segment()));
    assertFalse(sregs.withoutPdptrs().pdptrsValid());
    sregs.sregs().cr3(0x77);
    assertEquals(0x77, kvm_sregs2.cr3(sregs.segment()));
    assertThrows(IndexOutOfBoundsException.class, () -> sregs.pdptr(4));
    assertThrows(IndexOutOfBoundsException.class, () -> sregs.pdptr(-1, 0));
  }

  @Property(tries = 50)
  void machineCheckIsWritten(@ForAll Random random, @ForAll @IntRange(max = 255) int bank) {
    long[] v = random.longs(4).toArray();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = new MachineCheck(bank, v[0], v[1], v[2], v[3]).toStruct(arena);
      assertEquals(bank, Byte.toUnsignedInt(kvm_x86_mce.bank(s)));
      assertEquals(v[0], kvm_x86_mce.status(s));
      assertEquals(v[1], kvm_x86_mce.addr(s));
      assertEquals(v[2], kvm_x86_mce.misc(s));
      assertEquals(v[3], kvm_x86_mce.mcg_status(s));
    }
    refuses("bank=256, must be 0 to 255", () -> new MachineCheck(256, 0, 0, 0, 0));
  }

  @Property(tries = 50)
  void oldCpuidIsWritten(@ForAll Random random, @ForAll @IntRange(max = 20) int n) {
    List<Cpuid.Entry> entries = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      int[] r = random.ints(5).toArray();
      entries.add(new Cpuid.Entry(r[0], 0, 0, r[1], r[2], r[3], r[4]));
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = new Cpuid(entries).toOldStruct(arena);
      assertEquals(n, kvm_cpuid.nent(struct));
      for (int i = 0; i < n; i++) {
        MemorySegment e =
            struct.asSlice(
                kvm_cpuid.entries$offset() + i * kvm_cpuid_entry.sizeof(),
                kvm_cpuid_entry.sizeof());
        Cpuid.Entry expected = entries.get(i);
        assertEquals(expected.function(), kvm_cpuid_entry.function(e));
        assertEquals(expected.eax(), kvm_cpuid_entry.eax(e));
        assertEquals(expected.ebx(), kvm_cpuid_entry.ebx(e));
        assertEquals(expected.ecx(), kvm_cpuid_entry.ecx(e));
        assertEquals(expected.edx(), kvm_cpuid_entry.edx(e));
      }
    }
  }

  @Property(tries = 100)
  void xenAttributesAreReadBack(@ForAll Random random, @ForAll XenVcpuAttr.Type type) {
    long[] v = random.longs(6).toArray();
    XenVcpuAttr attr =
        switch (type) {
          case VCPU_INFO, VCPU_TIME_INFO, RUNSTATE_ADDR, VCPU_INFO_HVA ->
              new XenVcpuAttr.Address(type, v[0]);
          case RUNSTATE_CURRENT, RUNSTATE_DATA, RUNSTATE_ADJUST ->
              new XenVcpuAttr.Runstate(type, v[0], v[1], v[2], v[3], v[4], v[5]);
          case VCPU_ID -> new XenVcpuAttr.VcpuId((int) v[0]);
          case TIMER -> new XenVcpuAttr.Timer((int) v[0], (int) v[1], v[2]);
          case UPCALL_VECTOR -> new XenVcpuAttr.UpcallVector(16 + random.nextInt(240));
        };
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = XenAttrForm.toStruct(arena, attr);
      assertEquals(kvm_xen_vcpu_attr.sizeof(), struct.byteSize());
      assertEquals(type.number(), kvm_xen_vcpu_attr.type(struct));
      MemorySegment u = kvm_xen_vcpu_attr.u(struct);
      switch (attr) {
        case XenVcpuAttr.Address a -> assertEquals(a.address(), kvm_xen_vcpu_attr.u.gpa(u));
        case XenVcpuAttr.Runstate r -> {
          MemorySegment s = kvm_xen_vcpu_attr.u.runstate(u);
          assertEquals(r.state(), kvm_xen_vcpu_attr.u.runstate.state(s));
          assertEquals(r.stateEntryTime(), kvm_xen_vcpu_attr.u.runstate.state_entry_time(s));
          assertEquals(r.running(), kvm_xen_vcpu_attr.u.runstate.time_running(s));
          assertEquals(r.runnable(), kvm_xen_vcpu_attr.u.runstate.time_runnable(s));
          assertEquals(r.blocked(), kvm_xen_vcpu_attr.u.runstate.time_blocked(s));
          assertEquals(r.offline(), kvm_xen_vcpu_attr.u.runstate.time_offline(s));
        }
        case XenVcpuAttr.VcpuId i -> assertEquals(i.id(), kvm_xen_vcpu_attr.u.vcpu_id(u));
        case XenVcpuAttr.Timer t -> {
          MemorySegment s = kvm_xen_vcpu_attr.u.timer(u);
          assertEquals(t.port(), kvm_xen_vcpu_attr.u.timer.port(s));
          assertEquals(t.priority(), kvm_xen_vcpu_attr.u.timer.priority(s));
          assertEquals(t.expiresNs(), kvm_xen_vcpu_attr.u.timer.expires_ns(s));
        }
        case XenVcpuAttr.UpcallVector x ->
            assertEquals(x.vector(), Byte.toUnsignedInt(kvm_xen_vcpu_attr.u.vector(u)));
      }
      assertEquals(attr, XenAttrForm.fromStruct(type, struct));
    }
  }

  @Example
  void formsOfXenAttributes() {
    refuses("type=TIMER is no ADDRESS", () -> new XenVcpuAttr.Address(XenVcpuAttr.Type.TIMER, 0));
    refuses(
        "type=VCPU_ID is no RUNSTATE",
        () -> new XenVcpuAttr.Runstate(XenVcpuAttr.Type.VCPU_ID, 0, 0, 0, 0, 0, 0));
    refuses("vector=15, must be 0 or 16 to 255", () -> new XenVcpuAttr.UpcallVector(15));
    refuses("vector=256, must be 0 or 16 to 255", () -> new XenVcpuAttr.UpcallVector(256));
    assertEquals(0, new XenVcpuAttr.UpcallVector(0).vector());
  }
}

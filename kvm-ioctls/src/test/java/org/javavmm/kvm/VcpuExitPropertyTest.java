// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.javavmm.bindings.kvm.kvm_debug_exit_arch;
import org.javavmm.bindings.kvm.kvm_h;
import org.javavmm.bindings.kvm.kvm_hyperv_exit;
import org.javavmm.bindings.kvm.kvm_run;
import org.javavmm.bindings.kvm.kvm_xen_exit;

/** The view of {@code kvm_run} over pages that the generated accessors wrote, and over noise. */
class VcpuExitPropertyTest {
  /** What {@code KVM_GET_VCPU_MMAP_SIZE} gives on x86: kvm_run, port data, coalesced MMIO. */
  private static final int PAGES = 3 * 4096;

  private static final int PORT_DATA = 4096;

  private final MemorySegment page = Arena.ofAuto().allocate(PAGES, 4096);
  private final VcpuExit exit = new VcpuExit(page);

  private MemorySegment exitUnion() {
    return page.asSlice(KvmRunLayout.EXIT);
  }

  private void fill(Random random) {
    byte[] noise = new byte[PAGES];
    random.nextBytes(noise);
    MemorySegment.copy(noise, 0, page, ValueLayout.JAVA_BYTE, 0, PAGES);
  }

  private void portAccess(boolean write, int size, int port, int count) {
    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, ExitReason.IO.number());
    kvm_run.io.direction(exitUnion(), (byte) (write ? 1 : 0));
    kvm_run.io.size(exitUnion(), (byte) size);
    kvm_run.io.port(exitUnion(), (short) port);
    kvm_run.io.count(exitUnion(), count);
    kvm_run.io.data_offset(exitUnion(), PORT_DATA);
  }

  @Property
  void portAccessIsDecoded(
      @ForAll boolean write,
      @ForAll @IntRange(max = 2) int log2,
      @ForAll @IntRange(max = 0xffff) int port,
      @ForAll @IntRange(min = 1, max = 1024) int count,
      @ForAll Random random) {
    fill(random);
    int size = 1 << log2;
    portAccess(write, size, port, count);
    assertEquals(ExitReason.IO, ExitReason.of(exit.rawReason()));
    assertEquals(write, exit.ioIsWrite());
    assertEquals(size, exit.ioSize());
    assertEquals(port, exit.ioPort());
    assertEquals(count, exit.ioCount());
    assertEquals(
        "IO "
            + (write ? "out" : "in")
            + " port=0x"
            + Integer.toHexString(port)
            + " size="
            + size
            + " count="
            + count,
        exit.toString());
    assertThrows(IndexOutOfBoundsException.class, () -> exit.ioData(-1));
    IndexOutOfBoundsException e =
        assertThrows(IndexOutOfBoundsException.class, () -> exit.setIoData(count, 0));
    assertEquals("index=" + count + ", count=" + count, e.getMessage());

    int index = random.nextInt(count);
    byte[] before = page.toArray(ValueLayout.JAVA_BYTE);
    long expected = 0;
    for (int i = 0; i < size; i++) {
      expected |= (before[PORT_DATA + index * size + i] & 0xffL) << (8 * i);
    }
    assertEquals(expected, exit.ioData(index));

    long answer = random.nextLong();
    exit.setIoData(index, answer);
    assertEquals(answer & (-1L >>> (64 - 8 * size)), exit.ioData(index));
    // Nothing but that element changed.
    byte[] after = page.toArray(ValueLayout.JAVA_BYTE);
    Arrays.fill(after, PORT_DATA + index * size, PORT_DATA + (index + 1) * size, (byte) 0);
    Arrays.fill(before, PORT_DATA + index * size, PORT_DATA + (index + 1) * size, (byte) 0);
    assertArrayEquals(before, after);
  }

  @Property
  void mmioIsDecoded(
      @ForAll boolean write,
      @ForAll @IntRange(min = 1, max = 8) int size,
      @ForAll long gpa,
      @ForAll long data,
      @ForAll Random random) {
    fill(random);
    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, ExitReason.MMIO.number());
    kvm_run.mmio.phys_addr(exitUnion(), gpa);
    kvm_run.mmio.len(exitUnion(), size);
    kvm_run.mmio.is_write(exitUnion(), (byte) (write ? 1 : 0));
    kvm_run.mmio.data(exitUnion()).set(ValueLayout.JAVA_LONG_UNALIGNED, 0, data);
    assertEquals(write, exit.mmioIsWrite());
    assertEquals(gpa, exit.mmioAddress());
    assertEquals(size, exit.mmioSize());
    assertEquals(data & (-1L >>> (64 - 8 * size)), exit.mmioData());
    assertEquals(
        "MMIO " + (write ? "write" : "read") + " gpa=0x" + Long.toHexString(gpa) + " size=" + size,
        exit.toString());
    exit.setMmioData(~data);
    assertEquals(~data & (-1L >>> (64 - 8 * size)), exit.mmioData());
    assertEquals(size, exit.mmioSize());
    assertEquals(gpa, exit.mmioAddress());
  }

  @Property
  void internalErrorIsDecoded(
      @ForAll @IntRange(max = 4) int suberror, @ForAll int ndata, @ForAll Random random) {
    fill(random);
    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, ExitReason.INTERNAL_ERROR.number());
    kvm_run.internal.suberror(exitUnion(), suberror);
    kvm_run.internal.ndata(exitUnion(), ndata);
    long[] words = exit.internalErrorData();
    assertEquals(words.length, exit.internalErrorCount());
    assertThrows(IndexOutOfBoundsException.class, () -> exit.internalErrorWord(words.length));
    assertEquals(Math.clamp(ndata, 0, 16), words.length);
    for (int i = 0; i < words.length; i++) {
      assertEquals(kvm_run.internal.data(exitUnion(), i), words[i]);
      assertEquals(words[i], exit.internalErrorWord(i));
    }
    byte[] instruction = exit.internalErrorInstruction();
    boolean given =
        suberror == 1 && ndata >= 3 && (kvm_run.emulation_failure.flags(exitUnion()) & 1) != 0;
    if (!given) {
      assertEquals(0, instruction.length);
    } else {
      int size = Math.clamp(kvm_run.emulation_failure.insn_size(exitUnion()), 0, 15);
      byte[] expected = new byte[size];
      MemorySegment.copy(
          kvm_run.emulation_failure.insn_bytes(exitUnion()),
          ValueLayout.JAVA_BYTE,
          0,
          expected,
          0,
          size);
      assertArrayEquals(expected, instruction);
    }
    assertTrue(exit.toString().startsWith("INTERNAL_ERROR suberror=" + suberror), exit::toString);
  }

  @Property
  void anyPageHasAText(@ForAll Random random, @ForAll @IntRange(min = -1, max = 45) int reason) {
    fill(random);
    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, reason);
    ExitReason decoded = ExitReason.of(exit.rawReason());
    String expected = decoded == ExitReason.OTHER ? "exit reason " + reason : decoded.name();
    assertTrue(exit.toString().startsWith(expected), exit::toString);
    assertTrue(exit.toString().length() < 600, exit::toString);
  }

  @Example
  void theRest() {
    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, ExitReason.SYSTEM_EVENT.number());
    kvm_run.system_event.type(exitUnion(), 2);
    kvm_run.system_event.ndata(exitUnion(), 1);
    kvm_run.system_event.data(exitUnion(), 0, 0x77);
    assertEquals(2, exit.systemEventType());
    assertArrayEquals(new long[] {0x77}, exit.systemEventData());
    assertEquals("SYSTEM_EVENT type=2 0x77", exit.toString());
    assertEquals(1, exit.systemEventCount());
    assertEquals(0x77, exit.systemEventWord(0));
    assertThrows(IndexOutOfBoundsException.class, () -> exit.systemEventWord(1));

    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, ExitReason.MEMORY_FAULT.number());
    kvm_run.memory_fault.flags(exitUnion(), 8);
    kvm_run.memory_fault.gpa(exitUnion(), 0x1_0000_0000L);
    kvm_run.memory_fault.size(exitUnion(), 0x1000);
    assertEquals(8, exit.memoryFaultFlags());
    assertEquals(0x1_0000_0000L, exit.memoryFaultGpa());
    assertEquals(0x1000, exit.memoryFaultSize());
    assertEquals("MEMORY_FAULT gpa=0x100000000 size=0x1000 flags=0x8", exit.toString());

    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, ExitReason.FAIL_ENTRY.number());
    kvm_run.fail_entry.hardware_entry_failure_reason(exitUnion(), 0x8000_0021L);
    kvm_run.fail_entry.cpu(exitUnion(), 3);
    assertEquals(0x8000_0021L, exit.failEntryReason());
    assertEquals(3, exit.failEntryCpu());
    assertEquals("FAIL_ENTRY reason=0x80000021 cpu=3", exit.toString());

    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, ExitReason.UNKNOWN.number());
    kvm_run.hw.hardware_exit_reason(exitUnion(), 0x30);
    assertEquals(0x30, exit.hardwareExitReason());
    assertEquals("UNKNOWN hardware reason=0x30", exit.toString());

    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, 5);
    assertEquals("HLT", exit.toString());
  }

  private void reason(ExitReason reason) {
    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, reason.number());
  }

  /** The text must name each number given, so that a log of exits has them. */
  private void textHas(Object... parts) {
    for (Object part : parts) {
      String text = part instanceof Long n ? "0x" + Long.toHexString(n) : part.toString();
      assertTrue(exit.toString().contains(text), () -> exit + " lacks " + text);
    }
  }

  @Property(tries = 100)
  void whatIsSaidOfAnyExit(@ForAll Random random) {
    fill(random);
    assertEquals(Short.toUnsignedInt(kvm_run.flags(page)), exit.flags());
    assertEquals(
        kvm_run.ready_for_interrupt_injection(page) != 0, exit.readyForInterruptInjection());
    assertEquals(kvm_run.if_flag(page) != 0, exit.interruptFlag());
    assertEquals(kvm_run.apic_base(page), exit.apicBase());
    assertEquals(kvm_run.cr8(page), exit.cr8());
    exit.setCr8(7);
    assertEquals(7, kvm_run.cr8(page));
    exit.requestInterruptWindow(true);
    assertEquals(1, kvm_run.request_interrupt_window(page));
    exit.requestInterruptWindow(false);
    assertEquals(0, kvm_run.request_interrupt_window(page));
    reason(ExitReason.SET_TPR);
    textHas("SET_TPR cr8=7");
  }

  @Property(tries = 100)
  void debugAndExceptionAreDecoded(@ForAll Random random) {
    fill(random);
    reason(ExitReason.DEBUG);
    MemorySegment arch = kvm_run.debug.arch(exitUnion());
    assertEquals(kvm_debug_exit_arch.exception(arch), exit.debugException());
    assertEquals(kvm_debug_exit_arch.pc(arch), exit.debugPc());
    assertEquals(kvm_debug_exit_arch.dr6(arch), exit.debugDr6());
    assertEquals(kvm_debug_exit_arch.dr7(arch), exit.debugDr7());
    textHas("DEBUG vector=", exit.debugPc(), exit.debugDr6(), exit.debugDr7());
    reason(ExitReason.EXCEPTION);
    assertEquals(kvm_run.ex.exception(exitUnion()), exit.exceptionVector());
    assertEquals(kvm_run.ex.error_code(exitUnion()), exit.exceptionErrorCode());
    textHas("EXCEPTION vector=" + exit.exceptionVector());
  }

  @Property(tries = 100)
  void hypercallIsDecoded(@ForAll Random random, @ForAll @IntRange(max = 5) int index) {
    fill(random);
    reason(ExitReason.HYPERCALL);
    assertEquals(kvm_run.hypercall.nr(exitUnion()), exit.hypercallNumber());
    assertEquals(kvm_run.hypercall.flags(exitUnion()), exit.hypercallFlags());
    assertEquals(kvm_run.hypercall.args(exitUnion(), index), exit.hypercallArgument(index));
    assertThrows(IndexOutOfBoundsException.class, () -> exit.hypercallArgument(6));
    assertThrows(IndexOutOfBoundsException.class, () -> exit.hypercallArgument(-1));
    textHas("HYPERCALL nr=" + exit.hypercallNumber(), exit.hypercallArgument(index));
    long answer = random.nextLong();
    exit.setHypercallResult(answer);
    assertEquals(answer, kvm_run.hypercall.ret(exitUnion()));
  }

  @Property(tries = 100)
  void msrIsDecoded(@ForAll Random random, @ForAll boolean fails) {
    fill(random);
    reason(ExitReason.X86_WRMSR);
    assertEquals(kvm_run.msr.index(exitUnion()), exit.msrIndex());
    assertEquals(kvm_run.msr.reason(exitUnion()), exit.msrReason());
    assertEquals(kvm_run.msr.data(exitUnion()), exit.msrData());
    textHas("X86_WRMSR msr=0x" + Integer.toHexString(exit.msrIndex()), exit.msrData());
    reason(ExitReason.X86_RDMSR);
    textHas("X86_RDMSR msr=0x" + Integer.toHexString(exit.msrIndex()));
    long answer = random.nextLong();
    exit.setMsrData(answer);
    exit.setMsrError(fails);
    assertEquals(answer, kvm_run.msr.data(exitUnion()));
    assertEquals(fails ? 1 : 0, kvm_run.msr.error(exitUnion()));
  }

  @Property(tries = 100)
  void hypervIsDecoded(@ForAll Random random, @ForAll long answer) {
    fill(random);
    reason(ExitReason.HYPERV);
    MemorySegment hyperv = kvm_run.hyperv(page);
    MemorySegment u = kvm_hyperv_exit.u(hyperv);
    kvm_hyperv_exit.type(hyperv, kvm_h.KVM_EXIT_HYPERV_SYNIC());
    assertEquals(VcpuExit.KVM_EXIT_HYPERV_SYNIC, exit.hypervType());
    MemorySegment synic = kvm_hyperv_exit.u.synic(u);
    assertEquals(kvm_hyperv_exit.u.synic.msr(synic), exit.hypervSynicMsr());
    assertEquals(kvm_hyperv_exit.u.synic.control(synic), exit.hypervSynicControl());
    assertEquals(kvm_hyperv_exit.u.synic.evt_page(synic), exit.hypervSynicEventPage());
    assertEquals(kvm_hyperv_exit.u.synic.msg_page(synic), exit.hypervSynicMessagePage());
    textHas("HYPERV synic msr=0x" + Integer.toHexString(exit.hypervSynicMsr()));

    kvm_hyperv_exit.type(hyperv, kvm_h.KVM_EXIT_HYPERV_SYNDBG());
    MemorySegment syndbg = kvm_hyperv_exit.u.syndbg(u);
    assertEquals(kvm_hyperv_exit.u.syndbg.msr(syndbg), exit.hypervSyndbgMsr());
    assertEquals(kvm_hyperv_exit.u.syndbg.control(syndbg), exit.hypervSyndbgControl());
    assertEquals(kvm_hyperv_exit.u.syndbg.send_page(syndbg), exit.hypervSyndbgSendPage());
    assertEquals(kvm_hyperv_exit.u.syndbg.recv_page(syndbg), exit.hypervSyndbgReceivePage());
    assertEquals(kvm_hyperv_exit.u.syndbg.pending_page(syndbg), exit.hypervSyndbgPendingPage());
    textHas("HYPERV syndbg msr=0x" + Integer.toHexString(exit.hypervSyndbgMsr()));
    exit.setHypervSyndbgStatus(answer);
    assertEquals(answer, kvm_hyperv_exit.u.syndbg.status(syndbg));

    kvm_hyperv_exit.type(hyperv, kvm_h.KVM_EXIT_HYPERV_HCALL());
    MemorySegment hcall = kvm_hyperv_exit.u.hcall(u);
    assertEquals(kvm_hyperv_exit.u.hcall.input(hcall), exit.hypervHypercallInput());
    for (int i = 0; i < 2; i++) {
      assertEquals(kvm_hyperv_exit.u.hcall.params(hcall, i), exit.hypervHypercallParameter(i));
      textHas(exit.hypervHypercallParameter(i));
    }
    assertThrows(IndexOutOfBoundsException.class, () -> exit.hypervHypercallParameter(2));
    exit.setHypervHypercallResult(answer);
    assertEquals(answer, kvm_hyperv_exit.u.hcall.result(hcall));
    kvm_hyperv_exit.type(hyperv, 9);
    assertEquals("HYPERV type=9", exit.toString());
  }

  @Property(tries = 100)
  void xenIsDecoded(@ForAll Random random, @ForAll long answer) {
    fill(random);
    reason(ExitReason.XEN);
    MemorySegment xen = kvm_run.xen(page);
    kvm_xen_exit.type(xen, kvm_h.KVM_EXIT_XEN_HCALL());
    MemorySegment hcall = kvm_xen_exit.u.hcall(kvm_xen_exit.u(xen));
    assertEquals(VcpuExit.KVM_EXIT_XEN_HCALL, exit.xenType());
    assertEquals(kvm_xen_exit.u.hcall.longmode(hcall) != 0, exit.xenLongMode());
    assertEquals(kvm_xen_exit.u.hcall.cpl(hcall), exit.xenCpl());
    assertEquals(kvm_xen_exit.u.hcall.input(hcall), exit.xenInput());
    for (int i = 0; i < 6; i++) {
      assertEquals(kvm_xen_exit.u.hcall.params(hcall, i), exit.xenParameter(i));
      textHas(exit.xenParameter(i));
    }
    assertThrows(IndexOutOfBoundsException.class, () -> exit.xenParameter(6));
    exit.setXenResult(answer);
    assertEquals(answer, kvm_xen_exit.u.hcall.result(hcall));
    kvm_xen_exit.type(xen, 2);
    assertEquals("XEN type=2", exit.toString());
  }

  @Property(tries = 100)
  void smallExitsAreDecoded(@ForAll Random random) {
    fill(random);
    MemorySegment u = exitUnion();
    assertEquals(kvm_run.tpr_access.rip(u), exit.tprAccessRip());
    assertEquals(kvm_run.tpr_access.is_write(u) != 0, exit.tprAccessIsWrite());
    assertEquals(Byte.toUnsignedInt(kvm_run.eoi.vector(u)), exit.ioapicEoiVector());
    assertEquals(kvm_run.arm_nisv.esr_iss(u), exit.armNisvEsrIss());
    assertEquals(kvm_run.arm_nisv.fault_ipa(u), exit.armNisvFaultIpa());
    assertEquals(kvm_run.notify.flags(u), exit.notifyFlags());
    reason(ExitReason.TPR_ACCESS);
    textHas("TPR_ACCESS", exit.tprAccessRip());
    reason(ExitReason.IOAPIC_EOI);
    textHas("IOAPIC_EOI vector=" + exit.ioapicEoiVector());
    reason(ExitReason.ARM_NISV);
    textHas("ARM_NISV", exit.armNisvEsrIss(), exit.armNisvFaultIpa());
    reason(ExitReason.NOTIFY);
    textHas("NOTIFY flags=" + exit.notifyFlags());
    int epr = random.nextInt();
    exit.setEpr(epr);
    assertEquals(epr, kvm_run.epr.epr(u));
  }

  @Property(tries = 100)
  void unknownExitsStayUsable(
      @ForAll Random random, @ForAll @IntRange(max = 31) int index, @ForAll long answer) {
    fill(random);
    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, 4711);
    assertEquals(ExitReason.OTHER, ExitReason.of(exit.rawReason()));
    long word = page.get(ValueLayout.JAVA_LONG, KvmRunLayout.EXIT + 8L * index);
    assertEquals(word, exit.payloadWord(index));
    textHas("exit reason 4711 [", exit.payloadWord(0));
    byte[] before = page.toArray(ValueLayout.JAVA_BYTE);
    exit.setPayloadWord(index, answer);
    assertEquals(answer, exit.payloadWord(index));
    exit.setPayloadWord(index, word);
    assertArrayEquals(before, page.toArray(ValueLayout.JAVA_BYTE));
    assertThrows(IndexOutOfBoundsException.class, () -> exit.payloadWord(32));
    assertThrows(IndexOutOfBoundsException.class, () -> exit.payloadWord(-1));
    assertThrows(IndexOutOfBoundsException.class, () -> exit.setPayloadWord(32, 0));
  }
}

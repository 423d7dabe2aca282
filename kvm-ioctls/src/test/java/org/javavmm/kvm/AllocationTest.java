// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;

/** Reading any exit's payload and answering it allocates nothing; {@link ExitTest} runs a guest. */
class AllocationTest {
  private static final int ROUNDS = 2_000;

  private static final ExitReason[] REASONS = ExitReason.values();

  @Test
  void readingAndAnsweringAllExits() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    MemorySegment page = Arena.ofAuto().allocate(3 * 4096, 4096);
    VcpuExit exit = new VcpuExit(page);
    long least = Long.MAX_VALUE;
    long sum = 0;
    // The steady state is reached when the compiler is through.
    for (int attempt = 0; attempt < 60 && least >= 1000; attempt++) {
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int round = 0; round < ROUNDS; round++) {
        for (ExitReason reason : REASONS) {
          page.fill((byte) 0);
          page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, reason.number());
          page.set(ValueLayout.JAVA_INT, KvmRunLayout.INTERNAL_NDATA, 16);
          if (reason == ExitReason.IO) {
            page.set(ValueLayout.JAVA_BYTE, KvmRunLayout.IO_SIZE, (byte) (1 << (round % 3)));
            page.set(ValueLayout.JAVA_INT, KvmRunLayout.IO_COUNT, 3);
            page.set(ValueLayout.JAVA_LONG, KvmRunLayout.IO_DATA_OFFSET, 4096);
          }
          sum += readAndAnswer(exit, ExitReason.of(exit.rawReason()));
        }
      }
      least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
    }
    assertTrue(least < 1000, least + " bytes allocated, sum " + sum);
  }

  /** The rings that KVM fills, and the kernel's side of them, which the test plays. */
  @Test
  void emptyingTheRings() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    MemorySegment gfns =
        Arena.ofAuto().allocate((long) DirtyRing.MIN_ENTRIES * DirtyRing.SIZEOF_ENTRY, 4096);
    DirtyRing dirty = new DirtyRing(gfns);
    MemorySegment page = Arena.ofAuto().allocate(4096, 4096);
    CoalescedRing coalesced = new CoalescedRing(page);
    long[] sum = new long[1];
    DirtyRing.Sink sink = (slot, gfn) -> sum[0] += slot + gfn;
    long least = Long.MAX_VALUE;
    for (int attempt = 0; attempt < 60 && least >= 1000; attempt++) {
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < DirtyRing.MIN_ENTRIES; i++) {
          long at = (long) i * DirtyRing.SIZEOF_ENTRY + DirtyRing.FLAGS;
          gfns.set(ValueLayout.JAVA_INT, at, DirtyRing.KVM_DIRTY_GFN_F_DIRTY);
        }
        sum[0] += dirty.harvest(sink);
        int first = page.get(ValueLayout.JAVA_INT, CoalescedMmioRingLayout.FIRST);
        int last = (first + coalesced.capacity() - 1) % coalesced.capacity();
        page.set(ValueLayout.JAVA_INT, CoalescedMmioRingLayout.LAST, last);
        while (coalesced.next()) {
          sum[0] += coalesced.address() + coalesced.size() + coalesced.data();
        }
      }
      least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
    }
    assertTrue(least < 1000, least + " bytes allocated, sum " + sum[0]);
    assertTrue(sum[0] >= (long) DirtyRing.MIN_ENTRIES * ROUNDS, "nothing was harvested");
  }

  private static long readAndAnswer(VcpuExit exit, ExitReason reason) {
    long sum = exit.flags() + exit.cr8() + exit.apicBase();
    sum += exit.interruptFlag() || exit.readyForInterruptInjection() ? 1 : 0;
    exit.requestInterruptWindow(false);
    exit.setCr8(0);
    switch (reason) {
      case IO -> {
        sum += exit.ioPort() + (exit.ioIsWrite() ? 1 : 0);
        for (int i = 0; i < exit.ioCount(); i++) {
          sum += exit.ioData(i);
          exit.setIoData(i, sum);
        }
      }
      case UNKNOWN -> sum += exit.hardwareExitReason();
      case ARM_NISV -> sum += exit.armNisvEsrIss() + exit.armNisvFaultIpa();
      case EXCEPTION -> sum += exit.exceptionVector() + exit.exceptionErrorCode();
      case DEBUG ->
          sum += exit.debugException() + exit.debugPc() + exit.debugDr6() + exit.debugDr7();
      case HYPERCALL -> {
        sum += exit.hypercallNumber() + exit.hypercallFlags() + exit.hypercallArgument(5);
        exit.setHypercallResult(sum);
      }
      case MMIO -> {
        sum += exit.mmioAddress() + exit.mmioSize() + (exit.mmioIsWrite() ? exit.mmioData() : 0);
        exit.setMmioData(sum);
      }
      case FAIL_ENTRY -> sum += exit.failEntryReason() + exit.failEntryCpu();
      case TPR_ACCESS -> sum += exit.tprAccessRip() + (exit.tprAccessIsWrite() ? 1 : 0);
      case INTERNAL_ERROR -> {
        sum += exit.internalErrorKind();
        for (int i = 0; i < exit.internalErrorCount(); i++) {
          sum += exit.internalErrorWord(i);
        }
      }
      case EPR -> exit.setEpr(1);
      case SYSTEM_EVENT -> {
        sum += exit.systemEventType();
        for (int i = 0; i < exit.systemEventCount(); i++) {
          sum += exit.systemEventWord(i);
        }
      }
      case IOAPIC_EOI -> sum += exit.ioapicEoiVector();
      case HYPERV -> {
        sum += exit.hypervType() + exit.hypervHypercallInput() + exit.hypervHypercallParameter(1);
        exit.setHypervHypercallResult(sum);
        sum += exit.hypervSynicMsr() + exit.hypervSynicControl() + exit.hypervSynicEventPage();
        sum += exit.hypervSynicMessagePage() + exit.hypervSyndbgMsr() + exit.hypervSyndbgControl();
        sum += exit.hypervSyndbgSendPage() + exit.hypervSyndbgReceivePage();
        sum += exit.hypervSyndbgPendingPage();
        exit.setHypervSyndbgStatus(sum);
      }
      case X86_RDMSR, X86_WRMSR -> {
        sum += exit.msrIndex() + exit.msrReason() + exit.msrData();
        exit.setMsrData(sum);
        exit.setMsrError(true);
      }
      case XEN -> {
        sum += exit.xenType() + exit.xenInput() + exit.xenCpl() + exit.xenParameter(5);
        sum += exit.xenLongMode() ? 1 : 0;
        exit.setXenResult(sum);
      }
      case NOTIFY -> sum += exit.notifyFlags();
      case MEMORY_FAULT ->
          sum += exit.memoryFaultGpa() + exit.memoryFaultSize() + exit.memoryFaultFlags();
      default -> {
        sum += exit.payloadWord(31);
        exit.setPayloadWord(31, sum);
      }
    }
    return sum;
  }
}

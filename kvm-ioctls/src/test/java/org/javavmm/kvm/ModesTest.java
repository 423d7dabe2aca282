// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.javavmm.bindings.kvm.kvm_h;
import org.javavmm.bindings.kvm.kvm_msi;
import org.javavmm.sys.Ioctl;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Guests in the modes of the processor, and what they see of interrupts, processors and time. */
@NeedsKvm
class ModesTest {
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED;

  private static final Segment DATA32 =
      new Segment(0, -1, 0x18, 3, true, 0, true, true, false, true, false, false);

  private static final Segment CODE32 =
      new Segment(0, -1, 0x10, 11, true, 0, true, true, false, true, false, false);

  private static void protectedMode(Guest guest) throws KvmException {
    Sregs sregs = guest.vcpu.getSregs();
    sregs.cs(CODE32).ds(DATA32).es(DATA32).fs(DATA32).gs(DATA32).ss(DATA32).cr0(0x11);
    guest.vcpu.setSregs(sregs);
  }

  private static final String WIDE =
      """
      b8 78 56 34 12    ; mov eax, 0x12345678
      e7 10             ; out 0x10, eax
      a3 00 20 00 00    ; mov [0x2000], eax
      68 11 11 00 00    ; push 0x1111
      5b                ; pop ebx
      f4                ; hlt
      """;

  @Test
  void protectedMode() throws Exception {
    try (Guest guest = Guest.realMode(WIDE)) {
      protectedMode(guest);
      guest.expectOut(0x10, 4, 0x1234_5678);
      guest.expectHlt();
      assertEquals(0x1111, guest.vcpu.getRegs().rbx());
      assertEquals(0x1234_5678, guest.memory.segment().get(ValueLayout.JAVA_INT, 0x2000));
    }
  }

  /** Protected mode with 64 KiB mapped at 0 and once more at 4 MiB, where the guest starts. */
  private static void paging32(Guest guest) throws KvmException {
    protectedMode(guest);
    // The directory's first two entries lead to one table.
    MemorySegment m = guest.memory.segment();
    m.set(ValueLayout.JAVA_INT, 0x8000, 0x9003);
    m.set(ValueLayout.JAVA_INT, 0x8004, 0x9003);
    for (int i = 0; i < 16; i++) {
      m.set(ValueLayout.JAVA_INT, 0x9000 + 4L * i, i << 12 | 3);
    }
    Sregs sregs = guest.vcpu.getSregs();
    guest.vcpu.setSregs(sregs.cr3(0x8000).cr0(0x8000_0011L));
    guest.vcpu.setRegs(guest.vcpu.getRegs().rip(0x40_1000));
  }

  @Test
  void protectedModeWithPaging() throws Exception {
    // A software KVM that shadows page tables of 64-bit mode alone shuts down at the first fetch.
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      paging32(guest);
      boolean there = guest.run() != ExitReason.SHUTDOWN;
      assumeTrue(there, "capability 32-bit paging: this KVM cannot fetch one instruction with it");
    }
    try (Guest guest = Guest.realMode(WIDE)) {
      paging32(guest);
      guest.expectOut(0x10, 4, 0x1234_5678);
      guest.expectHlt();
      assertEquals(0x40_1013, guest.vcpu.getRegs().rip());
    }
  }

  @Test
  void ring3() throws Exception {
    String listing =
        """
        b8 34 12 00 00    ; mov eax, 0x1234
        05 01 00 00 00    ; add eax, 1
        f4                ; hlt, which only ring 0 may
        """;
    // A general protection fault: error code, then the frame.
    String handler =
        """
        e7 0d             ; out 0x0d, eax
        58                ; pop rax
        58                ; pop rax: rip
        e7 0e             ; out 0x0e, eax
        58                ; pop rax: cs
        e7 0f             ; out 0x0f, eax
        f4                ; hlt
        """;
    try (Guest guest = Guest.realMode(listing)) {
      guest.longMode();
      MemorySegment m = guest.memory.segment();
      guest.load(0x1100, Code.of(handler));
      // All that longMode() mapped, for ring 3 as well.
      for (long table = 0x8000; table < 0xe000; table += 0x1000) {
        for (int i = 0; i < 512; i++) {
          long entry = m.get(U64, table + 8L * i);
          m.set(U64, table + 8L * i, entry == 0 ? 0 : entry | 4);
        }
      }
      m.set(U64, 0x6010, 0x00af_9b00_0000_ffffL); // 0x10: code, ring 0
      m.set(U64, 0x6018, 0x00cf_9300_0000_ffffL); // 0x18: data, ring 0
      m.set(U64, 0x6020, 0x00cf_f300_0000_ffffL); // 0x20: data, ring 3
      m.set(U64, 0x6028, 0x00af_fb00_0000_ffffL); // 0x28: code, ring 3
      m.set(U64, 0x6400 + 16 * 13, 0x0000_8e00_0010_1100L); // gate of vector 13
      m.set(U64, 0x6800 + 4, 0x7000); // rsp of ring 0
      Segment code = new Segment(0, -1, 0x2b, 11, true, 3, false, true, true, true, false, false);
      Segment data = new Segment(0, -1, 0x23, 3, true, 3, true, true, false, true, false, false);
      Segment tss =
          new Segment(0x6800, 0x67, 0x30, 11, true, 0, false, false, false, false, false, false);
      Sregs sregs = guest.vcpu.getSregs().cs(code).ds(data).es(data).ss(data).tr(tss);
      guest.vcpu.setSregs(sregs.gdt(0x6000, 0x2f).idt(0x6400, 0xff));
      guest.vcpu.setRegs(new Regs().rip(Guest.CODE).rsp(0x5000).rflags(2));
      guest.expectOut(0x0d, 4, 0x1235);
      guest.expectOut(0x0e, 4, 0x100a);
      guest.expectOut(0x0f, 4, 0x2b);
      guest.expectHlt();
    }
  }

  @Test
  void messageSignalledInterrupt() throws Exception {
    try (Guest guest = Guest.withIrqchip("fb ; sti\n eb fe ; jmp itself")) {
      guest.load(0x1100, Code.of("e6 45 ; out 0x45, al\n eb fe ; jmp itself"));
      guest.memory.segment().set(ValueLayout.JAVA_INT_UNALIGNED, 4L * 0x45, 0x1100);
      // The spurious interrupt's register turns the local APIC on.
      guest.vcpu.setLapic(guest.vcpu.getLapic().set(0xf0, 0x1ff));
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment msi = arena.allocate(kvm_msi.layout());
        kvm_msi.address_lo(msi, 0xfee0_0000);
        kvm_msi.data(msi, 0x45);
        assertEquals(1, Ioctl.ioctl(guest.vm.fd(), kvm_h.KVM_SIGNAL_MSI(), msi));
      }
      assertEquals(ExitReason.IO, guest.run(), guest.exit::toString);
      assertEquals(0x45, guest.exit.ioPort());
    }
  }

  /** Whether KVM starts a processor by INIT and SIPI when they come as messages. */
  private static boolean startsProcessors() throws Exception {
    try (Guest guest = Guest.withIrqchip("f4 ; hlt")) {
      Vcpu second = guest.vm.createVcpu(1);
      guest.vcpu.setLapic(guest.vcpu.getLapic().set(0xf0, 0x1ff));
      // Delivery modes 5 and 6 to the APIC 1.
      var _ = guest.vm.signalMsi(0xfee0_1000L, 0x500);
      var _ = guest.vm.signalMsi(0xfee0_1000L, 0x602);
      return second.getMpState() != Vcpu.KVM_MP_STATE_UNINITIALIZED;
    }
  }

  @Test
  void secondProcessor() throws Exception {
    assumeTrue(startsProcessors(), "capability SIPI: this KVM does not start a processor by it");
    // An APIC that is off by its register of the spurious interrupt sends nothing.
    String listing =
        """
        bb f0 00 e0 fe    ; mov ebx, 0xfee000f0
        c7 03 ff 01 00 00 ; mov dword [rbx], 0x1ff: on
        bb 10 03 e0 fe    ; mov ebx, 0xfee00310
        c7 03 00 00 00 01 ; mov dword [rbx], 0x01000000: to the APIC 1
        bb 00 03 e0 fe    ; mov ebx, 0xfee00300
        c7 03 00 45 00 00 ; mov dword [rbx], 0x4500: INIT
        e6 98             ; out 0x98, al
        c7 03 02 46 00 00 ; mov dword [rbx], 0x4602: start at 0x2000
        e6 99             ; out 0x99, al
        f4                ; hlt
        """;
    try (Guest guest = Guest.withIrqchip(listing)) {
      guest.load(0x2000, Code.of("e6 9a ; out 0x9a, al\n f4 ; hlt"));
      guest.longMode();
      Vcpu second = guest.vm.createVcpu(1);
      guest.watch(second);
      assertEquals(Vcpu.KVM_MP_STATE_UNINITIALIZED, second.getMpState());
      AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
      Thread thread =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  ExitReason reason;
                  do {
                    // EAGAIN after INIT and after the start-up interrupt is a value.
                    reason = second.run();
                  } while (reason == ExitReason.REENTER);
                  assertEquals(ExitReason.IO, reason, second.exit()::toString);
                  assertEquals(0x9a, second.exit().ioPort());
                } catch (Throwable t) {
                  failure.set(t);
                } finally {
                  second.detach();
                }
              });
      guest.expectOut(0x98, 1, 0);
      guest.expectOut(0x99, 1, 0);
      thread.join(5000);
      second.kick();
      thread.join();
      assertNull(failure.get());
      assertEquals(0x20, second.getSregs().cs().base() >> 8);
      assertEquals(Vcpu.KVM_MP_STATE_RUNNABLE, second.getMpState());
    }
  }

  @Test
  void timeStampCounter() throws Exception {
    String listing =
        """
        0f 31             ; rdtsc
        89 c3             ; mov ebx, eax
        89 d1             ; mov ecx, edx
        0f 31             ; rdtsc
        f4                ; hlt
        """;
    try (Guest guest = Guest.realMode(listing)) {
      protectedMode(guest);
      ExitReason reason = guest.run();
      assumeTrue(reason == ExitReason.HLT, () -> "capability rdtsc: " + guest.exit);
      Regs r = guest.vcpu.getRegs();
      long first = r.rcx() << 32 | r.rbx();
      long second = r.rdx() << 32 | r.rax();
      assertTrue(second > first && first > 0, first + " then " + second);
      int msrTsc = 0x10;
      long host = guest.vcpu.getMsrs(msrTsc).entries().getFirst().data();
      assumeTrue(host != 0, "capability MSR_IA32_TSC: this KVM tells nothing of it");
      assertTrue(host > second, host + " after " + second);
    }
  }

  @Test
  void pagedClock() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      guest.vcpu.setCpuid2(guest.kvm.supportedCpuid());
      int msrKvmSystemTimeNew = 0x4b56_4d01;
      Msrs on = new Msrs(List.of(new Msrs.Entry(msrKvmSystemTimeNew, 0x3001)));
      assumeTrue(guest.vcpu.setMsrsUntilRefused(on) == 1, "capability kvmclock: not there");
      guest.expectHlt();
      // struct pvclock_vcpu_time_info: version, pad, tsc, system time, multiplier, shift, flags.
      MemorySegment m = guest.memory.segment();
      int version = m.get(ValueLayout.JAVA_INT, 0x3000);
      assumeTrue(version != 0, "capability kvmclock: this KVM does not write the page");
      assertEquals(0, version & 1);
      assertTrue(m.get(ValueLayout.JAVA_INT, 0x3018) != 0, "no multiplier");
    }
  }
}

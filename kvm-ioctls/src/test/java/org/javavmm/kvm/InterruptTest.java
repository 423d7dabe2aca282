// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Interrupts, NMIs and exceptions as a guest gets them. */
@NeedsKvm
class InterruptTest {
  private static final int HANDLER = 0x1100;

  /** Real-mode code that waits with interrupts on; the handler says the vector. */
  private static final String LOOP =
      """
      fb                ; 1000 sti
      eb fe             ; 1001 jmp itself
      """;

  private static void handler(Guest guest, int vector) {
    byte[] code = Code.of("e6 %02x ; out VECTOR, al\n fa ; cli\n f4 ; hlt".formatted(vector));
    guest.load(HANDLER, code);
    guest.memory.segment().set(ValueLayout.JAVA_INT_UNALIGNED, 4L * vector, HANDLER);
  }

  @Test
  void interruptFromTheMonitor() throws Exception {
    String listing =
        """
        e6 70             ; out 0x70, al
        fb                ; sti
        90                ; nop
        eb fe             ; jmp itself
        """;
    try (Guest guest = Guest.realMode(listing)) {
      handler(guest, 0x21);
      guest.expectOut(0x70, 1, 0);
      assertFalse(guest.exit.interruptFlag());
      assertFalse(guest.exit.readyForInterruptInjection());
      // As documented: ask for a window, then inject.
      guest.exit.requestInterruptWindow(true);
      assertEquals(ExitReason.IRQ_WINDOW_OPEN, guest.run(), guest.exit::toString);
      assertTrue(guest.exit.readyForInterruptInjection());
      guest.exit.requestInterruptWindow(false);
      guest.vcpu.interrupt(0x21);
      guest.expectOut(0x21, 1, 0);
      guest.expectHlt();
      assertThrows(IllegalArgumentException.class, () -> guest.vcpu.interrupt(256));
    }
  }

  @Test
  void interruptFromTheMonitorIsRefusedWithControllersInTheKernel() throws Exception {
    try (Guest guest = Guest.withIrqchip("f4 ; hlt")) {
      KvmException e = assertThrows(KvmException.class, () -> guest.vcpu.interrupt(0x21));
      assertEquals(
          "KVM_INTERRUPT(vcpu=0, irq=33): ENXIO (the interrupt controllers are in the kernel)",
          e.getMessage());
    }
  }

  @Test
  void interruptThroughThePic() throws Exception {
    // ICW1 to ICW4 of the first PIC: vectors from 0x20; all lines but 5 masked.
    String listing =
        """
        b0 11             ; mov al, 0x11
        e6 20             ; out 0x20, al
        b0 20             ; mov al, 0x20
        e6 21             ; out 0x21, al
        b0 04             ; mov al, 4
        e6 21             ; out 0x21, al
        b0 01             ; mov al, 1
        e6 21             ; out 0x21, al
        b0 df             ; mov al, 0xdf
        e6 21             ; out 0x21, al
        e6 70             ; out 0x70, al
        fb                ; sti
        eb fe             ; jmp itself
        """;
    try (Guest guest = Guest.withIrqchip(listing)) {
      guest.load(HANDLER, Code.of("e6 25 ; out 0x25, al\n eb fe ; jmp itself"));
      guest.memory.segment().set(ValueLayout.JAVA_INT_UNALIGNED, 4L * 0x25, HANDLER);
      assertEquals(ExitReason.IO, guest.run(), guest.exit::toString);
      assertEquals(0x70, guest.exit.ioPort());
      guest.vm.setIrqLine(5, true);
      assertEquals(ExitReason.IO, guest.run(), guest.exit::toString);
      assertEquals(0x25, guest.exit.ioPort());
      guest.vm.setIrqLine(5, false);
    }
  }

  @Test
  void nonMaskableInterrupt() throws Exception {
    try (Guest guest = Guest.withIrqchip("90 ; nop\n eb fe ; jmp itself")) {
      guest.load(HANDLER, Code.of("e6 02 ; out 2, al\n eb fe ; jmp itself"));
      guest.memory.segment().set(ValueLayout.JAVA_INT_UNALIGNED, 4L * 2, HANDLER);
      guest.vcpu.nmi();
      assertTrue(guest.vcpu.getVcpuEvents().nmiPending(), "the NMI is not on its way");
      assertEquals(ExitReason.IO, guest.run(), guest.exit::toString);
      assertEquals(2, guest.exit.ioPort());
      assertTrue(guest.vcpu.getVcpuEvents().nmiMasked());
    }
  }

  @Test
  void systemManagementInterrupt() throws Exception {
    try (Guest guest = Guest.withIrqchip("f4 ; hlt")) {
      if (guest.vm.checkExtension(Cap.X86_SMM) == 0) {
        KvmException e = assertThrows(KvmException.class, guest.vcpu::smi);
        assertTrue(e.toString().contains("KVM_SMI(vcpu=0): E"), e.toString());
        return;
      }
      guest.vcpu.smi();
      assertTrue(guest.vcpu.getVcpuEvents().smiPending());
    }
  }

  @Test
  void injectedException() throws Exception {
    try (Guest guest = Guest.realMode(LOOP)) {
      handler(guest, 6);
      VcpuStateTest.needs(guest, Cap.VCPU_EVENTS);
      guest.vcpu.setVcpuEvents(new VcpuEvents().exceptionInjected(true).exceptionVector(6));
      assertTrue(guest.vcpu.getVcpuEvents().exceptionInjected());
      guest.expectOut(6, 1, 0);
      guest.expectHlt();
    }
  }

  @Test
  void divisionByZeroInRealMode() throws Exception {
    try (Guest guest = Guest.realMode("31 db ; xor bx, bx\n f7 f3 ; div bx\n f4 ; hlt")) {
      handler(guest, 0);
      guest.expectOut(0, 1, 0);
      guest.expectHlt();
    }
  }

  @Test
  void restoredInterruptIsDelivered() throws Exception {
    try (Guest guest = Guest.realMode(LOOP)) {
      handler(guest, 0x44);
      guest.vcpu.setRegs(guest.vcpu.getRegs().rflags(0x202));
      guest.vcpu.setVcpuEvents(new VcpuEvents().interruptInjected(true).interruptVector(0x44));
      guest.expectOut(0x44, 1, 0);
      guest.expectHlt();
    }
  }

  @Test
  void msrExits() throws Exception {
    String listing =
        """
        66 b9 00 00 ad 0b ; mov ecx, 0x0bad0000
        0f 32             ; rdmsr
        66 e7 10          ; out 0x10, eax
        66 b8 78 56 34 12 ; mov eax, 0x12345678
        66 ba 01 00 00 00 ; mov edx, 1
        0f 30             ; wrmsr
        0f 30             ; wrmsr
        f4                ; hlt
        """;
    try (Guest guest = Guest.realMode(listing)) {
      VcpuStateTest.needs(guest, Cap.X86_USER_SPACE_MSR);
      handler(guest, 13);
      VcpuStateTest.enableCap(
          guest.vm, Cap.X86_USER_SPACE_MSR, VcpuExit.KVM_MSR_EXIT_REASON_UNKNOWN);
      ExitReason reason = guest.run();
      assumeTrue(
          reason == ExitReason.X86_RDMSR,
          () -> "capability MSR exits of ring 0: it got " + guest.exit);
      assertEquals("X86_RDMSR msr=0xbad0000 reason=2", guest.exit.toString());
      guest.exit.setMsrData(0x7_cafe_babeL);
      guest.expectOut(0x10, 4, 0xcafe_babeL);
      assertEquals(7, guest.vcpu.getRegs().rdx());
      assertEquals(ExitReason.X86_WRMSR, guest.run());
      assertEquals("X86_WRMSR msr=0xbad0000 data=0x112345678 reason=2", guest.exit.toString());
      assertEquals(ExitReason.X86_WRMSR, guest.run());
      guest.exit.setMsrError(true);
      // A general protection fault.
      assertEquals(ExitReason.IO, guest.run(), guest.exit::toString);
      assertEquals(13, guest.exit.ioPort());
    }
  }

  /** Reads of one register are denied, those of its neighbour and writes are not. */
  private static final String FILTERED =
      """
      66 b9 75 01 00 00 ; mov ecx, 0x175
      0f 32             ; rdmsr, allowed
      66 b9 74 01 00 00 ; mov ecx, 0x174
      66 b8 55 00 00 00 ; mov eax, 0x55
      66 31 d2          ; xor edx, edx
      0f 30             ; wrmsr, allowed
      e6 20             ; out 0x20, al
      0f 32             ; rdmsr, denied
      66 e7 10          ; out 0x10, eax
      f4                ; hlt
      """;

  private static final MsrFilter DENY_READS_OF_174 =
      new MsrFilter(
          false,
          List.of(new MsrFilter.Range(MsrFilter.KVM_MSR_FILTER_READ, 0x174, 2, i -> i != 0x174)));

  /** Whether an access of ring 0 to a register that is not there can be an exit at all. */
  private static boolean givesMsrExits() throws Exception {
    try (Guest guest = Guest.realMode("66 b9 00 00 ad 0b ; mov ecx, 0x0bad0000\n0f 32 ; rdmsr")) {
      handler(guest, 13);
      guest.vm.capabilities().userSpaceMsr(VmCapabilities.KVM_MSR_EXIT_REASON_UNKNOWN);
      return guest.run() == ExitReason.X86_RDMSR;
    }
  }

  /** Whether ring 0 reads and writes the registers, none of them filtered. */
  private static boolean accessesMsrs() throws Exception {
    try (Guest guest = Guest.realMode(FILTERED)) {
      handler(guest, 13);
      return guest.run() == ExitReason.IO && guest.exit.ioPort() == 0x20;
    }
  }

  @Test
  void filteredMsrIsAnExit() throws Exception {
    try (Guest guest = Guest.realMode(FILTERED)) {
      VcpuStateTest.needs(guest, Cap.X86_MSR_FILTER);
      VcpuStateTest.needs(guest, Cap.X86_USER_SPACE_MSR);
      assumeTrue(givesMsrExits(), "capability MSR exits of ring 0: this KVM gives none");
      handler(guest, 13);
      guest.vm.capabilities().userSpaceMsr(VmCapabilities.KVM_MSR_EXIT_REASON_FILTER);
      guest.vm.setMsrFilter(DENY_READS_OF_174);
      guest.expectOut(0x20, 1, 0x55);
      assertEquals(ExitReason.X86_RDMSR, guest.run(), guest.exit::toString);
      assertEquals("X86_RDMSR msr=0x174 reason=4", guest.exit.toString());
      guest.exit.setMsrData(0x1234_5678);
      guest.expectOut(0x10, 4, 0x1234_5678);
      guest.expectHlt();
      // What the guest wrote is there: the filter is for the guest alone.
      assertEquals(0x55, guest.vcpu.getMsrs(0x174).entries().getFirst().data());
    }
  }

  @Test
  void filteredMsrIsAFaultWithoutExits() throws Exception {
    try (Guest guest = Guest.realMode(FILTERED)) {
      VcpuStateTest.needs(guest, Cap.X86_MSR_FILTER);
      assumeTrue(accessesMsrs(), "capability rdmsr of ring 0: this KVM does not execute it");
      handler(guest, 13);
      guest.vm.setMsrFilter(DENY_READS_OF_174);
      guest.expectOut(0x20, 1, 0x55);
      assertEquals(ExitReason.IO, guest.run(), guest.exit::toString);
      assertEquals(13, guest.exit.ioPort());
    }
    try (Guest guest = Guest.realMode(FILTERED)) {
      guest.vm.setMsrFilter(DENY_READS_OF_174);
      guest.vm.setMsrFilter(MsrFilter.ALLOW_ALL);
      guest.expectOut(0x20, 1, 0x55);
      guest.expectOut(0x10, 4, 0x55);
      guest.expectHlt();
    }
  }
}

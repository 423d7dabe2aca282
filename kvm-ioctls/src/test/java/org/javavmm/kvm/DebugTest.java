// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.javavmm.bindings.kvm.kvm_guest_debug;
import org.javavmm.bindings.kvm.kvm_guest_debug_arch;
import org.javavmm.bindings.kvm.kvm_h;
import org.javavmm.sys.Ioctl;
import org.junit.jupiter.api.Test;

/** Stepping through guests and stopping them at breakpoints. */
@NeedsKvm
class DebugTest {
  private static final String PROGRAM =
      """
      b8 05 00          ; 1000 mov ax, 5
      bb 07 00          ; 1003 mov bx, 7
      01 d8             ; 1006 add ax, bx
      a3 00 20          ; 1008 mov [0x2000], ax
      90                ; 100b nop
      f4                ; 100c hlt
      """;

  @Test
  void singleStep() throws Exception {
    try (Guest guest = Guest.realMode(PROGRAM)) {
      VcpuStateTest.needs(guest, Cap.SET_GUEST_DEBUG);
      guest.vcpu.setGuestDebug(new GuestDebug().singleStep());
      List<String> steps = new ArrayList<>();
      ExitReason reason;
      while ((reason = guest.run()) == ExitReason.DEBUG) {
        assertEquals(1, guest.exit.debugException());
        // Bit 14: the step.
        assertTrue((guest.exit.debugDr6() & 0x4000) != 0, guest.exit::toString);
        Regs regs = guest.vcpu.getRegs();
        assertEquals(regs.rip(), guest.exit.debugPc());
        steps.add(Long.toHexString(guest.exit.debugPc()) + ":" + regs.rax());
      }
      assertEquals(ExitReason.HLT, reason, guest.exit::toString);
      List<String> expected = List.of("1003:5", "1006:5", "1008:12", "100b:12", "100c:12");
      // The halt itself may be a step as well.
      assertEquals(expected, steps.subList(0, Math.min(steps.size(), expected.size())));
    }
  }

  @Test
  void steppingEnds() throws Exception {
    try (Guest guest = Guest.realMode(PROGRAM)) {
      guest.vcpu.setGuestDebug(new GuestDebug().singleStep());
      assertEquals(ExitReason.DEBUG, guest.run());
      guest.vcpu.setGuestDebug(GuestDebug.off());
      guest.expectHlt();
      assertEquals(12, guest.read(0x2000, 1)[0]);
    }
  }

  /**
   * Whether KVM stops a guest, told by a structure that is not written by the code under test.
   *
   * <p>QEMU's processor, as in the lab, has two gaps: entering an SVM guest loads DR7 without
   * arming its breakpoints, and INT3 does not look at the intercept of exception 3.
   */
  private static boolean stops(String listing, boolean longMode, int control, long dr0, long dr7)
      throws Exception {
    try (Guest guest = Guest.realMode(listing);
        Arena arena = Arena.ofConfined()) {
      if (longMode) {
        guest.longMode();
      }
      MemorySegment debug = arena.allocate(kvm_guest_debug.layout());
      kvm_guest_debug.control(debug, control);
      MemorySegment registers = kvm_guest_debug.arch(debug);
      kvm_guest_debug_arch.debugreg(registers, 0, dr0);
      kvm_guest_debug_arch.debugreg(registers, 7, dr7);
      int set = Ioctl.ioctl(guest.vcpu.fd(), kvm_h.KVM_SET_GUEST_DEBUG(), debug);
      assertEquals(0, set);
      return guest.run() == ExitReason.DEBUG;
    }
  }

  @Test
  void hardwareBreakpoint() throws Exception {
    int control = kvm_h.KVM_GUESTDBG_ENABLE() | kvm_h.KVM_GUESTDBG_USE_HW_BP();
    assumeTrue(
        stops(PROGRAM, false, control, 0x1008, 0x402),
        "capability hardware breakpoints: the processor under KVM does not arm them");
    try (Guest guest = Guest.realMode(PROGRAM)) {
      guest.vcpu.setGuestDebug(new GuestDebug().hardwareBreakpoint(2, 0x1008));
      assertEquals(ExitReason.DEBUG, guest.run(), guest.exit::toString);
      assertEquals(0x1008, guest.exit.debugPc());
      assertEquals(4, guest.exit.debugDr6() & 0xf);
      assertEquals(12, guest.vcpu.getRegs().rax());
      assertEquals(0, guest.read(0x2000, 1)[0]);
      guest.vcpu.setGuestDebug(new GuestDebug());
      guest.expectHlt();
    }
  }

  @Test
  void watchpoint() throws Exception {
    int control = kvm_h.KVM_GUESTDBG_ENABLE() | kvm_h.KVM_GUESTDBG_USE_HW_BP();
    // Bits 16 to 19: two bytes, written.
    assumeTrue(
        stops(PROGRAM, false, control, 0x2000, 0x5_0402),
        "capability watchpoint: KVM, or the processor under it, does not look at data");
    try (Guest guest = Guest.realMode(PROGRAM)) {
      guest.vcpu.setGuestDebug(
          new GuestDebug().hardwareBreakpoint(1, 0x2000, 2, GuestDebug.Access.WRITE));
      assertEquals(ExitReason.DEBUG, guest.run(), guest.exit::toString);
      assertEquals(0x100b, guest.exit.debugPc());
      assertEquals(2, guest.exit.debugDr6() & 0xf);
      assertEquals(12, guest.read(0x2000, 1)[0]);
    }
  }

  @Test
  void softwareBreakpoint() throws Exception {
    String listing =
        """
        90                ; 1000 nop
        cc                ; 1001 int3
        f4                ; 1002 hlt
        """;
    int control = kvm_h.KVM_GUESTDBG_ENABLE() | kvm_h.KVM_GUESTDBG_USE_SW_BP();
    assumeTrue(
        stops(listing, true, control, 0, 0),
        "capability int3: KVM, or the processor under it, does not stop at it");
    try (Guest guest = Guest.realMode(listing)) {
      guest.longMode();
      guest.vcpu.setGuestDebug(new GuestDebug().softwareBreakpoints());
      assertEquals(ExitReason.DEBUG, guest.run(), guest.exit::toString);
      assertEquals(3, guest.exit.debugException());
      assertEquals(0x1001, guest.exit.debugPc());
    }
  }

  /** Real-mode vectors 1 and 3 lead to a handler that says which. */
  @Test
  void injectedExceptions() throws Exception {
    String listing =
        """
        90                ; 1000 nop
        f4                ; 1001 hlt
        """;
    String handler =
        """
        e6 33             ; 1100 out 0x33, al
        cf                ; 1102 iret
        """;
    try (Guest guest = Guest.realMode(listing)) {
      guest.load(0x1100, Code.of(handler));
      guest.load(4, new byte[] {0, 0x11, 0, 0});
      guest.load(12, new byte[] {0, 0x11, 0, 0});
      guest.vcpu.setGuestDebug(new GuestDebug().injectDebugException());
      ExitReason reason = guest.run();
      assumeTrue(
          reason == ExitReason.IO,
          () -> "capability KVM_GUESTDBG_INJECT_DB: the guest did not get it: " + guest.exit);
      assertEquals(0x33, guest.exit.ioPort());
      guest.vcpu.setGuestDebug(GuestDebug.off());
      guest.expectHlt();
    }
  }
}

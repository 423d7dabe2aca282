// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HexFormat;
import org.javavmm.device.InterruptLine;
import org.javavmm.kvm.ExitReason;
import org.javavmm.kvm.Kvm;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Regs;
import org.javavmm.kvm.Sregs;
import org.javavmm.kvm.Vcpu;
import org.javavmm.kvm.Vm;
import org.javavmm.memory.GuestMemory;
import org.junit.jupiter.api.Test;

/** Interrupt lines through irqfds. */
@NeedsKvm
@SuppressWarnings("try") // closing early, and twice, is what is tested
class KvmInterruptLineTest {
  private static final int CODE = 0x1000;
  private static final int HANDLER = 0x1100;

  /** Sets up the first PIC with vectors from 0x20, takes IRQ 4 alone, tells so, and waits. */
  private static final byte[] PROGRAM =
      HexFormat.of()
          .parseHex(
              "fa" //            cli
                  + "b011e620" // ICW1: edge-triggered, cascaded, ICW4 follows
                  + "b020e621" // ICW2: vectors from 0x20
                  + "b004e621" // ICW3: the second PIC at pin 2
                  + "b001e621" // ICW4: 8086
                  + "b0efe621" // OCW1: all masked but 4
                  + "fb" //        sti
                  + "e610" //      out 0x10, al
                  + "f4" //        hlt
                  + "ebfd"); //    jmp to the hlt

  /** Tells, and ends the interrupt. */
  private static final byte[] ON_INTERRUPT =
      HexFormat.of()
          .parseHex(
              "e611" //            out 0x11, al
                  + "b020e620" //  mov al, 0x20; out 0x20, al
                  + "cf"); //      iret

  private static void expectOut(Vcpu vcpu, int port) throws KvmException {
    ExitReason reason;
    do {
      reason = vcpu.run();
    } while (reason == ExitReason.REENTER);
    assertEquals(ExitReason.IO, reason);
    assertEquals(port, vcpu.exit().ioPort());
  }

  @Test
  void triggerReachesTheGuest() throws Exception {
    try (Kvm kvm = Kvm.open();
        GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 64 << 10).build();
        Vm vm = kvm.createVm();
        KvmMemory _ = KvmMemory.attach(vm, memory)) {
      vm.createIrqchip();
      Vcpu vcpu = vm.createVcpu(0);
      memory.write(CODE, PROGRAM);
      memory.write(HANDLER, ON_INTERRUPT);
      memory.putInt(0x24 * 4, HANDLER); // the real mode's vector: offset, segment 0
      Sregs sregs = vcpu.getSregs();
      vcpu.setSregs(sregs.cs(sregs.cs().at(0, 0)));
      vcpu.setRegs(new Regs().rip(CODE).rsp(0x8000).rflags(2));
      try (KvmInterruptLine line = KvmInterruptLine.connect(vm, 4)) {
        assertEquals(4, line.gsi());
        InterruptLine asDeviceSeesIt = line;
        expectOut(vcpu, 0x10);
        for (int i = 0; i < 50; i++) {
          asDeviceSeesIt.trigger();
          expectOut(vcpu, 0x11);
        }
        // Edges that were not seen merge into one.
        line.trigger();
        line.trigger();
        line.trigger();
        expectOut(vcpu, 0x11);
      }
    }
  }

  @Test
  void closing() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      vm.createIrqchip();
      long before = Descriptors.to("anon_inode:");
      KvmInterruptLine line = KvmInterruptLine.connect(vm, 5);
      assertEquals(before + 1, Descriptors.to("anon_inode:"));
      line.close();
      line.close();
      assertEquals(before, Descriptors.to("anon_inode:"));
      assertThrows(IllegalStateException.class, line::trigger);
      // The pin is free for the next.
      KvmInterruptLine next = KvmInterruptLine.connect(vm, 5);
      next.trigger();
      vm.close();
      // After the VM, triggering leads nowhere and closing is safe.
      next.trigger();
      next.close();
      assertThrows(IllegalStateException.class, next::trigger);
    }
  }

  @Test
  void refusedLinesLeaveNothingOpen() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm without = kvm.createVm();
        Vm closed = kvm.createVm()) {
      closed.close();
      long before = Descriptors.to("anon_inode:");
      KvmException e =
          assertThrows(KvmException.class, () -> KvmInterruptLine.connect(without, 4).close());
      assertEquals("EINVAL", org.javavmm.sys.Errno.name(e.errno()));
      assertThrows(IllegalStateException.class, () -> KvmInterruptLine.connect(closed, 4).close());
      assertEquals(before, Descriptors.to("anon_inode:"));
    }
  }
}

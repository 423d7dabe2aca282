// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.io.PrintStream;
import org.javavmm.kvm.ExitReason;
import org.javavmm.kvm.Kvm;
import org.javavmm.kvm.Regs;
import org.javavmm.kvm.Sregs;
import org.javavmm.kvm.Vcpu;
import org.javavmm.kvm.VcpuExit;
import org.javavmm.kvm.Vm;
import org.javavmm.memory.GuestMemory;
import org.javavmm.vmkvm.KvmMemory;

/** The smallest monitor: a guest of a few bytes in real mode that greets through a port. */
final class HelloVmm {
  private static final long CODE = 0x1000;
  private static final int COM1 = 0x3f8;

  /** 16-bit code, and the text right behind it. */
  private static final byte[] GUEST = {
    (byte) 0xba,
    (byte) 0xf8,
    0x03, //   mov dx, 0x3f8
    (byte) 0xbe,
    0x0f,
    0x10, //          mov si, text
    (byte) 0xac, //               next:  lodsb
    (byte) 0x84,
    (byte) 0xc0, //         test al, al
    0x74,
    0x03, //                       jz end
    (byte) 0xee, //                      out dx, al
    (byte) 0xeb,
    (byte) 0xf8, //         jmp next
    (byte) 0xf4 //                  end: hlt
  };

  private static final String TEXT = "Hello from a guest on KVM, run by java-vmm.\n\0";

  private HelloVmm() {}

  /** Runs the guest and prints what it writes. */
  static void run(PrintStream out) throws IOException {
    // Closed in reverse order: the vCPU and the VM first, so that no slot uses the memory any more.
    try (Kvm kvm = Kvm.open();
        GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 64 << 10).build();
        Vm vm = kvm.createVm();
        KvmMemory _ = KvmMemory.attach(vm, memory);
        Vcpu vcpu = vm.createVcpu(0)) {
      memory.write(CODE, GUEST);
      memory.write(CODE + GUEST.length, TEXT.getBytes(US_ASCII));

      Sregs sregs = vcpu.getSregs();
      vcpu.setSregs(sregs.cs(sregs.cs().at(0, 0)));
      vcpu.setRegs(new Regs().rip(CODE).rflags(2));

      VcpuExit exit = vcpu.exit();
      while (true) {
        ExitReason reason = vcpu.run();
        switch (reason) {
          case IO -> {
            if (exit.ioIsWrite() && exit.ioPort() == COM1) {
              out.write((int) exit.ioData(0));
            }
          }
          case HLT -> {
            out.flush();
            return;
          }
          case REENTER -> {}
          default -> throw new IOException("the guest stopped: " + exit);
        }
      }
    }
  }
}

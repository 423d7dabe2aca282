// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.javavmm.kvm.ExitReason;
import org.javavmm.kvm.Kvm;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Regs;
import org.javavmm.kvm.Segment;
import org.javavmm.kvm.Sregs;
import org.javavmm.kvm.Vcpu;
import org.javavmm.kvm.VcpuExit;
import org.javavmm.kvm.Vm;
import org.javavmm.memory.GuestMemory;

/**
 * A VM with 64 KiB of memory, and a vCPU in real mode that starts at {@link #CODE}. Its data
 * segment reaches over 4 GiB, so that it can end interrupts at the local APIC.
 */
final class Guest implements AutoCloseable {
  static final int CODE = 0x1000;
  static final int HANDLER = 0x1100;

  /** Long enough for a loaded machine: it ends what would hang for ever. */
  private static final long HANG_MILLIS = 120_000;

  final Kvm kvm;
  final GuestMemory memory;
  final Vm vm;
  final KvmMemory slots;
  final Vcpu vcpu;
  final VcpuExit exit;
  private final List<Thread> watchdogs = new ArrayList<>();

  /** What makes a VM special, before its first vCPU. */
  interface Setup {
    void on(Vm vm) throws Exception;
  }

  Guest(String listing, Setup setup) throws Exception {
    kvm = Kvm.open();
    memory = GuestMemory.builder().anonymous("ram", 0, 64 << 10).build();
    vm = kvm.createVm();
    vm.setTssAddress(0xfffb_d000L);
    vm.setIdentityMapAddress(0xfffb_c000L);
    setup.on(vm);
    slots = KvmMemory.attach(vm, memory);
    vcpu = vm.createVcpu(0);
    exit = vcpu.exit();
    memory.write(CODE, Code.of(listing));
    Sregs sregs = vcpu.getSregs();
    Segment flat = new Segment(0, -1, 0, 3, true, 0, false, true, false, true, false, false);
    sregs.cs(sregs.cs().at(0, 0)).ds(flat).es(flat).ss(sregs.ss().at(0, 0));
    vcpu.setSregs(sregs);
    vcpu.setRegs(new Regs().rip(CODE).rsp(0x7000).rflags(2));
    watchdogs.add(
        Thread.ofVirtual()
            .start(() -> {
              try {
                Thread.sleep(HANG_MILLIS);
                vcpu.kick();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            }));
  }

  static Guest withIrqchip(String listing) throws Exception {
    return new Guest(listing, Vm::createIrqchip);
  }

  static Guest withoutIrqchip(String listing) throws Exception {
    return new Guest(listing, vm -> {});
  }

  /** A handler of a real-mode interrupt. */
  void handler(int vector, int at, String listing) {
    memory.write(at, Code.of(listing));
    memory.putInt(vector * 4L, at);
  }

  /** Runs to the next exit of the guest. */
  ExitReason run() throws KvmException {
    ExitReason reason;
    do {
      reason = vcpu.run();
    } while (reason == ExitReason.REENTER);
    return reason;
  }

  void expectOut(int port, long value) throws KvmException {
    assertEquals(ExitReason.IO, run(), exit::toString);
    assertEquals("IO out port=0x" + Integer.toHexString(port) + " size=1 count=1", exit.toString());
    assertEquals(value, exit.ioData(0), () -> "0x" + Long.toHexString(exit.ioData(0)));
  }

  @Override
  public void close() {
    watchdogs.forEach(Thread::interrupt);
    vm.close();
    slots.close();
    memory.close();
    kvm.close();
  }
}

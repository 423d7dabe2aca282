// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.io.IOException;
import java.util.HexFormat;
import org.javavmm.kvm.ExitReason;
import org.javavmm.kvm.Kvm;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Regs;
import org.javavmm.kvm.Sregs;
import org.javavmm.kvm.Vcpu;
import org.javavmm.kvm.Vm;
import org.javavmm.memory.GuestMemory;
import org.javavmm.vmkvm.KvmMemory;

/**
 * A machine of 64 KiB and one vCPU for a guest of a few bytes in real mode. A test compares the
 * guests with those of {@code kvm.c}.
 */
final class SmallGuest implements AutoCloseable {
  static final long MEMORY = 64 << 10;

  /** Where a guest starts. */
  static final long CODE = 0x1000;

  /** The port at which {@link #PORT_WRITE}, {@link #PORT_READ} and {@link #IOEVENTFD} aim. */
  static final int PORT = 0x3f8;

  /** The port with which a guest says that it got somewhere. */
  static final int READY_PORT = 0x10;

  /** What {@link #KICK} counts up, two bytes. */
  static final long COUNTER = 0x800;

  /** The interrupt of {@link #IRQFD}. */
  static final int GSI = 4;

  /** mov dx, 0x3f8; next: out dx, al; jmp next. */
  static final byte[] PORT_WRITE = hex("ba f8 03 ee eb fd");

  /** mov dx, 0x3f8; next: in al, dx; jmp next. */
  static final byte[] PORT_READ = hex("ba f8 03 ec eb fd");

  /** mov ax, 0x2000; mov ds, ax; next: mov [0], al; jmp next. */
  static final byte[] MMIO_WRITE = hex("b8 00 20 8e d8 a2 00 00 eb fb");

  /** mov ax, 0x2000; mov ds, ax; next: mov al, [0]; jmp next. */
  static final byte[] MMIO_READ = hex("b8 00 20 8e d8 a0 00 00 eb fb");

  /** mov dx, 0x3f8; next: out dx, al; out 0x10, al; jmp next. */
  static final byte[] IOEVENTFD = hex("ba f8 03 ee e6 10 eb fb");

  /**
   * Sets the vector of the interrupt and the controller (vectors from 0x20, automatic end, only
   * this interrupt), says so with a write to port 0x10, and halts. The handler writes to port 0x10.
   */
  static final byte[] IRQFD =
      hex(
          "bc 00 f0 c7 06 90 00 29 10 c7 06 92 00 00 00"
              + " b0 11 e6 20 b0 20 e6 21 b0 04 e6 21 b0 03 e6 21"
              + " b0 ef e6 21 e6 10 fb f4 eb fd e6 10 cf");

  /** next: inc word [0x800]; jmp next. */
  static final byte[] KICK = hex("ff 06 00 08 eb fa");

  final Kvm kvm;
  final GuestMemory memory;
  final Vm vm;
  final Vcpu vcpu;
  private final KvmMemory slots;

  private SmallGuest(Kvm kvm, GuestMemory memory, Vm vm, KvmMemory slots, Vcpu vcpu) {
    this.kvm = kvm;
    this.memory = memory;
    this.vm = vm;
    this.slots = slots;
    this.vcpu = vcpu;
  }

  static byte[] hex(String text) {
    return HexFormat.of().parseHex(text.replace(" ", ""));
  }

  /**
   * Makes the machine. A failure ends the benchmark's process, and what is open with it.
   *
   * @param code the guest
   * @param irqchip whether it has interrupt controllers, in the kernel
   * @return the machine
   * @throws IOException if KVM refuses
   */
  static SmallGuest start(byte[] code, boolean irqchip) throws IOException {
    Kvm kvm = Kvm.open();
    Vm vm = kvm.createVm();
    if (irqchip) {
      vm.createIrqchip();
    }
    GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, MEMORY).build();
    KvmMemory slots = KvmMemory.attach(vm, memory);
    Vcpu vcpu = vm.createVcpu(0);
    memory.write(CODE, code, 0, code.length);
    setRegisters(vcpu);
    return new SmallGuest(kvm, memory, vm, slots, vcpu);
  }

  /** Real mode, flat from 0. */
  static void setRegisters(Vcpu vcpu) throws KvmException {
    Sregs sregs = vcpu.getSregs();
    vcpu.setSregs(sregs.cs(sregs.cs().at(0, 0)));
    vcpu.setRegs(new Regs().rip(CODE).rflags(2));
  }

  /** Whether an exit is the guest's word that it got somewhere. */
  boolean isReady(ExitReason reason) {
    return reason == ExitReason.IO && vcpu.exit().ioPort() == READY_PORT;
  }

  @Override
  public void close() {
    vcpu.close();
    vm.close();
    slots.close();
    memory.close();
    kvm.close();
  }
}

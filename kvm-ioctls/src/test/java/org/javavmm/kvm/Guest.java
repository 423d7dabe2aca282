// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.javavmm.sys.Mapping;

/**
 * A VM with 64 KiB at address 0 in slot 0, and a vCPU in real mode that starts at {@link #CODE}.
 */
final class Guest implements AutoCloseable {
  static final long SIZE = 64 << 10;
  static final int CODE = 0x1000;

  private static final long PML4 = 0x8000;

  /** Long enough for a loaded machine: it ends what would hang for ever. */
  private static final long HANG_MILLIS = 120_000;

  final Kvm kvm;
  final Mapping memory;
  final Vm vm;
  final Vcpu vcpu;
  final VcpuExit exit;
  private final List<Thread> watchdogs = new ArrayList<>();

  private Guest(boolean irqchip, byte[] code) throws Exception {
    kvm = Kvm.open();
    memory = Mapping.anonymous(SIZE);
    vm = kvm.createVm();
    vm.setTssAddress(0xfffb_d000L);
    vm.setIdentityMapAddress(0xfffb_c000L);
    if (irqchip) {
      vm.createIrqchip();
    }
    vm.setUserMemoryRegion(0, 0, 0, SIZE, memory.address());
    vcpu = vm.createVcpu(0);
    exit = vcpu.exit();
    load(CODE, code);
    Sregs sregs = vcpu.getSregs();
    Segment flat = sregs.ds().at(0, 0);
    sregs.cs(sregs.cs().at(0, 0)).ds(flat).es(flat).ss(flat);
    vcpu.setSregs(sregs);
    vcpu.setRegs(new Regs().rip(CODE).rsp(0x7000).rflags(2));
    watch(vcpu);
  }

  /** A guest without interrupt controllers in the kernel: HLT is an exit. */
  static Guest realMode(String listing) throws Exception {
    return new Guest(false, Code.of(listing));
  }

  /** A guest with them: HLT waits in the kernel. */
  static Guest withIrqchip(String listing) throws Exception {
    return new Guest(true, Code.of(listing));
  }

  /** Kicks a vCPU out of a hang, so that a test fails rather than the build. */
  void watch(Vcpu hanging) {
    watchdogs.add(
        Thread.ofVirtual()
            .start(() -> {
              try {
                Thread.sleep(HANG_MILLIS);
                hanging.kick();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            }));
  }

  void load(long gpa, byte[] bytes) {
    MemorySegment.copy(bytes, 0, memory.segment(), ValueLayout.JAVA_BYTE, gpa, bytes.length);
  }

  byte[] read(long gpa, int length) {
    return memory.segment().asSlice(gpa, length).toArray(ValueLayout.JAVA_BYTE);
  }

  /** Switches the vCPU to 64-bit mode with the first 4 GiB mapped to themselves. */
  void longMode() throws KvmException {
    // KVM of 6.12 refuses the mode to a vCPU whose CPUID does not have it.
    vcpu.setCpuid2(kvm.supportedCpuid());
    MemorySegment m = memory.segment();
    long pdpt = PML4 + 0x1000;
    m.set(ValueLayout.JAVA_LONG, PML4, pdpt | 3);
    for (int d = 0; d < 4; d++) {
      long directory = pdpt + 0x1000 + 0x1000L * d;
      m.set(ValueLayout.JAVA_LONG, pdpt + 8L * d, directory | 3);
      for (int i = 0; i < 512; i++) {
        long page = ((long) d * 512 + i) << 21;
        m.set(ValueLayout.JAVA_LONG, directory + 8L * i, page | 0x83);
      }
    }
    Segment data = new Segment(0, -1, 0x18, 3, true, 0, true, true, false, true, false, false);
    Segment code = new Segment(0, -1, 0x10, 11, true, 0, false, true, true, true, false, false);
    Sregs sregs = vcpu.getSregs();
    sregs.cs(code).ds(data).es(data).fs(data).gs(data).ss(data);
    sregs.cr0(0x8000_0011L).cr3(PML4).cr4(0x20).efer(0x500);
    vcpu.setSregs(sregs);
  }

  /** Runs to the next exit of the guest. */
  ExitReason run() throws KvmException {
    ExitReason reason;
    do {
      reason = vcpu.run();
    } while (reason == ExitReason.REENTER);
    // The one ioctl that does not go through Kvm.call, to cost nothing.
    var _ = KvmIoctl.KVM_RUN.seen(reason.number());
    return reason;
  }

  void expectOut(int port, int size, long value) throws KvmException {
    assertEquals(ExitReason.IO, run(), exit::toString);
    assertEquals(
        "IO out port=0x" + Integer.toHexString(port) + " size=" + size + " count=1",
        exit.toString());
    assertEquals(value, exit.ioData(0), () -> "0x" + Long.toHexString(exit.ioData(0)));
  }

  void expectHlt() throws KvmException {
    assertEquals(ExitReason.HLT, run(), exit::toString);
  }

  @Override
  public void close() {
    watchdogs.forEach(Thread::interrupt);
    vm.close();
    memory.close();
    kvm.close();
  }
}

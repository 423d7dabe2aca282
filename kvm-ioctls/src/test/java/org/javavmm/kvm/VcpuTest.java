// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.javavmm.sys.Errno;
import org.junit.jupiter.api.Test;

/** A vCPU's registers and other state, set and read back. */
@NeedsKvm
class VcpuTest {
  private static final int MSR_IA32_SYSENTER_CS = 0x174;
  private static final int MSR_IA32_SYSENTER_ESP = 0x175;
  private static final int MSR_LSTAR = 0xc000_0082;

  /** In a range that neither Intel nor AMD uses. */
  private static final int MSR_NONE = 0x0bad_0000;

  @Test
  void generalRegisters() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      Regs regs = new Regs().rax(1).rbx(2).rcx(3).rdx(4).rsi(5).rdi(6).rsp(7).rbp(8);
      regs.r8(9).r9(10).r10(11).r11(12).r12(13).r13(14).r14(15).r15(-1L);
      regs.rip(Guest.CODE).rflags(0x203);
      guest.vcpu.setRegs(regs);
      assertEquals(regs.toString(), guest.vcpu.getRegs().toString());
      guest.expectHlt();
      assertEquals(Guest.CODE + 1, guest.vcpu.getRegs().rip());
      assertEquals(2, guest.vcpu.getRegs().rbx());
    }
  }

  @Test
  void theGuestSeesRegistersAndWeSeeItsOwn() throws Exception {
    String listing =
        """
        48 01 d8          ; add rax, rbx
        e7 10             ; out 0x10, eax
        f4                ; hlt
        """;
    try (Guest guest = Guest.realMode(listing)) {
      guest.longMode();
      guest.vcpu.setRegs(new Regs().rip(Guest.CODE).rflags(2).rax(0x1_0000_0001L).rbx(0x41));
      guest.expectOut(0x10, 4, 0x42);
      guest.expectHlt();
      assertEquals(0x1_0000_0042L, guest.vcpu.getRegs().rax());
    }
  }

  @Test
  void controlRegisters() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      guest.longMode();
      Sregs sregs = guest.vcpu.getSregs();
      sregs.cr2(0x1234_5678_9abcL).cr8(5).gdt(0x2000, 0x27).idt(0x3000, 0xfff);
      sregs.fs(sregs.fs().at(0x7fff_0000_1000L, 0x18));
      guest.vcpu.setSregs(sregs);
      Sregs back = guest.vcpu.getSregs();
      assertEquals(sregs.toString(), back.toString());
      assertTrue(back.cs().l());
      assertEquals(0x500, back.efer());
      assertEquals(0x7fff_0000_1000L, back.fs().base());
    }
  }

  @Test
  void refusedControlRegisters() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      // Paging without protection does not exist.
      Sregs sregs = guest.vcpu.getSregs();
      sregs.cr0(0x8000_0010L);
      KvmException e = assertThrows(KvmException.class, () -> guest.vcpu.setSregs(sregs));
      assertEquals(
          "KVM_SET_SREGS(vcpu=0): EINVAL (the processor would refuse such a state)",
          e.getMessage());
    }
  }

  @Test
  void floatingPoint() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      guest.vcpu.setFpu(new Fpu().fcw(0x27f).mxcsr(0x1fa0));
      Fpu back = guest.vcpu.getFpu();
      assertEquals(0x27f, back.fcw());
      // KVM leaves this field alone.
      assertEquals(0, back.mxcsr());
    }
  }

  @Test
  void localApic() throws Exception {
    try (Guest guest = Guest.withIrqchip("f4 ; hlt")) {
      LapicState lapic = guest.vcpu.getLapic();
      lapic.set(LapicState.APIC_LVT0, 0x700).set(LapicState.APIC_LVT1, 0x400);
      guest.vcpu.setLapic(lapic);
      LapicState back = guest.vcpu.getLapic();
      assertEquals(0x700, back.get(LapicState.APIC_LVT0));
      assertEquals(0x400, back.get(LapicState.APIC_LVT1));
      Vcpu second = guest.vm.createVcpu(1);
      // The APIC's id is the vCPU's number.
      assertEquals(1 << 24, second.getLapic().get(0x20));
    }
  }

  @Test
  void noLocalApicWithoutIrqchip() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      KvmException e = assertThrows(KvmException.class, guest.vcpu::getLapic);
      assertEquals(
          "KVM_GET_LAPIC(vcpu=0): EINVAL (there is no local APIC in the kernel)", e.getMessage());
    }
  }

  @Test
  void msrs() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      // Of SYSENTER_ESP kvm_amd keeps 32 bits, as AMD's processors have no use for more.
      Msrs msrs =
          new Msrs(
              List.of(
                  new Msrs.Entry(MSR_IA32_SYSENTER_CS, 0x10),
                  new Msrs.Entry(MSR_IA32_SYSENTER_ESP, 0x8000_1000L),
                  new Msrs.Entry(MSR_LSTAR, 0xffff_8000_dead_b000L)));
      guest.vcpu.setMsrs(msrs);
      assertEquals(
          msrs, guest.vcpu.getMsrs(MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_LSTAR));
      assertEquals(List.of(), guest.vcpu.getMsrs().entries());
    }
  }

  @Test
  void refusedMsrIsNamed() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      KvmException get =
          assertThrows(
              KvmException.class,
              () -> guest.vcpu.getMsrs(MSR_IA32_SYSENTER_CS, MSR_NONE, MSR_LSTAR));
      assertEquals(
          "KVM_GET_MSRS(vcpu=0, nmsrs=3): EINVAL (stopped at number 1, MSR 0xbad0000)",
          get.getMessage());
      Msrs msrs =
          new Msrs(
              List.of(
                  new Msrs.Entry(MSR_IA32_SYSENTER_CS, 0x20),
                  new Msrs.Entry(MSR_NONE, 0x55),
                  new Msrs.Entry(MSR_LSTAR, 0x66)));
      KvmException set = assertThrows(KvmException.class, () -> guest.vcpu.setMsrs(msrs));
      assertEquals(
          "KVM_SET_MSRS(vcpu=0, nmsrs=3): EINVAL (stopped at number 1, MSR 0xbad0000 = 0x55)",
          set.getMessage());
      // As documented: those before it are set.
      assertEquals(
          List.of(new Msrs.Entry(MSR_IA32_SYSENTER_CS, 0x20), new Msrs.Entry(MSR_LSTAR, 0)),
          guest.vcpu.getMsrs(MSR_IA32_SYSENTER_CS, MSR_LSTAR).entries());
    }
  }

  @Test
  void tooManyMsrs() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      int[] indexes = new int[256];
      KvmException e = assertThrows(KvmException.class, () -> guest.vcpu.getMsrs(indexes));
      assertEquals(Errno.E2BIG, e.errno());
    }
  }

  @Test
  void cpuid() throws Exception {
    String listing =
        """
        66 b8 00 00 00 40 ; mov eax, 0x40000000
        66 b9 00 00 00 00 ; mov ecx, 0
        0f a2             ; cpuid
        66 93             ; xchg eax, ebx
        66 e7 10          ; out 0x10, eax
        f4                ; hlt
        """;
    try (Guest guest = Guest.realMode(listing)) {
      List<Cpuid.Entry> entries = new ArrayList<>(guest.kvm.supportedCpuid().entries());
      assertTrue(entries.size() > 4, entries::toString);
      entries.removeIf(e -> e.function() >>> 24 == 0x40);
      entries.add(new Cpuid.Entry(0x4000_0000, 0, 0, 0x4000_0000, 0x6176_616a, 2, 3));
      guest.vcpu.setCpuid2(new Cpuid(entries));
      Cpuid back = guest.vcpu.getCpuid2();
      assertEquals(entries.size(), back.entries().size());
      assertEquals(entries.getLast(), back.find(0x4000_0000, 0).orElseThrow());
      assertEquals(entries.getFirst(), back.entries().getFirst());
      guest.expectOut(0x10, 4, 0x6176_616a); // "java"
      guest.expectHlt();
    }
  }

  @Test
  void tooManyCpuidLeaves() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      Cpuid many =
          new Cpuid(
              IntStream.range(0, 257)
                  .mapToObj(i -> new Cpuid.Entry(0x5000_0000 + i, 0, 0, 0, 0, 0, 0))
                  .toList());
      KvmException e = assertThrows(KvmException.class, () -> guest.vcpu.setCpuid2(many));
      assertEquals(
          "KVM_SET_CPUID2(vcpu=0, nent=257): E2BIG (there are more leaves than KVM takes)",
          e.getMessage());
    }
  }

  @Test
  void mpState() throws Exception {
    try (Guest guest = Guest.withIrqchip("f4 ; hlt")) {
      Vcpu second = guest.vm.createVcpu(1);
      assertEquals(0, guest.vcpu.getMpState());
      assertEquals(1, second.getMpState());
      second.setMpState(0);
      assertEquals(0, second.getMpState());
      KvmException e = assertThrows(KvmException.class, () -> second.setMpState(4711));
      assertEquals(
          "KVM_SET_MP_STATE(vcpu=1, mp_state=4711): EINVAL (no state that this vCPU can be in)",
          e.getMessage());
    }
  }

  @Test
  void translate() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      assertEquals(OptionalLong.of(0x1234), guest.vcpu.translate(0x1234));
      guest.longMode();
      // The second directory entry of the first directory now leads to the first 2 MiB.
      guest.load(0x8000 + 0x2000 + 8, new byte[] {(byte) 0x83, 0, 0, 0});
      assertEquals(OptionalLong.of(0x1234), guest.vcpu.translate(0x1234));
      assertEquals(OptionalLong.of(0x1234), guest.vcpu.translate(0x20_1234));
      assertEquals(OptionalLong.of(0xfee0_0020L), guest.vcpu.translate(0xfee0_0020L));
      assertEquals(OptionalLong.empty(), guest.vcpu.translate(0x1_0000_0000L));
    }
  }

  @Test
  void closedVcpu() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      guest.vcpu.close();
      guest.vcpu.close();
      guest.vcpu.kick();
      guest.vcpu.detach();
      IllegalStateException e = assertThrows(IllegalStateException.class, guest.vcpu::run);
      assertEquals("vCPU 0 is closed", e.getMessage());
      assertThrows(IllegalStateException.class, guest.vcpu::getRegs);
    }
  }

  @Test
  void virtualThreadIsRefused() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      Thread.ofVirtual()
          .start(() -> assertThrows(IllegalStateException.class, guest.vcpu::run))
          .join();
      guest.expectHlt();
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.javavmm.sys.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** State of a vCPU beyond its registers, set and read back; what KVM refuses is named. */
@NeedsKvm
class VcpuStateTest {
  private static final String HLT = "f4 ; hlt";
  private static final int MSR_IA32_SYSENTER_CS = 0x174;
  private static final int MSR_NONE = 0x0bad_0000;

  /** Skips by the capability's name. */
  static int needs(Guest guest, Cap cap) throws KvmException {
    int value = guest.vm.checkExtension(cap);
    assumeTrue(value != 0, () -> "capability KVM_CAP_" + cap + ": this KVM does not have it");
    return value;
  }

  /** Enables a capability of the VM. */
  static void enableCap(Vm vm, Cap cap, long argument) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = Kvm.struct(arena, EnableCapLayout.SIZEOF);
      struct.set(ValueLayout.JAVA_INT, EnableCapLayout.CAP, cap.number());
      struct.set(ValueLayout.JAVA_LONG, EnableCapLayout.ARGS, argument);
      Kvm.check(Kvm.call(vm.fd(), KvmIoctl.KVM_ENABLE_CAP, struct), "KVM_ENABLE_CAP()", "");
    }
  }

  private static void refused(String call, Executable executable) {
    KvmException e = assertThrows(KvmException.class, executable);
    assertTrue(e.toString().contains(": " + call), e.toString());
  }

  @Test
  void debugRegisters() throws Exception {
    try (Guest guest = Guest.realMode(HLT)) {
      needs(guest, Cap.DEBUGREGS);
      DebugRegs registers = new DebugRegs(0x1000, 0x2000, 0x3000, 0x4000, 0xffff0ff0L, 0x455);
      guest.vcpu.setDebugRegs(registers);
      assertEquals(registers, guest.vcpu.getDebugRegs());
      DebugRegs wide = new DebugRegs(0, 0, 0, 0, 1L << 32, 0x400);
      refused("KVM_SET_DEBUGREGS(vcpu=0): EINVAL", () -> guest.vcpu.setDebugRegs(wide));
    }
  }

  @Test
  void extendedControlRegisters() throws Exception {
    try (Guest guest = Guest.realMode(HLT)) {
      needs(guest, Cap.XCRS);
      Xcrs xcrs;
      try {
        xcrs = guest.vcpu.getXcrs();
      } catch (KvmException e) {
        assertEquals(
            "KVM_GET_XCRS(vcpu=0): EINVAL (the host's processor has none)", e.getMessage());
        return;
      }
      assertEquals(1, xcrs.entries().size());
      assertEquals(0, xcrs.entries().getFirst().index());
      guest.vcpu.setCpuid2(guest.kvm.supportedCpuid());
      guest.vcpu.setXcrs(xcrs);
      assertEquals(xcrs, guest.vcpu.getXcrs());
      // x87 state cannot be turned off.
      Xcrs none = new Xcrs(List.of(new Xcrs.Entry(0, 0)));
      refused("KVM_SET_XCRS(vcpu=0): EINVAL", () -> guest.vcpu.setXcrs(none));
    }
  }

  @Test
  void extendedState() throws Exception {
    try (Guest guest = Guest.realMode(HLT)) {
      needs(guest, Cap.XSAVE);
      Xsave xsave = guest.vcpu.getXsave();
      assertEquals(4096, xsave.size());
      assertEquals(0x1f80, xsave.mxcsr());
      byte[] xmm0 = "0123456789abcdef".getBytes(java.nio.charset.StandardCharsets.US_ASCII);
      xsave.mxcsr(0x1fa0).fcw(0x27f).bytes(160, xmm0).xstateBv(xsave.xstateBv() | 3);
      guest.vcpu.setXsave(xsave);
      Xsave back = guest.vcpu.getXsave();
      assertEquals(0x1fa0, back.mxcsr());
      assertEquals(0x27f, back.fcw());
      assertArrayEquals(xmm0, back.bytes(160, 16));
      guest.vcpu.setXsave(Xsave.of(back.toBytes()));
      assertArrayEquals(back.toBytes(), guest.vcpu.getXsave().toBytes());
      // A part that no processor has.
      Xsave odd = Xsave.of(back.toBytes()).xstateBv(1L << 60);
      refused("KVM_SET_XSAVE(vcpu=0): EINVAL", () -> guest.vcpu.setXsave(odd));
    }
  }

  @Test
  void extendedStateAsLargeAsItIs() throws Exception {
    try (Guest guest = Guest.realMode(HLT)) {
      int size = needs(guest, Cap.XSAVE2);
      Xsave xsave = guest.vcpu.getXsave2();
      assertEquals(Math.max(4096, size), xsave.size());
      guest.vcpu.setXsave(xsave.mxcsr(0x1fa0).xstateBv(xsave.xstateBv() | 3));
      assertEquals(0x1fa0, guest.vcpu.getXsave2().mxcsr());
      Xsave larger = Xsave.of(new byte[xsave.size() + 4096]);
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> guest.vcpu.setXsave(larger));
      assertEquals(
          "size="
              + (xsave.size() + 4096)
              + ", this VM's extended state has "
              + xsave.size()
              + " bytes",
          e.getMessage());
    }
  }

  @Test
  void events() throws Exception {
    try (Guest guest = Guest.withIrqchip(HLT)) {
      needs(guest, Cap.VCPU_EVENTS);
      VcpuEvents events = guest.vcpu.getVcpuEvents();
      assertFalse(events.exceptionInjected());
      assertFalse(events.nmiMasked());
      guest.vcpu.setVcpuEvents(events.nmiMasked(true).interruptShadow(1));
      VcpuEvents back = guest.vcpu.getVcpuEvents();
      assertTrue(back.nmiMasked());
      assertFalse(back.interruptInjected());
      // NMI is no exception that could be injected.
      VcpuEvents odd = guest.vcpu.getVcpuEvents().exceptionInjected(true).exceptionVector(200);
      refused("KVM_SET_VCPU_EVENTS(vcpu=0, flags=0x", () -> guest.vcpu.setVcpuEvents(odd));
      VcpuEvents flag = new VcpuEvents().flags(1 << 30);
      refused("KVM_SET_VCPU_EVENTS(vcpu=0, flags=0x", () -> guest.vcpu.setVcpuEvents(flag));
      VcpuEvents payload = new VcpuEvents().exceptionPayload(1);
      refused("KVM_SET_VCPU_EVENTS(vcpu=0, flags=0x", () -> guest.vcpu.setVcpuEvents(payload));
    }
  }

  @Test
  void sregs2() throws Exception {
    try (Guest guest = Guest.realMode(HLT)) {
      needs(guest, Cap.SREGS2);
      guest.longMode();
      Sregs2 sregs = guest.vcpu.getSregs2();
      assertEquals(guest.vcpu.getSregs().toString(), sregs.sregs().toString());
      assertFalse(sregs.pdptrsValid());
      sregs.sregs().cr2(0x7000);
      guest.vcpu.setSregs2(sregs);
      assertEquals(0x7000, guest.vcpu.getSregs2().sregs().cr2());
      sregs.sregs().cr4(0x2000_0000_0000L);
      refused("KVM_SET_SREGS2(vcpu=0): EINVAL", () -> guest.vcpu.setSregs2(sregs));
    }
  }

  @Test
  void nestedState() throws Exception {
    try (Guest guest = Guest.realMode(HLT)) {
      NestedState none = NestedState.of(nested(0, 0, new byte[0]));
      if (guest.vm.checkExtension(Cap.NESTED_STATE) == 0) {
        refused("KVM_GET_NESTED_STATE(vcpu=0): EINVAL", () -> guest.vcpu.getNestedState());
        refused(
            "KVM_SET_NESTED_STATE(vcpu=0, format=0 flags=0x0 size=128): EINVAL",
            () -> guest.vcpu.setNestedState(none));
        return;
      }
      NestedState state = guest.vcpu.getNestedState();
      assertTrue(state.size() >= 128);
      guest.vcpu.setNestedState(state);
      assertArrayEquals(state.toBytes(), guest.vcpu.getNestedState().toBytes());
    }
  }

  static byte[] nested(int format, int flags, byte[] data) {
    byte[] bytes = new byte[128 + data.length];
    bytes[0] = (byte) flags;
    bytes[1] = (byte) (flags >> 8);
    bytes[2] = (byte) format;
    for (int i = 0; i < 4; i++) {
      bytes[4 + i] = (byte) (bytes.length >> (8 * i));
    }
    System.arraycopy(data, 0, bytes, 128, data.length);
    return bytes;
  }

  @Test
  void timeStampCounter() throws Exception {
    try (Guest guest = Guest.realMode(HLT)) {
      needs(guest, Cap.GET_TSC_KHZ);
      assertTrue(guest.vcpu.getTscKhz() > 100_000);
      // The host's own, which may have been measured anew since KVM was loaded.
      guest.vcpu.setTscKhz(0);
      int khz = guest.vcpu.getTscKhz();
      assertTrue(khz > 100_000, khz + " kHz");
      guest.vcpu.setTscKhz(khz);
      assertEquals(khz, guest.vcpu.getTscKhz());
    }
  }

  @Test
  void timeStampCounterOffset() throws Exception {
    try (Guest guest = Guest.realMode(HLT)) {
      boolean there = guest.vcpu.attributes().has(Vcpu.KVM_VCPU_TSC_CTRL, Vcpu.KVM_VCPU_TSC_OFFSET);
      assertFalse(guest.vcpu.attributes().has(4711, 0));
      refused(
          "KVM_GET_DEVICE_ATTR(vCPU 0, group=4711, attr=5): E",
          () -> guest.vcpu.attributes().getLong(4711, 5));
      refused(
          "KVM_SET_DEVICE_ATTR(vCPU 0, group=0, attr=5): E",
          () -> guest.vcpu.attributes().setLong(0, 5, 1));
      assumeTrue(there, "capability KVM_CAP_VCPU_ATTRIBUTES: no offset of the TSC");
      guest.vcpu.setTscOffset(-123_456_789_000L);
      long offset = guest.vcpu.getTscOffset();
      assumeTrue(offset != 0, "capability TSC offset: this KVM takes it and keeps 0");
      assertEquals(-123_456_789_000L, offset);
    }
  }

  @Test
  void machineChecks() throws Exception {
    try (Guest guest = Guest.realMode(HLT)) {
      int banks = needs(guest, Cap.MCE);
      refused("KVM_X86_SETUP_MCE(vcpu=0, mcg_cap=0xff): EINVAL", () -> guest.vcpu.setupMce(0xff));
      guest.vcpu.setupMce(Math.min(banks, 10));
      MachineCheck check = new MachineCheck(9, 1L << 63, 0x1000, 0, 0);
      guest.vcpu.setMce(check);
      refused(
          "KVM_X86_SET_MCE(vcpu=0, bank=200): EINVAL",
          () -> guest.vcpu.setMce(new MachineCheck(200, 1L << 63, 0, 0, 0)));
      assertThrows(IllegalArgumentException.class, () -> new MachineCheck(256, 0, 0, 0, 0));
      // Bank 9's status and address, as the guest reads them.
      Msrs read = guest.vcpu.getMsrs(0x401 + 4 * 9, 0x402 + 4 * 9);
      assertEquals(1L << 63, read.entries().get(0).data());
      assertEquals(0x1000, read.entries().get(1).data());
    }
  }

  @Test
  void taskPriorityAccess() throws Exception {
    try (Guest guest = Guest.withIrqchip(HLT)) {
      guest.vcpu.setTprAccessReporting(true);
      guest.vcpu.setTprAccessReporting(false);
      guest.vcpu.setVapicAddress(0x3000);
      guest.vcpu.setVapicAddress(0);
      refused(
          "KVM_SET_VAPIC_ADDR(vcpu=0, gpa=0x7fff000000000000): E",
          () -> guest.vcpu.setVapicAddress(0x7fff_0000_0000_0000L));
    }
    try (Guest guest = Guest.realMode(HLT)) {
      refused(
          "KVM_SET_VAPIC_ADDR(vcpu=0, gpa=0x3000): EINVAL",
          () -> guest.vcpu.setVapicAddress(0x3000));
    }
  }

  @Test
  void pausedGuestWithoutKvmclock() throws Exception {
    try (Guest guest = Guest.realMode(HLT)) {
      refused("KVM_KVMCLOCK_CTRL(vcpu=0): EINVAL", guest.vcpu::kvmclockCtrl);
    }
  }

  @Test
  void pausedGuestWithKvmclock() throws Exception {
    try (Guest guest = Guest.realMode(HLT)) {
      needs(guest, Cap.KVMCLOCK_CTRL);
      guest.vcpu.setCpuid2(guest.kvm.supportedCpuid());
      int msrKvmSystemTimeNew = 0x4b56_4d01;
      guest.vcpu.setMsrs(new Msrs(List.of(new Msrs.Entry(msrKvmSystemTimeNew, 0x3000 | 1))));
      guest.vcpu.kvmclockCtrl();
    }
  }

  @Test
  void oneRegister() throws Exception {
    try (Guest guest = Guest.realMode(HLT)) {
      if (guest.vm.checkExtension(Cap.ONE_REG) == 0) {
        long id = 0x2030_0000_0000_0001L;
        String named = "(vcpu=0, id=0x2030000000000001): E";
        refused("KVM_GET_ONE_REG" + named, () -> guest.vcpu.getOneReg(id));
        refused("KVM_SET_ONE_REG" + named, () -> guest.vcpu.setOneReg(id, 1));
        refused("KVM_GET_REG_LIST(vcpu=0, n=0): E", guest.vcpu::getRegList);
        return;
      }
      // An MSR as a register, which Linux 6.18 has; its header is newer than the bindings.
      long id = 0x2030_0002_0000_0000L | MSR_IA32_SYSENTER_CS;
      guest.vcpu.setOneReg(id, 0x77);
      assertEquals(0x77, guest.vcpu.getOneReg(id));
      assertEquals(0x77, guest.vcpu.getMsrs(MSR_IA32_SYSENTER_CS).entries().getFirst().data());
      assertEquals(8, guest.vcpu.getOneRegBytes(id).length);
      for (long register : guest.vcpu.getRegList()) {
        assertTrue(Vcpu.oneRegSize(register) >= 1);
      }
    }
  }

  @Test
  void sizesOfRegisters() throws Exception {
    assertEquals(1, Vcpu.oneRegSize(0x2000_0000_0000_0000L));
    assertEquals(8, Vcpu.oneRegSize(0x2030_0000_0000_0000L));
    assertEquals(256, Vcpu.oneRegSize(0x2080_0000_0000_0000L));
    assertThrows(IllegalArgumentException.class, () -> Vcpu.oneRegSize(0x20c0_0000_0000_0000L));
    try (Guest guest = Guest.realMode(HLT)) {
      long wide = 0x2040_0000_0000_0000L;
      assertThrows(IllegalArgumentException.class, () -> guest.vcpu.getOneReg(wide));
      assertThrows(IllegalArgumentException.class, () -> guest.vcpu.setOneReg(wide, 0));
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class, () -> guest.vcpu.setOneRegBytes(wide, new byte[8]));
      assertEquals("8 bytes for register 0x2040000000000000, which has 16", e.getMessage());
    }
  }

  /** Enabled where it is there, refused where not. */
  private static void enabled(Guest guest, Cap cap, String arguments, Executable enable)
      throws Exception {
    if (guest.vm.checkExtension(cap) != 0) {
      assertDoesNotThrow(enable);
    } else {
      refused("KVM_ENABLE_CAP(vcpu=0, KVM_CAP_" + cap + arguments + "): EINVAL", enable);
    }
  }

  @Test
  void hypervAndXen() throws Exception {
    try (Guest guest = Guest.withIrqchip(HLT)) {
      if (guest.vm.checkExtension(Cap.HYPERV_CPUID) != 0) {
        assertTrue(guest.vcpu.supportedHvCpuid().find(0x4000_0001, 0).isPresent());
      } else {
        refused("KVM_GET_SUPPORTED_HV_CPUID(nent=256): E", guest.vcpu::supportedHvCpuid);
      }
      enabled(guest, Cap.HYPERV_SYNIC, "", () -> guest.vcpu.enableHypervSynic(true));
      enabled(guest, Cap.HYPERV_SYNIC2, "", () -> guest.vcpu.enableHypervSynic(false));
      for (int on = 1; on >= 0; on--) {
        boolean enforced = on == 1;
        String argument = ", 0x" + on;
        enabled(
            guest,
            Cap.HYPERV_ENFORCE_CPUID,
            argument,
            () -> guest.vcpu.enforceHypervCpuid(enforced));
        enabled(
            guest,
            Cap.ENFORCE_PV_FEATURE_CPUID,
            argument,
            () -> guest.vcpu.enforcePvFeatureCpuid(enforced));
      }
      assertThrows(
          IllegalArgumentException.class,
          () -> guest.vcpu.enableCap(Cap.HYPERV_SYNIC2, 1, 2, 3, 4, 5));
      // Not one of a vCPU.
      refused(
          "KVM_ENABLE_CAP(vcpu=0, KVM_CAP_MAX_VCPUS): EINVAL",
          () -> guest.vcpu.enableCap(Cap.MAX_VCPUS));
      if (guest.vm.checkExtension(Cap.HYPERV_ENLIGHTENED_VMCS) == 0) {
        refused(
            "KVM_ENABLE_CAP(vcpu=0, KVM_CAP_HYPERV_ENLIGHTENED_VMCS, 0x",
            guest.vcpu::enableHypervEnlightenedVmcs);
      }
      XenVcpuAttr attr = new XenVcpuAttr.Address(XenVcpuAttr.Type.VCPU_INFO, 0x3000);
      if (guest.vm.checkExtension(Cap.XEN_HVM) != 0) {
        guest.vcpu.setXenAttr(attr);
        assertEquals(attr, guest.vcpu.getXenAttr(XenVcpuAttr.Type.VCPU_INFO));
      } else {
        refused(
            "KVM_XEN_VCPU_SET_ATTR(vcpu=0, type=VCPU_INFO): E", () -> guest.vcpu.setXenAttr(attr));
        refused(
            "KVM_XEN_VCPU_GET_ATTR(vcpu=0, type=TIMER): E",
            () -> guest.vcpu.getXenAttr(XenVcpuAttr.Type.TIMER));
      }
    }
  }

  @Test
  void msrsUntilRefused() throws Exception {
    try (Guest guest = Guest.realMode(HLT)) {
      Msrs msrs =
          new Msrs(
              List.of(new Msrs.Entry(MSR_IA32_SYSENTER_CS, 0x20), new Msrs.Entry(MSR_NONE, 0x55)));
      assertEquals(1, guest.vcpu.setMsrsUntilRefused(msrs));
      assertEquals(
          List.of(new Msrs.Entry(MSR_IA32_SYSENTER_CS, 0x20)),
          guest.vcpu.getMsrsUntilRefused(MSR_IA32_SYSENTER_CS, MSR_NONE, 0x175).entries());
      KvmException e =
          assertThrows(KvmException.class, () -> guest.vcpu.getMsrsUntilRefused(new int[256]));
      assertEquals(Errno.E2BIG, e.errno());
    }
  }

  @Test
  void cpuidOfOld() throws Exception {
    try (Guest guest = Guest.realMode(HLT)) {
      Cpuid cpuid =
          new Cpuid(
              List.of(new Cpuid.Entry(0, 0, 0, 1, 2, 3, 4), new Cpuid.Entry(1, 0, 0, 5, 6, 7, 8)));
      guest.vcpu.setCpuid(cpuid);
      Cpuid back = guest.vcpu.getCpuid2();
      assertEquals(2, back.find(0, 0).orElseThrow().ebx(), back::toString);
      assertTrue(back.find(1, 0).isPresent(), back::toString);
      Cpuid subleaf = new Cpuid(List.of(new Cpuid.Entry(4, 1, 1, 0, 0, 0, 0)));
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> guest.vcpu.setCpuid(subleaf));
      assertTrue(e.toString().endsWith("has a subleaf: use setCpuid2"), e.toString());
    }
  }

  @Test
  void syncRegs() throws Exception {
    String listing =
        """
        40                ; inc ax
        e6 80             ; out 0x80, al
        40                ; inc ax
        f4                ; hlt
        """;
    try (Guest guest = Guest.realMode(listing)) {
      int sets = needs(guest, Cap.SYNC_REGS);
      assertTrue((sets & SyncRegs.KVM_SYNC_X86_REGS) != 0, "sets=" + sets);
      SyncRegs sync = guest.vcpu.syncRegs();
      assertSame(sync, guest.vcpu.syncRegs());
      sync.request(SyncRegs.KVM_SYNC_X86_REGS | SyncRegs.KVM_SYNC_X86_SREGS);
      assertEquals(3, sync.requested());
      assertEquals(ExitReason.IO, guest.run());
      assertEquals(1, sync.regs().rax());
      assertEquals(guest.vcpu.getSregs().toString(), sync.sregs().toString());
      sync.regs().rax(0x40);
      sync.markDirty(SyncRegs.KVM_SYNC_X86_REGS);
      assertEquals(1, sync.dirty());
      guest.expectHlt();
      assertEquals(0x41, sync.regs().rax());
      assertEquals(0x41, guest.vcpu.getRegs().rax());
      assertEquals(0, sync.dirty());
      assertThrows(IllegalArgumentException.class, () -> sync.request(8));
      assertThrows(IllegalArgumentException.class, () -> sync.markDirty(-1));
    }
  }
}

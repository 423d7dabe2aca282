// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Set;
import org.javavmm.bindings.kvm.arm64.kvm_arm64_h;
import org.javavmm.bindings.kvm.arm64.kvm_guest_debug_arch;
import org.javavmm.bindings.kvm.arm64.kvm_vcpu_events;
import org.javavmm.bindings.kvm.arm64.kvm_vcpu_init;
import org.javavmm.sys.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** The calls of a vCPU against a mock: numbers, structures, errors. */
class ArmVcpuTest {
  private static final String SET = "KVM_SET_DEVICE_ATTR";
  private static final String GET = "KVM_GET_DEVICE_ATTR";

  private final ArmMock mock = new ArmMock();
  private final ArmVcpu vcpu = new ArmVcpu(mock);

  private static void illegal(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @Test
  void init() throws Exception {
    VcpuInit init =
        new VcpuInit(VcpuInit.KVM_ARM_TARGET_GENERIC_V8)
            .with(VcpuFeature.POWER_OFF, VcpuFeature.PSCI_0_2)
            .with(VcpuFeature.SVE);
    vcpu.init(init);
    assertEquals(kvm_arm64_h.KVM_ARM_VCPU_INIT(), mock.number);
    assertEquals(kvm_vcpu_init.sizeof(), mock.given.byteSize());
    assertEquals(5, kvm_vcpu_init.target(mock.given));
    assertEquals(0b10101, kvm_vcpu_init.features(mock.given, 0));
    for (int i = 1; i < 7; i++) {
      assertEquals(0, kvm_vcpu_init.features(mock.given, i));
    }
    assertEquals(
        Set.of(VcpuFeature.POWER_OFF, VcpuFeature.PSCI_0_2, VcpuFeature.SVE), init.features());
    String call = "KVM_ARM_VCPU_INIT(vcpu=3, target=5, features=[POWER_OFF, PSCI_0_2, SVE])";
    assertEquals(List.of(call), mock.calls);
    assertEquals(
        call + ": EINVAL (unknown target, features that do not go together or differ from before)",
        mock.refused(Errno.EINVAL, () -> vcpu.init(init)));
    assertEquals(
        call + ": ENOENT (this KVM does not know a feature)",
        mock.refused(Errno.ENOENT, () -> vcpu.init(init)));
  }

  @Test
  void finalizeFeature() throws Exception {
    vcpu.finalizeFeature(VcpuFeature.SVE);
    assertEquals(kvm_arm64_h.KVM_ARM_VCPU_FINALIZE(), mock.number);
    assertEquals(4, mock.given.byteSize());
    assertEquals(kvm_arm64_h.KVM_ARM_VCPU_SVE(), mock.given.get(ValueLayout.JAVA_INT, 0));
    assertEquals(
        "KVM_ARM_VCPU_FINALIZE(vcpu=3, feature=SVE): EPERM (the vCPU lacks it, or it is final"
            + " already)",
        mock.refused(Errno.EPERM, () -> vcpu.finalizeFeature(VcpuFeature.SVE)));
    assertEquals(
        "KVM_ARM_VCPU_FINALIZE(vcpu=3, feature=PMU_V3): EINVAL (it needs no such step, or is"
            + " absent)",
        mock.refused(Errno.EINVAL, () -> vcpu.finalizeFeature(VcpuFeature.PMU_V3)));
  }

  @Test
  void registersOfAllSizes() throws Exception {
    vcpu.set(RegisterId.PC, 0x8877_6655_4433_2211L);
    assertEquals(List.of(RegisterId.PC.value()), mock.registers);
    assertArrayEquals(ArmMock.little(0x8877_6655_4433_2211L, 8), mock.register);
    assertEquals(0x8877_6655_4433_2211L, vcpu.get(RegisterId.PC));
    vcpu.set(RegisterId.FPCR, 0xffff_fffeL);
    assertArrayEquals(ArmMock.little(0xffff_fffeL, 4), mock.register);
    assertEquals(0xffff_fffeL, vcpu.get(RegisterId.FPCR));
    byte[] wide = new byte[16];
    wide[0] = 1;
    wide[15] = (byte) 0xff;
    vcpu.setBytes(RegisterId.v(3), wide);
    assertArrayEquals(wide, mock.register);
    assertArrayEquals(wide, vcpu.getBytes(RegisterId.v(3)));
    byte[] z = new byte[256];
    z[255] = 7;
    vcpu.setBytes(RegisterId.sveZ(1, 0), z);
    assertArrayEquals(z, vcpu.getBytes(RegisterId.sveZ(1, 0)));
    mock.list = new long[] {RegisterId.PC.value(), 5};
    assertEquals(List.of(RegisterId.PC, new RegisterId(5)), vcpu.getRegList());
  }

  @Test
  void registersThatAreRefused() {
    illegal(
        "register v3 [0x6040000000100060] has 16 bytes, must have at most 8",
        () -> vcpu.get(RegisterId.v(3)));
    illegal(
        "register v3 [0x6040000000100060] has 16 bytes, must have at most 8",
        () -> vcpu.set(RegisterId.v(3), 0));
    illegal(
        "value=0x100000000, register fpsr [0x60200000001000d4] has 4 bytes",
        () -> vcpu.set(RegisterId.FPSR, 0x1_0000_0000L));
    illegal(
        "8 bytes for register v3 [0x6040000000100060], which has 16",
        () -> vcpu.setBytes(RegisterId.v(3), new byte[8]));
    illegal(
        "register 0x60f0000000000000 has no size that is known",
        () -> vcpu.getBytes(new RegisterId(0x60f0_0000_0000_0000L)));
    assertEquals(List.of(), mock.calls);
    assertEquals(
        "KVM_GET_ONE_REG(vcpu=3, pc [0x6030000000100040]): ENOENT (the vCPU has no such register)",
        mock.refused(Errno.ENOENT, () -> vcpu.get(RegisterId.PC)));
    assertEquals(
        "KVM_SET_ONE_REG(vcpu=3, z0 slice 0 [0x6080000000150000]): EPERM (not now: a feature is not"
            + " final yet, or is final already)",
        mock.refused(Errno.EPERM, () -> vcpu.setBytes(RegisterId.sveZ(0, 0), new byte[256])));
    assertEquals(
        "KVM_SET_ONE_REG(vcpu=3, STD_BMAP [0x6030000000160000]): EBUSY (too late: a vCPU ran"
            + " already)",
        mock.refused(Errno.EBUSY, () -> vcpu.set(RegisterId.STD_BMAP, 0)));
  }

  @Test
  void vectorLengths() throws Exception {
    vcpu.setSveVectorLengths(1, 2, 4, 16, 64, 65, 512);
    assertEquals(RegisterId.SVE_VLS.value(), mock.registers.getLast());
    assertEquals(8 * kvm_arm64_h.KVM_ARM64_SVE_VLS_WORDS(), mock.register.length);
    byte[] words = new byte[64];
    System.arraycopy(ArmMock.little(1L | 2 | 8 | 1L << 15 | 1L << 63, 8), 0, words, 0, 8);
    words[8] = 1;
    words[63] = (byte) 0x80;
    assertArrayEquals(words, mock.register);
    assertArrayEquals(new int[] {1, 2, 4, 16, 64, 65, 512}, vcpu.getSveVectorLengths());
    illegal("length=0, must be 1 to 512", () -> vcpu.setSveVectorLengths(1, 0));
    illegal("length=513, must be 1 to 512", () -> vcpu.setSveVectorLengths(513));
  }

  @Test
  void psci() throws Exception {
    vcpu.setPsciVersion(PsciVersion.V1_1);
    assertEquals(kvm_arm64_h.KVM_REG_ARM_PSCI_VERSION(), mock.registers.getLast());
    assertArrayEquals(ArmMock.little(0x1_0001, 8), mock.register);
    assertEquals(PsciVersion.V1_1, vcpu.getPsciVersion());
    assertEquals("1.1", vcpu.getPsciVersion().toString());
    mock.register = ArmMock.little(1L << 31, 8);
    illegal("value=0x80000000, must have 31 bits to be a version", vcpu::getPsciVersion);
    illegal("major=32768, must be 0 to 32767", () -> new PsciVersion(0x8000, 0));
    illegal("minor=65536, must be 0 to 65535", () -> new PsciVersion(0, 0x1_0000));
  }

  @Test
  void mpState() throws Exception {
    vcpu.setMpState(ArmMpState.STOPPED);
    assertEquals(5, mock.mpState);
    assertEquals(ArmMpState.STOPPED, vcpu.getMpState());
    assertEquals(
        "KVM_SET_MP_STATE(vcpu=3, state=SUSPENDED): EINVAL (no state that this vCPU can be in)",
        mock.refused(Errno.EINVAL, () -> vcpu.setMpState(ArmMpState.SUSPENDED)));
    mock.mpState = 1;
    illegal("state=1, must be 0, 5 or 10", vcpu::getMpState);
  }

  @Test
  void events() throws Exception {
    vcpu.setVcpuEvents(ArmVcpuEvents.serror(0x123456));
    assertEquals(ArmIoctl.KVM_SET_VCPU_EVENTS.number, mock.number);
    assertEquals(kvm_vcpu_events.sizeof(), mock.given.byteSize());
    var exception = kvm_vcpu_events.exception(mock.given);
    assertEquals(1, kvm_vcpu_events.exception.serror_pending(exception));
    assertEquals(1, kvm_vcpu_events.exception.serror_has_esr(exception));
    assertEquals(0, kvm_vcpu_events.exception.ext_dabt_pending(exception));
    assertEquals(0x123456, kvm_vcpu_events.exception.serror_esr(exception));
    vcpu.setVcpuEvents(ArmVcpuEvents.externalDataAbort());
    assertEquals(
        1, kvm_vcpu_events.exception.ext_dabt_pending(kvm_vcpu_events.exception(mock.given)));
    mock.answer =
        struct -> {
          var answered = kvm_vcpu_events.exception(struct);
          kvm_vcpu_events.exception.serror_pending(answered, (byte) 1);
          kvm_vcpu_events.exception.serror_esr(answered, 9);
        };
    assertEquals(new ArmVcpuEvents(true, false, false, 9), vcpu.getVcpuEvents());
    assertEquals(ArmIoctl.KVM_GET_VCPU_EVENTS.number, mock.number);
    assertEquals(
        "KVM_SET_VCPU_EVENTS(vcpu=3, serror_pending=false, serror_has_esr=false,"
            + " ext_dabt_pending=false, serror_esr=0x0): EINVAL (an event that cannot be, or a"
            + " flag that lacks its capability)",
        mock.refused(Errno.EINVAL, () -> vcpu.setVcpuEvents(ArmVcpuEvents.NONE)));
  }

  private long debugRegister(long offset, int index) {
    return mock.given.get(ValueLayout.JAVA_LONG, 8 + offset + 8L * index);
  }

  @Test
  void guestDebug() throws Exception {
    ArmGuestDebug debug =
        new ArmGuestDebug()
            .singleStep()
            .softwareBreakpoints()
            .hardwareBreakpoint(15, 0xffff_8000_0000_0004L)
            .watchpoint(0, 0x1002, 2, ArmGuestDebug.Access.WRITE)
            .watchpoint(1, 0x2000, 8, ArmGuestDebug.Access.READ)
            .watchpoint(15, 0x3000, 0x1000, ArmGuestDebug.Access.READ_WRITE);
    vcpu.setGuestDebug(debug);
    assertEquals(ArmIoctl.KVM_SET_GUEST_DEBUG.number, mock.number);
    assertEquals(8 + kvm_guest_debug_arch.sizeof(), mock.given.byteSize());
    assertEquals(
        kvm_arm64_h.KVM_GUESTDBG_ENABLE()
            | kvm_arm64_h.KVM_GUESTDBG_SINGLESTEP()
            | kvm_arm64_h.KVM_GUESTDBG_USE_SW_BP()
            | kvm_arm64_h.KVM_GUESTDBG_USE_HW(),
        mock.given.get(ValueLayout.JAVA_INT, 0));
    assertEquals(debug.control(), mock.given.get(ValueLayout.JAVA_INT, 0));
    assertEquals(0xffff_8000_0000_0004L, debugRegister(kvm_guest_debug_arch.dbg_bvr$offset(), 15));
    assertEquals(0x1e7, debugRegister(kvm_guest_debug_arch.dbg_bcr$offset(), 15));
    assertEquals(0, debugRegister(kvm_guest_debug_arch.dbg_bcr$offset(), 0));
    // Bytes 2 and 3 of the word at 0x1000: BAS 00001100; stores; EL0 and EL1; on.
    assertEquals(0x1000, debugRegister(kvm_guest_debug_arch.dbg_wvr$offset(), 0));
    assertEquals(0b1100 << 5 | 0b10 << 3 | 0b111, debugRegister(wcr(), 0));
    assertEquals(0x2000, debugRegister(kvm_guest_debug_arch.dbg_wvr$offset(), 1));
    assertEquals(0xff << 5 | 0b01 << 3 | 0b111, debugRegister(wcr(), 1));
    assertEquals(0x3000, debugRegister(kvm_guest_debug_arch.dbg_wvr$offset(), 15));
    assertEquals(12L << 24 | 0xff << 5 | 0b11 << 3 | 0b111, debugRegister(wcr(), 15));
    vcpu.setGuestDebug(ArmGuestDebug.off());
    assertArrayEquals(new byte[520], mock.given.toArray(ValueLayout.JAVA_BYTE));
    assertEquals(
        "KVM_SET_GUEST_DEBUG(vcpu=3, control=0x30003): EINVAL (a flag that this KVM does not"
            + " know)",
        mock.refused(Errno.EINVAL, () -> vcpu.setGuestDebug(debug)));
  }

  private static long wcr() {
    return kvm_guest_debug_arch.dbg_wcr$offset();
  }

  @Test
  void guestDebugChecks() {
    ArmGuestDebug debug = new ArmGuestDebug();
    ArmGuestDebug.Access read = ArmGuestDebug.Access.READ;
    illegal("index=16, must be 0 to 15", () -> debug.hardwareBreakpoint(16, 0));
    illegal("address=0x2, must be a multiple of 0x4", () -> debug.hardwareBreakpoint(0, 2));
    illegal("index=-1, must be 0 to 15", () -> debug.watchpoint(-1, 0, 1, read));
    illegal("length=3, must be a power of two, 1 to 2^31", () -> debug.watchpoint(0, 0, 3, read));
    illegal("length=0, must be a power of two, 1 to 2^31", () -> debug.watchpoint(0, 0, 0, read));
    illegal(
        "length=4294967296, must be a power of two, 1 to 2^31",
        () -> debug.watchpoint(0, 0, 1L << 32, read));
    illegal("address=0x4, must be a multiple of 0x8", () -> debug.watchpoint(0, 4, 8, read));
  }

  @Test
  void performanceCounters() throws Exception {
    int group = kvm_arm64_h.KVM_ARM_VCPU_PMU_V3_CTRL();
    mock.valueSize = 4;
    vcpu.setPmuIrq(23);
    mock.expectAttribute(SET, group, kvm_arm64_h.KVM_ARM_VCPU_PMU_V3_IRQ());
    assertEquals(23, mock.number());
    vcpu.setPmu(0x1234_5678);
    mock.expectAttribute(SET, group, kvm_arm64_h.KVM_ARM_VCPU_PMU_V3_SET_PMU());
    assertEquals(0x1234_5678, mock.number());
    mock.valueSize = 8;
    vcpu.addPmuEventFilter(new ArmPmuEventFilter(0x1122, 0x304, true));
    mock.expectAttribute(SET, group, kvm_arm64_h.KVM_ARM_VCPU_PMU_V3_FILTER());
    assertEquals(0x1_0304_1122L, mock.number());
    vcpu.addPmuEventFilter(new ArmPmuEventFilter(0xffff, 1, false));
    assertEquals(0x1_ffffL, mock.number());
    mock.valueSize = 0;
    vcpu.initPmu();
    mock.expectAttribute(SET, group, kvm_arm64_h.KVM_ARM_VCPU_PMU_V3_INIT());
    assertEquals(0, mock.attributeField("addr"));
    assertTrue(vcpu.hasPmu());
    mock.expectAttribute("KVM_HAS_DEVICE_ATTR", group, kvm_arm64_h.KVM_ARM_VCPU_PMU_V3_INIT());
    assertEquals(
        "KVM_SET_DEVICE_ATTR(vcpu=3, pmu irq=16): EBUSY (it is set already, or a vCPU ran already)",
        mock.refused(Errno.EBUSY, () -> vcpu.setPmuIrq(16)));
    assertEquals(
        "KVM_SET_DEVICE_ATTR(vcpu=3, pmu filter, base_event=0x11, nevents=2, deny=false): ENODEV (no"
            + " performance counters, or no interrupt controller yet)",
        mock.refused(
            Errno.ENODEV, () -> vcpu.addPmuEventFilter(new ArmPmuEventFilter(0x11, 2, false))));
    assertEquals(
        "KVM_SET_DEVICE_ATTR(vcpu=3, pmu init): ENXIO (not set up, or there is no such monitor)",
        mock.refused(Errno.ENXIO, vcpu::initPmu));
    assertEquals(
        "KVM_SET_DEVICE_ATTR(vcpu=3, pmu init): EEXIST (the interrupt is in use)",
        mock.refused(Errno.EEXIST, vcpu::initPmu));
    illegal("intid=15, must be 16 to 1019", () -> vcpu.setPmuIrq(15));
    illegal("count=0, must be 1 to 65535", () -> new ArmPmuEventFilter(0, 0, true));
    illegal("last event=65536, must be 0 to 65535", () -> new ArmPmuEventFilter(0xffff, 2, true));
  }

  @Test
  void timers() throws Exception {
    int group = kvm_arm64_h.KVM_ARM_VCPU_TIMER_CTRL();
    mock.valueSize = 4;
    vcpu.setTimerIrq(ArmTimer.PHYSICAL, 26);
    mock.expectAttribute(SET, group, kvm_arm64_h.KVM_ARM_VCPU_TIMER_IRQ_PTIMER());
    assertEquals(26, mock.number());
    mock.valueAnswer = ArmMock.little(27, 4);
    assertEquals(27, vcpu.getTimerIrq(ArmTimer.VIRTUAL));
    mock.expectAttribute(GET, group, kvm_arm64_h.KVM_ARM_VCPU_TIMER_IRQ_VTIMER());
    assertEquals(
        "KVM_SET_DEVICE_ATTR(vcpu=3, VIRTUAL timer irq=27): EBUSY (too late: a vCPU ran already)",
        mock.refused(Errno.EBUSY, () -> vcpu.setTimerIrq(ArmTimer.VIRTUAL, 27)));
    assertEquals(
        "KVM_SET_DEVICE_ATTR(vcpu=3, VIRTUAL timer irq=27): EINVAL (no such interrupt, or no"
            + " interrupt controller in the kernel)",
        mock.refused(Errno.EINVAL, () -> vcpu.setTimerIrq(ArmTimer.VIRTUAL, 27)));
    assertEquals(
        "KVM_GET_DEVICE_ATTR(vcpu=3, HYPERVISOR_VIRTUAL timer irq): ENXIO (there is no such timer)",
        mock.refused(Errno.ENXIO, () -> vcpu.getTimerIrq(ArmTimer.HYPERVISOR_VIRTUAL)));
    illegal("ppi=32, must be 16 to 31", () -> vcpu.setTimerIrq(ArmTimer.VIRTUAL, 32));
  }

  @Test
  void stolenTime() throws Exception {
    int group = kvm_arm64_h.KVM_ARM_VCPU_PVTIME_CTRL();
    mock.valueSize = 8;
    vcpu.setPvtimeIpa(0x1_0000_0040L);
    mock.expectAttribute(SET, group, kvm_arm64_h.KVM_ARM_VCPU_PVTIME_IPA());
    assertEquals(0x1_0000_0040L, mock.number());
    mock.valueAnswer = ArmMock.little(-1, 8);
    assertEquals(-1, vcpu.getPvtimeIpa());
    mock.expectAttribute(GET, group, kvm_arm64_h.KVM_ARM_VCPU_PVTIME_IPA());
    assertEquals(
        "KVM_SET_DEVICE_ATTR(vcpu=3, pvtime ipa=0x40): EEXIST (it was set already)",
        mock.refused(Errno.EEXIST, () -> vcpu.setPvtimeIpa(0x40)));
    assertEquals(
        "KVM_SET_DEVICE_ATTR(vcpu=3, pvtime ipa=0x40): EINVAL (the address is in no slot)",
        mock.refused(Errno.EINVAL, () -> vcpu.setPvtimeIpa(0x40)));
    assertEquals(
        "KVM_GET_DEVICE_ATTR(vcpu=3, pvtime ipa): ENXIO (this KVM has no stolen time)",
        mock.refused(Errno.ENXIO, vcpu::getPvtimeIpa));
    illegal("gpa=0x20, must be a multiple of 0x40", () -> vcpu.setPvtimeIpa(0x20));
  }
}

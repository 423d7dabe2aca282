// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import org.javavmm.bindings.kvm.arm64.kvm_arm64_h;
import org.javavmm.kvm.Vcpu;
import org.junit.jupiter.api.Test;

class RegisterIdTest {
  @Test
  void theHeadersOwnIds() {
    assertEquals(kvm_arm64_h.KVM_REG_ARM_PSCI_VERSION(), RegisterId.PSCI_VERSION.value());
    assertEquals(
        kvm_arm64_h.KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1(),
        RegisterId.SMCCC_ARCH_WORKAROUND_1.value());
    assertEquals(
        kvm_arm64_h.KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2(),
        RegisterId.SMCCC_ARCH_WORKAROUND_2.value());
    assertEquals(
        kvm_arm64_h.KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3(),
        RegisterId.SMCCC_ARCH_WORKAROUND_3.value());
    assertEquals(kvm_arm64_h.KVM_REG_ARM_STD_BMAP(), RegisterId.STD_BMAP.value());
    assertEquals(kvm_arm64_h.KVM_REG_ARM_STD_HYP_BMAP(), RegisterId.STD_HYP_BMAP.value());
    assertEquals(kvm_arm64_h.KVM_REG_ARM_VENDOR_HYP_BMAP(), RegisterId.VENDOR_HYP_BMAP.value());
    assertEquals(kvm_arm64_h.KVM_REG_ARM64_SVE_VLS(), RegisterId.SVE_VLS.value());
  }

  @Test
  void theTimersWithTheTwoThatKvmSwapped() {
    assertEquals(kvm_arm64_h.KVM_REG_ARM_TIMER_CTL(), SysReg.CNTV_CTL_EL0.id().value());
    assertEquals(kvm_arm64_h.KVM_REG_ARM_TIMER_CVAL(), SysReg.CNTV_CVAL_EL0.id().value());
    assertEquals(kvm_arm64_h.KVM_REG_ARM_TIMER_CNT(), SysReg.CNTVCT_EL0.id().value());
    assertEquals(kvm_arm64_h.KVM_REG_ARM_PTIMER_CTL(), SysReg.CNTP_CTL_EL0.id().value());
    assertEquals(kvm_arm64_h.KVM_REG_ARM_PTIMER_CVAL(), SysReg.CNTP_CVAL_EL0.id().value());
    assertEquals(kvm_arm64_h.KVM_REG_ARM_PTIMER_CNT(), SysReg.CNTPCT_EL0.id().value());
  }

  @Test
  void saysWhatItIs() {
    assertEquals("x0 [0x6030000000100000]", RegisterId.x(0).toString());
    assertEquals("x30 [0x603000000010003c]", RegisterId.x(30).toString());
    assertEquals("sp [0x603000000010003e]", RegisterId.SP.toString());
    assertEquals("pc [0x6030000000100040]", RegisterId.PC.toString());
    assertEquals("pstate [0x6030000000100042]", RegisterId.PSTATE.toString());
    assertEquals("sp_el1 [0x6030000000100044]", RegisterId.SP_EL1.toString());
    assertEquals("elr_el1 [0x6030000000100046]", RegisterId.ELR_EL1.toString());
    assertEquals("spsr[4] [0x6030000000100050]", RegisterId.spsr(4).toString());
    assertEquals("v31 [0x60400000001000d0]", RegisterId.v(31).toString());
    assertEquals("fpsr [0x60200000001000d4]", RegisterId.FPSR.toString());
    assertEquals("fpcr [0x60200000001000d5]", RegisterId.FPCR.toString());
    assertEquals(
        "MPIDR_EL1 (op0=3 op1=0 crn=0 crm=0 op2=5) [0x603000000013c005]",
        SysReg.MPIDR_EL1.id().toString());
    assertEquals(
        "sysreg op0=3 op1=7 crn=15 crm=14 op2=6 [0x603000000013fff6]",
        RegisterId.sysReg(3, 7, 15, 14, 6).toString());
    assertEquals("PSCI_VERSION [0x6030000000140000]", RegisterId.PSCI_VERSION.toString());
    assertEquals(
        "SMCCC_ARCH_WORKAROUND_3 [0x6030000000140003]",
        RegisterId.SMCCC_ARCH_WORKAROUND_3.toString());
    assertEquals("firmware 4 [0x6030000000140004]", RegisterId.firmware(4).toString());
    assertEquals("STD_BMAP [0x6030000000160000]", RegisterId.STD_BMAP.toString());
    assertEquals("STD_HYP_BMAP [0x6030000000160001]", RegisterId.STD_HYP_BMAP.toString());
    assertEquals("VENDOR_HYP_BMAP [0x6030000000160002]", RegisterId.VENDOR_HYP_BMAP.toString());
    assertEquals(
        "firmware features 3 [0x6030000000160003]", RegisterId.firmwareFeatures(3).toString());
    assertEquals("CCSIDR of cache 2 [0x6020000000110002]", RegisterId.ccsidr(2).toString());
    assertEquals("z31 slice 1 [0x60800000001503e1]", RegisterId.sveZ(31, 1).toString());
    assertEquals("p15 slice 0 [0x60500000001505e0]", RegisterId.sveP(15, 0).toString());
    assertEquals("ffr slice 31 [0x605000000015061f]", RegisterId.sveFfr(31).toString());
    assertEquals("SVE_VLS [0x606000000015ffff]", RegisterId.SVE_VLS.toString());
  }

  @Test
  void whatDoesNotFitIsUnknown() {
    long[] strange = {
      0,
      -1,
      // x86's, 32-bit ARM's
      0x2030_0000_0010_0000L,
      0x4030_0000_0010_0000L,
      // a size that does not fit: x0, fpsr, v0, psci, a system register, z0, p0
      0x6020_0000_0010_0000L,
      0x6030_0000_0010_00d4L,
      0x6030_0000_0010_0054L,
      0x6020_0000_0014_0000L,
      0x6020_0000_0013_c005L,
      0x6050_0000_0015_0000L,
      0x6080_0000_0015_0400L,
      // beyond the last, or in between
      0x6050_0000_0015_0620L,
      0x6080_0000_0015_0620L,
      0x6040_0000_0010_00d4L,
      0x6040_0000_0010_0055L,
      0x6030_0000_0010_0001L,
      0x6030_0000_0010_0052L,
      0x6020_0000_0010_00d6L,
      0x6020_0000_0011_0100L,
      // a kind that there is not, and bits in between
      0x6030_0000_0012_0000L,
      0x6030_0000_0017_0000L,
      0x6030_0000_1010_0000L,
      0x6030_0001_0010_0000L
    };
    for (long value : strange) {
      RegisterId id = new RegisterId(value);
      assertEquals(RegisterId.Kind.UNKNOWN, id.kind(), id::toString);
      assertEquals("unknown register [0x" + Long.toHexString(value) + "]", id.toString());
    }
  }

  @Test
  void kindsAndSizes() {
    expect(RegisterId.Kind.CORE, 8, RegisterId.x(7));
    expect(RegisterId.Kind.CORE, 16, RegisterId.v(7));
    expect(RegisterId.Kind.CORE, 4, RegisterId.FPCR);
    expect(RegisterId.Kind.DEMUX, 4, RegisterId.ccsidr(0));
    expect(RegisterId.Kind.SYSREG, 8, SysReg.TCR_EL1.id());
    expect(RegisterId.Kind.FIRMWARE, 8, RegisterId.PSCI_VERSION);
    expect(RegisterId.Kind.FIRMWARE_FEATURES, 8, RegisterId.STD_BMAP);
    expect(RegisterId.Kind.SVE, 256, RegisterId.sveZ(0, 0));
    expect(RegisterId.Kind.SVE, 32, RegisterId.sveFfr(0));
    expect(RegisterId.Kind.SVE, 64, RegisterId.SVE_VLS);
  }

  private static void expect(RegisterId.Kind kind, int size, RegisterId id) {
    assertEquals(kind, id.kind(), id::toString);
    assertEquals(size, id.size(), id::toString);
    assertEquals(Vcpu.oneRegSize(id.value()), id.size());
  }

  @Test
  void aSizeThatThereIsNot() {
    RegisterId id = new RegisterId(0x60c0_0000_0010_0000L);
    assertEquals(
        "register 0x60c0000000100000 has no size that is known",
        assertThrows(IllegalStateException.class, id::size).getMessage());
  }

  @Test
  void rangesAreChecked() {
    refused("x=31, must be 0 to 30", () -> RegisterId.x(31));
    refused("x=-1, must be 0 to 30", () -> RegisterId.x(-1));
    refused("spsr=5, must be 0 to 4", () -> RegisterId.spsr(5));
    refused("v=32, must be 0 to 31", () -> RegisterId.v(32));
    refused("op0=4, must be 0 to 3", () -> RegisterId.sysReg(4, 0, 0, 0, 0));
    refused("op1=8, must be 0 to 7", () -> RegisterId.sysReg(0, 8, 0, 0, 0));
    refused("crn=16, must be 0 to 15", () -> RegisterId.sysReg(0, 0, 16, 0, 0));
    refused("crm=-1, must be 0 to 15", () -> RegisterId.sysReg(0, 0, 0, -1, 0));
    refused("op2=8, must be 0 to 7", () -> RegisterId.sysReg(0, 0, 0, 0, 8));
    refused("selector=256, must be 0 to 255", () -> RegisterId.ccsidr(256));
    refused("number=65536, must be 0 to 65535", () -> RegisterId.firmware(65536));
    refused("number=-1, must be 0 to 65535", () -> RegisterId.firmwareFeatures(-1));
    refused("z=32, must be 0 to 31", () -> RegisterId.sveZ(32, 0));
    refused("p=16, must be 0 to 15", () -> RegisterId.sveP(16, 0));
    refused("slice=32, must be 0 to 31", () -> RegisterId.sveFfr(32));
    assertEquals(
        "register pc [0x6030000000100040] is no system register",
        assertThrows(IllegalStateException.class, RegisterId.PC::crn).getMessage());
  }

  private static void refused(String message, Runnable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call::run).getMessage());
  }

  @Test
  void namedRegistersAreDistinctAndFound() {
    Set<RegisterId> ids = new HashSet<>();
    for (SysReg register : SysReg.values()) {
      assertEquals(Optional.of(register), SysReg.of(register.id()));
      ids.add(register.id());
    }
    assertEquals(SysReg.values().length, ids.size());
    assertEquals(Optional.empty(), SysReg.of(RegisterId.PC));
  }
}

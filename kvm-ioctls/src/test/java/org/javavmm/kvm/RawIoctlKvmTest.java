// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.javavmm.kvm.arm64.ArmCap;
import org.javavmm.kvm.arm64.ArmIrq;
import org.javavmm.kvm.arm64.ArmMpState;
import org.javavmm.kvm.arm64.ArmVcpu;
import org.javavmm.kvm.arm64.ArmVm;
import org.javavmm.kvm.arm64.RegisterId;
import org.javavmm.kvm.arm64.VcpuFeature;
import org.javavmm.kvm.arm64.VcpuInit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Ioctls by their number; and that arm64's calls come to the kernel, which refuses them here. */
@NeedsKvm
class RawIoctlKvmTest {
  private static String refused(Executable call) {
    return String.valueOf(assertThrows(KvmException.class, call).getMessage());
  }

  private static final String NOTTY = ": ENOTTY (this KVM lacks the ioctl)";

  private static void starts(String start, Executable call) {
    String message = refused(call);
    assertTrue(message.startsWith(start), message);
  }

  @Test
  void ofAVcpu() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt");
        Arena arena = Arena.ofConfined()) {
      Regs regs = guest.vcpu.getRegs().rbx(0x1234);
      guest.vcpu.setRegs(regs);
      MemorySegment raw = arena.allocate(regs.segment().byteSize(), 8);
      assertEquals(0, guest.vcpu.rawIoctl("KVM_GET_REGS()", KvmIoctl.KVM_GET_REGS.number, raw));
      assertArrayEquals(
          regs.segment().toArray(ValueLayout.JAVA_BYTE), raw.toArray(ValueLayout.JAVA_BYTE));
      // Whether ENOTTY or EINVAL is the kernel's choice.
      starts("KVM_NONE(a=1): E", () -> guest.vcpu.rawIoctl("KVM_NONE(a=1)", 0xaeff, 0));
      starts("KVM_NONE(a=1): E", () -> guest.vcpu.rawIoctl("KVM_NONE(a=1)", 0xaeff, raw));
      MemorySegment heap = MemorySegment.ofArray(new byte[8]);
      assertThrows(
          IllegalArgumentException.class, () -> guest.vcpu.rawIoctl("KVM_NONE()", 0xaeff, heap));
    }
  }

  @Test
  void ofAVmAndADevice() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm(0L);
        Arena arena = Arena.ofConfined()) {
      long check = KvmIoctl.KVM_CHECK_EXTENSION.number;
      assertEquals(
          vm.checkExtension(Cap.NR_MEMSLOTS),
          vm.rawIoctl("KVM_CHECK_EXTENSION()", check, Cap.NR_MEMSLOTS.number()));
      MemorySegment none = arena.allocate(8);
      assertEquals("KVM_NONE()" + NOTTY, refused(() -> vm.rawIoctl("KVM_NONE()", 0xaeff, none)));
      if (vm.hasDevice(Device.KVM_DEV_TYPE_VFIO)) {
        try (Device device = vm.createDevice(Device.KVM_DEV_TYPE_VFIO)) {
          assertEquals(
              "KVM_NONE()" + NOTTY, refused(() -> device.rawIoctl("KVM_NONE()", 0xaeff, 0)));
          assertEquals(
              "KVM_NONE()" + NOTTY, refused(() -> device.rawIoctl("KVM_NONE()", 0xaeff, none)));
        }
      }
    }
  }

  @Test
  void armsCallsReachTheKernel() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm();
        Vcpu vcpu = vm.createVcpu(0)) {
      ArmVm armVm = new ArmVm(vm);
      ArmVcpu armVcpu = new ArmVcpu(vcpu);
      assertEquals("KVM_ARM_PREFERRED_TARGET()" + NOTTY, refused(armVm::preferredTarget));
      assertEquals(0, armVm.checkExtension(ArmCap.ARM_SVE));
      assertFalse(armVm.hasVgicV3());
      assertEquals(
          "KVM_CREATE_DEVICE(type=7, flags=0): ENODEV (this KVM lacks such a device)",
          refused(armVm::createVgicV3));
      VcpuInit init = new VcpuInit(5).with(VcpuFeature.PSCI_0_2);
      starts(
          "KVM_ARM_VCPU_INIT(vcpu=0, target=5, features=[PSCI_0_2]): E", () -> armVcpu.init(init));
      starts(
          "KVM_GET_ONE_REG(vcpu=0, pc [0x6030000000100040]): E", () -> armVcpu.get(RegisterId.PC));
      starts(
          "KVM_SET_ONE_REG(vcpu=0, pc [0x6030000000100040]): E",
          () -> armVcpu.set(RegisterId.PC, 0));
      starts("KVM_GET_REG_LIST(vcpu=0, ", armVcpu::getRegList);
      starts("KVM_SET_DEVICE_ATTR(vcpu=0, pvtime ipa=0x0): E", () -> armVcpu.setPvtimeIpa(0));
      starts("KVM_IRQ_LINE(SPI 32, level=true): E", () -> armVm.setIrqLine(ArmIrq.spi(32), true));
      assertEquals(ArmMpState.RUNNABLE, armVcpu.getMpState());
    }
  }

  @Test
  void ipaSize() throws Exception {
    try (Kvm kvm = Kvm.open()) {
      assertEquals(
          "KVM_CREATE_VM(ipa_bits=48): EINVAL (this host lacks guest-physical addresses of that"
              + " size)",
          refused(() -> ArmVm.createVm(kvm, 48).close()));
      assertEquals(
          "KVM_CREATE_VM(type=77): EINVAL (this KVM lacks VMs of the type)",
          refused(() -> kvm.createVm(77L).close()));
      assertEquals(
          "ipaBits=31, must be 32 to 52",
          assertThrows(IllegalArgumentException.class, () -> ArmVm.createVm(kvm, 31).close())
              .getMessage());
    }
  }
}

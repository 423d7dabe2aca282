// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.javavmm.kvm.arm64.ArmCap;
import org.javavmm.kvm.arm64.ArmVcpu;
import org.javavmm.kvm.arm64.ArmVm;
import org.javavmm.kvm.arm64.RegisterId;
import org.javavmm.kvm.arm64.VcpuInit;
import org.javavmm.sys.Mapping;
import org.javavmm.sys.OwnedFd;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/**
 * Ioctls by their number, without KVM: a file stands in, which knows FIONREAD (what is left to
 * read, into a structure) and FIONCLEX (no argument), and refuses those of KVM.
 */
class RawIoctlTest {
  private static final long FIONREAD = 0x541b;
  private static final long FIONCLEX = 0x5450;
  private static final String NOTTY = ": ENOTTY (this KVM lacks the ioctl)";

  private interface Structure {
    int call(String call, long number, MemorySegment argument) throws KvmException;
  }

  private interface Plain {
    int call(String call, long number, long argument) throws KvmException;
  }

  @TempDir private Path folder;
  private Path file;

  @BeforeEach
  void makeFile() throws Exception {
    file = Files.writeString(folder.resolve("file"), "hello");
  }

  private OwnedFd open() throws Exception {
    return OwnedFd.openReadWrite(file.toString());
  }

  private static String refused(Executable call) {
    return String.valueOf(assertThrows(KvmException.class, call).getMessage());
  }

  private static void check(OwnedFd fd, Structure structure, Plain number) throws Exception {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment argument = arena.allocate(ValueLayout.JAVA_INT);
      assertEquals(0, structure.call("FIONREAD()", FIONREAD, argument));
      assertEquals(5, argument.get(ValueLayout.JAVA_INT, 0));
      assertTrue(fd.isCloseOnExec());
      assertEquals(0, number.call("FIONCLEX()", FIONCLEX, 0));
      assertFalse(fd.isCloseOnExec());
      assertEquals(
          "KVM_NONE(a=1)" + NOTTY,
          refused(() -> structure.call("KVM_NONE(a=1)", 0xaeff, argument)));
      assertEquals("KVM_NONE(b=2)" + NOTTY, refused(() -> number.call("KVM_NONE(b=2)", 0xaeff, 2)));
    }
    MemorySegment heap = MemorySegment.ofArray(new byte[8]);
    assertThrows(
        IllegalArgumentException.class, () -> structure.call("FIONREAD()", FIONREAD, heap));
    fd.close();
    assertThrows(IllegalStateException.class, () -> number.call("FIONCLEX()", FIONCLEX, 0));
  }

  @Test
  void ofAVm() throws Exception {
    OwnedFd fd = open();
    try (Vm vm = new Vm(fd, 4096)) {
      check(fd, vm::rawIoctl, vm::rawIoctl);
    }
  }

  /** Else the rings would be there and could not be mapped. */
  @Test
  void dirtyRingsHaveAMethodOfTheirOwn() throws Exception {
    try (Vm vm = new Vm(open(), 4096)) {
      for (Cap cap : new Cap[] {Cap.DIRTY_LOG_RING, Cap.DIRTY_LOG_RING_ACQ_REL}) {
        assertEquals(
            "KVM_CAP_" + cap + " is enabled by enableDirtyRing",
            assertThrows(IllegalArgumentException.class, () -> vm.enableCap(cap, 65_536))
                .getMessage());
      }
      assertEquals(
          "KVM_ENABLE_CAP(KVM_CAP_HALT_POLL, 0x1)" + NOTTY,
          refused(() -> vm.enableCap(Cap.HALT_POLL, 1)));
    }
  }

  @Test
  void ofAVcpu() throws Exception {
    OwnedFd fd = open();
    try (Vm vm = new Vm(open(), 4096);
        Vcpu vcpu = new Vcpu(vm, 2, fd, Mapping.anonymous(8192))) {
      Structure structure = vcpu::rawIoctl;
      Plain number = vcpu::rawIoctl;
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment argument = arena.allocate(ValueLayout.JAVA_INT);
        assertEquals(0, structure.call("FIONREAD()", FIONREAD, argument));
        assertEquals(5, argument.get(ValueLayout.JAVA_INT, 0));
        assertEquals(
            "KVM_NONE()" + NOTTY, refused(() -> structure.call("KVM_NONE()", 0xaeff, argument)));
      }
      assertEquals(0, number.call("FIONCLEX()", FIONCLEX, 0));
      assertFalse(fd.isCloseOnExec());
      assertEquals("KVM_NONE()" + NOTTY, refused(() -> number.call("KVM_NONE()", 0xaeff, 0)));
      assertFalse(vcpu.attributes().has(0, 0));
    }
  }

  @Test
  void ofADevice() throws Exception {
    OwnedFd fd = open();
    try (Device device = new Device(fd, 7)) {
      check(fd, device::rawIoctl, device::rawIoctl);
    }
  }

  /** The way from arm64's objects to the kernel, which is no KVM here. */
  @Test
  void armsCallsReachTheKernel() throws Exception {
    try (Vm vm = new Vm(open(), 4096);
        Vcpu vcpu = new Vcpu(vm, 2, open(), Mapping.anonymous(8192))) {
      ArmVm armVm = new ArmVm(vm);
      ArmVcpu armVcpu = new ArmVcpu(vcpu);
      assertEquals("KVM_ARM_PREFERRED_TARGET()" + NOTTY, refused(armVm::preferredTarget));
      assertEquals(
          "KVM_CHECK_EXTENSION(KVM_CAP_ARM_SVE)" + NOTTY,
          refused(() -> armVm.checkExtension(ArmCap.ARM_SVE)));
      assertEquals(
          "KVM_CREATE_DEVICE(type=7, flags=0)" + NOTTY, refused(() -> armVm.createVgicV3()));
      assertEquals("KVM_CREATE_DEVICE(type=5, flags=1)" + NOTTY, refused(armVm::hasVgicV2));
      assertEquals(
          "KVM_ARM_VCPU_INIT(vcpu=2, target=5, features=[])" + NOTTY,
          refused(() -> armVcpu.init(new VcpuInit(5))));
      String pc = "_ONE_REG(vcpu=2, pc [0x6030000000100040])" + NOTTY;
      assertEquals("KVM_GET" + pc, refused(() -> armVcpu.get(RegisterId.PC)));
      assertEquals("KVM_SET" + pc, refused(() -> armVcpu.set(RegisterId.PC, 0)));
      assertEquals("KVM_GET_REG_LIST(vcpu=2, n=0)" + NOTTY, refused(armVcpu::getRegList));
      assertEquals("KVM_GET_MP_STATE(vcpu=2)" + NOTTY, refused(armVcpu::getMpState));
      assertEquals(
          "KVM_SET_DEVICE_ATTR(vcpu=2, pvtime ipa=0x0)" + NOTTY,
          refused(() -> armVcpu.setPvtimeIpa(0)));
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import org.javavmm.bindings.kvm.arm64.kvm_arm64_h;
import org.javavmm.bindings.kvm.arm64.kvm_arm_copy_mte_tags;
import org.javavmm.bindings.kvm.arm64.kvm_arm_counter_offset;
import org.javavmm.bindings.kvm.arm64.kvm_arm_device_addr;
import org.javavmm.bindings.kvm.arm64.kvm_debug_exit_arch;
import org.javavmm.bindings.kvm.arm64.kvm_smccc_filter;
import org.javavmm.bindings.kvm.arm64.kvm_vcpu_init;
import org.javavmm.bindings.kvm.arm64.reg_mask_range;
import org.javavmm.bindings.kvm.kvm_enable_cap;
import org.javavmm.bindings.kvm.kvm_h;
import org.javavmm.bindings.kvm.kvm_irq_level;
import org.javavmm.bindings.kvm.kvm_run;
import org.javavmm.kvm.Mocks;
import org.javavmm.kvm.VcpuExit;
import org.javavmm.sys.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** The calls of a VM against a mock: numbers, structures, errors. */
class ArmVmTest {
  private final ArmMock mock = new ArmMock();
  private final ArmVm vm = new ArmVm(mock);

  private static void illegal(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @Test
  void preferredTarget() throws Exception {
    mock.answer =
        struct -> {
          kvm_vcpu_init.target(struct, 5);
          kvm_vcpu_init.features(struct, 0, 1 << kvm_arm64_h.KVM_ARM_VCPU_PSCI_0_2());
        };
    VcpuInit init = vm.preferredTarget();
    assertEquals(kvm_arm64_h.KVM_ARM_PREFERRED_TARGET(), mock.number);
    assertEquals(kvm_vcpu_init.sizeof(), mock.given.byteSize());
    assertEquals(5, init.target());
    assertEquals(Set.of(VcpuFeature.PSCI_0_2), init.features());
    assertEquals(
        "KVM_ARM_PREFERRED_TARGET(): ENODEV (KVM prefers no target on this host)",
        mock.refused(Errno.ENODEV, vm::preferredTarget));
  }

  @Test
  void capabilities() throws Exception {
    mock.result = 48;
    assertEquals(48, vm.checkExtension(ArmCap.ARM_VM_IPA_SIZE));
    assertEquals(kvm_h.KVM_CHECK_EXTENSION(), mock.number);
    assertEquals(165, mock.argument);
    assertEquals("KVM_CHECK_EXTENSION(KVM_CAP_ARM_VM_IPA_SIZE)", mock.calls.getLast());
    vm.enableCap(ArmCap.ARM_EAGER_SPLIT_CHUNK_SIZE, 0x20_0000, 2, 3, 4);
    assertEquals(kvm_h.KVM_ENABLE_CAP(), mock.number);
    assertEquals(kvm_enable_cap.sizeof(), mock.given.byteSize());
    assertEquals(228, kvm_enable_cap.cap(mock.given));
    assertEquals(0, kvm_enable_cap.flags(mock.given));
    assertEquals(0x20_0000, kvm_enable_cap.args(mock.given, 0));
    assertEquals(4, kvm_enable_cap.args(mock.given, 3));
    assertEquals(
        "KVM_ENABLE_CAP(KVM_CAP_ARM_MTE): EINVAL (no capability that can be enabled here, refused"
            + " arguments, or too late for it)",
        mock.refused(Errno.EINVAL, () -> vm.enableCap(ArmCap.ARM_MTE)));
    assertEquals(
        "KVM_ENABLE_CAP(KVM_CAP_ARM_MTE, args=[1, 2]): EINVAL (no capability that can be enabled here, refused"
            + " arguments, or too late for it)",
        mock.refused(Errno.EINVAL, () -> vm.enableCap(ArmCap.ARM_MTE, 1, 2)));
    illegal("5 arguments, must be at most 4", () -> vm.enableCap(ArmCap.ARM_MTE, 1, 2, 3, 4, 5));
  }

  @Test
  void counterOffset() throws Exception {
    vm.setCounterOffset(-7);
    assertEquals(kvm_arm64_h.KVM_ARM_SET_COUNTER_OFFSET(), mock.number);
    assertEquals(kvm_arm_counter_offset.sizeof(), mock.given.byteSize());
    assertEquals(-7, kvm_arm_counter_offset.counter_offset(mock.given));
    assertEquals(0, kvm_arm_counter_offset.reserved(mock.given));
    assertEquals(
        "KVM_ARM_SET_COUNTER_OFFSET(offset=0x10): EBUSY (a vCPU is in use)",
        mock.refused(Errno.EBUSY, () -> vm.setCounterOffset(16)));
  }

  @Test
  void memoryTags() throws Exception {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment tags = arena.allocate(512);
      mock.result = 0x1000;
      assertEquals(
          0x1000, vm.copyMteTags(ArmVm.TagDirection.FROM_GUEST, 0x4000_0000, 0x2000, tags));
      assertEquals(kvm_arm64_h.KVM_ARM_MTE_COPY_TAGS(), mock.number);
      assertEquals(kvm_arm_copy_mte_tags.sizeof(), mock.given.byteSize());
      assertEquals(0x4000_0000, kvm_arm_copy_mte_tags.guest_ipa(mock.given));
      assertEquals(0x2000, kvm_arm_copy_mte_tags.length(mock.given));
      assertEquals(tags.address(), kvm_arm_copy_mte_tags.addr(mock.given).address());
      assertEquals(kvm_arm64_h.KVM_ARM_TAGS_FROM_GUEST(), kvm_arm_copy_mte_tags.flags(mock.given));
      assertEquals(0, kvm_arm_copy_mte_tags.reserved(mock.given, 0));
      assertEquals(0, kvm_arm_copy_mte_tags.reserved(mock.given, 1));
      vm.copyMteTags(ArmVm.TagDirection.TO_GUEST, 0, 0x2000, tags.asReadOnly());
      assertEquals(kvm_arm64_h.KVM_ARM_TAGS_TO_GUEST(), kvm_arm_copy_mte_tags.flags(mock.given));
      mock.calls.clear();
      ArmVm.TagDirection from = ArmVm.TagDirection.FROM_GUEST;
      illegal(
          "gpa=0x800, must be a multiple of 0x1000", () -> vm.copyMteTags(from, 0x800, 0, tags));
      illegal("length=0x10, must be a multiple of 0x1000", () -> vm.copyMteTags(from, 0, 16, tags));
      illegal(
          "length=0x80000000, must be at most 0x7fffffff",
          () -> vm.copyMteTags(from, 0, 1L << 31, tags));
      illegal(
          "length=0xfffffffffffff000, must be at most 0x7fffffff",
          () -> vm.copyMteTags(from, 0, -0x1000, tags));
      illegal("tags: 512 bytes, must be at least 768", () -> vm.copyMteTags(from, 0, 0x3000, tags));
      illegal("tags is read-only", () -> vm.copyMteTags(from, 0, 0x2000, tags.asReadOnly()));
      illegal(
          "tags is not native memory",
          () -> vm.copyMteTags(from, 0, 0x1000, MemorySegment.ofArray(new byte[256])));
      MemorySegment freed;
      try (Arena shared = Arena.ofShared()) {
        freed = shared.allocate(256);
      }
      assertEquals(
          "tags was freed",
          assertThrows(IllegalStateException.class, () -> vm.copyMteTags(from, 0, 0x1000, freed))
              .getMessage());
      assertTrue(mock.calls.isEmpty());
      assertEquals(
          "KVM_ARM_MTE_COPY_TAGS(TO_GUEST, ipa=0x1000, length=0x2000): EINVAL (no memory tags, or"
              + " not memory of the guest)",
          mock.refused(
              Errno.EINVAL,
              () -> vm.copyMteTags(ArmVm.TagDirection.TO_GUEST, 0x1000, 0x2000, tags)));
    }
  }

  @Test
  void writableMasks() throws Exception {
    int size = kvm_arm64_h.KVM_ARM_FEATURE_ID_RANGE_SIZE();
    mock.answer =
        struct -> {
          for (int i = 0; i < size; i++) {
            Mocks.put(reg_mask_range.addr(struct) + 8L * i, ArmMock.little(1000 + i, 8));
          }
        };
    WritableMasks masks = vm.getRegWritableMasks();
    assertEquals(kvm_arm64_h.KVM_ARM_GET_REG_WRITABLE_MASKS(), mock.number);
    assertEquals(reg_mask_range.sizeof(), mock.given.byteSize());
    assertEquals(kvm_arm64_h.KVM_ARM_FEATURE_ID_RANGE(), reg_mask_range.range(mock.given));
    for (int i = 0; i < 13; i++) {
      assertEquals(0, reg_mask_range.reserved(mock.given, i));
    }
    assertEquals(1000 + 4 * 8, masks.mask(SysReg.ID_AA64PFR0_EL1.id()));
    assertEquals(1000 + 64 + 1, masks.mask(SysReg.CLIDR_EL1.id()));
    assertEquals(1000 + 128 + 1, masks.mask(SysReg.CTR_EL0.id()));
    assertEquals(1000 + size - 1, masks.mask(RegisterId.sysReg(3, 3, 0, 7, 7)));
    for (RegisterId outside :
        new RegisterId[] {
          RegisterId.sysReg(2, 0, 0, 0, 0),
          RegisterId.sysReg(3, 2, 0, 0, 0),
          RegisterId.sysReg(3, 0, 1, 0, 0),
          RegisterId.sysReg(3, 0, 0, 8, 0)
        }) {
      illegal(
          "register "
              + outside
              + " is no feature id: op0 must be 3, op1 0, 1 or 3, crn 0, crm 0 to 7",
          () -> masks.mask(outside));
    }
    assertEquals(
        "KVM_ARM_GET_REG_WRITABLE_MASKS(range=0): ENOTTY (this KVM lacks the ioctl)",
        mock.refused(Errno.ENOTTY, vm::getRegWritableMasks));
  }

  @Test
  void theOldWayToPlaceAVgic() throws Exception {
    vm.setVgicV2Address(ArmVm.VgicV2Part.CPU_INTERFACE, 0x801_0000);
    assertEquals(kvm_arm64_h.KVM_ARM_SET_DEVICE_ADDR(), mock.number);
    assertEquals(kvm_arm_device_addr.sizeof(), mock.given.byteSize());
    assertEquals(
        (long) kvm_arm64_h.KVM_ARM_DEVICE_VGIC_V2() << kvm_arm64_h.KVM_ARM_DEVICE_ID_SHIFT()
            | (long) kvm_arm64_h.KVM_VGIC_V2_ADDR_TYPE_CPU()
                << kvm_arm64_h.KVM_ARM_DEVICE_TYPE_SHIFT(),
        kvm_arm_device_addr.id(mock.given));
    assertEquals(0x801_0000, kvm_arm_device_addr.addr(mock.given));
    vm.setVgicV2Address(ArmVm.VgicV2Part.DISTRIBUTOR, 0x800_0000);
    assertEquals(0, kvm_arm_device_addr.id(mock.given));
    assertEquals(
        "KVM_ARM_SET_DEVICE_ADDR(vgic-v2 DISTRIBUTOR, addr=0x1000): EEXIST (it was set already)",
        mock.refused(
            Errno.EEXIST, () -> vm.setVgicV2Address(ArmVm.VgicV2Part.DISTRIBUTOR, 0x1000)));
    assertEquals(
        "KVM_ARM_SET_DEVICE_ADDR(vgic-v2 DISTRIBUTOR, addr=0x1000): ENODEV (there is no such"
            + " interrupt controller)",
        mock.refused(
            Errno.ENODEV, () -> vm.setVgicV2Address(ArmVm.VgicV2Part.DISTRIBUTOR, 0x1000)));
    illegal(
        "gpa=0x10, must be a multiple of 0x1000",
        () -> vm.setVgicV2Address(ArmVm.VgicV2Part.DISTRIBUTOR, 16));
  }

  @Test
  void smcccFilter() throws Exception {
    mock.valueSize = (int) kvm_smccc_filter.sizeof();
    vm.setSmcccFilter(0x8600_0000, 0x100, SmcccAction.FORWARD_TO_USER);
    mock.expectAttribute(
        "KVM_SET_DEVICE_ATTR",
        kvm_arm64_h.KVM_ARM_VM_SMCCC_CTRL(),
        kvm_arm64_h.KVM_ARM_VM_SMCCC_FILTER());
    MemorySegment given = Arena.ofAuto().allocate(kvm_smccc_filter.layout());
    given.copyFrom(MemorySegment.ofArray(mock.value));
    assertEquals(0x8600_0000, kvm_smccc_filter.base(given));
    assertEquals(0x100, kvm_smccc_filter.nr_functions(given));
    assertEquals(2, kvm_smccc_filter.action(given));
    assertArrayEquals(new byte[15], kvm_smccc_filter.pad(given).toArray(ValueLayout.JAVA_BYTE));
    String call =
        "KVM_SET_DEVICE_ATTR(VM, smccc_filter, base=0xffffffff, nr_functions=1, action=DENY): ";
    assertEquals(
        call + "EEXIST (overlaps another filter or what KVM reserves)",
        mock.refused(Errno.EEXIST, () -> vm.setSmcccFilter(-1, 1, SmcccAction.DENY)));
    assertEquals(
        call + "EBUSY (too late: a vCPU ran already)",
        mock.refused(Errno.EBUSY, () -> vm.setSmcccFilter(-1, 1, SmcccAction.DENY)));
    assertEquals(
        call + "ENXIO (this KVM lacks the filter)",
        mock.refused(Errno.ENXIO, () -> vm.setSmcccFilter(-1, 1, SmcccAction.DENY)));
    illegal(
        "base=0x0, count=0: must be at least one function, none above 0xffffffff",
        () -> vm.setSmcccFilter(0, 0, SmcccAction.DENY));
    illegal(
        "base=0xffffffff, count=2: must be at least one function, none above 0xffffffff",
        () -> vm.setSmcccFilter(-1, 2, SmcccAction.DENY));
  }

  @Test
  void interruptLines() throws Exception {
    vm.setIrqLine(ArmIrq.ppi(0x123, 27), true);
    assertEquals(kvm_h.KVM_IRQ_LINE(), mock.number);
    assertEquals(kvm_irq_level.sizeof(), mock.given.byteSize());
    assertEquals(0x1223_001b, kvm_irq_level.irq(mock.given));
    assertEquals(1, kvm_irq_level.level(mock.given));
    vm.setIrqLine(ArmIrq.spi(33), false);
    assertEquals(0x0100_0021, kvm_irq_level.irq(mock.given));
    assertEquals(0, kvm_irq_level.level(mock.given));
    vm.setIrqLine(ArmIrq.cpuFiq(2), true);
    assertEquals(0x0002_0001, kvm_irq_level.irq(mock.given));
    assertEquals(
        "KVM_IRQ_LINE(SPI 33, level=true): ENXIO (there is no interrupt controller in the kernel)",
        mock.refused(Errno.ENXIO, () -> vm.setIrqLine(ArmIrq.spi(33), true)));
    assertEquals(
        "KVM_IRQ_LINE(IRQ of vCPU 1, level=false): ENXIO (the interrupt controller is in the"
            + " kernel)",
        mock.refused(Errno.ENXIO, () -> vm.setIrqLine(ArmIrq.cpuIrq(1), false)));
    assertEquals(
        "KVM_IRQ_LINE(PPI 16 of vCPU 9, level=true): EINVAL (there is no such line or vCPU)",
        mock.refused(Errno.EINVAL, () -> vm.setIrqLine(ArmIrq.ppi(9, 16), true)));
    illegal("SPI number=31, must be 32 to 1019", () -> ArmIrq.spi(31));
    illegal("PPI number=32, must be 16 to 31", () -> ArmIrq.ppi(0, 32));
    illegal("vcpu=4096, must be 0 to 4095", () -> ArmIrq.cpuIrq(4096));
    illegal("vcpu=1, must be 0 to 0", () -> new ArmIrq(ArmIrq.Type.SPI, 1, 32));
    illegal("irq=0x3000000 has the unknown type 3", () -> ArmIrq.decoded(0x300_0000));
  }

  @Test
  void whatExitsSay() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment run = arena.allocate(4096, 8);
      VcpuExit exit = Mocks.exit(run);
      long payload = kvm_run.hw$offset();
      MemorySegment debug = run.asSlice(payload, kvm_debug_exit_arch.sizeof());
      kvm_debug_exit_arch.hsr(debug, 0xd200_0022);
      kvm_debug_exit_arch.hsr_high(debug, 5);
      kvm_debug_exit_arch.far(debug, 0x1234);
      ArmExits.Debug said = ArmExits.debug(exit);
      assertEquals(new ArmExits.Debug(0xd200_0022, 5, 0x1234), said);
      assertEquals(0x34, said.exceptionClass());

      run.fill((byte) 0);
      kvm_run.system_event.type(kvm_run.system_event(run), kvm_h.KVM_SYSTEM_EVENT_RESET());
      assertFalse(ArmExits.isPsciReset2(exit));
      kvm_run.system_event.ndata(kvm_run.system_event(run), 1);
      assertFalse(ArmExits.isPsciReset2(exit));
      kvm_run.system_event.data(kvm_run.system_event(run), 0, 1L);
      assertTrue(ArmExits.isPsciReset2(exit));
      kvm_run.system_event.type(kvm_run.system_event(run), kvm_h.KVM_SYSTEM_EVENT_SHUTDOWN());
      assertFalse(ArmExits.isPsciReset2(exit));
    }
  }

  @Test
  void devices() throws Exception {
    mock.result = 1;
    assertTrue(vm.hasVgicV2());
    assertEquals(kvm_arm64_h.KVM_DEV_TYPE_ARM_VGIC_V2(), mock.deviceType);
    assertTrue(vm.hasVgicV3());
    assertEquals(kvm_arm64_h.KVM_DEV_TYPE_ARM_VGIC_V3(), mock.deviceType);
    assertTrue(vm.hasVgicIts());
    assertEquals(kvm_arm64_h.KVM_DEV_TYPE_ARM_VGIC_ITS(), mock.deviceType);
    try (VgicV2 v2 = vm.createVgicV2()) {
      assertEquals("vgic-v2", v2.toString());
      assertEquals(kvm_arm64_h.KVM_DEV_TYPE_ARM_VGIC_V2(), mock.deviceType);
    }
    assertTrue(mock.deviceClosed);
    mock.deviceClosed = false;
    try (VgicV3 v3 = vm.createVgicV3()) {
      assertEquals("vgic-v3", v3.toString());
      assertEquals(kvm_arm64_h.KVM_DEV_TYPE_ARM_VGIC_V3(), mock.deviceType);
    }
    assertTrue(mock.deviceClosed);
    mock.deviceClosed = false;
    try (VgicIts its = vm.createVgicIts()) {
      assertEquals("vgic-its", its.toString());
      assertEquals(kvm_arm64_h.KVM_DEV_TYPE_ARM_VGIC_ITS(), mock.deviceType);
    }
    assertTrue(mock.deviceClosed);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.Optional;
import org.javavmm.bindings.kvm.arm64.kvm_arm64_h;
import org.javavmm.sys.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** The attributes of the interrupt controllers against a mock: numbers, fields, values, errors. */
class VgicTest {
  private static final String SET = "KVM_SET_DEVICE_ATTR";
  private static final String GET = "KVM_GET_DEVICE_ATTR";
  private static final int ADDR = kvm_arm64_h.KVM_DEV_ARM_VGIC_GRP_ADDR();
  private static final int CTRL = kvm_arm64_h.KVM_DEV_ARM_VGIC_GRP_CTRL();
  private static final int DIST = kvm_arm64_h.KVM_DEV_ARM_VGIC_GRP_DIST_REGS();

  private final ArmMock mock = new ArmMock();
  private final VgicV2 v2 = new VgicV2(mock.createDevice(5));
  private final VgicV3 v3 = new VgicV3(mock.createDevice(7));
  private final VgicIts its = new VgicIts(mock.createDevice(8));

  private interface Call {
    void call() throws Exception;
  }

  private static void illegal(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  private void sets(int size, int group, long attribute, long value, Call call) throws Exception {
    mock.valueSize = size;
    mock.valueAnswer = new byte[0];
    call.call();
    mock.expectAttribute(SET, group, attribute);
    assertEquals(value, mock.number());
  }

  /** The value is read as all ones, after it was given as {@code asked}. */
  private void gets(int size, int group, long attribute, long asked, Call call) throws Exception {
    mock.valueSize = size;
    mock.valueAnswer = ArmMock.little(-1, size);
    call.call();
    mock.expectAttribute(GET, group, attribute);
    assertEquals(asked, mock.number());
    mock.valueAnswer = new byte[0];
  }

  private void acts(int attribute, Call call) throws Exception {
    mock.valueSize = 0;
    call.call();
    mock.expectAttribute(SET, CTRL, attribute);
    assertEquals(0, mock.attributeField("addr"));
  }

  @Test
  void addresses() throws Exception {
    int dist2 = kvm_arm64_h.KVM_VGIC_V2_ADDR_TYPE_DIST();
    int cpu2 = kvm_arm64_h.KVM_VGIC_V2_ADDR_TYPE_CPU();
    int dist3 = kvm_arm64_h.KVM_VGIC_V3_ADDR_TYPE_DIST();
    int redist3 = kvm_arm64_h.KVM_VGIC_V3_ADDR_TYPE_REDIST();
    int itsType = kvm_arm64_h.KVM_VGIC_ITS_ADDR_TYPE();
    sets(8, ADDR, dist2, 0x8_0000_1000L, () -> v2.setDistributor(0x8_0000_1000L));
    sets(8, ADDR, cpu2, 0x8_0000_2000L, () -> v2.setCpuInterface(0x8_0000_2000L));
    sets(8, ADDR, dist3, 0x8_0001_0000L, () -> v3.setDistributor(0x8_0001_0000L));
    sets(8, ADDR, redist3, 0x8_0002_0000L, () -> v3.setRedistributors(0x8_0002_0000L));
    sets(8, ADDR, itsType, 0x8_0003_0000L, () -> its.setAddress(0x8_0003_0000L));
    gets(8, ADDR, dist2, 0, () -> assertEquals(-1, v2.getDistributor()));
    gets(8, ADDR, cpu2, 0, () -> assertEquals(-1, v2.getCpuInterface()));
    gets(8, ADDR, dist3, 0, () -> assertEquals(-1, v3.getDistributor()));
    gets(8, ADDR, redist3, 0, () -> assertEquals(-1, v3.getRedistributors()));
    gets(8, ADDR, itsType, 0, () -> assertEquals(-1, its.getAddress()));
    illegal("gpa=0x800, must be a multiple of 0x1000", () -> v2.setDistributor(0x800));
    illegal("gpa=0x800, must be a multiple of 0x1000", () -> v2.setCpuInterface(0x800));
    illegal("gpa=0x1000, must be a multiple of 0x10000", () -> v3.setDistributor(0x1000));
    illegal("gpa=0x1000, must be a multiple of 0x10000", () -> v3.setRedistributors(0x1000));
    illegal("gpa=0x1000, must be a multiple of 0x10000", () -> its.setAddress(0x1000));
    String call = "KVM_SET_DEVICE_ATTR(vgic-v3, dist=0x10000): ";
    assertEquals(
        call + "EEXIST (it was set already)",
        mock.refused(Errno.EEXIST, () -> v3.setDistributor(0x1_0000)));
    assertEquals(
        call + "EINVAL (not aligned, overlapping, or not in order)",
        mock.refused(Errno.EINVAL, () -> v3.setDistributor(0x1_0000)));
    assertEquals(
        call + "ENXIO (this host's interrupt controller cannot do it)",
        mock.refused(Errno.ENXIO, () -> v3.setDistributor(0x1_0000)));
    assertEquals(
        call + "EBUSY (too late: vCPUs ran already)",
        mock.refused(Errno.EBUSY, () -> v3.setDistributor(0x1_0000)));
    assertEquals(
        "beyond the guest-physical addresses of the VM",
        mock.refused(7, () -> v3.setDistributor(0x1_0000)).replaceAll(".*\\(|\\)$", ""));
  }

  @Test
  void redistributorRegions() throws Exception {
    int type = kvm_arm64_h.KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION();
    RedistributorRegion region = new RedistributorRegion(2, 3, 0x4_0001_0000L);
    sets(8, ADDR, type, 0x0030_0004_0001_0002L, () -> v3.setRedistributorRegion(region));
    mock.valueAnswer = ArmMock.little(0x0030_0004_0001_0002L, 8);
    assertEquals(Optional.of(region), v3.getRedistributorRegion(2));
    mock.expectAttribute(GET, ADDR, type);
    assertEquals(2, mock.number());
    mock.valueAnswer = new byte[0];
    mock.errno = Errno.ENOENT;
    assertEquals(Optional.empty(), v3.getRedistributorRegion(3));
    assertEquals(
        "KVM_GET_DEVICE_ATTR(vgic-v3, redist_region(index=3)): ENXIO (this host's interrupt"
            + " controller cannot do it)",
        mock.refused(Errno.ENXIO, () -> v3.getRedistributorRegion(3)));
    assertEquals(
        "KVM_SET_DEVICE_ATTR(vgic-v3, redist_region(index=2, count=3, base=0x400010000)): EINVAL"
            + " (not aligned, overlapping, or not in order)",
        mock.refused(Errno.EINVAL, () -> v3.setRedistributorRegion(region)));
    illegal("index=4096, must be 0 to 4095", () -> v3.getRedistributorRegion(4096));
    illegal("index=4096, must be 0 to 4095", () -> new RedistributorRegion(4096, 1, 0));
    illegal("count=0, must be 1 to 4095", () -> new RedistributorRegion(0, 0, 0));
    illegal(
        "base=0x1000, must be a multiple of 0x10000 below 2^52",
        () -> new RedistributorRegion(0, 1, 0x1000));
    illegal(
        "base=0x10000000000000, must be a multiple of 0x10000 below 2^52",
        () -> new RedistributorRegion(0, 1, 1L << 52));
  }

  @Test
  void numberOfInterrupts() throws Exception {
    int group = kvm_arm64_h.KVM_DEV_ARM_VGIC_GRP_NR_IRQS();
    sets(4, group, 0, 256, () -> v2.setNrIrqs(256));
    sets(4, group, 0, 64, () -> v3.setNrIrqs(64));
    gets(4, group, 0, 0, () -> assertEquals(-1, v2.getNrIrqs()));
    gets(4, group, 0, 0, () -> assertEquals(-1, v3.getNrIrqs()));
    illegal("count=32, must be 64 to 1024", () -> v3.setNrIrqs(32));
    illegal("count=0x41, must be a multiple of 0x20", () -> v3.setNrIrqs(65));
    assertEquals(
        "KVM_SET_DEVICE_ATTR(vgic-v3, nr_irqs=64): EBUSY (a vCPU is running, or it was set"
            + " already)",
        mock.refused(Errno.EBUSY, () -> v3.setNrIrqs(64)));
  }

  @Test
  void whatIsDone() throws Exception {
    acts(kvm_arm64_h.KVM_DEV_ARM_VGIC_CTRL_INIT(), v2::init);
    acts(kvm_arm64_h.KVM_DEV_ARM_VGIC_CTRL_INIT(), v3::init);
    acts(kvm_arm64_h.KVM_DEV_ARM_VGIC_CTRL_INIT(), its::init);
    acts(kvm_arm64_h.KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES(), v3::savePendingTables);
    acts(kvm_arm64_h.KVM_DEV_ARM_ITS_SAVE_TABLES(), its::saveTables);
    acts(kvm_arm64_h.KVM_DEV_ARM_ITS_RESTORE_TABLES(), its::restoreTables);
    acts(kvm_arm64_h.KVM_DEV_ARM_ITS_CTRL_RESET(), its::reset);
    assertEquals(
        "KVM_SET_DEVICE_ATTR(vgic-its, save tables): EBUSY (a vCPU is running, or it was set"
            + " already)",
        mock.refused(Errno.EBUSY, its::saveTables));
    assertEquals(
        "KVM_SET_DEVICE_ATTR(vgic-v2, init): ENODEV (there is no vCPU yet)",
        mock.refused(Errno.ENODEV, v2::init));
    assertEquals(
        "KVM_SET_DEVICE_ATTR(vgic-v3, init): ENXIO (the controller is not set up for it)",
        mock.refused(Errno.ENXIO, v3::init));
  }

  @Test
  void registersOfV2() throws Exception {
    int cpu = kvm_arm64_h.KVM_DEV_ARM_VGIC_GRP_CPU_REGS();
    long attribute = 0xab_1234_5678L;
    assertEquals(
        attribute,
        0xabL << kvm_arm64_h.KVM_DEV_ARM_VGIC_CPUID_SHIFT()
            | 0x1234_5678L << kvm_arm64_h.KVM_DEV_ARM_VGIC_OFFSET_SHIFT());
    sets(
        4,
        DIST,
        attribute,
        0x8000_0001L,
        () -> v2.setDistributorRegister(0xab, 0x1234_5678, 0x8000_0001));
    gets(
        4,
        DIST,
        attribute,
        0,
        () -> assertEquals(-1, v2.getDistributorRegister(0xab, 0x1234_5678)));
    sets(4, cpu, attribute, 7, () -> v2.setCpuRegister(0xab, 0x1234_5678, 7));
    gets(4, cpu, attribute, 0, () -> assertEquals(-1, v2.getCpuRegister(0xab, 0x1234_5678)));
    gets(4, cpu, 0xffff_fffcL, 0, () -> assertEquals(-1, v2.getCpuRegister(0, 0xffff_fffcL)));
    illegal("vcpu=256, must be 0 to 255", () -> v2.getCpuRegister(256, 0));
    illegal(
        "offset=0x100000000, must be less than 0x100000000",
        () -> v2.getDistributorRegister(0, 1L << 32));
    illegal("offset=0x2, must be a multiple of 0x4", () -> v2.getDistributorRegister(0, 2));
    assertEquals(
        "KVM_SET_DEVICE_ATTR(vgic-v2, cpu register, vcpu=1, offset=0x4, value=0xffffffff): EBUSY (a"
            + " vCPU is running)",
        mock.refused(Errno.EBUSY, () -> v2.setCpuRegister(1, 4, -1)));
    assertEquals(
        "KVM_GET_DEVICE_ATTR(vgic-v2, dist register, vcpu=1, offset=0x4): ENXIO (no such register,"
            + " or not initialized)",
        mock.refused(Errno.ENXIO, () -> v2.getDistributorRegister(1, 4)));
  }

  @Test
  void registersOfV3() throws Exception {
    int redist = kvm_arm64_h.KVM_DEV_ARM_VGIC_GRP_REDIST_REGS();
    Affinity affinity = new Affinity(0x81, 2, 3, 4);
    long attribute = 0x8102_0304_0000_0104L;
    sets(4, DIST, 0x104, 0xffff_ffffL, () -> v3.setDistributorRegister(0x104, -1));
    gets(4, DIST, 0x104, 0, () -> assertEquals(-1, v3.getDistributorRegister(0x104)));
    sets(4, redist, attribute, 9, () -> v3.setRedistributorRegister(affinity, 0x104, 9));
    gets(
        4,
        redist,
        attribute,
        0,
        () -> assertEquals(-1, v3.getRedistributorRegister(affinity, 0x104)));
    assertEquals(
        "KVM_SET_DEVICE_ATTR(vgic-v3, redist register, vcpu=129.2.3.4, offset=0x104, value=0x9):"
            + " EINVAL (no such vCPU, or a value that is not valid)",
        mock.refused(Errno.EINVAL, () -> v3.setRedistributorRegister(affinity, 0x104, 9)));
    illegal("aff0=256, must be 0 to 255", () -> new Affinity(0, 0, 0, 256));
    illegal("aff1=-1, must be 0 to 255", () -> new Affinity(0, 0, -1, 0));
    illegal("aff2=256, must be 0 to 255", () -> new Affinity(0, 256, 0, 0));
    illegal("aff3=256, must be 0 to 255", () -> new Affinity(256, 0, 0, 0));
  }

  @Test
  void systemRegistersOfV3() throws Exception {
    int group = kvm_arm64_h.KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS();
    Affinity affinity = new Affinity(0, 0, 1, 2);
    RegisterId pmr = SysReg.ICC_PMR_EL1.id();
    // op0 3, op1 0, CRn 4, CRm 6, op2 0
    long attribute = 0x0000_0102_0000_0000L | 3 << 14 | 4 << 7 | 6 << 3;
    sets(8, group, attribute, 0x1_0000_00f0L, () -> v3.setCpuSysReg(affinity, pmr, 0x1_0000_00f0L));
    gets(8, group, attribute, 0, () -> assertEquals(-1, v3.getCpuSysReg(affinity, pmr)));
    assertEquals(
        "KVM_GET_DEVICE_ATTR(vgic-v3, cpu sysreg, vcpu=0.0.1.2, "
            + pmr
            + "): EBUSY (a vCPU is"
            + " running)",
        mock.refused(Errno.EBUSY, () -> v3.getCpuSysReg(affinity, pmr)));
    assertThrows(IllegalStateException.class, () -> v3.getCpuSysReg(affinity, RegisterId.PC));
  }

  @Test
  void lineLevels() throws Exception {
    int group = kvm_arm64_h.KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO();
    Affinity affinity = new Affinity(0, 0, 1, 2);
    long attribute = 0x0000_0102_0000_0060L;
    sets(4, group, attribute, 0x8000_0001L, () -> v3.setLineLevels(affinity, 96, 0x8000_0001));
    gets(4, group, attribute, 0, () -> assertEquals(-1, v3.getLineLevels(affinity, 96)));
    illegal("first=1024, must be 0 to 1023", () -> v3.getLineLevels(affinity, 1024));
    illegal("first=0x21, must be a multiple of 0x20", () -> v3.setLineLevels(affinity, 33, 0));
    assertEquals(
        "KVM_SET_DEVICE_ATTR(vgic-v3, line levels, vcpu=0.0.1.2, first=32, value=0x1): EINVAL (no"
            + " such vCPU, or a value that is not valid)",
        mock.refused(Errno.EINVAL, () -> v3.setLineLevels(affinity, 32, 1)));
  }

  @Test
  void registersOfTheIts() throws Exception {
    int group = kvm_arm64_h.KVM_DEV_ARM_VGIC_GRP_ITS_REGS();
    sets(
        8,
        group,
        0x100,
        0x8000_0000_0000_0001L,
        () -> its.setRegister(0x100, 0x8000_0000_0000_0001L));
    gets(8, group, 0x100, 0, () -> assertEquals(-1, its.getRegister(0x100)));
    illegal("offset=0x1, must be a multiple of 0x4", () -> its.getRegister(1));
    assertEquals(
        "KVM_SET_DEVICE_ATTR(vgic-its, register, offset=0x80, value=0x5): EBUSY (a vCPU is running)",
        mock.refused(Errno.EBUSY, () -> its.setRegister(0x80, 5)));
    assertEquals(
        List.of("vgic-v2", "vgic-v3", "vgic-its"),
        List.of(v2.toString(), v3.toString(), its.toString()));
  }
}

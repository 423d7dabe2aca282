// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import java.util.Optional;
import org.javavmm.kvm.KvmException;
import org.javavmm.sys.Errno;

/**
 * An interrupt controller GICv3 in the kernel, made by {@link ArmVm#createVgicV3}. Order: create
 * it, set the addresses, create the vCPUs, {@link #init}. Closed with the VM at the latest.
 * Thread-safe. Not run on hardware.
 */
public final class VgicV3 implements AutoCloseable {
  private static final int ALIGNMENT = 0x1_0000;

  private final Vgic vgic;

  VgicV3(VmCalls.DeviceCalls device) {
    vgic = new Vgic("vgic-v3", device);
  }

  /**
   * Says where the distributor (64 KiB) is in guest memory.
   *
   * @param gpa the guest-physical address, a multiple of 64 KiB
   * @throws IllegalArgumentException if it is not aligned
   * @throws KvmException {@code E2BIG} if it is beyond the VM's addresses, {@code EEXIST} if it was
   *     set already, {@code EINVAL} if it overlaps
   */
  public void setDistributor(long gpa) throws KvmException {
    Check.aligned("gpa", gpa, ALIGNMENT);
    vgic.setAddress(VgicLayout.KVM_VGIC_V3_ADDR_TYPE_DIST, gpa, "dist=" + Check.hex(gpa));
  }

  /**
   * {@return where the distributor (64 KiB) is in guest memory; all bits set if it was not said}
   *
   * @throws KvmException if KVM refuses
   */
  public long getDistributor() throws KvmException {
    return vgic.getAddress(VgicLayout.KVM_VGIC_V3_ADDR_TYPE_DIST, 0, "dist");
  }

  /**
   * Says where the redistributors of all vCPUs are (128 KiB each, in one piece) in guest memory.
   *
   * @param gpa the guest-physical address, a multiple of 64 KiB
   * @throws IllegalArgumentException if it is not aligned
   * @throws KvmException {@code E2BIG} if it is beyond the VM's addresses, {@code EEXIST} if it was
   *     set already, {@code EINVAL} if it overlaps
   */
  public void setRedistributors(long gpa) throws KvmException {
    Check.aligned("gpa", gpa, ALIGNMENT);
    vgic.setAddress(VgicLayout.KVM_VGIC_V3_ADDR_TYPE_REDIST, gpa, "redist=" + Check.hex(gpa));
  }

  /**
   * {@return where the redistributors of all vCPUs are (128 KiB each, in one piece) in guest
   * memory; all bits set if it was not said}
   *
   * @throws KvmException if KVM refuses
   */
  public long getRedistributors() throws KvmException {
    return vgic.getAddress(VgicLayout.KVM_VGIC_V3_ADDR_TYPE_REDIST, 0, "redist");
  }

  /**
   * Says where the redistributors of some vCPUs are in guest memory, instead of {@link
   * #setRedistributors}.
   *
   * @param region the region; the regions are given in the order of their index
   * @throws KvmException {@code EINVAL} if the index is not the next or if regions overlap, {@code
   *     E2BIG} if it is beyond the VM's addresses
   */
  public void setRedistributorRegion(RedistributorRegion region) throws KvmException {
    vgic.setAddress(
        VgicLayout.KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION,
        region.encoded(),
        "redist_region(" + region + ")");
  }

  /**
   * {@return a region of {@link #setRedistributorRegion}; empty if there is none of that index}
   *
   * @param index the region's index, 0 to 4095
   * @throws IllegalArgumentException if it is out of range
   * @throws KvmException if KVM refuses for another reason
   */
  public Optional<RedistributorRegion> getRedistributorRegion(int index) throws KvmException {
    Check.range("index", index, 0, 0xfff);
    try {
      // KVM reads which one is meant from where it writes the answer.
      return Optional.of(
          RedistributorRegion.decoded(
              vgic.getAddress(
                  VgicLayout.KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION,
                  index,
                  "redist_region(index=" + index + ")")));
    } catch (KvmException e) {
      if (e.errno() == Errno.ENOENT) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /**
   * Says how many interrupts there are, those of the vCPUs included. Before {@link #init}.
   *
   * @param count 64 to 1024, a multiple of 32
   * @throws IllegalArgumentException if it is not
   * @throws KvmException {@code EINVAL} if it is more than this KVM has, {@code EBUSY} if it was
   *     set already
   */
  public void setNrIrqs(int count) throws KvmException {
    vgic.setNrIrqs(count);
  }

  /**
   * {@return how many interrupts there are}
   *
   * @throws KvmException if KVM refuses
   */
  public int getNrIrqs() throws KvmException {
    return vgic.getNrIrqs();
  }

  /**
   * Makes the controller ready. After the addresses were set and all vCPUs were created.
   *
   * @throws KvmException {@code ENXIO} if it is not set up, {@code ENODEV} if there is no vCPU
   */
  public void init() throws KvmException {
    vgic.control(VgicLayout.KVM_DEV_ARM_VGIC_CTRL_INIT, "init");
  }

  /**
   * Writes the pending state of LPIs into the tables in guest memory, to be saved with it. No vCPU
   * may run meanwhile.
   *
   * @throws KvmException {@code EBUSY} if a vCPU runs, {@code ENXIO} if not initialized
   */
  public void savePendingTables() throws KvmException {
    vgic.control(VgicLayout.KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES, "save pending tables");
  }

  /**
   * {@return a register of the distributor, 32 bits} No vCPU may run meanwhile.
   *
   * @param offset the register's offset in the frame, in bytes, a multiple of 4, below 2^32
   * @throws IllegalArgumentException if the offset is not as said
   * @throws KvmException {@code ENXIO} if there is no such register, {@code EBUSY} if a vCPU runs,
   *     {@code EINVAL} if there is no such vCPU
   */
  public int getDistributorRegister(long offset) throws KvmException {
    long attribute = Vgic.offset(offset);
    return vgic.getInt(
        VgicLayout.KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
        attribute,
        "dist register, offset=" + Check.hex(offset));
  }

  /**
   * Sets a register of the distributor. No vCPU may run meanwhile.
   *
   * @param offset the register's offset in the frame, in bytes, a multiple of 4, below 2^32
   * @param value the value, 32 bits
   * @throws IllegalArgumentException if the offset is not as said
   * @throws KvmException {@code ENXIO} if there is no such register, {@code EBUSY} if a vCPU runs,
   *     {@code EINVAL} if there is no such vCPU
   */
  public void setDistributorRegister(long offset, int value) throws KvmException {
    long attribute = Vgic.offset(offset);
    vgic.setInt(
        VgicLayout.KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
        attribute,
        value,
        "dist register, offset=" + Check.hex(offset));
  }

  /**
   * {@return a register of the redistributor of a vCPU, 32 bits} No vCPU may run meanwhile.
   *
   * @param vcpu the vCPU
   * @param offset the register's offset in the frame, in bytes, a multiple of 4, below 2^32
   * @throws IllegalArgumentException if the offset is not as said
   * @throws KvmException {@code ENXIO} if there is no such register, {@code EBUSY} if a vCPU runs,
   *     {@code EINVAL} if there is no such vCPU
   */
  public int getRedistributorRegister(Affinity vcpu, long offset) throws KvmException {
    long attribute = vcpu.attributeBits() | Vgic.offset(offset);
    return vgic.getInt(
        VgicLayout.KVM_DEV_ARM_VGIC_GRP_REDIST_REGS,
        attribute,
        "redist register, vcpu=" + vcpu + ", offset=" + Check.hex(offset));
  }

  /**
   * Sets a register of the redistributor of a vCPU. No vCPU may run meanwhile.
   *
   * @param vcpu the vCPU
   * @param offset the register's offset in the frame, in bytes, a multiple of 4, below 2^32
   * @param value the value, 32 bits
   * @throws IllegalArgumentException if the offset is not as said
   * @throws KvmException {@code ENXIO} if there is no such register, {@code EBUSY} if a vCPU runs,
   *     {@code EINVAL} if there is no such vCPU
   */
  public void setRedistributorRegister(Affinity vcpu, long offset, int value) throws KvmException {
    long attribute = vcpu.attributeBits() | Vgic.offset(offset);
    vgic.setInt(
        VgicLayout.KVM_DEV_ARM_VGIC_GRP_REDIST_REGS,
        attribute,
        value,
        "redist register, vcpu=" + vcpu + ", offset=" + Check.hex(offset));
  }

  /**
   * {@return a register ICC_… of the processor interface of a vCPU} No vCPU may run meanwhile.
   *
   * @param vcpu the vCPU
   * @param register the register, such as {@link SysReg#ICC_PMR_EL1}
   * @throws IllegalStateException if it is no system register
   * @throws KvmException {@code ENXIO} if it is none of the controller's, {@code EBUSY} if a vCPU
   *     runs, {@code EINVAL} if there is no such vCPU
   */
  public long getCpuSysReg(Affinity vcpu, RegisterId register) throws KvmException {
    long attribute = vcpu.attributeBits() | instruction(register);
    return vgic.getLong(
        VgicLayout.KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, attribute, sysReg(vcpu, register));
  }

  /**
   * Sets a register ICC_… of the processor interface of a vCPU. No vCPU may run meanwhile.
   *
   * @param vcpu the vCPU
   * @param register the register, such as {@link SysReg#ICC_PMR_EL1}
   * @param value the value
   * @throws IllegalStateException if it is no system register
   * @throws KvmException {@code ENXIO} if it is none of the controller's, {@code EBUSY} if a vCPU
   *     runs, {@code EINVAL} if there is no such vCPU or if the value is not valid
   */
  public void setCpuSysReg(Affinity vcpu, RegisterId register, long value) throws KvmException {
    long attribute = vcpu.attributeBits() | instruction(register);
    vgic.setLong(
        VgicLayout.KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, attribute, value, sysReg(vcpu, register));
  }

  /** The attribute's lower 16 bits are those of a system register's id. */
  private static long instruction(RegisterId register) {
    // Refuses what is no system register.
    var _ = register.op0();
    return register.value() & 0xffff;
  }

  private static String sysReg(Affinity vcpu, RegisterId register) {
    return "cpu sysreg, vcpu=" + vcpu + ", " + register;
  }

  /**
   * {@return the levels of 32 interrupt lines: bit n is that of line {@code first + n}} No vCPU may
   * run meanwhile.
   *
   * @param vcpu the vCPU, which counts for lines below 32
   * @param first the first line (INTID), 0 to 992, a multiple of 32
   * @throws IllegalArgumentException if it is not
   * @throws KvmException {@code EBUSY} if a vCPU runs, {@code EINVAL} if there is no such line
   */
  public int getLineLevels(Affinity vcpu, int first) throws KvmException {
    return vgic.getInt(
        VgicLayout.KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, lines(vcpu, first), lineText(vcpu, first));
  }

  /**
   * Sets the levels of 32 interrupt lines. No vCPU may run meanwhile.
   *
   * @param vcpu the vCPU, which counts for lines below 32
   * @param first the first line (INTID), 0 to 992, a multiple of 32
   * @param levels bit n is the level of line {@code first + n}
   * @throws IllegalArgumentException if {@code first} is not as said
   * @throws KvmException {@code EBUSY} if a vCPU runs, {@code EINVAL} if there is no such line
   */
  public void setLineLevels(Affinity vcpu, int first, int levels) throws KvmException {
    vgic.setInt(
        VgicLayout.KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO,
        lines(vcpu, first),
        levels,
        lineText(vcpu, first));
  }

  /** Bits 63 to 32 the vCPU, 31 to 10 what is asked for, 9 to 0 the first line. */
  private static long lines(Affinity vcpu, int first) {
    Check.range("first", first, 0, VgicLayout.KVM_DEV_ARM_VGIC_LINE_LEVEL_INTID_MASK);
    Check.aligned("first", first, Integer.SIZE);
    return vcpu.attributeBits()
        | VgicLayout.LEVEL_INFO_LINE_LEVEL << VgicLayout.KVM_DEV_ARM_VGIC_LINE_LEVEL_INFO_SHIFT
        | first;
  }

  private static String lineText(Affinity vcpu, int first) {
    return "line levels, vcpu=" + vcpu + ", first=" + first;
  }

  /** Closes the descriptor; the controller stays part of the VM. Closing twice is safe. */
  @Override
  public void close() {
    vgic.close();
  }

  @Override
  public String toString() {
    return vgic.toString();
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import org.javavmm.kvm.KvmException;

/**
 * An interrupt controller GICv2 in the kernel, for at most 8 vCPUs, made by {@link
 * ArmVm#createVgicV2}. Order: create it, create the vCPUs, set both addresses, {@link #init}.
 * Closed with the VM at the latest. Thread-safe. Not run on hardware.
 */
public final class VgicV2 implements AutoCloseable {
  private static final int ALIGNMENT = 0x1000;
  private static final int MAX_VCPU = 0xff;

  private final Vgic vgic;

  VgicV2(VmCalls.DeviceCalls device) {
    vgic = new Vgic("vgic-v2", device);
  }

  /**
   * Says where the distributor (4 KiB) is in guest memory.
   *
   * @param gpa the guest-physical address, a multiple of 4 KiB
   * @throws IllegalArgumentException if it is not aligned
   * @throws KvmException {@code E2BIG} if it is beyond the VM's addresses, {@code EEXIST} if it was
   *     set already, {@code EINVAL} if it overlaps
   */
  public void setDistributor(long gpa) throws KvmException {
    Check.aligned("gpa", gpa, ALIGNMENT);
    vgic.setAddress(VgicLayout.KVM_VGIC_V2_ADDR_TYPE_DIST, gpa, "dist=" + Check.hex(gpa));
  }

  /**
   * {@return where the distributor (4 KiB) is in guest memory; all bits set if it was not said}
   *
   * @throws KvmException if KVM refuses
   */
  public long getDistributor() throws KvmException {
    return vgic.getAddress(VgicLayout.KVM_VGIC_V2_ADDR_TYPE_DIST, 0, "dist");
  }

  /**
   * Says where the interface of the processors (8 KiB) is in guest memory.
   *
   * @param gpa the guest-physical address, a multiple of 4 KiB
   * @throws IllegalArgumentException if it is not aligned
   * @throws KvmException {@code E2BIG} if it is beyond the VM's addresses, {@code EEXIST} if it was
   *     set already, {@code EINVAL} if it overlaps
   */
  public void setCpuInterface(long gpa) throws KvmException {
    Check.aligned("gpa", gpa, ALIGNMENT);
    vgic.setAddress(VgicLayout.KVM_VGIC_V2_ADDR_TYPE_CPU, gpa, "cpu=" + Check.hex(gpa));
  }

  /**
   * {@return where the interface of the processors (8 KiB) is in guest memory; all bits set if it
   * was not said}
   *
   * @throws KvmException if KVM refuses
   */
  public long getCpuInterface() throws KvmException {
    return vgic.getAddress(VgicLayout.KVM_VGIC_V2_ADDR_TYPE_CPU, 0, "cpu");
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
   * {@return a register of the distributor as a vCPU sees it, 32 bits} No vCPU may run meanwhile.
   *
   * @param vcpu the index of the vCPU, 0 to 255
   * @param offset the register's offset in the frame, in bytes, a multiple of 4, below 2^32
   * @throws IllegalArgumentException if the offset is not as said
   * @throws KvmException {@code ENXIO} if there is no such register, {@code EBUSY} if a vCPU runs,
   *     {@code EINVAL} if there is no such vCPU
   */
  public int getDistributorRegister(int vcpu, long offset) throws KvmException {
    long attribute = attribute(vcpu, offset);
    return vgic.getInt(
        VgicLayout.KVM_DEV_ARM_VGIC_GRP_DIST_REGS, attribute, what("dist", vcpu, offset));
  }

  /**
   * Sets a register of the distributor as a vCPU sees it. No vCPU may run meanwhile.
   *
   * @param vcpu the index of the vCPU, 0 to 255
   * @param offset the register's offset in the frame, in bytes, a multiple of 4, below 2^32
   * @param value the value, 32 bits
   * @throws IllegalArgumentException if the offset is not as said
   * @throws KvmException {@code ENXIO} if there is no such register, {@code EBUSY} if a vCPU runs,
   *     {@code EINVAL} if there is no such vCPU
   */
  public void setDistributorRegister(int vcpu, long offset, int value) throws KvmException {
    long attribute = attribute(vcpu, offset);
    vgic.setInt(
        VgicLayout.KVM_DEV_ARM_VGIC_GRP_DIST_REGS, attribute, value, what("dist", vcpu, offset));
  }

  /**
   * {@return a register of the processor interface of a vCPU, 32 bits} No vCPU may run meanwhile.
   *
   * @param vcpu the index of the vCPU, 0 to 255
   * @param offset the register's offset in the frame, in bytes, a multiple of 4, below 2^32
   * @throws IllegalArgumentException if the offset is not as said
   * @throws KvmException {@code ENXIO} if there is no such register, {@code EBUSY} if a vCPU runs,
   *     {@code EINVAL} if there is no such vCPU
   */
  public int getCpuRegister(int vcpu, long offset) throws KvmException {
    long attribute = attribute(vcpu, offset);
    return vgic.getInt(
        VgicLayout.KVM_DEV_ARM_VGIC_GRP_CPU_REGS, attribute, what("cpu", vcpu, offset));
  }

  /**
   * Sets a register of the processor interface of a vCPU. No vCPU may run meanwhile.
   *
   * @param vcpu the index of the vCPU, 0 to 255
   * @param offset the register's offset in the frame, in bytes, a multiple of 4, below 2^32
   * @param value the value, 32 bits
   * @throws IllegalArgumentException if the offset is not as said
   * @throws KvmException {@code ENXIO} if there is no such register, {@code EBUSY} if a vCPU runs,
   *     {@code EINVAL} if there is no such vCPU
   */
  public void setCpuRegister(int vcpu, long offset, int value) throws KvmException {
    long attribute = attribute(vcpu, offset);
    vgic.setInt(
        VgicLayout.KVM_DEV_ARM_VGIC_GRP_CPU_REGS, attribute, value, what("cpu", vcpu, offset));
  }

  /** Bits 39 to 32 the vCPU, 31 to 0 the offset. */
  private static long attribute(int vcpu, long offset) {
    Check.range("vcpu", vcpu, 0, MAX_VCPU);
    return (long) vcpu << VgicLayout.KVM_DEV_ARM_VGIC_CPUID_SHIFT | Vgic.offset(offset);
  }

  private static String what(String frame, int vcpu, long offset) {
    return frame + " register, vcpu=" + vcpu + ", offset=" + Check.hex(offset);
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

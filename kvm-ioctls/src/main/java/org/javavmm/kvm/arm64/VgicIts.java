// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import org.javavmm.kvm.KvmException;

/**
 * An interrupt translation service (ITS) in the kernel, which turns messages of devices into
 * interrupts of a {@link VgicV3}; made by {@link ArmVm#createVgicIts}. A VM may have several.
 * Closed with the VM at the latest. Thread-safe. Not run on hardware.
 */
public final class VgicIts implements AutoCloseable {
  private static final int ALIGNMENT = 0x1_0000;

  private final Vgic vgic;

  VgicIts(VmCalls.DeviceCalls device) {
    vgic = new Vgic("vgic-its", device);
  }

  /**
   * Says where it (128 KiB) is in guest memory.
   *
   * @param gpa the guest-physical address, a multiple of 64 KiB
   * @throws IllegalArgumentException if it is not aligned
   * @throws KvmException {@code E2BIG} if it is beyond the VM's addresses, {@code EEXIST} if it was
   *     set already, {@code EINVAL} if it overlaps
   */
  public void setAddress(long gpa) throws KvmException {
    Check.aligned("gpa", gpa, ALIGNMENT);
    vgic.setAddress(VgicLayout.KVM_VGIC_ITS_ADDR_TYPE, gpa, "its=" + Check.hex(gpa));
  }

  /**
   * {@return where it (128 KiB) is in guest memory; all bits set if it was not said}
   *
   * @throws KvmException if KVM refuses
   */
  public long getAddress() throws KvmException {
    return vgic.getAddress(VgicLayout.KVM_VGIC_ITS_ADDR_TYPE, 0, "its");
  }

  /**
   * Makes it ready. After its address was set.
   *
   * @throws KvmException {@code ENXIO} if it is not set up
   */
  public void init() throws KvmException {
    vgic.control(VgicLayout.KVM_DEV_ARM_VGIC_CTRL_INIT, "init");
  }

  /**
   * Writes what devices and interrupts map to into the tables in guest memory, to be saved with it.
   * No vCPU may run meanwhile.
   *
   * @throws KvmException {@code EBUSY} if a vCPU runs, {@code EFAULT} if the tables cannot be
   *     written
   */
  public void saveTables() throws KvmException {
    vgic.control(VgicLayout.KVM_DEV_ARM_ITS_SAVE_TABLES, "save tables");
  }

  /**
   * Reads the tables in guest memory back. After its registers and those of the {@link VgicV3} were
   * restored, except for GITS_CTLR, which comes last.
   *
   * @throws KvmException {@code EBUSY} if a vCPU runs, {@code EINVAL} if what is in guest memory
   *     makes no sense, {@code EFAULT} if it cannot be read
   */
  public void restoreTables() throws KvmException {
    vgic.control(VgicLayout.KVM_DEV_ARM_ITS_RESTORE_TABLES, "restore tables");
  }

  /**
   * Resets it.
   *
   * @throws KvmException {@code EBUSY} if a vCPU runs
   */
  public void reset() throws KvmException {
    vgic.control(VgicLayout.KVM_DEV_ARM_ITS_CTRL_RESET, "reset");
  }

  /**
   * {@return a register GITS_…, always as 64 bits} No vCPU may run meanwhile.
   *
   * @param offset the register's offset, in bytes, a multiple of 4, below 2^32
   * @throws IllegalArgumentException if it is not
   * @throws KvmException {@code ENXIO} if there is no such register or if it is not set up, {@code
   *     EBUSY} if a vCPU runs
   */
  public long getRegister(long offset) throws KvmException {
    return vgic.getLong(
        VgicLayout.KVM_DEV_ARM_VGIC_GRP_ITS_REGS,
        Vgic.offset(offset),
        "register, offset=" + Check.hex(offset));
  }

  /**
   * Sets a register GITS_…. No vCPU may run meanwhile.
   *
   * @param offset the register's offset, in bytes, a multiple of 4, below 2^32
   * @param value the value
   * @throws IllegalArgumentException if the offset is not as said
   * @throws KvmException {@code ENXIO} if there is no such register or if it is not set up, {@code
   *     EBUSY} if a vCPU runs, {@code EINVAL} if the value is not valid
   */
  public void setRegister(long offset, long value) throws KvmException {
    vgic.setLong(
        VgicLayout.KVM_DEV_ARM_VGIC_GRP_ITS_REGS,
        Vgic.offset(offset),
        value,
        "register, offset=" + Check.hex(offset));
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

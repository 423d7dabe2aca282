// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import org.javavmm.kvm.KvmException;
import org.javavmm.sys.Errno;

/** What the interrupt controllers have in common: their attributes, and what errors mean there. */
final class Vgic {
  private static final int E2BIG = 7;

  private static final int MIN_IRQS = 64;
  private static final int MAX_IRQS = 1024;
  private static final int IRQS_STEP = 32;

  private final String name;
  private final VmCalls.DeviceCalls device;
  private final Attributes addresses;
  private final Attributes control;
  private final Attributes registers;

  Vgic(String name, VmCalls.DeviceCalls device) {
    this.name = name;
    this.device = device;
    addresses = new Attributes(name, device.attributes(), Vgic::addressMeaning);
    control = addresses.with(Vgic::controlMeaning);
    registers = addresses.with(Vgic::registerMeaning);
  }

  private static String addressMeaning(int errno) {
    return switch (errno) {
      case E2BIG -> "beyond the guest-physical addresses of the VM";
      case Errno.EEXIST -> "it was set already";
      case Errno.EINVAL -> "not aligned, overlapping, or not in order";
      case Errno.ENXIO -> "this host's interrupt controller cannot do it";
      case Errno.EBUSY -> "too late: vCPUs ran already";
      default -> "";
    };
  }

  private static String controlMeaning(int errno) {
    return switch (errno) {
      case Errno.ENXIO -> "the controller is not set up for it";
      case Errno.ENODEV -> "there is no vCPU yet";
      case Errno.EBUSY -> "a vCPU is running, or it was set already";
      default -> "";
    };
  }

  private static String registerMeaning(int errno) {
    return switch (errno) {
      case Errno.ENXIO -> "no such register, or not initialized";
      case Errno.EBUSY -> "a vCPU is running";
      case Errno.EINVAL -> "no such vCPU, or a value that is not valid";
      default -> "";
    };
  }

  void setAddress(int type, long value, String what) throws KvmException {
    addresses.setLong(VgicLayout.KVM_DEV_ARM_VGIC_GRP_ADDR, type, value, what);
  }

  long getAddress(int type, long asked, String what) throws KvmException {
    return addresses.getLong(VgicLayout.KVM_DEV_ARM_VGIC_GRP_ADDR, type, asked, what);
  }

  void setNrIrqs(int count) throws KvmException {
    Check.range("count", count, MIN_IRQS, MAX_IRQS);
    Check.aligned("count", count, IRQS_STEP);
    String what = "nr_irqs=" + count;
    control.setInt(VgicLayout.KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, count, what);
  }

  int getNrIrqs() throws KvmException {
    return control.getInt(VgicLayout.KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, "nr_irqs");
  }

  void control(int attribute, String what) throws KvmException {
    control.act(VgicLayout.KVM_DEV_ARM_VGIC_GRP_CTRL, attribute, what);
  }

  boolean hasRegister(int group, long attribute) throws KvmException {
    return registers.has(group, attribute);
  }

  int getInt(int group, long attribute, String what) throws KvmException {
    return registers.getInt(group, attribute, what);
  }

  void setInt(int group, long attribute, int value, String what) throws KvmException {
    registers.setInt(group, attribute, value, what + ", value=" + Check.hex(value & 0xffff_ffffL));
  }

  long getLong(int group, long attribute, String what) throws KvmException {
    return registers.getLong(group, attribute, 0, what);
  }

  void setLong(int group, long attribute, long value, String what) throws KvmException {
    registers.setLong(group, attribute, value, what + ", value=" + Check.hex(value));
  }

  /** The offset of a register in an attribute: its lower 32 bits. */
  static long offset(long offset) {
    if ((offset & ~VgicLayout.KVM_DEV_ARM_VGIC_OFFSET_MASK) != 0) {
      throw new IllegalArgumentException(
          "offset=" + Check.hex(offset) + ", must be less than 0x100000000");
    }
    return Check.aligned("offset", offset, Integer.BYTES);
  }

  void close() {
    device.close().run();
  }

  @Override
  public String toString() {
    return name;
  }
}

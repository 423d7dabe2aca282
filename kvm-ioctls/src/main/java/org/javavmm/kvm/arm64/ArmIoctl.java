// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** The ioctls that this package calls, under the header's names; a test compares the numbers. */
enum ArmIoctl {
  KVM_ARM_SET_DEVICE_ADDR(0x4010aeabL),
  KVM_ARM_MTE_COPY_TAGS(0x8030aeb4L),
  KVM_ARM_SET_COUNTER_OFFSET(0x4010aeb5L),
  KVM_ARM_GET_REG_WRITABLE_MASKS(0x8040aeb6L),
  KVM_ARM_VCPU_INIT(0x4020aeaeL),
  KVM_ARM_PREFERRED_TARGET(0x8020aeafL),
  KVM_ARM_VCPU_FINALIZE(0x4004aec2L),
  // On all architectures; the structures of some are arm64's own, and with them the number.
  KVM_CHECK_EXTENSION(0xae03L),
  KVM_IRQ_LINE(0x4008ae61L),
  KVM_ENABLE_CAP(0x4068aea3L),
  KVM_SET_GUEST_DEBUG(0x4208ae9bL),
  KVM_GET_VCPU_EVENTS(0x8040ae9fL),
  KVM_SET_VCPU_EVENTS(0x4040aea0L);

  final long number;

  ArmIoctl(long number) {
    this.number = number;
  }
}

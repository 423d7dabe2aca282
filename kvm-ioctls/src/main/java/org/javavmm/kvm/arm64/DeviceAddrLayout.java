// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/** {@code struct kvm_arm_device_addr}. */
final class DeviceAddrLayout {
  static final int ID = 0; // __u64
  static final int ADDR = 8; // __u64
  static final int SIZEOF = 16;
  static final int KVM_ARM_DEVICE_TYPE_SHIFT = 0;
  static final int KVM_ARM_DEVICE_ID_SHIFT = 16;
  static final int KVM_ARM_DEVICE_VGIC_V2 = 0;

  private DeviceAddrLayout() {}
}

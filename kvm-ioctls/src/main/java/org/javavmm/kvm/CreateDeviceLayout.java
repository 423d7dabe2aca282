// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_create_device}. */
final class CreateDeviceLayout {
  static final int KVM_CREATE_DEVICE_TEST = 1;

  static final int TYPE = 0; // __u32
  static final int FD = 4; // __u32
  static final int FLAGS = 8; // __u32
  static final int SIZEOF = 12;

  private CreateDeviceLayout() {}
}

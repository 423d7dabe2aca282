// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_device_attr}. */
final class DeviceAttrLayout {
  static final int FLAGS = 0; // __u32
  static final int GROUP = 4; // __u32
  static final int ATTR = 8; // __u64
  static final int ADDR = 16; // pointer
  static final int SIZEOF = 24;

  private DeviceAttrLayout() {}
}

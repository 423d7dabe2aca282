// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_xen_hvm_config}. */
final class XenHvmConfigLayout {
  static final int FLAGS = 0; // __u32
  static final int MSR = 4; // __u32
  static final int BLOB_ADDR_32 = 8; // pointer
  static final int BLOB_ADDR_64 = 16; // pointer
  static final int BLOB_SIZE_32 = 24; // __u8
  static final int BLOB_SIZE_64 = 25; // __u8
  static final int SIZEOF = 56;

  private XenHvmConfigLayout() {}
}

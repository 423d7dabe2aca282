// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_xen_vcpu_attr}. */
final class XenVcpuAttrLayout {
  static final int TYPE = 0; // __u16
  static final int U_GPA = 8; // __u64
  static final int U_VCPU_ID = 8; // __u32
  static final int U_VECTOR = 8; // __u8
  static final int RUNSTATE_STATE = 8; // __u64
  static final int RUNSTATE_STATE_ENTRY_TIME = 16; // __u64
  static final int RUNSTATE_TIME_RUNNING = 24; // __u64
  static final int RUNSTATE_TIME_RUNNABLE = 32; // __u64
  static final int RUNSTATE_TIME_BLOCKED = 40; // __u64
  static final int RUNSTATE_TIME_OFFLINE = 48; // __u64
  static final int TIMER_PORT = 8; // __u32
  static final int TIMER_PRIORITY = 12; // __u32
  static final int TIMER_EXPIRES_NS = 16; // __u64
  static final int SIZEOF = 72;

  private XenVcpuAttrLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_xen_hvm_attr}. */
final class XenHvmAttrLayout {
  static final int KVM_XEN_ATTR_TYPE_LONG_MODE = 0;
  static final int KVM_XEN_ATTR_TYPE_SHARED_INFO = 1;
  static final int KVM_XEN_ATTR_TYPE_UPCALL_VECTOR = 2;
  static final int KVM_XEN_ATTR_TYPE_EVTCHN = 3;
  static final int KVM_XEN_ATTR_TYPE_XEN_VERSION = 4;
  static final int KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG = 5;
  static final int KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA = 6;
  static final int KVM_XEN_EVTCHN_DEASSIGN = 1;
  static final int KVM_XEN_EVTCHN_UPDATE = 2;
  static final int KVM_XEN_EVTCHN_RESET = 4;

  static final int TYPE = 0; // __u16
  static final int U = 8; // union
  static final int SIZEOF = 72;

  // struct evtchn in u, its deliver.port and deliver.eventfd; from the start of all
  static final int EVTCHN_SEND_PORT = 8; // __u32
  static final int EVTCHN_TYPE = 12; // __u32
  static final int EVTCHN_FLAGS = 16; // __u32
  static final int EVTCHN_DELIVER = 20; // union
  static final int PORT_PORT = 20; // __u32
  static final int PORT_VCPU = 24; // __u32
  static final int PORT_PRIORITY = 28; // __u32
  static final int EVENTFD_FD = 24; // __s32

  private XenHvmAttrLayout() {}
}

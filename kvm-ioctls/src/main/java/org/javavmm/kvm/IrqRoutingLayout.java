// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/**
 * {@code struct kvm_irq_routing}, with {@code struct kvm_irq_routing_entry}, {@code struct
 * kvm_irq_routing_irqchip}, {@code struct kvm_irq_routing_msi}, {@code struct
 * kvm_irq_routing_hv_sint}, {@code struct kvm_irq_routing_xen_evtchn}.
 */
final class IrqRoutingLayout {
  static final int KVM_IRQ_ROUTING_IRQCHIP = 1;
  static final int KVM_IRQ_ROUTING_MSI = 2;
  static final int KVM_IRQ_ROUTING_HV_SINT = 4;
  static final int KVM_IRQ_ROUTING_XEN_EVTCHN = 5;
  static final int KVM_MSI_VALID_DEVID = 1;

  static final int NR = 0; // __u32
  static final int FLAGS = 4; // __u32
  static final int ENTRIES = 8; // entries

  // struct kvm_irq_routing_entry
  static final int ENTRY_GSI = 0; // __u32
  static final int ENTRY_TYPE = 4; // __u32
  static final int ENTRY_FLAGS = 8; // __u32
  static final int ENTRY_U = 16; // union

  // struct kvm_irq_routing_irqchip
  static final int IRQCHIP_IRQCHIP = 0; // __u32
  static final int IRQCHIP_PIN = 4; // __u32

  // struct kvm_irq_routing_msi
  static final int MSI_ADDRESS_LO = 0; // __u32
  static final int MSI_ADDRESS_HI = 4; // __u32
  static final int MSI_DATA = 8; // __u32
  static final int MSI_DEVID = 12; // __u32

  // struct kvm_irq_routing_hv_sint
  static final int HV_SINT_VCPU = 0; // __u32
  static final int HV_SINT_SINT = 4; // __u32

  // struct kvm_irq_routing_xen_evtchn
  static final int XEN_EVTCHN_PORT = 0; // __u32
  static final int XEN_EVTCHN_VCPU = 4; // __u32
  static final int XEN_EVTCHN_PRIORITY = 8; // __u32
  static final int SIZEOF_ENTRY = 48;
  static final int SIZEOF_XEN_EVTCHN = 12;

  private IrqRoutingLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Where a global system interrupt leads, {@code struct kvm_irq_routing_entry}. Several routes of
 * one interrupt are taken together: that of the first 16 leads to a PIC and to the IOAPIC.
 */
public sealed interface GsiRoute {
  /** {@link Irqchip}: the first PIC. */
  int KVM_IRQCHIP_PIC_MASTER = IrqchipLayout.KVM_IRQCHIP_PIC_MASTER;

  /** {@link Irqchip}: the second PIC. */
  int KVM_IRQCHIP_PIC_SLAVE = IrqchipLayout.KVM_IRQCHIP_PIC_SLAVE;

  /** {@link Irqchip}: the IOAPIC. */
  int KVM_IRQCHIP_IOAPIC = IrqchipLayout.KVM_IRQCHIP_IOAPIC;

  /** {@return the global system interrupt} */
  int gsi();

  /**
   * To a pin of an interrupt controller in the kernel. With a split irqchip there is none.
   *
   * @param gsi the global system interrupt
   * @param irqchip {@code KVM_IRQCHIP_…}
   * @param pin the pin
   */
  record Irqchip(int gsi, int irqchip, int pin) implements GsiRoute {}

  /**
   * To a processor, as a message.
   *
   * @param gsi the global system interrupt
   * @param address where the message is written: the local APICs' page, 0xfee00000, with the
   *     destination
   * @param data what is written: vector and delivery mode
   */
  record Msi(int gsi, long address, int data) implements GsiRoute {}

  /**
   * To a processor, as a message of a device that the interrupt controller tells from others, as
   * the ITS of arm64 does. Needs {@link Cap#MSI_DEVID}.
   *
   * @param gsi the global system interrupt
   * @param address where the message is written
   * @param data what is written: the device's number of the event
   * @param deviceId the device's id: bus, device and function of PCI
   */
  record DeviceMsi(int gsi, long address, int data, int deviceId) implements GsiRoute {}

  /**
   * To a synthetic interrupt source of Hyper-V.
   *
   * @param gsi the global system interrupt
   * @param vcpu the vCPU's index in Hyper-V's numbering
   * @param sint the source, 0 to 15
   */
  record HvSint(int gsi, int vcpu, int sint) implements GsiRoute {}

  /**
   * To an event channel of Xen.
   *
   * @param gsi the global system interrupt
   * @param port the event channel
   * @param vcpu the vCPU's id
   * @param priority {@link #KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL}
   */
  record XenEvtchn(int gsi, int port, int vcpu, int priority) implements GsiRoute {
    /** The one priority there is: event channels of two levels. */
    public static final int KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL = -1;
  }

  /** Writes {@code struct kvm_irq_routing}. */
  static MemorySegment toStruct(Arena arena, List<GsiRoute> routes) {
    ValueLayout.OfInt u32 = ValueLayout.JAVA_INT;
    MemorySegment table =
        arena.allocate(
            IrqRoutingLayout.ENTRIES + (long) routes.size() * IrqRoutingLayout.SIZEOF_ENTRY, 8);
    table.set(u32, IrqRoutingLayout.NR, routes.size());
    long at = IrqRoutingLayout.ENTRIES;
    for (GsiRoute route : routes) {
      MemorySegment entry = table.asSlice(at, IrqRoutingLayout.SIZEOF_ENTRY);
      MemorySegment u = entry.asSlice(IrqRoutingLayout.ENTRY_U);
      entry.set(u32, IrqRoutingLayout.ENTRY_GSI, route.gsi());
      int type =
          switch (route) {
            case Irqchip r -> {
              u.set(u32, IrqRoutingLayout.IRQCHIP_IRQCHIP, r.irqchip);
              u.set(u32, IrqRoutingLayout.IRQCHIP_PIN, r.pin);
              yield IrqRoutingLayout.KVM_IRQ_ROUTING_IRQCHIP;
            }
            case Msi r -> message(u, r.address, r.data);
            case DeviceMsi r -> {
              entry.set(u32, IrqRoutingLayout.ENTRY_FLAGS, IrqRoutingLayout.KVM_MSI_VALID_DEVID);
              u.set(u32, IrqRoutingLayout.MSI_DEVID, r.deviceId);
              yield message(u, r.address, r.data);
            }
            case HvSint r -> {
              u.set(u32, IrqRoutingLayout.HV_SINT_VCPU, r.vcpu);
              u.set(u32, IrqRoutingLayout.HV_SINT_SINT, r.sint);
              yield IrqRoutingLayout.KVM_IRQ_ROUTING_HV_SINT;
            }
            case XenEvtchn r -> {
              u.set(u32, IrqRoutingLayout.XEN_EVTCHN_PORT, r.port);
              u.set(u32, IrqRoutingLayout.XEN_EVTCHN_VCPU, r.vcpu);
              u.set(u32, IrqRoutingLayout.XEN_EVTCHN_PRIORITY, r.priority);
              yield IrqRoutingLayout.KVM_IRQ_ROUTING_XEN_EVTCHN;
            }
          };
      entry.set(u32, IrqRoutingLayout.ENTRY_TYPE, type);
      at += IrqRoutingLayout.SIZEOF_ENTRY;
    }
    return table;
  }

  private static int message(MemorySegment u, long address, int data) {
    u.set(ValueLayout.JAVA_INT, IrqRoutingLayout.MSI_ADDRESS_LO, (int) address);
    u.set(ValueLayout.JAVA_INT, IrqRoutingLayout.MSI_ADDRESS_HI, (int) (address >>> 32));
    u.set(ValueLayout.JAVA_INT, IrqRoutingLayout.MSI_DATA, data);
    return IrqRoutingLayout.KVM_IRQ_ROUTING_MSI;
  }
}

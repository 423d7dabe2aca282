// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/**
 * An attribute of a vCPU whose guest was made for Xen, {@code struct kvm_xen_vcpu_attr}. Which
 * there are says the value of {@code KVM_CAP_XEN_HVM}.
 */
public sealed interface XenVcpuAttr {
  /** What an attribute is about. */
  enum Type {
    /** Where the guest has its {@code vcpu_info}: an {@link Address}. */
    VCPU_INFO(0),
    /** Where it has its time information: an {@link Address}. */
    VCPU_TIME_INFO(1),
    /** Where it has its run state: an {@link Address}. */
    RUNSTATE_ADDR(2),
    /** The state now: a {@link Runstate} whose times are not used when set. */
    RUNSTATE_CURRENT(3),
    /** The state and all its times: a {@link Runstate}. */
    RUNSTATE_DATA(4),
    /** Times to be added: a {@link Runstate}. Can only be set. */
    RUNSTATE_ADJUST(5),
    /** Xen's number of the vCPU: a {@link VcpuId}. */
    VCPU_ID(6),
    /** The one-shot timer: a {@link Timer}. */
    TIMER(7),
    /** The vector by which events are told: an {@link UpcallVector}. */
    UPCALL_VECTOR(8),
    /** Where {@code vcpu_info} is, as a host virtual address: an {@link Address}. */
    VCPU_INFO_HVA(9);

    private final int number;

    Type(int number) {
      this.number = number;
    }

    /** {@return {@code KVM_XEN_VCPU_ATTR_TYPE_…}} */
    public int number() {
      return number;
    }
  }

  /** {@return what it is about} */
  Type type();

  /**
   * An address of the guest's structures.
   *
   * @param type {@link Type#VCPU_INFO}, {@link Type#VCPU_TIME_INFO}, {@link Type#RUNSTATE_ADDR} or
   *     {@link Type#VCPU_INFO_HVA}
   * @param address the address; -1 for none, 0 for none with {@link Type#VCPU_INFO_HVA}
   */
  record Address(Type type, long address) implements XenVcpuAttr {
    /**
     * Checks the type.
     *
     * @throws IllegalArgumentException if it is not one of an address
     */
    public Address {
      checkForm(type, XenAttrForm.ADDRESS);
    }
  }

  /**
   * How long the vCPU was in which state. Times are in nanoseconds.
   *
   * @param type {@link Type#RUNSTATE_CURRENT}, {@link Type#RUNSTATE_DATA} or {@link
   *     Type#RUNSTATE_ADJUST}
   * @param state the state: 0 running, 1 runnable, 2 blocked, 3 offline; with {@link
   *     Type#RUNSTATE_ADJUST} -1 keeps the one it is in
   * @param stateEntryTime when it was entered; with {@link Type#RUNSTATE_DATA} and {@link
   *     Type#RUNSTATE_ADJUST} it must be the sum of the four times
   * @param running the time spent running
   * @param runnable the time spent runnable
   * @param blocked the time spent blocked
   * @param offline the time spent offline
   */
  record Runstate(
      Type type,
      long state,
      long stateEntryTime,
      long running,
      long runnable,
      long blocked,
      long offline)
      implements XenVcpuAttr {
    /**
     * Checks the type.
     *
     * @throws IllegalArgumentException if it is not one of a run state
     */
    public Runstate {
      checkForm(type, XenAttrForm.RUNSTATE);
    }
  }

  /**
   * Xen's number of the vCPU.
   *
   * @param id the number
   */
  record VcpuId(int id) implements XenVcpuAttr {
    @Override
    public Type type() {
      return Type.VCPU_ID;
    }
  }

  /**
   * The one-shot timer.
   *
   * @param port the event channel that it signals
   * @param priority {@link GsiRoute.XenEvtchn#KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL}, the only one
   *     there is
   * @param expiresNs when it expires, in nanoseconds of the guest's clock; 0 for never
   */
  record Timer(int port, int priority, long expiresNs) implements XenVcpuAttr {
    @Override
    public Type type() {
      return Type.TIMER;
    }
  }

  /**
   * The vector by which events are told.
   *
   * @param vector the vector, 16 to 255; 0 for none
   */
  record UpcallVector(int vector) implements XenVcpuAttr {
    /**
     * Checks the vector.
     *
     * @throws IllegalArgumentException if it is not 0 or 16 to 255
     */
    public UpcallVector {
      if (vector != 0 && (vector < 16 || vector > 255)) {
        throw new IllegalArgumentException("vector=" + vector + ", must be 0 or 16 to 255");
      }
    }

    @Override
    public Type type() {
      return Type.UPCALL_VECTOR;
    }
  }

  private static void checkForm(Type type, XenAttrForm form) {
    if (XenAttrForm.of(type) != form) {
      throw new IllegalArgumentException("type=" + type + " is no " + form);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

/**
 * An interrupt line as {@code KVM_IRQ_LINE} names it on arm64; for {@link ArmVm#setIrqLine}.
 *
 * @param type the kind of line
 * @param vcpu the index of the vCPU, 0 to 4095; above 255 it needs {@link
 *     ArmCap#ARM_IRQ_LINE_LAYOUT_2}. 0 for {@link Type#SPI}, which belongs to none.
 * @param number the line's number: 0 (IRQ) or 1 (FIQ) for {@link Type#CPU}, 16 to 31 for {@link
 *     Type#PPI}, 32 to 1019 for {@link Type#SPI}
 */
public record ArmIrq(Type type, int vcpu, int number) {
  /** The kinds of lines. */
  public enum Type {
    /** A pin of the processor itself; for VMs whose interrupt controller is in user space. */
    CPU(0, 0, 1),
    /** A shared interrupt of the interrupt controller in the kernel. */
    SPI(1, 32, 1019),
    /** An interrupt of one vCPU, of the interrupt controller in the kernel. */
    PPI(2, 16, 31);

    private final int code;
    private final int first;
    private final int last;

    Type(int code, int first, int last) {
      this.code = code;
      this.first = first;
      this.last = last;
    }

    /** {@return the number of the kind in the header, {@code KVM_ARM_IRQ_TYPE_…}} */
    public int code() {
      return code;
    }
  }

  static final int KVM_ARM_IRQ_VCPU2_SHIFT = 28;
  static final int KVM_ARM_IRQ_VCPU2_MASK = 0xf;
  static final int KVM_ARM_IRQ_TYPE_SHIFT = 24;
  static final int KVM_ARM_IRQ_TYPE_MASK = 0xf;
  static final int KVM_ARM_IRQ_VCPU_SHIFT = 16;
  static final int KVM_ARM_IRQ_VCPU_MASK = 0xff;
  static final int KVM_ARM_IRQ_NUM_MASK = 0xffff;

  /** The low bits of a vCPU's index, beside which the high ones have a field of their own. */
  private static final int VCPU_BITS = 8;

  private static final int MAX_VCPU = 4095;

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if {@code vcpu} or {@code number} is out of range
   */
  public ArmIrq {
    Check.range("vcpu", vcpu, 0, type == Type.SPI ? 0 : MAX_VCPU);
    Check.range(type + " number", number, type.first, type.last);
  }

  /**
   * {@return a shared interrupt}
   *
   * @param number its number (INTID), 32 to 1019
   * @throws IllegalArgumentException if it is out of range
   */
  public static ArmIrq spi(int number) {
    return new ArmIrq(Type.SPI, 0, number);
  }

  /**
   * {@return an interrupt of a vCPU}
   *
   * @param vcpu the vCPU's index, 0 to 4095
   * @param number its number (INTID), 16 to 31
   * @throws IllegalArgumentException if one of them is out of range
   */
  public static ArmIrq ppi(int vcpu, int number) {
    return new ArmIrq(Type.PPI, vcpu, number);
  }

  /**
   * {@return the pin IRQ of a vCPU}
   *
   * @param vcpu the vCPU's index, 0 to 4095
   * @throws IllegalArgumentException if it is out of range
   */
  public static ArmIrq cpuIrq(int vcpu) {
    return new ArmIrq(Type.CPU, vcpu, 0);
  }

  /**
   * {@return the pin FIQ of a vCPU}
   *
   * @param vcpu the vCPU's index, 0 to 4095
   * @throws IllegalArgumentException if it is out of range
   */
  public static ArmIrq cpuFiq(int vcpu) {
    return new ArmIrq(Type.CPU, vcpu, 1);
  }

  /** {@return the line as the field {@code irq} of {@code struct kvm_irq_level} has it} */
  public int encoded() {
    return vcpu >>> VCPU_BITS << KVM_ARM_IRQ_VCPU2_SHIFT
        | type.code << KVM_ARM_IRQ_TYPE_SHIFT
        | (vcpu & KVM_ARM_IRQ_VCPU_MASK) << KVM_ARM_IRQ_VCPU_SHIFT
        | number;
  }

  /**
   * {@return the line of a field {@code irq}}
   *
   * @param irq the field
   * @throws IllegalArgumentException if the kind is not known or a number is out of range
   */
  public static ArmIrq decoded(int irq) {
    int code = irq >>> KVM_ARM_IRQ_TYPE_SHIFT & KVM_ARM_IRQ_TYPE_MASK;
    int high = irq >>> KVM_ARM_IRQ_VCPU2_SHIFT & KVM_ARM_IRQ_VCPU2_MASK;
    int low = irq >>> KVM_ARM_IRQ_VCPU_SHIFT & KVM_ARM_IRQ_VCPU_MASK;
    for (Type type : Type.values()) {
      if (type.code == code) {
        return new ArmIrq(type, high << VCPU_BITS | low, irq & KVM_ARM_IRQ_NUM_MASK);
      }
    }
    throw new IllegalArgumentException("irq=" + Check.hex(irq) + " has the unknown type " + code);
  }

  /** {@return the line, for people: {@code SPI 33}, {@code PPI 27 of vCPU 3}} */
  @Override
  public String toString() {
    return switch (type) {
      case CPU -> (number == 0 ? "IRQ" : "FIQ") + " of vCPU " + vcpu;
      case SPI -> "SPI " + number;
      case PPI -> "PPI " + number + " of vCPU " + vcpu;
    };
  }
}

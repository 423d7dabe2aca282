// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Exceptions, interrupts, NMIs and the like that are on their way to a vCPU, {@code struct
 * kvm_vcpu_events}. A copy: changes reach the vCPU by {@link Vcpu#setVcpuEvents}. Not thread-safe.
 *
 * <p>Some fields count only if a flag says so. Setting such a field sets its flag; {@link #flags}
 * has them all.
 */
public final class VcpuEvents {
  /** Flag: {@link #nmiPending} counts. */
  public static final int KVM_VCPUEVENT_VALID_NMI_PENDING = 1;

  /** Flag: {@link #sipiVector} counts. */
  public static final int KVM_VCPUEVENT_VALID_SIPI_VECTOR = 2;

  /** Flag: {@link #interruptShadow} counts. */
  public static final int KVM_VCPUEVENT_VALID_SHADOW = 4;

  /** Flag: what is said of SMIs counts. */
  public static final int KVM_VCPUEVENT_VALID_SMM = 8;

  /** Flag: {@link #exceptionPending} and the payload count. */
  public static final int KVM_VCPUEVENT_VALID_PAYLOAD = 0x10;

  /** Flag: {@link #tripleFaultPending} counts. */
  public static final int KVM_VCPUEVENT_VALID_TRIPLE_FAULT = 0x20;

  /** Interrupt shadow: after an instruction that loaded SS. */
  public static final int KVM_X86_SHADOW_INT_MOV_SS = 1;

  /** Interrupt shadow: after {@code sti}. */
  public static final int KVM_X86_SHADOW_INT_STI = 2;

  static final int EXCEPTION_INJECTED = 0; // __u8
  static final int EXCEPTION_NR = 1; // __u8
  static final int EXCEPTION_HAS_ERROR_CODE = 2; // __u8
  static final int EXCEPTION_PENDING = 3; // __u8
  static final int EXCEPTION_ERROR_CODE = 4; // __u32
  static final int INTERRUPT_INJECTED = 8; // __u8
  static final int INTERRUPT_NR = 9; // __u8
  static final int INTERRUPT_SOFT = 10; // __u8
  static final int INTERRUPT_SHADOW = 11; // __u8
  static final int NMI_INJECTED = 12; // __u8
  static final int NMI_PENDING = 13; // __u8
  static final int NMI_MASKED = 14; // __u8
  static final int SIPI_VECTOR = 16; // __u32
  static final int FLAGS = 20; // __u32
  static final int SMI_SMM = 24; // __u8
  static final int SMI_PENDING = 25; // __u8
  static final int SMI_SMM_INSIDE_NMI = 26; // __u8
  static final int SMI_LATCHED_INIT = 27; // __u8
  static final int TRIPLE_FAULT_PENDING = 28; // __u8
  static final int EXCEPTION_HAS_PAYLOAD = 55; // __u8
  static final int EXCEPTION_PAYLOAD = 56; // __u64
  static final int SIZEOF = 64;

  private static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;
  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG;

  private final MemorySegment segment;

  /** Nothing on its way. */
  public VcpuEvents() {
    this(Arena.ofAuto().allocate(SIZEOF, 8));
  }

  /** A view of events that lie in another structure. */
  VcpuEvents(MemorySegment segment) {
    this.segment = segment;
  }

  MemorySegment segment() {
    return segment;
  }

  private boolean flag(int offset) {
    return segment.get(U8, offset) != 0;
  }

  private VcpuEvents flag(int offset, boolean value) {
    segment.set(U8, offset, (byte) (value ? 1 : 0));
    return this;
  }

  private VcpuEvents valid(int flag) {
    return flags(flags() | flag);
  }

  /** {@return which fields count, {@code KVM_VCPUEVENT_VALID_…} or-ed} */
  public int flags() {
    return segment.get(U32, FLAGS);
  }

  /**
   * Says which fields count.
   *
   * @param value {@code KVM_VCPUEVENT_VALID_…}, or-ed
   * @return this
   */
  public VcpuEvents flags(int value) {
    segment.set(U32, FLAGS, value);
    return this;
  }

  /** {@return whether an exception is being delivered} */
  public boolean exceptionInjected() {
    return flag(EXCEPTION_INJECTED);
  }

  /**
   * Says whether an exception is being delivered.
   *
   * @param value the value
   * @return this
   */
  public VcpuEvents exceptionInjected(boolean value) {
    return flag(EXCEPTION_INJECTED, value);
  }

  /** {@return the vector of that exception, 0 to 31} */
  public int exceptionVector() {
    return Byte.toUnsignedInt(segment.get(U8, EXCEPTION_NR));
  }

  /**
   * Says the vector of that exception, 0 to 31.
   *
   * @param value the value
   * @return this
   * @throws IllegalArgumentException if it is not a byte's
   */
  public VcpuEvents exceptionVector(int value) {
    segment.set(U8, EXCEPTION_NR, (byte) Check.u8("value", value));
    return this;
  }

  /** {@return whether it has an error code} */
  public boolean exceptionHasErrorCode() {
    return flag(EXCEPTION_HAS_ERROR_CODE);
  }

  /**
   * Says whether it has an error code.
   *
   * @param value the value
   * @return this
   */
  public VcpuEvents exceptionHasErrorCode(boolean value) {
    return flag(EXCEPTION_HAS_ERROR_CODE, value);
  }

  /** {@return its error code} */
  public int exceptionErrorCode() {
    return segment.get(U32, EXCEPTION_ERROR_CODE);
  }

  /**
   * Says its error code.
   *
   * @param value the value
   * @return this
   */
  public VcpuEvents exceptionErrorCode(int value) {
    segment.set(U32, EXCEPTION_ERROR_CODE, value);
    return this;
  }

  /**
   * {@return whether an exception waits to be delivered}
   *
   * <p>Needs {@code KVM_CAP_EXCEPTION_PAYLOAD}, enabled for the VM.
   */
  public boolean exceptionPending() {
    return flag(EXCEPTION_PENDING);
  }

  /**
   * Says whether an exception waits to be delivered. Needs {@code KVM_CAP_EXCEPTION_PAYLOAD},
   * enabled for the VM.
   *
   * @param value the value
   * @return this
   */
  public VcpuEvents exceptionPending(boolean value) {
    return flag(EXCEPTION_PENDING, value).valid(KVM_VCPUEVENT_VALID_PAYLOAD);
  }

  /**
   * {@return whether the exception has a payload}
   *
   * <p>Needs {@code KVM_CAP_EXCEPTION_PAYLOAD}, enabled for the VM.
   */
  public boolean exceptionHasPayload() {
    return flag(EXCEPTION_HAS_PAYLOAD);
  }

  /**
   * Says whether the exception has a payload. Needs {@code KVM_CAP_EXCEPTION_PAYLOAD}, enabled for
   * the VM.
   *
   * @param value the value
   * @return this
   */
  public VcpuEvents exceptionHasPayload(boolean value) {
    return flag(EXCEPTION_HAS_PAYLOAD, value).valid(KVM_VCPUEVENT_VALID_PAYLOAD);
  }

  /**
   * {@return what goes into CR2 or DR6 when the exception is delivered}
   *
   * <p>Needs {@code KVM_CAP_EXCEPTION_PAYLOAD}, enabled for the VM.
   */
  public long exceptionPayload() {
    return segment.get(U64, EXCEPTION_PAYLOAD);
  }

  /**
   * Says what goes into CR2 or DR6 when the exception is delivered. Needs {@code
   * KVM_CAP_EXCEPTION_PAYLOAD}, enabled for the VM.
   *
   * @param value the value
   * @return this
   */
  public VcpuEvents exceptionPayload(long value) {
    segment.set(U64, EXCEPTION_PAYLOAD, value);
    return valid(KVM_VCPUEVENT_VALID_PAYLOAD);
  }

  /** {@return whether an interrupt is being delivered} */
  public boolean interruptInjected() {
    return flag(INTERRUPT_INJECTED);
  }

  /**
   * Says whether an interrupt is being delivered.
   *
   * @param value the value
   * @return this
   */
  public VcpuEvents interruptInjected(boolean value) {
    return flag(INTERRUPT_INJECTED, value);
  }

  /** {@return the vector of that interrupt, 0 to 255} */
  public int interruptVector() {
    return Byte.toUnsignedInt(segment.get(U8, INTERRUPT_NR));
  }

  /**
   * Says the vector of that interrupt, 0 to 255.
   *
   * @param value the value
   * @return this
   * @throws IllegalArgumentException if it is not a byte's
   */
  public VcpuEvents interruptVector(int value) {
    segment.set(U8, INTERRUPT_NR, (byte) Check.u8("value", value));
    return this;
  }

  /** {@return whether it comes from an {@code int} instruction} */
  public boolean interruptSoft() {
    return flag(INTERRUPT_SOFT);
  }

  /**
   * Says whether it comes from an {@code int} instruction.
   *
   * @param value the value
   * @return this
   */
  public VcpuEvents interruptSoft(boolean value) {
    return flag(INTERRUPT_SOFT, value);
  }

  /** {@return why interrupts wait for one more instruction, {@code KVM_X86_SHADOW_…} or-ed} */
  public int interruptShadow() {
    return Byte.toUnsignedInt(segment.get(U8, INTERRUPT_SHADOW));
  }

  /**
   * Says why interrupts wait for one more instruction, {@code KVM_X86_SHADOW_…} or-ed.
   *
   * @param value the value
   * @return this
   * @throws IllegalArgumentException if it is not a byte's
   */
  public VcpuEvents interruptShadow(int value) {
    segment.set(U8, INTERRUPT_SHADOW, (byte) Check.u8("value", value));
    return valid(KVM_VCPUEVENT_VALID_SHADOW);
  }

  /** {@return whether an NMI is being delivered} */
  public boolean nmiInjected() {
    return flag(NMI_INJECTED);
  }

  /**
   * Says whether an NMI is being delivered.
   *
   * @param value the value
   * @return this
   */
  public VcpuEvents nmiInjected(boolean value) {
    return flag(NMI_INJECTED, value);
  }

  /** {@return whether an NMI waits} */
  public boolean nmiPending() {
    return flag(NMI_PENDING);
  }

  /**
   * Says whether an NMI waits.
   *
   * @param value the value
   * @return this
   */
  public VcpuEvents nmiPending(boolean value) {
    return flag(NMI_PENDING, value).valid(KVM_VCPUEVENT_VALID_NMI_PENDING);
  }

  /** {@return whether NMIs are held back: the guest handles one} */
  public boolean nmiMasked() {
    return flag(NMI_MASKED);
  }

  /**
   * Says whether NMIs are held back: the guest handles one.
   *
   * @param value the value
   * @return this
   */
  public VcpuEvents nmiMasked(boolean value) {
    return flag(NMI_MASKED, value);
  }

  /**
   * {@return the vector of the start-up interrupt}
   *
   * <p>{@link Vcpu#getVcpuEvents} does not give it.
   */
  public int sipiVector() {
    return segment.get(U32, SIPI_VECTOR);
  }

  /**
   * Says the vector of the start-up interrupt. {@link Vcpu#getVcpuEvents} does not give it.
   *
   * @param value the value
   * @return this
   */
  public VcpuEvents sipiVector(int value) {
    segment.set(U32, SIPI_VECTOR, value);
    return valid(KVM_VCPUEVENT_VALID_SIPI_VECTOR);
  }

  /** {@return whether the vCPU is in system management mode} */
  public boolean smm() {
    return flag(SMI_SMM);
  }

  /**
   * Says whether the vCPU is in system management mode.
   *
   * @param value the value
   * @return this
   */
  public VcpuEvents smm(boolean value) {
    return flag(SMI_SMM, value).valid(KVM_VCPUEVENT_VALID_SMM);
  }

  /** {@return whether an SMI waits} */
  public boolean smiPending() {
    return flag(SMI_PENDING);
  }

  /**
   * Says whether an SMI waits.
   *
   * @param value the value
   * @return this
   */
  public VcpuEvents smiPending(boolean value) {
    return flag(SMI_PENDING, value).valid(KVM_VCPUEVENT_VALID_SMM);
  }

  /** {@return whether that mode was entered while an NMI was handled} */
  public boolean smmInsideNmi() {
    return flag(SMI_SMM_INSIDE_NMI);
  }

  /**
   * Says whether that mode was entered while an NMI was handled.
   *
   * @param value the value
   * @return this
   */
  public VcpuEvents smmInsideNmi(boolean value) {
    return flag(SMI_SMM_INSIDE_NMI, value).valid(KVM_VCPUEVENT_VALID_SMM);
  }

  /** {@return whether an INIT waits for the end of that mode} */
  public boolean latchedInit() {
    return flag(SMI_LATCHED_INIT);
  }

  /**
   * Says whether an INIT waits for the end of that mode.
   *
   * @param value the value
   * @return this
   */
  public VcpuEvents latchedInit(boolean value) {
    return flag(SMI_LATCHED_INIT, value).valid(KVM_VCPUEVENT_VALID_SMM);
  }

  /**
   * {@return whether a triple fault waits}
   *
   * <p>Needs {@code KVM_CAP_X86_TRIPLE_FAULT_EVENT}, enabled for the VM.
   */
  public boolean tripleFaultPending() {
    return flag(TRIPLE_FAULT_PENDING);
  }

  /**
   * Says whether a triple fault waits. Needs {@code KVM_CAP_X86_TRIPLE_FAULT_EVENT}, enabled for
   * the VM.
   *
   * @param value the value
   * @return this
   */
  public VcpuEvents tripleFaultPending(boolean value) {
    return flag(TRIPLE_FAULT_PENDING, value).valid(KVM_VCPUEVENT_VALID_TRIPLE_FAULT);
  }

  @Override
  public String toString() {
    return String.format(
        "flags=0x%x exception=%s nr=%d interrupt=%s nr=%d nmi=%s/%s/%s",
        flags(),
        exceptionInjected() || exceptionPending(),
        exceptionVector(),
        interruptInjected(),
        interruptVector(),
        nmiInjected(),
        nmiPending(),
        nmiMasked());
  }
}

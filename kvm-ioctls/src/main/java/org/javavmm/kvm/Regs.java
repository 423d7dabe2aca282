// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The general registers of a vCPU, {@code struct kvm_regs}. A copy: changes reach the vCPU by
 * {@link Vcpu#setRegs}. Not thread-safe.
 */
public final class Regs {
  static final int RAX = 0;
  static final int RBX = 8;
  static final int RCX = 16;
  static final int RDX = 24;
  static final int RSI = 32;
  static final int RDI = 40;
  static final int RSP = 48;
  static final int RBP = 56;
  static final int R8 = 64;
  static final int R9 = 72;
  static final int R10 = 80;
  static final int R11 = 88;
  static final int R12 = 96;
  static final int R13 = 104;
  static final int R14 = 112;
  static final int R15 = 120;
  static final int RIP = 128;
  static final int RFLAGS = 136;
  static final int SIZEOF = 144;

  private final MemorySegment segment;

  /** All registers zero. */
  public Regs() {
    this(Arena.ofAuto().allocate(SIZEOF, 8));
  }

  /** A view of registers that lie in another structure. */
  Regs(MemorySegment segment) {
    this.segment = segment;
  }

  MemorySegment segment() {
    return segment;
  }

  private long get(int offset) {
    return segment.get(ValueLayout.JAVA_LONG, offset);
  }

  private Regs set(int offset, long value) {
    segment.set(ValueLayout.JAVA_LONG, offset, value);
    return this;
  }

  /** {@return RAX} */
  public long rax() {
    return get(RAX);
  }

  /**
   * Sets RAX.
   *
   * @param value the value
   * @return this
   */
  public Regs rax(long value) {
    return set(RAX, value);
  }

  /** {@return RBX} */
  public long rbx() {
    return get(RBX);
  }

  /**
   * Sets RBX.
   *
   * @param value the value
   * @return this
   */
  public Regs rbx(long value) {
    return set(RBX, value);
  }

  /** {@return RCX} */
  public long rcx() {
    return get(RCX);
  }

  /**
   * Sets RCX.
   *
   * @param value the value
   * @return this
   */
  public Regs rcx(long value) {
    return set(RCX, value);
  }

  /** {@return RDX} */
  public long rdx() {
    return get(RDX);
  }

  /**
   * Sets RDX.
   *
   * @param value the value
   * @return this
   */
  public Regs rdx(long value) {
    return set(RDX, value);
  }

  /** {@return RSI} */
  public long rsi() {
    return get(RSI);
  }

  /**
   * Sets RSI.
   *
   * @param value the value
   * @return this
   */
  public Regs rsi(long value) {
    return set(RSI, value);
  }

  /** {@return RDI} */
  public long rdi() {
    return get(RDI);
  }

  /**
   * Sets RDI.
   *
   * @param value the value
   * @return this
   */
  public Regs rdi(long value) {
    return set(RDI, value);
  }

  /** {@return RSP} */
  public long rsp() {
    return get(RSP);
  }

  /**
   * Sets RSP.
   *
   * @param value the value
   * @return this
   */
  public Regs rsp(long value) {
    return set(RSP, value);
  }

  /** {@return RBP} */
  public long rbp() {
    return get(RBP);
  }

  /**
   * Sets RBP.
   *
   * @param value the value
   * @return this
   */
  public Regs rbp(long value) {
    return set(RBP, value);
  }

  /** {@return R8} */
  public long r8() {
    return get(R8);
  }

  /**
   * Sets R8.
   *
   * @param value the value
   * @return this
   */
  public Regs r8(long value) {
    return set(R8, value);
  }

  /** {@return R9} */
  public long r9() {
    return get(R9);
  }

  /**
   * Sets R9.
   *
   * @param value the value
   * @return this
   */
  public Regs r9(long value) {
    return set(R9, value);
  }

  /** {@return R10} */
  public long r10() {
    return get(R10);
  }

  /**
   * Sets R10.
   *
   * @param value the value
   * @return this
   */
  public Regs r10(long value) {
    return set(R10, value);
  }

  /** {@return R11} */
  public long r11() {
    return get(R11);
  }

  /**
   * Sets R11.
   *
   * @param value the value
   * @return this
   */
  public Regs r11(long value) {
    return set(R11, value);
  }

  /** {@return R12} */
  public long r12() {
    return get(R12);
  }

  /**
   * Sets R12.
   *
   * @param value the value
   * @return this
   */
  public Regs r12(long value) {
    return set(R12, value);
  }

  /** {@return R13} */
  public long r13() {
    return get(R13);
  }

  /**
   * Sets R13.
   *
   * @param value the value
   * @return this
   */
  public Regs r13(long value) {
    return set(R13, value);
  }

  /** {@return R14} */
  public long r14() {
    return get(R14);
  }

  /**
   * Sets R14.
   *
   * @param value the value
   * @return this
   */
  public Regs r14(long value) {
    return set(R14, value);
  }

  /** {@return R15} */
  public long r15() {
    return get(R15);
  }

  /**
   * Sets R15.
   *
   * @param value the value
   * @return this
   */
  public Regs r15(long value) {
    return set(R15, value);
  }

  /** {@return the instruction pointer} */
  public long rip() {
    return get(RIP);
  }

  /**
   * Sets the instruction pointer.
   *
   * @param value the value
   * @return this
   */
  public Regs rip(long value) {
    return set(RIP, value);
  }

  /** {@return the flags; bit 1 is always set} */
  public long rflags() {
    return get(RFLAGS);
  }

  /**
   * Sets the flags; bit 1 is always set.
   *
   * @param value the value
   * @return this
   */
  public Regs rflags(long value) {
    return set(RFLAGS, value);
  }

  /** {@return the registers, four to a line} */
  @Override
  public String toString() {
    return String.format(
        """
        rax=%016x rbx=%016x rcx=%016x rdx=%016x
        rsi=%016x rdi=%016x rsp=%016x rbp=%016x
        r8 =%016x r9 =%016x r10=%016x r11=%016x
        r12=%016x r13=%016x r14=%016x r15=%016x
        rip=%016x rflags=%08x\
        """,
        rax(), rbx(), rcx(), rdx(), rsi(), rdi(), rsp(), rbp(), r8(), r9(), r10(), r11(), r12(),
        r13(), r14(), r15(), rip(), rflags());
  }
}

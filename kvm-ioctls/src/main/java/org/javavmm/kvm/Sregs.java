// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The segment and control registers of a vCPU, {@code struct kvm_sregs}. A copy: changes reach the
 * vCPU by {@link Vcpu#setSregs}. Not thread-safe.
 *
 * <p>The setters throw {@link IllegalArgumentException} if a selector or the limit of a table has
 * more than 16 bits, or a segment's type or privilege level more than 8.
 */
public final class Sregs {
  private static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;
  private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT;
  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG;

  private final MemorySegment segment;

  Sregs() {
    this(Arena.ofAuto().allocate(SregsLayout.SIZEOF, 8));
  }

  /** A view of registers that lie in another structure. */
  Sregs(MemorySegment segment) {
    this.segment = segment;
  }

  MemorySegment segment() {
    return segment;
  }

  private boolean flag(int offset) {
    return segment.get(U8, offset) != 0;
  }

  private void setFlag(int offset, boolean value) {
    segment.set(U8, offset, (byte) (value ? 1 : 0));
  }

  private Segment getSegment(int at) {
    return new Segment(
        segment.get(U64, at + SregsLayout.SEGMENT_BASE),
        segment.get(U32, at + SregsLayout.SEGMENT_LIMIT),
        Short.toUnsignedInt(segment.get(U16, at + SregsLayout.SEGMENT_SELECTOR)),
        Byte.toUnsignedInt(segment.get(U8, at + SregsLayout.SEGMENT_TYPE)),
        flag(at + SregsLayout.SEGMENT_PRESENT),
        Byte.toUnsignedInt(segment.get(U8, at + SregsLayout.SEGMENT_DPL)),
        flag(at + SregsLayout.SEGMENT_DB),
        flag(at + SregsLayout.SEGMENT_S),
        flag(at + SregsLayout.SEGMENT_L),
        flag(at + SregsLayout.SEGMENT_G),
        flag(at + SregsLayout.SEGMENT_AVL),
        flag(at + SregsLayout.SEGMENT_UNUSABLE));
  }

  private Sregs setSegment(int at, Segment value) {
    segment.set(U64, at + SregsLayout.SEGMENT_BASE, value.base());
    segment.set(U32, at + SregsLayout.SEGMENT_LIMIT, value.limit());
    segment.set(U16, at + SregsLayout.SEGMENT_SELECTOR, Check.u16("selector", value.selector()));
    segment.set(U8, at + SregsLayout.SEGMENT_TYPE, (byte) Check.u8("type", value.type()));
    setFlag(at + SregsLayout.SEGMENT_PRESENT, value.present());
    segment.set(U8, at + SregsLayout.SEGMENT_DPL, (byte) Check.u8("dpl", value.dpl()));
    setFlag(at + SregsLayout.SEGMENT_DB, value.db());
    setFlag(at + SregsLayout.SEGMENT_S, value.s());
    setFlag(at + SregsLayout.SEGMENT_L, value.l());
    setFlag(at + SregsLayout.SEGMENT_G, value.g());
    setFlag(at + SregsLayout.SEGMENT_AVL, value.avl());
    setFlag(at + SregsLayout.SEGMENT_UNUSABLE, value.unusable());
    return this;
  }

  private Sregs setTable(int at, long base, int limit) {
    segment.set(U64, at + SregsLayout.DTABLE_BASE, base);
    segment.set(U16, at + SregsLayout.DTABLE_LIMIT, Check.u16("limit", limit));
    return this;
  }

  private Sregs set(int at, long value) {
    segment.set(U64, at, value);
    return this;
  }

  /** {@return CS} */
  public Segment cs() {
    return getSegment(SregsLayout.CS);
  }

  /**
   * Sets CS.
   *
   * @param value the register
   * @return this
   */
  public Sregs cs(Segment value) {
    return setSegment(SregsLayout.CS, value);
  }

  /** {@return DS} */
  public Segment ds() {
    return getSegment(SregsLayout.DS);
  }

  /**
   * Sets DS.
   *
   * @param value the register
   * @return this
   */
  public Sregs ds(Segment value) {
    return setSegment(SregsLayout.DS, value);
  }

  /** {@return ES} */
  public Segment es() {
    return getSegment(SregsLayout.ES);
  }

  /**
   * Sets ES.
   *
   * @param value the register
   * @return this
   */
  public Sregs es(Segment value) {
    return setSegment(SregsLayout.ES, value);
  }

  /** {@return FS} */
  public Segment fs() {
    return getSegment(SregsLayout.FS);
  }

  /**
   * Sets FS.
   *
   * @param value the register
   * @return this
   */
  public Sregs fs(Segment value) {
    return setSegment(SregsLayout.FS, value);
  }

  /** {@return GS} */
  public Segment gs() {
    return getSegment(SregsLayout.GS);
  }

  /**
   * Sets GS.
   *
   * @param value the register
   * @return this
   */
  public Sregs gs(Segment value) {
    return setSegment(SregsLayout.GS, value);
  }

  /** {@return SS} */
  public Segment ss() {
    return getSegment(SregsLayout.SS);
  }

  /**
   * Sets SS.
   *
   * @param value the register
   * @return this
   */
  public Sregs ss(Segment value) {
    return setSegment(SregsLayout.SS, value);
  }

  /** {@return TR} */
  public Segment tr() {
    return getSegment(SregsLayout.TR);
  }

  /**
   * Sets TR.
   *
   * @param value the register
   * @return this
   */
  public Sregs tr(Segment value) {
    return setSegment(SregsLayout.TR, value);
  }

  /** {@return LDT} */
  public Segment ldt() {
    return getSegment(SregsLayout.LDT);
  }

  /**
   * Sets LDT.
   *
   * @param value the register
   * @return this
   */
  public Sregs ldt(Segment value) {
    return setSegment(SregsLayout.LDT, value);
  }

  /** {@return the linear address of the global descriptor table} */
  public long gdtBase() {
    return segment.get(U64, SregsLayout.GDT + SregsLayout.DTABLE_BASE);
  }

  /** {@return the last offset of the global descriptor table} */
  public int gdtLimit() {
    return Short.toUnsignedInt(segment.get(U16, SregsLayout.GDT + SregsLayout.DTABLE_LIMIT));
  }

  /**
   * Sets where the global descriptor table is.
   *
   * @param base its linear address
   * @param limit its last offset, 0 to 65,535
   * @return this
   */
  public Sregs gdt(long base, int limit) {
    return setTable(SregsLayout.GDT, base, limit);
  }

  /** {@return the linear address of the interrupt descriptor table} */
  public long idtBase() {
    return segment.get(U64, SregsLayout.IDT + SregsLayout.DTABLE_BASE);
  }

  /** {@return the last offset of the interrupt descriptor table} */
  public int idtLimit() {
    return Short.toUnsignedInt(segment.get(U16, SregsLayout.IDT + SregsLayout.DTABLE_LIMIT));
  }

  /**
   * Sets where the interrupt descriptor table is.
   *
   * @param base its linear address
   * @param limit its last offset, 0 to 65,535
   * @return this
   */
  public Sregs idt(long base, int limit) {
    return setTable(SregsLayout.IDT, base, limit);
  }

  /** {@return CR0} */
  public long cr0() {
    return segment.get(U64, SregsLayout.CR0);
  }

  /**
   * Sets CR0.
   *
   * @param value the value
   * @return this
   */
  public Sregs cr0(long value) {
    return set(SregsLayout.CR0, value);
  }

  /** {@return CR2, the address of the last page fault} */
  public long cr2() {
    return segment.get(U64, SregsLayout.CR2);
  }

  /**
   * Sets CR2, the address of the last page fault.
   *
   * @param value the value
   * @return this
   */
  public Sregs cr2(long value) {
    return set(SregsLayout.CR2, value);
  }

  /** {@return CR3, the physical address of the page tables} */
  public long cr3() {
    return segment.get(U64, SregsLayout.CR3);
  }

  /**
   * Sets CR3, the physical address of the page tables.
   *
   * @param value the value
   * @return this
   */
  public Sregs cr3(long value) {
    return set(SregsLayout.CR3, value);
  }

  /** {@return CR4} */
  public long cr4() {
    return segment.get(U64, SregsLayout.CR4);
  }

  /**
   * Sets CR4.
   *
   * @param value the value
   * @return this
   */
  public Sregs cr4(long value) {
    return set(SregsLayout.CR4, value);
  }

  /** {@return CR8, the task priority} */
  public long cr8() {
    return segment.get(U64, SregsLayout.CR8);
  }

  /**
   * Sets CR8, the task priority.
   *
   * @param value the value
   * @return this
   */
  public Sregs cr8(long value) {
    return set(SregsLayout.CR8, value);
  }

  /** {@return EFER} */
  public long efer() {
    return segment.get(U64, SregsLayout.EFER);
  }

  /**
   * Sets EFER.
   *
   * @param value the value
   * @return this
   */
  public Sregs efer(long value) {
    return set(SregsLayout.EFER, value);
  }

  /** {@return the MSR IA32_APIC_BASE} */
  public long apicBase() {
    return segment.get(U64, SregsLayout.APIC_BASE);
  }

  /**
   * Sets the MSR IA32_APIC_BASE.
   *
   * @param value the value
   * @return this
   */
  public Sregs apicBase(long value) {
    return set(SregsLayout.APIC_BASE, value);
  }

  /** {@return the control registers and segments, for people} */
  @Override
  public String toString() {
    return String.format(
        """
        cr0=%x cr2=%x cr3=%x cr4=%x cr8=%x efer=%x apic_base=%x
        cs=%04x:%x ds=%04x:%x es=%04x:%x fs=%04x:%x gs=%04x:%x ss=%04x:%x tr=%04x:%x ldt=%04x:%x
        gdt=%x+%x idt=%x+%x\
        """,
        cr0(),
        cr2(),
        cr3(),
        cr4(),
        cr8(),
        efer(),
        apicBase(),
        cs().selector(),
        cs().base(),
        ds().selector(),
        ds().base(),
        es().selector(),
        es().base(),
        fs().selector(),
        fs().base(),
        gs().selector(),
        gs().base(),
        ss().selector(),
        ss().base(),
        tr().selector(),
        tr().base(),
        ldt().selector(),
        ldt().base(),
        gdtBase(),
        gdtLimit(),
        idtBase(),
        idtLimit());
  }
}

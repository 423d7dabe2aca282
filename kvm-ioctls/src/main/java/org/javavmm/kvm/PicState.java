// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The state of an i8259 interrupt controller, {@code struct kvm_pic_state}. Each is one byte.
 *
 * @param lastIrr the lines as last seen, to find edges
 * @param irr requests
 * @param imr masks
 * @param isr interrupts in service
 * @param priorityAdd the line of highest priority
 * @param irqBase the vector of line 0
 * @param readRegSelect which register a read gives
 * @param poll poll command pending
 * @param specialMask special mask mode
 * @param initState progress of the initialization
 * @param autoEoi automatic end of interrupt
 * @param rotateOnAutoEoi rotation at it
 * @param specialFullyNestedMode special fully nested mode
 * @param init4 whether the initialization has four bytes
 * @param elcr the lines that are level-triggered
 * @param elcrMask the lines that may be
 */
public record PicState(
    int lastIrr,
    int irr,
    int imr,
    int isr,
    int priorityAdd,
    int irqBase,
    int readRegSelect,
    int poll,
    int specialMask,
    int initState,
    int autoEoi,
    int rotateOnAutoEoi,
    int specialFullyNestedMode,
    int init4,
    int elcr,
    int elcrMask) {
  private static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;

  /**
   * Checks the bytes.
   *
   * @throws IllegalArgumentException if one is not 0 to 255
   */
  public PicState {
    var _ = Check.u8("lastIrr", lastIrr);
    var _ = Check.u8("irr", irr);
    var _ = Check.u8("imr", imr);
    var _ = Check.u8("isr", isr);
    var _ = Check.u8("priorityAdd", priorityAdd);
    var _ = Check.u8("irqBase", irqBase);
    var _ = Check.u8("readRegSelect", readRegSelect);
    var _ = Check.u8("poll", poll);
    var _ = Check.u8("specialMask", specialMask);
    var _ = Check.u8("initState", initState);
    var _ = Check.u8("autoEoi", autoEoi);
    var _ = Check.u8("rotateOnAutoEoi", rotateOnAutoEoi);
    var _ = Check.u8("specialFullyNestedMode", specialFullyNestedMode);
    var _ = Check.u8("init4", init4);
    var _ = Check.u8("elcr", elcr);
    var _ = Check.u8("elcrMask", elcrMask);
  }

  static PicState fromStruct(MemorySegment chip) {
    return new PicState(
        u8(chip, PicStateLayout.LAST_IRR),
        u8(chip, PicStateLayout.IRR),
        u8(chip, PicStateLayout.IMR),
        u8(chip, PicStateLayout.ISR),
        u8(chip, PicStateLayout.PRIORITY_ADD),
        u8(chip, PicStateLayout.IRQ_BASE),
        u8(chip, PicStateLayout.READ_REG_SELECT),
        u8(chip, PicStateLayout.POLL),
        u8(chip, PicStateLayout.SPECIAL_MASK),
        u8(chip, PicStateLayout.INIT_STATE),
        u8(chip, PicStateLayout.AUTO_EOI),
        u8(chip, PicStateLayout.ROTATE_ON_AUTO_EOI),
        u8(chip, PicStateLayout.SPECIAL_FULLY_NESTED_MODE),
        u8(chip, PicStateLayout.INIT4),
        u8(chip, PicStateLayout.ELCR),
        u8(chip, PicStateLayout.ELCR_MASK));
  }

  private static int u8(MemorySegment chip, int offset) {
    return Byte.toUnsignedInt(chip.get(U8, offset));
  }

  void toStruct(MemorySegment chip) {
    chip.set(U8, PicStateLayout.LAST_IRR, (byte) lastIrr);
    chip.set(U8, PicStateLayout.IRR, (byte) irr);
    chip.set(U8, PicStateLayout.IMR, (byte) imr);
    chip.set(U8, PicStateLayout.ISR, (byte) isr);
    chip.set(U8, PicStateLayout.PRIORITY_ADD, (byte) priorityAdd);
    chip.set(U8, PicStateLayout.IRQ_BASE, (byte) irqBase);
    chip.set(U8, PicStateLayout.READ_REG_SELECT, (byte) readRegSelect);
    chip.set(U8, PicStateLayout.POLL, (byte) poll);
    chip.set(U8, PicStateLayout.SPECIAL_MASK, (byte) specialMask);
    chip.set(U8, PicStateLayout.INIT_STATE, (byte) initState);
    chip.set(U8, PicStateLayout.AUTO_EOI, (byte) autoEoi);
    chip.set(U8, PicStateLayout.ROTATE_ON_AUTO_EOI, (byte) rotateOnAutoEoi);
    chip.set(U8, PicStateLayout.SPECIAL_FULLY_NESTED_MODE, (byte) specialFullyNestedMode);
    chip.set(U8, PicStateLayout.INIT4, (byte) init4);
    chip.set(U8, PicStateLayout.ELCR, (byte) elcr);
    chip.set(U8, PicStateLayout.ELCR_MASK, (byte) elcrMask);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_pic_state}. */
final class PicStateLayout {
  static final int LAST_IRR = 0; // __u8
  static final int IRR = 1; // __u8
  static final int IMR = 2; // __u8
  static final int ISR = 3; // __u8
  static final int PRIORITY_ADD = 4; // __u8
  static final int IRQ_BASE = 5; // __u8
  static final int READ_REG_SELECT = 6; // __u8
  static final int POLL = 7; // __u8
  static final int SPECIAL_MASK = 8; // __u8
  static final int INIT_STATE = 9; // __u8
  static final int AUTO_EOI = 10; // __u8
  static final int ROTATE_ON_AUTO_EOI = 11; // __u8
  static final int SPECIAL_FULLY_NESTED_MODE = 12; // __u8
  static final int INIT4 = 13; // __u8
  static final int ELCR = 14; // __u8
  static final int ELCR_MASK = 15; // __u8
  static final int SIZEOF = 16;

  private PicStateLayout() {}
}

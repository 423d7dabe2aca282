// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_sregs}, {@code struct kvm_segment} and {@code struct kvm_dtable}. */
final class SregsLayout {
  static final int CS = 0;
  static final int DS = 24;
  static final int ES = 48;
  static final int FS = 72;
  static final int GS = 96;
  static final int SS = 120;
  static final int TR = 144;
  static final int LDT = 168;
  static final int GDT = 192;
  static final int IDT = 208;
  static final int CR0 = 224;
  static final int CR2 = 232;
  static final int CR3 = 240;
  static final int CR4 = 248;
  static final int CR8 = 256;
  static final int EFER = 264;
  static final int APIC_BASE = 272;
  static final int SIZEOF = 312;

  // struct kvm_segment
  static final int SEGMENT_BASE = 0; // __u64
  static final int SEGMENT_LIMIT = 8; // __u32
  static final int SEGMENT_SELECTOR = 12; // __u16
  static final int SEGMENT_TYPE = 14; // __u8, and so are the rest
  static final int SEGMENT_PRESENT = 15;
  static final int SEGMENT_DPL = 16;
  static final int SEGMENT_DB = 17;
  static final int SEGMENT_S = 18;
  static final int SEGMENT_L = 19;
  static final int SEGMENT_G = 20;
  static final int SEGMENT_AVL = 21;
  static final int SEGMENT_UNUSABLE = 22;

  // struct kvm_dtable
  static final int DTABLE_BASE = 0; // __u64
  static final int DTABLE_LIMIT = 8; // __u16

  private SregsLayout() {}
}

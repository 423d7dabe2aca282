// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import org.javavmm.kvm.Segment;
import org.javavmm.memory.GuestMemory;

/**
 * The descriptor table with which the 64-bit Linux boot protocol starts a kernel: flat code at
 * selector 0x10, flat data at 0x18, a task state segment at 0x20.
 */
public final class Gdt {
  /** The selector of the code segment ({@code __BOOT_CS}). */
  public static final int CODE_SELECTOR = 0x10;

  /** The selector of the data segment ({@code __BOOT_DS}). */
  public static final int DATA_SELECTOR = 0x18;

  /** The selector of the task state segment. */
  public static final int TSS_SELECTOR = 0x20;

  /** The size of the table in bytes. */
  public static final int SIZE = 5 * Long.BYTES;

  // Access byte and flags as they stand in a descriptor, bits 40..55 without the limit's.
  private static final int CODE64 = 0xa09b; // G L, present, code, execute read accessed
  private static final int DATA = 0xc093; // G D, present, data, read write accessed
  private static final int TSS = 0x808b; // G, present, busy task state segment

  private static final int FLAT_LIMIT = 0xf_ffff;

  private Gdt() {}

  /**
   * Writes the table.
   *
   * @param memory the guest's memory
   * @param gpa where the table goes
   */
  public static void write(GuestMemory memory, long gpa) {
    memory.putLong(gpa, 0);
    memory.putLong(gpa + 0x08, 0);
    memory.putLong(gpa + CODE_SELECTOR, descriptor(CODE64));
    memory.putLong(gpa + DATA_SELECTOR, descriptor(DATA));
    memory.putLong(gpa + TSS_SELECTOR, descriptor(TSS));
  }

  /** A descriptor with base 0 and the limit 0xfffff, in pages. */
  static long descriptor(int flags) {
    long limit = FLAT_LIMIT;
    return (limit & 0xffff)
        | ((long) (flags & 0xff) << 40)
        | ((limit >>> 16) << 48)
        | ((long) (flags >>> 12) << 52);
  }

  /** {@return the code segment as the processor holds it} */
  public static Segment code() {
    return segment(CODE_SELECTOR, CODE64);
  }

  /** {@return the data segment as the processor holds it} */
  public static Segment data() {
    return segment(DATA_SELECTOR, DATA);
  }

  /** {@return the task state segment as the processor holds it} */
  public static Segment tss() {
    return segment(TSS_SELECTOR, TSS);
  }

  private static Segment segment(int selector, int flags) {
    return new Segment(
        0,
        FLAT_LIMIT << 12 | 0xfff,
        selector,
        flags & 0xf,
        (flags & 0x80) != 0,
        flags >>> 5 & 3,
        (flags & 0x4000) != 0,
        (flags & 0x10) != 0,
        (flags & 0x2000) != 0,
        (flags & 0x8000) != 0,
        (flags & 0x1000) != 0,
        false);
  }
}

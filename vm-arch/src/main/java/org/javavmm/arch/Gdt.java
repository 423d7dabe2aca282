// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import org.javavmm.kvm.Segment;
import org.javavmm.memory.GuestMemory;

/**
 * The descriptor table with which a kernel starts, as the Linux boot protocols want it: flat code
 * at selector 0x10, flat data at 0x18, a task state segment at 0x20. {@link #write} makes the table
 * of an entry in 64-bit mode, {@link #write32} that of an entry in 32-bit protected mode.
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
  private static final int CODE32 = 0xc09b; // G D, present, code, execute read accessed
  private static final int DATA = 0xc093; // G D, present, data, read write accessed
  private static final int TSS = 0x808b; // G, present, busy task state segment
  private static final int TSS32 = 0x008b; // the same with its limit in bytes

  private static final int FLAT_LIMIT = 0xf_ffff;

  /** The last byte of a 32-bit task state segment, which PVH asks for. */
  private static final int TSS32_LIMIT = 0x67;

  private Gdt() {}

  /**
   * Writes the table of an entry in 64-bit mode.
   *
   * @param memory the guest's memory
   * @param gpa where the table goes
   * @throws org.javavmm.memory.GuestMemoryException if its {@link #SIZE} bytes do not lie in
   *     memory; nothing is written then
   */
  public static void write(GuestMemory memory, long gpa) {
    write(memory, gpa, descriptor(CODE64, FLAT_LIMIT), descriptor(TSS, FLAT_LIMIT));
  }

  /**
   * Writes the table of an entry in 32-bit protected mode.
   *
   * @param memory the guest's memory
   * @param gpa where the table goes
   * @throws org.javavmm.memory.GuestMemoryException if its {@link #SIZE} bytes do not lie in
   *     memory; nothing is written then
   */
  public static void write32(GuestMemory memory, long gpa) {
    write(memory, gpa, descriptor(CODE32, FLAT_LIMIT), descriptor(TSS32, TSS32_LIMIT));
  }

  private static void write(GuestMemory memory, long gpa, long code, long tss) {
    memory.fill(gpa, SIZE, (byte) 0);
    memory.putLong(gpa + CODE_SELECTOR, code);
    memory.putLong(gpa + DATA_SELECTOR, descriptor(DATA, FLAT_LIMIT));
    memory.putLong(gpa + TSS_SELECTOR, tss);
  }

  /** A descriptor with base 0; the limit is in pages if the flags say so. */
  private static long descriptor(int flags, long limit) {
    return (limit & 0xffff)
        | ((long) (flags & 0xff) << 40)
        | ((limit >>> 16) << 48)
        | ((long) (flags >>> 12) << 52);
  }

  /** {@return the 64-bit code segment as the processor holds it} */
  public static Segment code() {
    return segment(CODE_SELECTOR, CODE64, FLAT_LIMIT);
  }

  /** {@return the 32-bit code segment as the processor holds it} */
  public static Segment code32() {
    return segment(CODE_SELECTOR, CODE32, FLAT_LIMIT);
  }

  /** {@return the data segment as the processor holds it, the same in both modes} */
  public static Segment data() {
    return segment(DATA_SELECTOR, DATA, FLAT_LIMIT);
  }

  /** {@return the task state segment of 64-bit mode as the processor holds it} */
  public static Segment tss() {
    return segment(TSS_SELECTOR, TSS, FLAT_LIMIT);
  }

  /** {@return the task state segment of 32-bit mode as the processor holds it, limit 0x67} */
  public static Segment tss32() {
    return segment(TSS_SELECTOR, TSS32, TSS32_LIMIT);
  }

  private static Segment segment(int selector, int flags, int limit) {
    boolean pages = (flags & 0x8000) != 0;
    return new Segment(
        0,
        pages ? limit << 12 | 0xfff : limit,
        selector,
        flags & 0xf,
        (flags & 0x80) != 0,
        flags >>> 5 & 3,
        (flags & 0x4000) != 0,
        (flags & 0x10) != 0,
        (flags & 0x2000) != 0,
        pages,
        (flags & 0x1000) != 0,
        false);
  }
}

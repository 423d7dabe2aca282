// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The 4096 bytes of configuration space of a function (PCI Local Bus 3.0 §6.1, PCI Express Base
 * §7.2), bit by bit read-only, writable, or cleared by a write of 1. All bits are read-only zeroes
 * at first.
 *
 * <p>{@link #read} and {@link #write} are what the guest does: any arguments have a defined answer.
 * An access is of 1, 2 or 4 bytes within one aligned dword, at any alignment in it; every other
 * access reads as all ones and writes nothing. {@link #get}, {@link #set} and {@link #define} are
 * the device's. All are thread-safe, take no lock and allocate nothing; a dword changes as a whole.
 */
public final class ConfigurationSpace {
  private static final VarHandle DWORD = MethodHandles.arrayElementVarHandle(int[].class);
  private static final int DWORDS = PciLayout.CFG_SPACE_EXP_SIZE / 4;

  private final int[] values = new int[DWORDS];
  private final int[] writable = new int[DWORDS];
  private final int[] clearable = new int[DWORDS];

  /** Makes a space of read-only zeroes. */
  public ConfigurationSpace() {}

  /**
   * {@return whether an access has an effect: 1, 2 or 4 bytes within one aligned dword}
   *
   * @param offset the first byte
   * @param size the width in bytes
   */
  public static boolean isValid(int offset, int size) {
    return (size == 1 || size == 2 || size == 4)
        && offset >= 0
        && offset < PciLayout.CFG_SPACE_EXP_SIZE
        && (offset & 3) + size <= 4;
  }

  /** All ones of so many bytes; of all 8 for a width that does not exist. */
  static long ones(int size) {
    return size >= 1 && size <= 8 ? -1L >>> (64 - 8 * size) : -1L;
  }

  /**
   * The guest reads.
   *
   * @param offset the first byte
   * @param size the width in bytes
   * @return the value, zeroes above its {@code size} bytes; all ones if not {@link #isValid}
   */
  public long read(int offset, int size) {
    if (!isValid(offset, size)) {
      return ones(size);
    }
    int value = (int) DWORD.getVolatile(values, offset >> 2);
    return (value >>> (8 * (offset & 3))) & ones(size);
  }

  /**
   * The guest writes. Writable bits take the value, bits that are cleared by a 1 are, read-only
   * bits stay.
   *
   * @param offset the first byte
   * @param size the width in bytes
   * @param value the value in the low {@code size} bytes; the rest is ignored
   * @return whether the access {@link #isValid}
   */
  public boolean write(int offset, int size, long value) {
    if (!isValid(offset, size)) {
      return false;
    }
    int i = offset >> 2;
    int shift = 8 * (offset & 3);
    int lanes = (int) ones(size) << shift;
    int written = (int) value << shift;
    int w = writable[i] & lanes;
    int c = clearable[i] & lanes;
    int old;
    int next;
    do {
      old = (int) DWORD.getVolatile(values, i);
      next = ((old & ~w) | (written & w)) & ~(written & c);
    } while (!DWORD.compareAndSet(values, i, old, next));
    return true;
  }

  /**
   * {@return what is there}
   *
   * @param offset the first byte
   * @param size the width in bytes: 1, 2 or 4, within a dword
   * @throws IllegalArgumentException if not {@link #isValid}
   */
  public int get(int offset, int size) {
    check(offset, size);
    return (int) read(offset, size);
  }

  /**
   * Sets what is there, read-only bits too.
   *
   * @param offset the first byte
   * @param size the width in bytes: 1, 2 or 4, within a dword
   * @param value the value; bits above {@code size} bytes are ignored
   * @throws IllegalArgumentException if not {@link #isValid}
   */
  public void set(int offset, int size, int value) {
    check(offset, size);
    int i = offset >> 2;
    int shift = 8 * (offset & 3);
    int lanes = (int) ones(size) << shift;
    int old;
    do {
      old = (int) DWORD.getVolatile(values, i);
    } while (!DWORD.compareAndSet(values, i, old, (old & ~lanes) | ((value << shift) & lanes)));
  }

  /**
   * Says what a register holds and what the guest may do to it. Not for use while a guest may
   * access the space.
   *
   * @param offset the first byte
   * @param size the width in bytes: 1, 2 or 4, within a dword
   * @param value what it holds
   * @param writableBits the bits that the guest may write
   * @param clearedBits the bits that the guest clears by writing 1
   * @throws IllegalArgumentException if not {@link #isValid}, or if a bit is both
   */
  public void define(int offset, int size, int value, int writableBits, int clearedBits) {
    check(offset, size);
    if ((writableBits & clearedBits & (int) ones(size)) != 0) {
      throw new IllegalArgumentException(
          "offset=0x%x: bits 0x%x are both writable and cleared by 1"
              .formatted(offset, writableBits & clearedBits & (int) ones(size)));
    }
    set(offset, size, value);
    int i = offset >> 2;
    int shift = 8 * (offset & 3);
    int lanes = (int) ones(size) << shift;
    writable[i] = (writable[i] & ~lanes) | ((writableBits << shift) & lanes);
    clearable[i] = (clearable[i] & ~lanes) | ((clearedBits << shift) & lanes);
  }

  /** The bits of a dword that a guest's writes can change. */
  int changeable(int offset) {
    return writable[offset >> 2] | clearable[offset >> 2];
  }

  private static void check(int offset, int size) {
    if (!isValid(offset, size)) {
      throw new IllegalArgumentException(
          "offset="
              + offset
              + " size="
              + size
              + " is not 1, 2 or 4 bytes within a dword of 0..4095");
    }
  }
}

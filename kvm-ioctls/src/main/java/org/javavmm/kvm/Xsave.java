// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The extended state of a vCPU (x87, SSE, AVX and what came after), {@code struct kvm_xsave}: the
 * processor's XSAVE area in its standard format. Where a part lies says CPUID leaf 0xd. A copy:
 * changes reach the vCPU by {@link Vcpu#setXsave}. Not thread-safe.
 */
public final class Xsave {
  /** The smallest size, and the size without parts that must be asked for. */
  public static final int MIN_SIZE = 4096;

  /** Far beyond what any processor has; keeps a forged length from taking all memory. */
  static final int MAX_SIZE = 1 << 20;

  // The processor's format, Intel SDM vol. 1 §13.4.
  private static final int FCW = 0;
  private static final int MXCSR = 24;
  private static final int XSTATE_BV = 512;
  private static final int XCOMP_BV = 520;
  private static final int HEADER_RESERVED = 528;
  private static final int HEADER_END = 576;

  private final MemorySegment segment;

  Xsave(int size) {
    this.segment = Arena.ofAuto().allocate(size, 64);
  }

  /**
   * Takes a state that was saved. The bytes may come from anywhere: what KVM would refuse of the
   * header is refused here; the registers' values are checked by KVM.
   *
   * @param bytes the state, from {@link #toBytes}
   * @return the state
   * @throws IllegalArgumentException if the length is not a multiple of 4 from 4096 to 1 MiB, if
   *     the area is compacted, or if a reserved byte of its header is not 0
   */
  public static Xsave of(byte[] bytes) {
    if (bytes.length < MIN_SIZE || bytes.length > MAX_SIZE || bytes.length % 4 != 0) {
      throw new IllegalArgumentException(
          "length=" + bytes.length + ", must be a multiple of 4 from 4096 to " + MAX_SIZE);
    }
    Xsave xsave = new Xsave(bytes.length);
    MemorySegment.copy(bytes, 0, xsave.segment, ValueLayout.JAVA_BYTE, 0, bytes.length);
    long compaction = xsave.segment.get(ValueLayout.JAVA_LONG, XCOMP_BV);
    if (compaction != 0) {
      throw new IllegalArgumentException(
          "xcomp_bv=0x" + Long.toHexString(compaction) + ", must be 0");
    }
    for (int at = HEADER_RESERVED; at < HEADER_END; at++) {
      if (bytes[at] != 0) {
        throw new IllegalArgumentException(
            "reserved byte " + at + " of the header is " + bytes[at] + ", must be 0");
      }
    }
    return xsave;
  }

  MemorySegment segment() {
    return segment;
  }

  /** {@return the state, for {@link #of}} */
  public byte[] toBytes() {
    return segment.toArray(ValueLayout.JAVA_BYTE);
  }

  /** {@return the size in bytes} */
  public int size() {
    return (int) segment.byteSize();
  }

  /** {@return which parts are not in their initial state, a bit for each as in XCR0} */
  public long xstateBv() {
    return segment.get(ValueLayout.JAVA_LONG, XSTATE_BV);
  }

  /**
   * Says which parts are taken from here; the others get their initial state.
   *
   * @param value a bit for each as in XCR0
   * @return this
   */
  public Xsave xstateBv(long value) {
    segment.set(ValueLayout.JAVA_LONG, XSTATE_BV, value);
    return this;
  }

  /** {@return the x87 control word} */
  public int fcw() {
    return Short.toUnsignedInt(segment.get(ValueLayout.JAVA_SHORT, FCW));
  }

  /**
   * Sets the x87 control word.
   *
   * @param value the value, 16 bits
   * @return this
   */
  public Xsave fcw(int value) {
    segment.set(ValueLayout.JAVA_SHORT, FCW, (short) value);
    return this;
  }

  /** {@return the SSE control and status register} */
  public int mxcsr() {
    return segment.get(ValueLayout.JAVA_INT, MXCSR);
  }

  /**
   * Sets the SSE control and status register.
   *
   * @param value the value; KVM refuses bits that the processor does not have
   * @return this
   */
  public Xsave mxcsr(int value) {
    segment.set(ValueLayout.JAVA_INT, MXCSR, value);
    return this;
  }

  /**
   * {@return a part of the area}
   *
   * @param offset its offset in bytes
   * @param length its length in bytes
   * @throws IndexOutOfBoundsException if it is not inside the area
   */
  public byte[] bytes(int offset, int length) {
    return segment.asSlice(offset, length).toArray(ValueLayout.JAVA_BYTE);
  }

  /**
   * Sets a part of the area, but for its header.
   *
   * @param offset its offset in bytes
   * @param bytes the part
   * @return this
   * @throws IndexOutOfBoundsException if it is not inside the area
   * @throws IllegalArgumentException if it touches the header, bytes 512 to 575
   */
  public Xsave bytes(int offset, byte[] bytes) {
    MemorySegment part = segment.asSlice(offset, bytes.length);
    if (offset < HEADER_END && offset + bytes.length > XSTATE_BV) {
      throw new IllegalArgumentException(
          "offset=" + offset + ", length=" + bytes.length + " touches the header at 512 to 575");
    }
    part.copyFrom(MemorySegment.ofArray(bytes));
    return this;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The floating-point control registers of a vCPU, {@code struct kvm_fpu}. A copy: changes reach the
 * vCPU by {@link Vcpu#setFpu}. Not thread-safe.
 */
public final class Fpu {
  static final int FCW = 128; // __u16
  static final int MXCSR = 408; // __u32
  static final int SIZEOF = 416;

  private final MemorySegment segment = Arena.ofAuto().allocate(SIZEOF, 8);

  /** All registers zero. */
  public Fpu() {}

  MemorySegment segment() {
    return segment;
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
  public Fpu fcw(int value) {
    segment.set(ValueLayout.JAVA_SHORT, FCW, (short) value);
    return this;
  }

  /**
   * {@return the SSE control and status register}. KVM on x86 neither sets nor returns it here: it
   * gives 0, and a new vCPU has the processor's 0x1f80.
   */
  public int mxcsr() {
    return segment.get(ValueLayout.JAVA_INT, MXCSR);
  }

  /**
   * Sets the SSE control and status register, which KVM on x86 ignores.
   *
   * @param value the value
   * @return this
   */
  public Fpu mxcsr(int value) {
    segment.set(ValueLayout.JAVA_INT, MXCSR, value);
    return this;
  }
}

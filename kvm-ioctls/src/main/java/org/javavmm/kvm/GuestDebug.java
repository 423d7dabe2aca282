// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What of a guest ends in {@link ExitReason#DEBUG}, {@code struct kvm_guest_debug}; for {@link
 * Vcpu#setGuestDebug}. A new object is debugging turned on that stops at nothing. Not thread-safe.
 */
public final class GuestDebug {
  /** Debugging is on. */
  public static final int KVM_GUESTDBG_ENABLE = 1;

  /** Each instruction is an exit. */
  public static final int KVM_GUESTDBG_SINGLESTEP = 2;

  /** {@code int3} is an exit. */
  public static final int KVM_GUESTDBG_USE_SW_BP = 0x10000;

  /** The debug registers given are in force instead of the guest's. */
  public static final int KVM_GUESTDBG_USE_HW_BP = 0x20000;

  /** The guest gets a debug exception. */
  public static final int KVM_GUESTDBG_INJECT_DB = 0x40000;

  /** The guest gets a breakpoint exception. */
  public static final int KVM_GUESTDBG_INJECT_BP = 0x80000;

  /** No interrupts reach the guest while it is stepped. */
  public static final int KVM_GUESTDBG_BLOCKIRQ = 0x100000;

  /** What a hardware breakpoint stops at. */
  public enum Access {
    /** The instruction there is executed. */
    EXECUTE(0),
    /** The bytes there are written. */
    WRITE(1),
    /** The bytes there are read or written. */
    READ_WRITE(3);

    private final int bits;

    Access(int bits) {
      this.bits = bits;
    }
  }

  private static final int BREAKPOINTS = 4;
  private static final int DR7 = 7;

  private final long[] debugRegisters = new long[8];
  private int control = KVM_GUESTDBG_ENABLE;

  /** Debugging on, stopping at nothing. */
  public GuestDebug() {}

  /** {@return debugging turned off} */
  public static GuestDebug off() {
    GuestDebug off = new GuestDebug();
    off.control = 0;
    return off;
  }

  /** {@return the flags, {@code KVM_GUESTDBG_…} or-ed} */
  public int control() {
    return control;
  }

  /**
   * {@return a debug register as it will be}
   *
   * @param index its number, 0 to 7
   */
  public long debugRegister(int index) {
    return debugRegisters[index];
  }

  private GuestDebug with(int flag) {
    control |= KVM_GUESTDBG_ENABLE | flag;
    return this;
  }

  /**
   * Stops after each instruction.
   *
   * @return this
   */
  public GuestDebug singleStep() {
    return with(KVM_GUESTDBG_SINGLESTEP);
  }

  /**
   * Keeps interrupts from the guest while it is stepped. Needs {@code KVM_CAP_SET_GUEST_DEBUG2}
   * with this flag.
   *
   * @return this
   */
  public GuestDebug blockInterrupts() {
    return with(KVM_GUESTDBG_BLOCKIRQ);
  }

  /**
   * Stops at {@code int3} instructions (byte 0xcc), which the monitor writes into the guest.
   *
   * @return this
   */
  public GuestDebug softwareBreakpoints() {
    return with(KVM_GUESTDBG_USE_SW_BP);
  }

  /**
   * Stops at an address. The guest's own debug registers are out of force as long as there is one.
   *
   * @param index which breakpoint, 0 to 3
   * @param address the linear address, a multiple of {@code length}
   * @param length the bytes watched: 1, 2, 4 or 8; 1 for {@link Access#EXECUTE}
   * @param access what to stop at
   * @return this
   * @throws IllegalArgumentException if one of them is not as said
   */
  public GuestDebug hardwareBreakpoint(int index, long address, int length, Access access) {
    if (index < 0 || index >= BREAKPOINTS) {
      throw new IllegalArgumentException("index=" + index + ", must be 0 to 3");
    }
    int lengthBits =
        switch (length) {
          case 1 -> 0;
          case 2 -> 1;
          case 4 -> 3;
          case 8 -> 2;
          default ->
              throw new IllegalArgumentException("length=" + length + ", must be 1, 2, 4 or 8");
        };
    if (access == Access.EXECUTE && length != 1) {
      throw new IllegalArgumentException("length=" + length + ", must be 1 to stop at execution");
    }
    if (address % length != 0) {
      throw new IllegalArgumentException(
          "address=0x" + Long.toHexString(address) + " is not a multiple of length=" + length);
    }
    debugRegisters[index] = address;
    long dr7 = debugRegisters[DR7] & ~(0xfL << (16 + 4 * index));
    dr7 |= 2L << (2 * index);
    dr7 |= ((long) lengthBits << 2 | access.bits) << (16 + 4 * index);
    // Bit 10 is always set; bit 9 makes data breakpoints exact.
    debugRegisters[DR7] = dr7 | 0x600;
    return with(KVM_GUESTDBG_USE_HW_BP);
  }

  /**
   * Stops before the instruction at an address is executed.
   *
   * @param index which breakpoint, 0 to 3
   * @param address the linear address
   * @return this
   * @throws IllegalArgumentException if {@code index} is not 0 to 3
   */
  public GuestDebug hardwareBreakpoint(int index, long address) {
    return hardwareBreakpoint(index, address, 1, Access.EXECUTE);
  }

  /**
   * Gives the guest a debug exception when it runs next, for a stop that was the guest's own.
   *
   * @return this
   */
  public GuestDebug injectDebugException() {
    return with(KVM_GUESTDBG_INJECT_DB);
  }

  /**
   * Gives the guest a breakpoint exception when it runs next, for an {@code int3} that was the
   * guest's own.
   *
   * @return this
   */
  public GuestDebug injectBreakpointException() {
    return with(KVM_GUESTDBG_INJECT_BP);
  }

  MemorySegment toStruct(Arena arena) {
    MemorySegment struct = Kvm.struct(arena, GuestDebugLayout.SIZEOF);
    struct.set(ValueLayout.JAVA_INT, GuestDebugLayout.CONTROL, control);
    for (int i = 0; i < debugRegisters.length; i++) {
      struct.set(ValueLayout.JAVA_LONG, GuestDebugLayout.ARCH + 8L * i, debugRegisters[i]);
    }
    return struct;
  }

  @Override
  public String toString() {
    return "control=0x" + Integer.toHexString(control);
  }
}

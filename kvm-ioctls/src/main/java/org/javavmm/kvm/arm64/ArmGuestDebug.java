// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What of a guest of arm64 ends in {@link org.javavmm.kvm.ExitReason#DEBUG}, {@code struct
 * kvm_guest_debug}; for {@link ArmVcpu#setGuestDebug}. A new object is debugging turned on that
 * stops at nothing. How many breakpoints and watchpoints there are, {@link
 * org.javavmm.kvm.Cap#GUEST_DEBUG_HW_BPS} and {@link org.javavmm.kvm.Cap#GUEST_DEBUG_HW_WPS} tell:
 * at most 16 each. Not thread-safe.
 */
public final class ArmGuestDebug {
  /** Debugging is on. */
  public static final int KVM_GUESTDBG_ENABLE = 1;

  /** Each instruction is an exit. */
  public static final int KVM_GUESTDBG_SINGLESTEP = 2;

  /** {@code brk} instructions are exits. */
  public static final int KVM_GUESTDBG_USE_SW_BP = 0x1_0000;

  /** The debug registers given are in force instead of the guest's. */
  public static final int KVM_GUESTDBG_USE_HW = 0x2_0000;

  /** What a watchpoint stops at. */
  public enum Access {
    /** The bytes there are read. */
    READ(1),
    /** The bytes there are written. */
    WRITE(2),
    /** The bytes there are read or written. */
    READ_WRITE(3);

    private final int bits;

    Access(int bits) {
      this.bits = bits;
    }
  }

  private static final int REGISTERS = GuestDebugLayout.KVM_ARM_MAX_DBG_REGS;
  private static final int WORD = 8;
  private static final int MAX_MASK = 31;

  private final long[] bcr = new long[REGISTERS];
  private final long[] bvr = new long[REGISTERS];
  private final long[] wcr = new long[REGISTERS];
  private final long[] wvr = new long[REGISTERS];
  private int control = KVM_GUESTDBG_ENABLE;

  /** Debugging on, stopping at nothing. */
  public ArmGuestDebug() {}

  /** {@return debugging turned off} */
  public static ArmGuestDebug off() {
    ArmGuestDebug off = new ArmGuestDebug();
    off.control = 0;
    return off;
  }

  /** {@return the flags, {@code KVM_GUESTDBG_…} or-ed} */
  public int control() {
    return control;
  }

  private ArmGuestDebug with(int flag) {
    control |= KVM_GUESTDBG_ENABLE | flag;
    return this;
  }

  /**
   * Stops after each instruction.
   *
   * @return this
   */
  public ArmGuestDebug singleStep() {
    return with(KVM_GUESTDBG_SINGLESTEP);
  }

  /**
   * Stops at {@code brk} instructions, which the monitor writes into the guest.
   *
   * @return this
   */
  public ArmGuestDebug softwareBreakpoints() {
    return with(KVM_GUESTDBG_USE_SW_BP);
  }

  /**
   * Stops before the instruction at an address is executed, at EL0 and EL1.
   *
   * @param index which breakpoint, 0 to 15
   * @param address the virtual address, a multiple of 4
   * @return this
   * @throws IllegalArgumentException if one of them is not as said
   */
  public ArmGuestDebug hardwareBreakpoint(int index, long address) {
    Check.range("index", index, 0, REGISTERS - 1);
    bvr[index] = Check.aligned("address", address, Integer.BYTES);
    // BAS (bits 8 to 5) 1111: all of the instruction; PMC (2 to 1) 11: EL0 and EL1; E (0): on.
    bcr[index] = 0b1111 << 5 | 0b11 << 1 | 1;
    return with(KVM_GUESTDBG_USE_HW);
  }

  /**
   * Stops at an access to an address, at EL0 and EL1.
   *
   * @param index which watchpoint, 0 to 15
   * @param address the virtual address, a multiple of {@code length}
   * @param length the bytes watched, a power of two, 1 to 2^31
   * @param access what to stop at
   * @return this
   * @throws IllegalArgumentException if one of them is not as said
   */
  public ArmGuestDebug watchpoint(int index, long address, long length, Access access) {
    Check.range("index", index, 0, REGISTERS - 1);
    int log = Long.numberOfTrailingZeros(length);
    if (Long.bitCount(length) != 1 || log > MAX_MASK) {
      throw new IllegalArgumentException(
          "length=" + length + ", must be a power of two, 1 to 2^" + MAX_MASK);
    }
    Check.aligned("address", address, length);
    wvr[index] = address & -WORD;
    // MASK (28 to 24): log of the length beyond a word; BAS (12 to 5): which bytes of the word;
    // LSC (4 to 3): the access; PAC (2 to 1) 11: EL0 and EL1; E (0): on.
    long bytes = length < WORD ? ((1L << length) - 1) << (address & (WORD - 1)) : 0xff;
    long mask = length > WORD ? log : 0;
    wcr[index] = mask << 24 | bytes << 5 | (long) access.bits << 3 | 0b11 << 1 | 1;
    return with(KVM_GUESTDBG_USE_HW);
  }

  MemorySegment toStruct(Arena arena) {
    MemorySegment struct = arena.allocate(GuestDebugLayout.SIZEOF, Long.BYTES);
    struct.set(ValueLayout.JAVA_INT, GuestDebugLayout.CONTROL, control);
    put(struct, GuestDebugLayout.DBG_BCR, bcr);
    put(struct, GuestDebugLayout.DBG_BVR, bvr);
    put(struct, GuestDebugLayout.DBG_WCR, wcr);
    put(struct, GuestDebugLayout.DBG_WVR, wvr);
    return struct;
  }

  private static void put(MemorySegment struct, int offset, long[] registers) {
    MemorySegment.copy(registers, 0, struct, ValueLayout.JAVA_LONG, offset, REGISTERS);
  }

  @Override
  public String toString() {
    return "control=" + Check.hex(control);
  }
}

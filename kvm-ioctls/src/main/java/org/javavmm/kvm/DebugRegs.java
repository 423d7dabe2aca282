// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The debug registers of the guest itself, {@code struct kvm_debugregs}.
 *
 * @param db0 register DR0
 * @param db1 register DR1
 * @param db2 register DR2
 * @param db3 register DR3
 * @param dr6 register DR6, the status; the upper 32 bits must be 0
 * @param dr7 register DR7, the control; the upper 32 bits must be 0
 */
public record DebugRegs(long db0, long db1, long db2, long db3, long dr6, long dr7) {
  static final int DB = 0; // __u64[4]
  static final int DR6 = 32; // __u64
  static final int DR7 = 40; // __u64
  static final int SIZEOF = 128;

  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG;

  MemorySegment toStruct(Arena arena) {
    MemorySegment struct = Kvm.struct(arena, SIZEOF);
    struct.set(U64, DB, db0);
    struct.set(U64, DB + 8, db1);
    struct.set(U64, DB + 16, db2);
    struct.set(U64, DB + 24, db3);
    struct.set(U64, DR6, dr6);
    struct.set(U64, DR7, dr7);
    return struct;
  }

  static DebugRegs fromStruct(MemorySegment struct) {
    return new DebugRegs(
        struct.get(U64, DB),
        struct.get(U64, DB + 8),
        struct.get(U64, DB + 16),
        struct.get(U64, DB + 24),
        struct.get(U64, DR6),
        struct.get(U64, DR7));
  }
}

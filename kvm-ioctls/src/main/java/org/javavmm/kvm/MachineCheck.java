// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A machine check for the guest, {@code struct kvm_x86_mce}; Intel SDM vol. 3 chapter 16.
 *
 * @param bank the bank that reports it, 0 to 255
 * @param status the bank's status; must be valid (bit 63)
 * @param address the bank's address
 * @param misc the bank's further information
 * @param globalStatus the status common to all banks
 */
public record MachineCheck(int bank, long status, long address, long misc, long globalStatus) {
  /**
   * Checks the bank.
   *
   * @throws IllegalArgumentException if it is not 0 to 255
   */
  public MachineCheck {
    if (bank < 0 || bank > 255) {
      throw new IllegalArgumentException("bank=" + bank + ", must be 0 to 255");
    }
  }

  MemorySegment toStruct(Arena arena) {
    MemorySegment struct = Kvm.struct(arena, MachineCheckLayout.SIZEOF);
    struct.set(ValueLayout.JAVA_LONG, MachineCheckLayout.STATUS, status);
    struct.set(ValueLayout.JAVA_LONG, MachineCheckLayout.ADDR, address);
    struct.set(ValueLayout.JAVA_LONG, MachineCheckLayout.MISC, misc);
    struct.set(ValueLayout.JAVA_LONG, MachineCheckLayout.MCG_STATUS, globalStatus);
    struct.set(ValueLayout.JAVA_BYTE, MachineCheckLayout.BANK, (byte) bank);
    return struct;
  }
}

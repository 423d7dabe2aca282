// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import java.util.HexFormat;
import java.util.OptionalLong;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Regs;
import org.javavmm.kvm.Sregs;
import org.javavmm.kvm.Vcpu;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestMemoryException;

/** A vCPU's registers and the bytes it was about to execute, for a report. */
final class VcpuState {
  private static final int CODE_BYTES = 16;

  private VcpuState() {}

  /** Describes as much as can be had; a report must not fail. */
  static String describe(Vcpu vcpu, GuestMemory memory) {
    try {
      Regs regs = vcpu.getRegs();
      Sregs sregs = vcpu.getSregs();
      return regs + "\n" + sregs + "\ncode at rip: " + code(vcpu, memory, regs, sregs);
    } catch (KvmException e) {
      return "no registers: " + e.getMessage();
    }
  }

  private static String code(Vcpu vcpu, GuestMemory memory, Regs regs, Sregs sregs)
      throws KvmException {
    boolean longMode = sregs.cs().l();
    long linear = longMode ? regs.rip() : (sregs.cs().base() + regs.rip()) & 0xffff_ffffL;
    OptionalLong gpa = vcpu.translate(linear);
    if (gpa.isEmpty()) {
      return "not mapped";
    }
    // Not beyond the page: the next one may be mapped elsewhere.
    int length = (int) Math.min(CODE_BYTES, 0x1000 - (linear & 0xfff));
    if (!memory.contains(gpa.getAsLong(), length)) {
      return "not in memory (gpa=0x" + Long.toHexString(gpa.getAsLong()) + ")";
    }
    byte[] bytes = new byte[length];
    try {
      memory.read(gpa.getAsLong(), bytes);
    } catch (GuestMemoryException | InternalError e) {
      return "not readable: " + e.getMessage();
    }
    return HexFormat.ofDelimiter(" ").formatHex(bytes);
  }
}

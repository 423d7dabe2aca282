// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Registers in the page that kernel and monitor share, {@code struct kvm_sync_regs}: got and set by
 * {@link Vcpu#run} itself instead of by system calls of their own. Needs {@code KVM_CAP_SYNC_REGS},
 * whose value is the sets that can be {@link #request requested}.
 *
 * <p>A view, always the same objects, for the vCPU's thread alone.
 */
public final class SyncRegs {
  /** The general registers. */
  public static final int KVM_SYNC_X86_REGS = 1;

  /** The segment and control registers. */
  public static final int KVM_SYNC_X86_SREGS = 2;

  /** Pending exceptions, interrupts and the like. */
  public static final int KVM_SYNC_X86_EVENTS = 4;

  // struct kvm_sync_regs
  static final int REGS = 0;
  static final int SREGS = 144;
  static final int EVENTS = 456;
  static final int SIZEOF = 520;

  private static final int KNOWN = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS;

  private final MemorySegment run;
  private final Regs regs;
  private final Sregs sregs;
  private final VcpuEvents events;

  SyncRegs(MemorySegment run) {
    this.run = run;
    MemorySegment shared = run.asSlice(KvmRunLayout.S, SIZEOF);
    this.regs = new Regs(shared.asSlice(REGS, Regs.SIZEOF));
    this.sregs = new Sregs(shared.asSlice(SREGS, SregsLayout.SIZEOF));
    this.events = new VcpuEvents(shared.asSlice(EVENTS, VcpuEvents.SIZEOF));
  }

  private static void check(int sets) {
    if ((sets & ~KNOWN) != 0) {
      throw new IllegalArgumentException(
          "sets=0x" + Integer.toHexString(sets) + ", known are 0x" + Integer.toHexString(KNOWN));
    }
  }

  /**
   * Says what each following {@link Vcpu#run} leaves here.
   *
   * @param sets {@code KVM_SYNC_X86_…}, or-ed; 0 for nothing
   * @throws IllegalArgumentException if a set is not known
   */
  public void request(int sets) {
    check(sets);
    run.set(ValueLayout.JAVA_LONG, KvmRunLayout.KVM_VALID_REGS, sets);
  }

  /** {@return what is requested} */
  public int requested() {
    return (int) run.get(ValueLayout.JAVA_LONG, KvmRunLayout.KVM_VALID_REGS);
  }

  /**
   * Says what the next {@link Vcpu#run} takes from here before it enters the guest; KVM clears it.
   *
   * @param sets {@code KVM_SYNC_X86_…}, or-ed
   * @throws IllegalArgumentException if a set is not known
   */
  public void markDirty(int sets) {
    check(sets);
    run.set(ValueLayout.JAVA_LONG, KvmRunLayout.KVM_DIRTY_REGS, sets);
  }

  /** {@return what the next {@link Vcpu#run} takes} */
  public int dirty() {
    return (int) run.get(ValueLayout.JAVA_LONG, KvmRunLayout.KVM_DIRTY_REGS);
  }

  /** {@return the general registers} */
  public Regs regs() {
    return regs;
  }

  /** {@return the segment and control registers} */
  public Sregs sregs() {
    return sregs;
  }

  /** {@return pending exceptions, interrupts and the like} */
  public VcpuEvents events() {
    return events;
  }
}

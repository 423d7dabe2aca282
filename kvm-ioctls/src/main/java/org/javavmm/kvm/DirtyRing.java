// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import org.javavmm.sys.Mapping;

/**
 * The pages that a vCPU dirtied, in the order in which it did: a ring of {@code struct
 * kvm_dirty_gfn} that the kernel fills and the monitor empties.
 *
 * <p>A round is: {@link #harvest} the ring of each vCPU, {@link Vm#resetDirtyRings}, then copy the
 * pages. When a ring is full, its vCPU leaves the guest with {@link ExitReason#DIRTY_RING_FULL} and
 * cannot be run until there is room again. Only writes to slots with {@link
 * Vm#KVM_MEM_LOG_DIRTY_PAGES} are recorded.
 *
 * <p>One thread at a time harvests a ring; it may do so while the vCPU runs. Harvesting allocates
 * nothing.
 */
public final class DirtyRing {
  /** A page of entries. */
  static final int MIN_ENTRIES = 256;

  // struct kvm_dirty_gfn
  static final int FLAGS = 0; // __u32
  static final int SLOT = 4; // __u32
  static final int OFFSET = 8; // __u64
  static final int SIZEOF_ENTRY = 16;

  static final int KVM_DIRTY_GFN_F_DIRTY = 1;
  static final int KVM_DIRTY_GFN_F_RESET = 2;

  /** In pages, from the start of what a vCPU maps. */
  static final int KVM_DIRTY_LOG_PAGE_OFFSET = 64;

  private static final VarHandle STATE = ValueLayout.JAVA_INT.varHandle();

  private final MemorySegment ring;
  private final int mask;
  private int next;

  /** Takes dirty pages. */
  @FunctionalInterface
  public interface Sink {
    /**
     * Takes a page.
     *
     * @param slot the memory slot; the address space in bits 16 to 31
     * @param page the page's number in the slot, counted from 0
     */
    void dirty(int slot, long page);
  }

  DirtyRing(Mapping mapping) {
    this(mapping.segment());
  }

  DirtyRing(MemorySegment ring) {
    this.ring = ring;
    this.mask = (int) (ring.byteSize() / SIZEOF_ENTRY) - 1;
  }

  /** {@return the number of entries, a power of two} */
  public int entries() {
    return mask + 1;
  }

  /**
   * Takes all entries that are there, oldest first. A page may come more than once.
   *
   * @param sink takes the pages; if it throws, the entry that it was given counts as taken
   * @return how many
   * @throws IllegalStateException if the vCPU is closed
   */
  public int harvest(Sink sink) {
    int taken = 0;
    // At most one round: an entry taken here stays marked until the reset.
    while (taken <= mask) {
      long at = (long) (next & mask) * SIZEOF_ENTRY;
      // Acquire: the kernel writes slot and offset before the flag.
      int flags = (int) STATE.getAcquire(ring, at + FLAGS);
      if ((flags & (KVM_DIRTY_GFN_F_DIRTY | KVM_DIRTY_GFN_F_RESET)) != KVM_DIRTY_GFN_F_DIRTY) {
        break;
      }
      int slot = ring.get(ValueLayout.JAVA_INT, at + SLOT);
      long page = ring.get(ValueLayout.JAVA_LONG, at + OFFSET);
      // Release: the kernel may overwrite slot and offset from here on.
      STATE.setRelease(ring, at + FLAGS, KVM_DIRTY_GFN_F_RESET);
      next++;
      taken++;
      sink.dirty(slot, page);
    }
    return taken;
  }
}

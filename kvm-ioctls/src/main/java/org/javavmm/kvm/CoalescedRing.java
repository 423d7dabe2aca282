// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * The ring of writes that KVM collects instead of leaving the guest: those to zones registered by
 * {@link Vm#registerCoalescedMmio} and {@link Vm#registerCoalescedPio}. A VM has one ring, which
 * each of its vCPUs shows; a full ring makes the next write an ordinary exit.
 *
 * <pre>{@code
 * while (ring.next()) {
 *   device.write(ring.address(), ring.size(), ring.data());
 * }
 * }</pre>
 *
 * <p>To be emptied before the exit of any vCPU is handled, so that the order of writes is kept.
 * Only one thread at a time may read. Allocates nothing.
 */
public final class CoalescedRing {
  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG;
  private static final VarHandle INDEX = U32.varHandle();

  private final MemorySegment ring;
  private final int capacity;
  private long address;
  private int size;
  private long data;
  private boolean pio;

  CoalescedRing(MemorySegment page) {
    this.ring = page;
    this.capacity =
        (int)
            ((page.byteSize() - CoalescedMmioRingLayout.COALESCED_MMIO)
                / CoalescedMmioRingLayout.SIZEOF_ENTRY);
  }

  /** {@return the number of entries, of which one is always free} */
  public int capacity() {
    return capacity;
  }

  /**
   * Takes the oldest write out of the ring.
   *
   * @return whether there was one; then the other methods describe it
   * @throws IllegalStateException if the vCPU that shows the ring is closed, or if the ring's
   *     indexes are not in the ring: something else writes to it
   */
  public boolean next() {
    int first = (int) INDEX.get(ring, (long) CoalescedMmioRingLayout.FIRST);
    int last = (int) INDEX.getAcquire(ring, (long) CoalescedMmioRingLayout.LAST);
    if (Integer.compareUnsigned(first, capacity) >= 0
        || Integer.compareUnsigned(last, capacity) >= 0) {
      throw new IllegalStateException(
          "coalesced ring: first="
              + Integer.toUnsignedString(first)
              + ", last="
              + Integer.toUnsignedString(last)
              + ", capacity="
              + capacity);
    }
    if (first == last) {
      return false;
    }
    long at =
        CoalescedMmioRingLayout.COALESCED_MMIO
            + (long) first * CoalescedMmioRingLayout.SIZEOF_ENTRY;
    address = ring.get(U64, at + CoalescedMmioRingLayout.ENTRY_PHYS_ADDR);
    size = Math.clamp(ring.get(U32, at + CoalescedMmioRingLayout.ENTRY_LEN), 1, Long.BYTES);
    pio = ring.get(U32, at + CoalescedMmioRingLayout.ENTRY_PIO) != 0;
    long bytes = ring.get(U64, at + CoalescedMmioRingLayout.ENTRY_DATA);
    data = size == Long.BYTES ? bytes : bytes & ((1L << (8 * size)) - 1);
    // KVM may use the entry again once it sees this.
    INDEX.setRelease(ring, (long) CoalescedMmioRingLayout.FIRST, (first + 1) % capacity);
    return true;
  }

  /** {@return where the guest wrote: a guest-physical address, or a port} */
  public long address() {
    return address;
  }

  /** {@return the width of the write in bytes, 1 to 8} */
  public int size() {
    return size;
  }

  /** {@return what the guest wrote, unsigned; bytes beyond the width are zero} */
  public long data() {
    return data;
  }

  /** {@return whether {@link #address} is a port} */
  public boolean isPio() {
    return pio;
  }
}

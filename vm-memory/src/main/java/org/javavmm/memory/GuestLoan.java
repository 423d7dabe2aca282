// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import java.lang.foreign.MemorySegment;

/**
 * A range of guest memory lent to the kernel, or to code that works on segments: a plain segment
 * under a lease. Closing it ends the lease and marks what was lent for writing as dirty: only then
 * is all that was written there. Thread-safe.
 */
public final class GuestLoan implements AutoCloseable {
  private final Lease lease;
  private final long gpa;
  private final MemorySegment segment;
  private final boolean written;
  private boolean closed;

  GuestLoan(Lease lease, long gpa, long length, Access access) {
    this.lease = lease;
    this.gpa = gpa;
    this.written = access.writes();
    GuestRegion region = lease.region();
    MemorySegment range = region.segment.asSlice(length == 0 ? 0 : gpa - region.gpa, length);
    this.segment = written ? range : range.asReadOnly();
  }

  /** {@return the guest-physical address of the first byte} */
  public long gpa() {
    return gpa;
  }

  /** {@return the memory, bounds-checked; read-only if lent for reading} */
  public MemorySegment segment() {
    return segment;
  }

  /**
   * {@return the host virtual address of the first byte, for the kernel}
   *
   * @throws IllegalStateException if closed
   */
  public long hva() {
    return lease.hva() + (segment.address() - lease.region().segment.address());
  }

  /** Ends the loan, after the kernel has let go of the address. Closing twice is safe. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (written && segment.byteSize() != 0) {
      lease.region().wrote(gpa - lease.region().gpa, segment.byteSize());
    }
    lease.close();
  }

  @Override
  public String toString() {
    return "loan of [0x"
        + Long.toHexString(gpa)
        + ", "
        + segment.byteSize()
        + " bytes] to "
        + lease.holder();
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

/**
 * The right to let the kernel use a region's memory. While a lease is held, the region cannot be
 * unmapped. Thread-safe.
 *
 * <p>Java code needs no lease, its accesses are checked. The kernel's are not: a KVM slot or a
 * system call in flight would use whatever is mapped at the address next. So whoever gives the
 * address to the kernel takes a lease first and closes it when the kernel has let go.
 */
public final class Lease implements AutoCloseable {
  private final GuestRegion region;
  private final String holder;
  private volatile boolean ended;

  Lease(GuestRegion region, String holder) {
    this.region = region;
    this.holder = holder;
  }

  /** {@return the region whose memory may be used} */
  public GuestRegion region() {
    return region;
  }

  /** {@return who holds the lease, for messages} */
  public String holder() {
    return holder;
  }

  /**
   * {@return the host virtual address of the region's first byte, for the kernel}
   *
   * @throws IllegalStateException if the lease has ended
   */
  public long hva() {
    if (ended) {
      throw new IllegalStateException(this + " has ended");
    }
    return region.hva();
  }

  /** Ends the lease. Closing twice is safe. */
  @Override
  public void close() {
    ended = true;
    region.end(this);
  }

  @Override
  public String toString() {
    return "lease of " + region + " by " + holder;
  }
}

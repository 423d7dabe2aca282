// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.javavmm.sys.Mapping;
import org.javavmm.sys.SystemCallException;

/**
 * A piece of guest-physical address space with memory behind it. Thread-safe.
 *
 * <p>Regions belong to a {@link GuestMemory}, which closes them.
 */
public final class GuestRegion {
  private final String name;
  private final long gpa;
  private final Mapping mapping;
  private final List<Lease> leases = new ArrayList<>();
  private boolean closed;

  private GuestRegion(String name, long gpa, Mapping mapping) {
    this.name = name;
    this.gpa = gpa;
    this.mapping = mapping;
  }

  static GuestRegion anonymous(String name, long gpa, long size) throws SystemCallException {
    return new GuestRegion(name, gpa, Mapping.anonymous(size));
  }

  /** {@return the region's name, for messages} */
  public String name() {
    return name;
  }

  /** {@return the guest-physical address of the first byte} */
  public long gpa() {
    return gpa;
  }

  /** {@return the size in bytes} */
  public long size() {
    return mapping.size();
  }

  /** {@return the last guest-physical address of the region} */
  public long lastGpa() {
    return gpa + size() - 1;
  }

  /**
   * {@return the memory, bounds-checked; accesses throw {@link IllegalStateException} once closed}
   */
  public MemorySegment segment() {
    return mapping.segment();
  }

  long hva() {
    return mapping.address();
  }

  /**
   * Takes a lease, so that the kernel may be given the region's address.
   *
   * @param holder who takes it and for what, for messages
   * @return the lease
   * @throws IllegalStateException if the region is closed
   */
  public synchronized Lease lease(String holder) {
    if (closed) {
      throw new IllegalStateException(this + " is closed; no lease for " + holder);
    }
    Lease lease = new Lease(this, holder);
    leases.add(lease);
    return lease;
  }

  synchronized void end(Lease lease) {
    leases.remove(lease);
  }

  /** {@return who holds leases at this moment} */
  public synchronized List<String> holders() {
    return leases.stream().map(Lease::holder).toList();
  }

  /** Refuses further leases, or throws naming those who hold one. */
  synchronized void startClosing() {
    if (!leases.isEmpty()) {
      throw new IllegalStateException(
          this
              + " is still leased by "
              + leases.stream().map(Lease::holder).collect(Collectors.joining(", ")));
    }
    closed = true;
  }

  synchronized void cancelClosing() {
    closed = false;
  }

  void unmap() {
    mapping.close();
  }

  @Override
  public String toString() {
    return "region "
        + name
        + " [0x"
        + Long.toHexString(gpa)
        + "..0x"
        + Long.toHexString(lastGpa())
        + "]";
  }
}

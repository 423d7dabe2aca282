// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import org.javavmm.sys.OwnedFd;

/**
 * Memory that only a guest can reach, {@code guest_memfd}: made by {@link Vm#createGuestMemfd} and
 * given to the guest by {@link Vm#setUserMemoryRegion2}. The monitor cannot map or read it. Closed
 * with the VM at the latest. Thread-safe.
 */
public final class GuestMemFd implements AutoCloseable {
  private final OwnedFd fd;
  private final long size;

  GuestMemFd(OwnedFd fd, long size) {
    this.fd = fd;
    this.size = size;
  }

  /** {@return the descriptor, for {@code fallocate}} */
  public OwnedFd fd() {
    return fd;
  }

  /** {@return the size in bytes} */
  public long size() {
    return size;
  }

  /** Closes the descriptor; slots that use the memory keep it. Closing twice is safe. */
  @Override
  public void close() {
    fd.close();
  }

  @Override
  public String toString() {
    return "guest_memfd of " + size + " bytes";
  }
}

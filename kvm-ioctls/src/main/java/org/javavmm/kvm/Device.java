// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import org.javavmm.sys.OwnedFd;

/**
 * A device in the kernel, made by {@link Vm#createDevice}. What can be done with it are its
 * attributes. Closed with the VM at the latest. Thread-safe.
 */
public final class Device implements AutoCloseable {
  /** Connects VFIO with the VM, so that devices of the host can be given to the guest. */
  public static final int KVM_DEV_TYPE_VFIO = 4;

  private final OwnedFd fd;
  private final int type;

  Device(OwnedFd fd, int type) {
    this.fd = fd;
    this.type = type;
  }

  /** {@return the kind of device, {@code KVM_DEV_TYPE_…}} */
  public int type() {
    return type;
  }

  /** {@return its attributes} */
  public DeviceAttributes attributes() {
    return new DeviceAttributes(fd.name(), (ioctl, argument) -> Kvm.call(fd, ioctl, argument));
  }

  /** Closes the descriptor. Closing twice is safe. */
  @Override
  public void close() {
    fd.close();
  }

  @Override
  public String toString() {
    return fd.name();
  }
}

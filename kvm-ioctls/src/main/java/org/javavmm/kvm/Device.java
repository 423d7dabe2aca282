// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.MemorySegment;
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

  /**
   * Calls an ioctl of the device that has no method here, such as one of a newer kernel or of
   * another architecture, with a structure for its argument.
   *
   * <p>Dangers: the kernel reads and writes as many bytes as <em>it</em> thinks the structure has
   * and follows the addresses in it, of which nothing is checked here; a structure too small or an
   * address that is wrong corrupts this process. What a call changes behind this object's back
   * (memory slots, descriptors, devices) this object does not know, and a descriptor that the call
   * returns belongs to the caller, who must close it, for it may keep the VM in the kernel.
   *
   * @param call the ioctl and its arguments as an error shall name them: {@code
   *     KVM_SOMETHING(flags=1)}
   * @param number the ioctl's number, as the header defines it
   * @param argument the structure, in native memory, at least as large as the kernel takes it to be
   * @return the result, 0 or greater
   * @throws IllegalArgumentException if {@code argument} is not native memory
   * @throws IllegalStateException if closed
   * @throws KvmException if the ioctl fails
   */
  public int rawIoctl(String call, long number, MemorySegment argument) throws KvmException {
    return Kvm.raw(fd, call, number, argument);
  }

  /**
   * As {@link #rawIoctl(String, long, MemorySegment)}, with a number or nothing for its argument.
   *
   * @param call the ioctl and its arguments as an error shall name them
   * @param number the ioctl's number, as the header defines it
   * @param argument the argument; 0 if it has none. An address is as dangerous as above.
   * @return the result, 0 or greater
   * @throws IllegalStateException if closed
   * @throws KvmException if the ioctl fails
   */
  public int rawIoctl(String call, long number, long argument) throws KvmException {
    return Kvm.raw(fd, call, number, argument);
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

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.javavmm.sys.Errno;
import org.javavmm.sys.Ioctl;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.SystemCallException;

/**
 * KVM itself: {@code /dev/kvm}. Thread-safe.
 *
 * <p>Virtual machines created from it stay usable after it is closed.
 */
public final class Kvm implements AutoCloseable {
  /** The one API version there has been since Linux 2.6.22. */
  public static final int API_VERSION = 12;

  private final OwnedFd fd;

  private Kvm(OwnedFd fd) {
    this.fd = fd;
  }

  /**
   * Opens {@code /dev/kvm}.
   *
   * @return KVM
   * @throws KvmException if there is no KVM, if it may not be used, or if its API version is not
   *     {@value #API_VERSION}; the message says what to do
   */
  public static Kvm open() throws KvmException {
    return open("/dev/kvm");
  }

  /**
   * Opens KVM at another path.
   *
   * @param path the device's path
   * @return KVM
   * @throws KvmException as {@link #open()}
   */
  public static Kvm open(String path) throws KvmException {
    OwnedFd fd;
    try {
      fd = OwnedFd.openReadWrite(path);
    } catch (SystemCallException e) {
      throw new KvmException("open(" + path + ")", e.errno(), remedy(e.errno()));
    }
    Kvm kvm = new Kvm(fd);
    try {
      int version = kvm.apiVersion();
      if (version != API_VERSION) {
        throw new KvmException(
            "KVM_GET_API_VERSION(" + path + ")",
            Errno.EINVAL,
            "the version is " + version + ", must be " + API_VERSION);
      }
    } catch (KvmException e) {
      kvm.close();
      throw e;
    }
    return kvm;
  }

  private static String remedy(int errno) {
    return switch (errno) {
      case Errno.ENOENT, Errno.ENODEV, Errno.ENXIO ->
          "no KVM here: load the module kvm_intel or kvm_amd, and enable virtualization in the"
              + " firmware or, in a virtual machine, nested virtualization";
      case Errno.EACCES, Errno.EPERM ->
          "no permission: join the group kvm (usermod -aG kvm USER) and log in again";
      default -> "";
    };
  }

  /**
   * {@return the API version, {@value #API_VERSION}}
   *
   * @throws KvmException if the file is not KVM
   */
  public int apiVersion() throws KvmException {
    int result = Ioctl.ioctl(fd, KvmIoctl.KVM_GET_API_VERSION.number, 0);
    String meaning = result == -Errno.ENOTTY ? "this file is not KVM" : "";
    return check(result, "KVM_GET_API_VERSION(" + fd.name() + ")", meaning);
  }

  /**
   * {@return what KVM says of a capability: 0 if absent, else 1 or a number with its own meaning}
   *
   * @param cap the capability
   * @throws KvmException if the ioctl fails
   */
  public int checkExtension(Cap cap) throws KvmException {
    return check(
        Ioctl.ioctl(fd, KvmIoctl.KVM_CHECK_EXTENSION.number, cap.number()),
        "KVM_CHECK_EXTENSION(KVM_CAP_" + cap + ")",
        "");
  }

  /**
   * Makes sure that a monitor's capabilities are there.
   *
   * @param caps the capabilities
   * @throws KvmException naming the first that is missing
   */
  public void require(Cap... caps) throws KvmException {
    for (Cap cap : caps) {
      if (checkExtension(cap) == 0) {
        throw new KvmException(
            "KVM_CHECK_EXTENSION(KVM_CAP_" + cap + ")",
            Errno.EOPNOTSUPP,
            "this KVM lacks a capability that the monitor needs");
      }
    }
  }

  /** {@return how many vCPUs a VM may have} */
  public int maxVcpus() throws KvmException {
    int max = checkExtension(Cap.MAX_VCPUS);
    // KVM's documentation: without the capability take NR_VCPUS, and without that 4.
    return max > 0 ? max : Math.max(4, checkExtension(Cap.NR_VCPUS));
  }

  /**
   * Makes sure that a VM may have as many vCPUs as a monitor wants.
   *
   * @param count the number
   * @throws KvmException if that is more than KVM allows; the message has both numbers
   */
  public void requireVcpus(int count) throws KvmException {
    int max = maxVcpus();
    if (count > max) {
      throw new KvmException(
          "KVM_CHECK_EXTENSION(KVM_CAP_MAX_VCPUS)",
          Errno.EINVAL,
          count + " vCPUs are wanted, this KVM allows " + max);
    }
  }

  /**
   * {@return the CPUID leaves that this host's KVM supports}
   *
   * @throws KvmException if the ioctl fails
   */
  public Cpuid supportedCpuid() throws KvmException {
    return Cpuid.get(fd, KvmIoctl.KVM_GET_SUPPORTED_CPUID);
  }

  /**
   * Creates a virtual machine without memory, vCPUs or interrupt controllers.
   *
   * @return the virtual machine, owned by the caller
   * @throws KvmException if KVM refuses
   */
  public Vm createVm() throws KvmException {
    int size =
        check(
            Ioctl.ioctl(fd, KvmIoctl.KVM_GET_VCPU_MMAP_SIZE.number, 0),
            "KVM_GET_VCPU_MMAP_SIZE()",
            "");
    int vm;
    do {
      // Creating a VM may be interrupted by a signal before it has done anything.
      vm = Ioctl.ioctl(fd, KvmIoctl.KVM_CREATE_VM.number, 0);
    } while (vm == -Errno.EINTR);
    check(vm, "KVM_CREATE_VM(type=0)", "");
    return new Vm(OwnedFd.adopt(vm, "VM"), size);
  }

  static int check(int result, String call, String meaning) throws KvmException {
    if (result < 0) {
      throw new KvmException(call, -result, meaning);
    }
    return result;
  }

  /** Calls an ioctl with a structure that lives as long as the call. */
  static int call(OwnedFd fd, KvmIoctl ioctl, MemorySegment argument) {
    return Ioctl.ioctl(fd, ioctl.number, argument);
  }

  static MemorySegment struct(Arena arena, int size) {
    return arena.allocate(size, 8);
  }

  /** Closes the descriptor. Closing twice is safe. */
  @Override
  public void close() {
    fd.close();
  }
}

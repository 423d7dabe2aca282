// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
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

  /** Far above what kernels have, about 300. */
  private static final int MAX_MSRS = 1 << 16;

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
    int result = call(fd, KvmIoctl.KVM_GET_API_VERSION, 0);
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
        call(fd, KvmIoctl.KVM_CHECK_EXTENSION, cap.number()),
        "KVM_CHECK_EXTENSION(KVM_CAP_" + cap + ")");
  }

  /**
   * {@return what KVM says of a capability that this version does not know: 0 if absent}
   *
   * @param number its number in the header
   * @throws KvmException if the ioctl fails
   */
  public int checkExtension(int number) throws KvmException {
    return check(
        call(fd, KvmIoctl.KVM_CHECK_EXTENSION, number), "KVM_CHECK_EXTENSION(" + number + ")");
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
   * {@return the CPUID leaves of instructions that KVM emulates where the processor lacks them}
   *
   * @throws KvmException if this KVM lacks {@link Cap#EXT_EMUL_CPUID}
   */
  public Cpuid emulatedCpuid() throws KvmException {
    return Cpuid.get(fd, KvmIoctl.KVM_GET_EMULATED_CPUID);
  }

  /**
   * {@return the CPUID leaves of Hyper-V that this KVM supports}
   *
   * @throws KvmException if this KVM lacks {@link Cap#SYS_HYPERV_CPUID}
   */
  public Cpuid supportedHvCpuid() throws KvmException {
    return Cpuid.get(fd, KvmIoctl.KVM_GET_SUPPORTED_HV_CPUID);
  }

  /**
   * {@return the numbers of the model-specific registers that belong to a vCPU's state; those of
   * machine check banks are not among them}
   *
   * @throws KvmException if the ioctl fails
   */
  public int[] getMsrIndexList() throws KvmException {
    return msrList(KvmIoctl.KVM_GET_MSR_INDEX_LIST);
  }

  /**
   * {@return the numbers of the model-specific registers that tell what the processor and KVM can
   * do}
   *
   * @throws KvmException if this KVM lacks {@link Cap#GET_MSR_FEATURES}
   */
  public int[] getMsrFeatureIndexList() throws KvmException {
    return msrList(KvmIoctl.KVM_GET_MSR_FEATURE_INDEX_LIST);
  }

  private int[] msrList(KvmIoctl ioctl) throws KvmException {
    int room = 256;
    while (true) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment list =
            arena.allocate(MsrListLayout.INDICES + (long) room * Integer.BYTES, Integer.BYTES);
        list.set(ValueLayout.JAVA_INT, MsrListLayout.NMSRS, room);
        int result = call(fd, ioctl, list);
        int n = list.get(ValueLayout.JAVA_INT, MsrListLayout.NMSRS);
        if (result == -Errno.E2BIG && n > room && n <= MAX_MSRS) {
          room = n;
          continue;
        }
        check(result, ioctl + "(nmsrs=" + room + ")");
        return list.asSlice(MsrListLayout.INDICES, (long) Math.clamp(n, 0, room) * Integer.BYTES)
            .toArray(ValueLayout.JAVA_INT);
      }
    }
  }

  /**
   * Reads model-specific registers that tell what the processor and KVM can do.
   *
   * @param indexes their numbers, of {@link #getMsrFeatureIndexList}
   * @return the registers and their values, in the same order
   * @throws KvmException naming the register at which KVM stopped
   */
  public Msrs getFeatureMsrs(int... indexes) throws KvmException {
    Msrs msrs = Msrs.ofIndexes(indexes);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = msrs.toStruct(arena);
      int result = call(fd, KvmIoctl.KVM_GET_MSRS, struct);
      String call = "KVM_GET_MSRS(nmsrs=" + indexes.length + ")";
      check(result, call);
      if (result < indexes.length) {
        throw new KvmException(
            call, Errno.EINVAL, "stopped at number " + result + ", MSR " + hex(indexes[result]));
      }
      return Msrs.fromStruct(struct, indexes.length);
    }
  }

  /**
   * {@return the machine check features that a vCPU may be given, as in MCG_CAP; the number of
   * banks is what {@link Cap#MCE} tells}
   *
   * @throws KvmException if this KVM lacks {@link Cap#MCE}
   */
  public long mceCapSupported() throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment cap = arena.allocate(ValueLayout.JAVA_LONG);
      check(
          call(fd, KvmIoctl.KVM_X86_GET_MCE_CAP_SUPPORTED, cap), "KVM_X86_GET_MCE_CAP_SUPPORTED()");
      return cap.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  /** {@return KVM's own attributes; they need {@link Cap#SYS_ATTRIBUTES}} */
  public DeviceAttributes attributes() {
    return new DeviceAttributes(fd.name(), (ioctl, argument) -> call(fd, ioctl, argument));
  }

  /**
   * Creates a virtual machine without memory, vCPUs or interrupt controllers.
   *
   * @return the virtual machine, owned by the caller
   * @throws KvmException if KVM refuses
   */
  public Vm createVm() throws KvmException {
    return createVm(VmType.DEFAULT);
  }

  /**
   * Creates a virtual machine of a certain type without memory, vCPUs or interrupt controllers.
   *
   * @param type the type, one of those that {@link Cap#VM_TYPES} tells
   * @return the virtual machine, owned by the caller
   * @throws KvmException {@code EINVAL} if this KVM lacks the type
   */
  public Vm createVm(VmType type) throws KvmException {
    return createVm(
        type.number(), type == VmType.DEFAULT ? "" : "this KVM lacks VMs of type " + type);
  }

  /**
   * Creates a virtual machine of a type that {@link VmType} has no name for: types are an
   * architecture's own.
   *
   * @param type the type's number, the argument of {@code KVM_CREATE_VM}
   * @return the virtual machine, owned by the caller
   * @throws KvmException {@code EINVAL} if this KVM lacks the type
   */
  public Vm createVm(long type) throws KvmException {
    return createVm(type, "");
  }

  private Vm createVm(long type, String unknown) throws KvmException {
    int size = check(call(fd, KvmIoctl.KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE()");
    int vm;
    do {
      // Creating a VM may be interrupted by a signal before it has done anything.
      vm = call(fd, KvmIoctl.KVM_CREATE_VM, type);
    } while (vm == -Errno.EINTR);
    check(vm, "KVM_CREATE_VM(type=" + type + ")", vm == -Errno.EINVAL ? unknown : "");
    return new Vm(OwnedFd.adopt(vm, "VM"), size);
  }

  /** Calls an ioctl by its number, whatever it is, and checks the result. */
  static int raw(OwnedFd fd, String call, long number, MemorySegment argument) throws KvmException {
    return check(Ioctl.ioctl(fd, number, argument), call);
  }

  /** As above, with a number for its argument. */
  static int raw(OwnedFd fd, String call, long number, long argument) throws KvmException {
    return check(Ioctl.ioctl(fd, number, argument), call);
  }

  static int check(int result, String call) throws KvmException {
    return check(result, call, "");
  }

  /** With a meaning that says more than {@link Causes}; empty if there is none. */
  static int check(int result, String call, String meaning) throws KvmException {
    if (result < 0) {
      throw new KvmException(call, -result, meaning);
    }
    return result;
  }

  /**
   * Enables a capability of a VM or a vCPU.
   *
   * @param whose {@code vcpu=0, } for messages, or nothing
   */
  static void enable(OwnedFd fd, String whose, Cap cap, long... args) throws KvmException {
    int n = Check.size("args", args.length, 4);
    StringBuilder call = new StringBuilder("KVM_ENABLE_CAP(").append(whose);
    call.append("KVM_CAP_").append(cap);
    int result;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = struct(arena, EnableCapLayout.SIZEOF);
      struct.set(ValueLayout.JAVA_INT, EnableCapLayout.CAP, cap.number());
      for (int i = 0; i < n; i++) {
        struct.set(ValueLayout.JAVA_LONG, EnableCapLayout.ARGS + 8L * i, args[i]);
        call.append(", ").append(hex(args[i]));
      }
      result = call(fd, KvmIoctl.KVM_ENABLE_CAP, struct);
    }
    check(result, call.append(')').toString());
  }

  /** Calls an ioctl with a structure that lives as long as the call. */
  static int call(OwnedFd fd, KvmIoctl ioctl, MemorySegment argument) {
    return ioctl.seen(Ioctl.ioctl(fd, ioctl.number, argument));
  }

  /** Calls an ioctl with a number. */
  static int call(OwnedFd fd, KvmIoctl ioctl, long argument) {
    return ioctl.seen(Ioctl.ioctl(fd, ioctl.number, argument));
  }

  static String hex(long number) {
    return "0x" + Long.toHexString(number);
  }

  static String hex(int number) {
    return "0x" + Integer.toHexString(number);
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

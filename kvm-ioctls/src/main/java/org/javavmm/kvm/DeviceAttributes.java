// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.javavmm.sys.Errno;

/**
 * The attributes of a device, of a VM, of a vCPU or of KVM itself: values in groups, each with a
 * size of its own that KVM's documentation tells. Needs {@link Cap#DEVICE_CTRL} for a device,
 * {@link Cap#VM_ATTRIBUTES} for a VM, {@link Cap#VCPU_ATTRIBUTES} for a vCPU, {@link
 * Cap#SYS_ATTRIBUTES} for KVM. Thread-safe.
 */
public final class DeviceAttributes {
  /** KVM, group: general. */
  public static final int KVM_X86_GRP_SYSTEM = 0;

  /**
   * KVM, {@link #KVM_X86_GRP_SYSTEM}, 8 bytes: the state components a guest may use, as in XCR0.
   */
  public static final long KVM_X86_XCOMP_GUEST_SUPP = 0;

  /** KVM, group: AMD's SEV. */
  public static final int KVM_X86_GRP_SEV = 1;

  /** KVM, {@link #KVM_X86_GRP_SEV}, 8 bytes: the features that {@link Sev#init2} takes. */
  public static final long KVM_X86_SEV_VMSA_FEATURES = 0;

  /** A VFIO device, group: the files of VFIO. */
  public static final int KVM_DEV_VFIO_FILE = 1;

  /** A VFIO device, {@link #KVM_DEV_VFIO_FILE}, 4 bytes: adds the file of this number. */
  public static final long KVM_DEV_VFIO_FILE_ADD = 1;

  /** A VFIO device, {@link #KVM_DEV_VFIO_FILE}, 4 bytes: takes the file of this number away. */
  public static final long KVM_DEV_VFIO_FILE_DEL = 2;

  private final String owner;
  private final IoctlCall call;

  DeviceAttributes(String owner, IoctlCall call) {
    this.owner = owner;
    this.call = call;
  }

  /**
   * {@return whether an attribute is there}
   *
   * @param group its group
   * @param attribute its number in the group
   * @throws KvmException if the question fails for another reason than that it is not there
   */
  public boolean has(int group, long attribute) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      int result =
          call.call(
              KvmIoctl.KVM_HAS_DEVICE_ATTR, struct(arena, group, attribute, MemorySegment.NULL));
      if (result == -Errno.ENXIO || result == -Errno.ENOTTY || result == -Errno.EINVAL) {
        return false;
      }
      check(KvmIoctl.KVM_HAS_DEVICE_ATTR, result, group, attribute);
      return true;
    }
  }

  /**
   * Reads an attribute.
   *
   * @param group its group
   * @param attribute its number in the group
   * @param value where the value goes: native memory, at least as large as KVM's documentation says
   *     of this attribute, for KVM is not told the size
   * @throws IllegalArgumentException if {@code value} is not native memory or is read-only
   * @throws IllegalStateException if {@code value} was freed
   * @throws KvmException {@code ENXIO} if there is no such attribute
   */
  public void get(int group, long attribute, MemorySegment value) throws KvmException {
    if (value.isReadOnly()) {
      throw new IllegalArgumentException("value is read-only");
    }
    access(KvmIoctl.KVM_GET_DEVICE_ATTR, group, attribute, value);
  }

  /**
   * Sets an attribute.
   *
   * @param group its group
   * @param attribute its number in the group
   * @param value the value: native memory, at least as large as KVM's documentation says of this
   *     attribute, or {@link MemorySegment#NULL} where it has none
   * @throws IllegalArgumentException if {@code value} is not native memory
   * @throws IllegalStateException if {@code value} was freed
   * @throws KvmException {@code ENXIO} if there is no such attribute
   */
  public void set(int group, long attribute, MemorySegment value) throws KvmException {
    access(KvmIoctl.KVM_SET_DEVICE_ATTR, group, attribute, value);
  }

  /**
   * {@return an attribute of 8 bytes}
   *
   * @param group its group
   * @param attribute its number in the group
   * @throws KvmException {@code ENXIO} if there is no such attribute
   */
  public long getLong(int group, long attribute) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(ValueLayout.JAVA_LONG);
      get(group, attribute, value);
      return value.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  /**
   * Sets an attribute of 8 bytes.
   *
   * @param group its group
   * @param attribute its number in the group
   * @param value the value
   * @throws KvmException {@code ENXIO} if there is no such attribute
   */
  public void setLong(int group, long attribute, long value) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      set(group, attribute, arena.allocateFrom(ValueLayout.JAVA_LONG, value));
    }
  }

  /**
   * Sets an attribute of 4 bytes.
   *
   * @param group its group
   * @param attribute its number in the group
   * @param value the value
   * @throws KvmException {@code ENXIO} if there is no such attribute
   */
  public void setInt(int group, long attribute, int value) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      set(group, attribute, arena.allocateFrom(ValueLayout.JAVA_INT, value));
    }
  }

  private void access(KvmIoctl ioctl, int group, long attribute, MemorySegment value)
      throws KvmException {
    Check.passable("value", value);
    try (Arena arena = Arena.ofConfined()) {
      int result = call.call(ioctl, struct(arena, group, attribute, value));
      check(ioctl, result, group, attribute);
    } finally {
      java.lang.ref.Reference.reachabilityFence(value);
    }
  }

  private void check(KvmIoctl ioctl, int result, int group, long attribute) throws KvmException {
    Kvm.check(result, ioctl + "(" + owner + ", group=" + group + ", attr=" + attribute + ")");
  }

  private static MemorySegment struct(Arena arena, int group, long attribute, MemorySegment value) {
    MemorySegment struct = Kvm.struct(arena, DeviceAttrLayout.SIZEOF);
    struct.set(ValueLayout.JAVA_INT, DeviceAttrLayout.GROUP, group);
    struct.set(ValueLayout.JAVA_LONG, DeviceAttrLayout.ATTR, attribute);
    struct.set(ValueLayout.JAVA_LONG, DeviceAttrLayout.ADDR, value.address());
    return struct;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.util.Arrays;
import java.util.function.IntFunction;
import org.javavmm.kvm.Kvm;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vm;
import org.javavmm.sys.Errno;

/**
 * What a VM has on arm64 beyond {@link Vm}, which is still what is closed. Thread-safe. Not run on
 * hardware: see the package.
 */
public final class ArmVm {
  /** The direction of {@link #copyMteTags}. */
  public enum TagDirection {
    /** The tags of the guest are set. */
    TO_GUEST(0),
    /** The tags of the guest are read. */
    FROM_GUEST(1);

    private final long flag;

    TagDirection(long flag) {
      this.flag = flag;
    }

    /** {@return the flag in the header, {@code KVM_ARM_TAGS_…}} */
    public long flag() {
      return flag;
    }
  }

  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG;

  /** The bytes that one memory tag is of. */
  private static final int TAG_GRANULE = 16;

  private static final int PAGE = 4096;
  private static final int MIN_IPA_BITS = 32;
  private static final int MAX_IPA_BITS = 52;
  private static final int ENABLE_CAP_ARGUMENTS = 4;

  private final VmCalls vm;

  /**
   * The arm64 part of a VM.
   *
   * @param vm the VM
   */
  public ArmVm(Vm vm) {
    this(new VmCalls.OfKernel(vm));
  }

  ArmVm(VmCalls vm) {
    this.vm = vm;
  }

  /**
   * Creates a VM with guest-physical addresses of a certain size. {@link Kvm#createVm()} makes one
   * of 40 bits.
   *
   * @param kvm KVM
   * @param ipaBits the size of guest-physical addresses, 32 to 52 bits; {@link
   *     ArmCap#ARM_VM_IPA_SIZE} of {@code kvm} tells the largest
   * @return the VM, owned by the caller
   * @throws IllegalArgumentException if the size is out of range
   * @throws KvmException {@code EINVAL} if it is more than this host has
   */
  public static Vm createVm(Kvm kvm, int ipaBits) throws KvmException {
    Check.range("ipaBits", ipaBits, MIN_IPA_BITS, MAX_IPA_BITS);
    // KVM_VM_TYPE_ARM_IPA_SIZE: bits 0 to 7 of the type.
    try {
      return kvm.createVm((long) ipaBits);
    } catch (KvmException e) {
      throw Attributes.explained(
          e,
          "KVM_CREATE_VM(ipa_bits=" + ipaBits + ")",
          errno ->
              errno == Errno.EINVAL ? "this host lacks guest-physical addresses of that size" : "");
    }
  }

  /**
   * {@return what KVM says of a capability of arm64: 0 if absent, else 1 or a number with its own
   * meaning}
   *
   * @param cap the capability
   * @throws KvmException if the ioctl fails
   */
  public int checkExtension(ArmCap cap) throws KvmException {
    return vm.rawIoctl(
        "KVM_CHECK_EXTENSION(KVM_CAP_" + cap + ")",
        ArmIoctl.KVM_CHECK_EXTENSION.number,
        cap.number());
  }

  /**
   * Enables a capability of arm64.
   *
   * @param cap the capability
   * @param arguments its arguments, at most 4; those not given are 0
   * @throws IllegalArgumentException if there are more
   * @throws KvmException {@code EINVAL} if it is absent, not one to enable, or enabled too late
   */
  public void enableCap(ArmCap cap, long... arguments) throws KvmException {
    if (arguments.length > ENABLE_CAP_ARGUMENTS) {
      throw new IllegalArgumentException(
          arguments.length + " arguments, must be at most " + ENABLE_CAP_ARGUMENTS);
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = arena.allocate(EnableCapLayout.SIZEOF, Long.BYTES);
      struct.set(U32, EnableCapLayout.CAP, cap.number());
      MemorySegment.copy(arguments, 0, struct, U64, EnableCapLayout.ARGS, arguments.length);
      String args = arguments.length == 0 ? "" : ", args=" + Arrays.toString(arguments);
      call(ArmIoctl.KVM_ENABLE_CAP, struct, "KVM_CAP_" + cap + args, Attributes::general);
    }
  }

  /**
   * {@return what a vCPU of this host is best, without features; for {@link ArmVcpu#init}}
   *
   * @throws KvmException {@code ENODEV} if KVM prefers none
   */
  public VcpuInit preferredTarget() throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = arena.allocate(VcpuInitLayout.SIZEOF, Long.BYTES);
      call(
          ArmIoctl.KVM_ARM_PREFERRED_TARGET,
          struct,
          "",
          errno -> errno == Errno.ENODEV ? "KVM prefers no target on this host" : "");
      return VcpuInit.fromStruct(struct);
    }
  }

  /**
   * Says by how much the guest's counters, virtual and physical, are behind the host's: {@link
   * org.javavmm.kvm.Cap#COUNTER_OFFSET}. From then on the counters cannot be set as registers.
   *
   * @param offset the offset in ticks of the counter
   * @throws KvmException {@code EBUSY} if a vCPU is in use at that moment
   */
  public void setCounterOffset(long offset) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = arena.allocate(CounterOffsetLayout.SIZEOF, Long.BYTES);
      struct.set(U64, CounterOffsetLayout.COUNTER_OFFSET, offset);
      call(
          ArmIoctl.KVM_ARM_SET_COUNTER_OFFSET,
          struct,
          "offset=" + Check.hex(offset),
          errno -> errno == Errno.EBUSY ? "a vCPU is in use" : "");
    }
  }

  /**
   * Copies memory tags to or from the guest; {@link ArmCap#ARM_MTE} must be enabled.
   *
   * @param direction to or from the guest
   * @param gpa the guest-physical address, a multiple of the page size
   * @param length the bytes of guest memory, a multiple of the page size, at most 2^31 - 1
   * @param tags the tags, one byte for each 16 bytes of guest memory; native memory, which KVM
   *     reads or, from the guest, writes
   * @return the bytes of guest memory whose tags were copied; less than {@code length} where KVM
   *     stopped at what it could not access
   * @throws IllegalArgumentException if address or length are no multiples of 4096, if the length
   *     is out of range, if {@code tags} is too small, not native memory, or read-only and to be
   *     written
   * @throws IllegalStateException if {@code tags} was freed
   * @throws KvmException {@code EINVAL} without the capability or beyond the slots, {@code EFAULT}
   *     if nothing could be accessed
   */
  public int copyMteTags(TagDirection direction, long gpa, long length, MemorySegment tags)
      throws KvmException {
    Check.aligned("gpa", gpa, PAGE);
    Check.aligned("length", length, PAGE);
    if (length < 0 || length > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "length=" + Check.hex(length) + ", must be at most 0x7fffffff");
    }
    if (tags.byteSize() < length / TAG_GRANULE) {
      throw new IllegalArgumentException(
          "tags: " + tags.byteSize() + " bytes, must be at least " + length / TAG_GRANULE);
    }
    if (!tags.isNative()) {
      throw new IllegalArgumentException("tags is not native memory");
    }
    if (direction == TagDirection.FROM_GUEST && tags.isReadOnly()) {
      throw new IllegalArgumentException("tags is read-only");
    }
    if (!tags.scope().isAlive()) {
      throw new IllegalStateException("tags was freed");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = arena.allocate(CopyMteTagsLayout.SIZEOF, Long.BYTES);
      struct.set(U64, CopyMteTagsLayout.GUEST_IPA, gpa);
      struct.set(U64, CopyMteTagsLayout.LENGTH, length);
      struct.set(U64, CopyMteTagsLayout.ADDR, tags.address());
      struct.set(U64, CopyMteTagsLayout.FLAGS, direction.flag);
      return call(
          ArmIoctl.KVM_ARM_MTE_COPY_TAGS,
          struct,
          direction + ", ipa=" + Check.hex(gpa) + ", length=" + Check.hex(length),
          errno -> errno == Errno.EINVAL ? "no memory tags, or not memory of the guest" : "");
    } finally {
      Reference.reachabilityFence(tags);
    }
  }

  /**
   * {@return which bits of the registers that describe features can be changed: {@link
   * ArmCap#ARM_SUPPORTED_REG_MASK_RANGES}}
   *
   * @throws KvmException if this KVM cannot tell
   */
  public WritableMasks getRegWritableMasks() throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment masks = arena.allocate(U64, RegMaskRangeLayout.KVM_ARM_FEATURE_ID_RANGE_SIZE);
      MemorySegment struct = arena.allocate(RegMaskRangeLayout.SIZEOF, Long.BYTES);
      struct.set(U64, RegMaskRangeLayout.ADDR, masks.address());
      struct.set(U32, RegMaskRangeLayout.RANGE, RegMaskRangeLayout.KVM_ARM_FEATURE_ID_RANGE);
      call(
          ArmIoctl.KVM_ARM_GET_REG_WRITABLE_MASKS,
          struct,
          "range=" + RegMaskRangeLayout.KVM_ARM_FEATURE_ID_RANGE,
          Attributes::general);
      return new WritableMasks(masks.toArray(U64));
    }
  }

  /** What of a GICv2 {@link #setVgicV2Address} places. */
  public enum VgicV2Part {
    /** The distributor, 4 KiB. */
    DISTRIBUTOR(VgicLayout.KVM_VGIC_V2_ADDR_TYPE_DIST),
    /** The interface of the processors, 8 KiB. */
    CPU_INTERFACE(VgicLayout.KVM_VGIC_V2_ADDR_TYPE_CPU);

    private final int type;

    VgicV2Part(int type) {
      this.type = type;
    }
  }

  /**
   * Says where a GICv2 made by {@link Vm#createIrqchip} is in guest memory: the old way, {@code
   * KVM_ARM_SET_DEVICE_ADDR}. {@link VgicV2} replaces it.
   *
   * @param part which part
   * @param gpa the guest-physical address, a multiple of 4 KiB
   * @throws IllegalArgumentException if it is not aligned
   * @throws KvmException {@code ENODEV} or {@code ENXIO} if there is no such controller, {@code
   *     EEXIST} if it was set already, {@code E2BIG} if it is beyond the VM's addresses
   */
  public void setVgicV2Address(VgicV2Part part, long gpa) throws KvmException {
    Check.aligned("gpa", gpa, PAGE);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = arena.allocate(DeviceAddrLayout.SIZEOF, Long.BYTES);
      long id =
          (long) DeviceAddrLayout.KVM_ARM_DEVICE_VGIC_V2 << DeviceAddrLayout.KVM_ARM_DEVICE_ID_SHIFT
              | (long) part.type << DeviceAddrLayout.KVM_ARM_DEVICE_TYPE_SHIFT;
      struct.set(U64, DeviceAddrLayout.ID, id);
      struct.set(U64, DeviceAddrLayout.ADDR, gpa);
      call(
          ArmIoctl.KVM_ARM_SET_DEVICE_ADDR,
          struct,
          "vgic-v2 " + part + ", addr=" + Check.hex(gpa),
          errno ->
              switch (errno) {
                case Errno.EEXIST -> "it was set already";
                case Errno.ENODEV, Errno.ENXIO -> "there is no such interrupt controller";
                default -> "";
              });
    }
  }

  /**
   * Says what becomes of calls of the guest to its firmware, for a range of functions. Before a
   * vCPU ran.
   *
   * @param base the first function's id, unsigned, as the SMC calling convention defines it
   * @param count the number of functions, unsigned, at least 1
   * @param action what becomes of them
   * @throws IllegalArgumentException if {@code count} is 0 or if the range exceeds 32 bits
   * @throws KvmException {@code EEXIST} if a filter has some of them already or if they are those
   *     KVM reserves, {@code EBUSY} if a vCPU ran
   */
  public void setSmcccFilter(int base, int count, SmcccAction action) throws KvmException {
    long last = Integer.toUnsignedLong(base) + Integer.toUnsignedLong(count) - 1;
    if (count == 0 || last > 0xffff_ffffL) {
      throw new IllegalArgumentException(
          "base="
              + Check.hex(Integer.toUnsignedLong(base))
              + ", count="
              + Integer.toUnsignedString(count)
              + ": must be at least one function, none above 0xffffffff");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = arena.allocate(SmcccFilterLayout.SIZEOF, Long.BYTES);
      struct.set(U32, SmcccFilterLayout.BASE, base);
      struct.set(U32, SmcccFilterLayout.NR_FUNCTIONS, count);
      struct.set(ValueLayout.JAVA_BYTE, SmcccFilterLayout.ACTION, (byte) action.number());
      new Attributes("VM", vm.attributes(), ArmVm::filterMeaning)
          .set(
              SmcccFilterLayout.KVM_ARM_VM_SMCCC_CTRL,
              SmcccFilterLayout.KVM_ARM_VM_SMCCC_FILTER,
              struct,
              "smccc_filter, base="
                  + Check.hex(Integer.toUnsignedLong(base))
                  + ", nr_functions="
                  + Integer.toUnsignedString(count)
                  + ", action="
                  + action);
    }
  }

  private static String filterMeaning(int errno) {
    return switch (errno) {
      case Errno.EEXIST -> "overlaps another filter or what KVM reserves";
      case Errno.EBUSY -> "too late: a vCPU ran already";
      case Errno.ENXIO -> "this KVM lacks the filter";
      default -> "";
    };
  }

  /**
   * Sets the level of an interrupt line, {@code KVM_IRQ_LINE}.
   *
   * @param irq the line
   * @param level whether it is asserted
   * @throws KvmException {@code ENXIO} if the controller in the kernel is missing, or is there for
   *     a pin of the processor; {@code EINVAL} if there is no such line or vCPU
   */
  public void setIrqLine(ArmIrq irq, boolean level) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = arena.allocate(IrqLevelLayout.SIZEOF, Long.BYTES);
      struct.set(U32, IrqLevelLayout.IRQ, irq.encoded());
      struct.set(U32, IrqLevelLayout.LEVEL, level ? 1 : 0);
      call(
          ArmIoctl.KVM_IRQ_LINE,
          struct,
          irq + ", level=" + level,
          errno ->
              switch (errno) {
                case Errno.ENXIO ->
                    irq.type() == ArmIrq.Type.CPU
                        ? "the interrupt controller is in the kernel"
                        : "there is no interrupt controller in the kernel";
                case Errno.EINVAL -> "there is no such line or vCPU";
                default -> "";
              });
    }
  }

  /**
   * {@return whether this KVM has a GICv2}
   *
   * @throws KvmException if the question fails
   */
  public boolean hasVgicV2() throws KvmException {
    return vm.hasDevice(VgicLayout.KVM_DEV_TYPE_ARM_VGIC_V2);
  }

  /**
   * {@return whether this KVM has a GICv3}
   *
   * @throws KvmException if the question fails
   */
  public boolean hasVgicV3() throws KvmException {
    return vm.hasDevice(VgicLayout.KVM_DEV_TYPE_ARM_VGIC_V3);
  }

  /**
   * {@return whether this KVM has an ITS}
   *
   * @throws KvmException if the question fails
   */
  public boolean hasVgicIts() throws KvmException {
    return vm.hasDevice(VgicLayout.KVM_DEV_TYPE_ARM_VGIC_ITS);
  }

  /**
   * Creates an interrupt controller GICv2.
   *
   * @return the controller, closed with the VM at the latest
   * @throws KvmException {@code ENODEV} if this host lacks it, {@code EEXIST} if there is a
   *     controller, {@code EBUSY} if a vCPU ran
   */
  public VgicV2 createVgicV2() throws KvmException {
    return new VgicV2(vm.createDevice(VgicLayout.KVM_DEV_TYPE_ARM_VGIC_V2));
  }

  /**
   * Creates an interrupt controller GICv3.
   *
   * @return the controller, closed with the VM at the latest
   * @throws KvmException {@code ENODEV} if this host lacks it, {@code EEXIST} if there is a
   *     controller, {@code EBUSY} if a vCPU ran
   */
  public VgicV3 createVgicV3() throws KvmException {
    return new VgicV3(vm.createDevice(VgicLayout.KVM_DEV_TYPE_ARM_VGIC_V3));
  }

  /**
   * Creates an interrupt translation service.
   *
   * @return the service, closed with the VM at the latest
   * @throws KvmException {@code ENODEV} if this host lacks it
   */
  public VgicIts createVgicIts() throws KvmException {
    return new VgicIts(vm.createDevice(VgicLayout.KVM_DEV_TYPE_ARM_VGIC_ITS));
  }

  private int call(
      ArmIoctl ioctl, MemorySegment struct, String arguments, IntFunction<String> meaning)
      throws KvmException {
    String call = ioctl + "(" + arguments + ")";
    try {
      return vm.rawIoctl(call, ioctl.number, struct);
    } catch (KvmException e) {
      throw Attributes.explained(e, call, meaning);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vcpu;
import org.javavmm.sys.Errno;

/**
 * What a vCPU has on arm64 beyond {@link Vcpu}, which is still what is run and closed. Any thread
 * may call these methods, but KVM makes the call wait while the vCPU is in the guest. Not run on
 * hardware: see the package.
 */
public final class ArmVcpu {
  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;
  private static final int PVTIME_ALIGNMENT = 64;

  private final VcpuCalls vcpu;

  /**
   * The arm64 part of a vCPU.
   *
   * @param vcpu the vCPU
   */
  public ArmVcpu(Vcpu vcpu) {
    this(new VcpuCalls.OfKernel(vcpu));
  }

  ArmVcpu(VcpuCalls vcpu) {
    this.vcpu = vcpu;
  }

  /**
   * Says what the vCPU is and puts it into its first state; to be called before anything else, and
   * again, with the same features, to reset it.
   *
   * @param init target and features
   * @throws KvmException {@code EINVAL} if the target is unknown, the features do not go together
   *     or differ from before; {@code ENOENT} if this KVM does not know a feature
   */
  public void init(VcpuInit init) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      call(
          ArmIoctl.KVM_ARM_VCPU_INIT,
          init.toStruct(arena),
          ", " + init,
          errno ->
              switch (errno) {
                case Errno.EINVAL ->
                    "unknown target, features that do not go together or differ from before";
                case Errno.ENOENT -> "this KVM does not know a feature";
                default -> "";
              });
    }
  }

  /**
   * Ends the setting up of a feature, so that the vCPU can run and its registers can be listed;
   * only {@link VcpuFeature#SVE} needs it, after {@link #setSveVectorLengths}.
   *
   * @param feature the feature
   * @throws KvmException {@code EPERM} if the vCPU was not started with it or if it was ended
   *     already, {@code EINVAL} if it needs no end or is absent
   */
  public void finalizeFeature(VcpuFeature feature) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      call(
          ArmIoctl.KVM_ARM_VCPU_FINALIZE,
          arena.allocateFrom(U32, feature.bit()),
          ", feature=" + feature,
          errno ->
              switch (errno) {
                case Errno.EPERM -> "the vCPU lacks it, or it is final already";
                case Errno.EINVAL -> "it needs no such step, or is absent";
                default -> "";
              });
    }
  }

  /**
   * {@return the value of a register of at most 8 bytes, unsigned}
   *
   * @param register the register
   * @throws IllegalArgumentException if it is larger
   * @throws KvmException {@code ENOENT} if the vCPU has no such register, {@code EPERM} if it
   *     cannot be read yet
   */
  public long get(RegisterId register) throws KvmException {
    checkWord(register);
    byte[] bytes = getBytes(register);
    long value = 0;
    for (int i = bytes.length - 1; i >= 0; i--) {
      value = value << 8 | Byte.toUnsignedLong(bytes[i]);
    }
    return value;
  }

  /**
   * Sets a register of at most 8 bytes.
   *
   * @param register the register
   * @param value the value
   * @throws IllegalArgumentException if the register is larger, or if the value has more bits than
   *     it
   * @throws KvmException {@code ENOENT} if the vCPU has no such register, {@code EINVAL} if KVM
   *     refuses the value, {@code EBUSY} if it is too late to change it, {@code EPERM} if it cannot
   *     be written now
   */
  public void set(RegisterId register, long value) throws KvmException {
    checkWord(register);
    byte[] bytes = new byte[register.size()];
    if (bytes.length < Long.BYTES && value >>> (Byte.SIZE * bytes.length) != 0) {
      throw new IllegalArgumentException(
          "value="
              + Check.hex(value)
              + ", register "
              + register
              + " has "
              + bytes.length
              + " bytes");
    }
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (value >>> (Byte.SIZE * i));
    }
    setBytes(register, bytes);
  }

  private static void checkWord(RegisterId register) {
    if (sizeOf(register) > Long.BYTES) {
      throw new IllegalArgumentException(
          "register " + register + " has " + register.size() + " bytes, must have at most 8");
    }
  }

  private static int sizeOf(RegisterId register) {
    try {
      return register.size();
    } catch (IllegalStateException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  /**
   * {@return the bytes of a register, lowest first, as many as its id says}
   *
   * @param register the register
   * @throws IllegalArgumentException if its size is not known
   * @throws KvmException {@code ENOENT} if the vCPU has no such register, {@code EPERM} if it
   *     cannot be read yet
   */
  public byte[] getBytes(RegisterId register) throws KvmException {
    var _ = sizeOf(register);
    try {
      return vcpu.getOneRegBytes(register.value());
    } catch (KvmException e) {
      throw explained("KVM_GET_ONE_REG", ", " + register, e, ArmVcpu::registerMeaning);
    }
  }

  /**
   * Sets the bytes of a register.
   *
   * @param register the register
   * @param bytes the bytes, lowest first, as many as the id says
   * @throws IllegalArgumentException if its size is not known or not that of the bytes
   * @throws KvmException {@code ENOENT} if the vCPU has no such register, {@code EINVAL} if KVM
   *     refuses the value, {@code EBUSY} if it is too late to change it, {@code EPERM} if it cannot
   *     be written now
   */
  public void setBytes(RegisterId register, byte[] bytes) throws KvmException {
    int size = sizeOf(register);
    if (bytes.length != size) {
      throw new IllegalArgumentException(
          bytes.length + " bytes for register " + register + ", which has " + size);
    }
    try {
      vcpu.setOneRegBytes(register.value(), bytes);
    } catch (KvmException e) {
      throw explained("KVM_SET_ONE_REG", ", " + register, e, ArmVcpu::registerMeaning);
    }
  }

  private static String registerMeaning(int errno) {
    return switch (errno) {
      case Errno.ENOENT -> "the vCPU has no such register";
      case Errno.EPERM -> "not now: a feature is not final yet, or is final already";
      case Errno.EBUSY -> "too late: a vCPU ran already";
      default -> "";
    };
  }

  /**
   * {@return the registers that the vCPU has}
   *
   * @throws KvmException {@code EPERM} if a feature is not final yet, {@code ENOEXEC} before {@link
   *     #init}
   */
  public List<RegisterId> getRegList() throws KvmException {
    return Arrays.stream(vcpu.getRegList()).mapToObj(RegisterId::new).toList();
  }

  /**
   * {@return the lengths of SVE vectors that the guest may use, ascending, in units of 128 bits}
   *
   * @throws KvmException {@code ENOENT} if the vCPU lacks {@link VcpuFeature#SVE}
   */
  public int[] getSveVectorLengths() throws KvmException {
    byte[] bits = getBytes(RegisterId.SVE_VLS);
    return IntStream.rangeClosed(
            RegisterIdLayout.KVM_ARM64_SVE_VQ_MIN, RegisterIdLayout.KVM_ARM64_SVE_VQ_MAX)
        .filter(vq -> (bits[byteOf(vq)] & maskOf(vq)) != 0)
        .toArray();
  }

  /**
   * Says which lengths of SVE vectors the guest may use; before {@link #finalizeFeature}. The
   * host's processors may not be able to leave some out that others need.
   *
   * @param quadwords the lengths in units of 128 bits, each 1 to 512
   * @throws IllegalArgumentException if one is out of range
   * @throws KvmException {@code ENOENT} if the vCPU lacks {@link VcpuFeature#SVE}, {@code EINVAL}
   *     if the host cannot do that set, {@code EPERM} if it is final already
   */
  public void setSveVectorLengths(int... quadwords) throws KvmException {
    byte[] bits = new byte[Long.BYTES * RegisterIdLayout.KVM_ARM64_SVE_VLS_WORDS];
    for (int vq : quadwords) {
      Check.range(
          "length",
          vq,
          RegisterIdLayout.KVM_ARM64_SVE_VQ_MIN,
          RegisterIdLayout.KVM_ARM64_SVE_VQ_MAX);
      bits[byteOf(vq)] |= (byte) maskOf(vq);
    }
    setBytes(RegisterId.SVE_VLS, bits);
  }

  private static int byteOf(int vq) {
    return (vq - RegisterIdLayout.KVM_ARM64_SVE_VQ_MIN) / Byte.SIZE;
  }

  private static int maskOf(int vq) {
    return 1 << (vq - RegisterIdLayout.KVM_ARM64_SVE_VQ_MIN) % Byte.SIZE;
  }

  /**
   * {@return the version of PSCI that the guest sees}
   *
   * @throws KvmException {@code ENOENT} if the vCPU lacks {@link VcpuFeature#PSCI_0_2}
   * @throws IllegalArgumentException if what KVM tells is no version
   */
  public PsciVersion getPsciVersion() throws KvmException {
    return PsciVersion.decoded(get(RegisterId.PSCI_VERSION));
  }

  /**
   * Says which version of PSCI the guest sees, for one that moved here from another host.
   *
   * @param version the version; not 0.1 with {@link VcpuFeature#PSCI_0_2}, nothing else without
   * @throws KvmException {@code EINVAL} if this KVM lacks it
   */
  public void setPsciVersion(PsciVersion version) throws KvmException {
    set(RegisterId.PSCI_VERSION, version.encoded());
  }

  /**
   * {@return what the vCPU is doing}
   *
   * @throws KvmException if KVM refuses
   * @throws IllegalArgumentException if KVM tells a state that arm64 does not have
   */
  public ArmMpState getMpState() throws KvmException {
    return ArmMpState.of(vcpu.getMpState());
  }

  /**
   * Says what the vCPU shall do.
   *
   * @param state the state
   * @throws KvmException {@code EINVAL} if this KVM lacks it
   */
  public void setMpState(ArmMpState state) throws KvmException {
    try {
      vcpu.setMpState(state.number());
    } catch (KvmException e) {
      throw explained("KVM_SET_MP_STATE", ", state=" + state, e, Attributes::general);
    }
  }

  /**
   * {@return the errors that are on their way to the vCPU}
   *
   * @throws KvmException if KVM refuses
   */
  public ArmVcpuEvents getVcpuEvents() throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = arena.allocate(VcpuEventsLayout.SIZEOF, Long.BYTES);
      call(ArmIoctl.KVM_GET_VCPU_EVENTS, struct, "", Attributes::general);
      return ArmVcpuEvents.fromStruct(struct);
    }
  }

  /**
   * Sends errors on their way to the vCPU.
   *
   * @param events the errors
   * @throws KvmException {@code EINVAL} if the host cannot give the SError a syndrome
   */
  public void setVcpuEvents(ArmVcpuEvents events) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = events.toStruct(arena);
      call(ArmIoctl.KVM_SET_VCPU_EVENTS, struct, ", " + events, Attributes::general);
    }
  }

  /**
   * Says what of the guest ends in {@link org.javavmm.kvm.ExitReason#DEBUG}; {@link ArmExits#debug}
   * tells why.
   *
   * @param debug what to stop at
   * @throws KvmException {@code EINVAL} if this KVM lacks something of it
   */
  public void setGuestDebug(ArmGuestDebug debug) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      call(ArmIoctl.KVM_SET_GUEST_DEBUG, debug.toStruct(arena), ", " + debug, Attributes::general);
    }
  }

  /**
   * {@return whether the vCPU has the attributes of performance counters}
   *
   * @throws KvmException if the question fails
   */
  public boolean hasPmu() throws KvmException {
    return pmu()
        .has(
            VcpuAttributesLayout.KVM_ARM_VCPU_PMU_V3_CTRL,
            VcpuAttributesLayout.KVM_ARM_VCPU_PMU_V3_INIT);
  }

  /**
   * Says which interrupt the performance counters raise; with the interrupt controller in the
   * kernel alone.
   *
   * @param intid the interrupt: a PPI (16 to 31), the same for all vCPUs, or an SPI (32 to 1019),
   *     one for each
   * @throws IllegalArgumentException if it is out of range
   * @throws KvmException {@code EBUSY} if it was set already, {@code ENODEV} without {@link
   *     VcpuFeature#PMU_V3}, {@code EINVAL} if it does not go with the other vCPUs'
   */
  public void setPmuIrq(int intid) throws KvmException {
    Check.range("intid", intid, 16, 1019);
    pmu()
        .setInt(
            VcpuAttributesLayout.KVM_ARM_VCPU_PMU_V3_CTRL,
            VcpuAttributesLayout.KVM_ARM_VCPU_PMU_V3_IRQ,
            intid,
            "pmu irq=" + intid);
  }

  /**
   * Makes the performance counters ready; after the interrupt and the interrupt controller.
   *
   * @throws KvmException {@code EEXIST} if another device has the interrupt, {@code ENXIO} if it
   *     was not set, {@code ENODEV} without {@link VcpuFeature#PMU_V3} or before the interrupt
   *     controller, {@code EBUSY} if they are ready
   */
  public void initPmu() throws KvmException {
    pmu()
        .act(
            VcpuAttributesLayout.KVM_ARM_VCPU_PMU_V3_CTRL,
            VcpuAttributesLayout.KVM_ARM_VCPU_PMU_V3_INIT,
            "pmu init");
  }

  /**
   * Adds a filter of events to those of the VM; before {@link #initPmu}.
   *
   * @param filter the filter
   * @throws KvmException {@code EBUSY} if the counters are ready or a vCPU ran, {@code EINVAL} if
   *     the host has no such events
   */
  public void addPmuEventFilter(ArmPmuEventFilter filter) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      pmu()
          .set(
              VcpuAttributesLayout.KVM_ARM_VCPU_PMU_V3_CTRL,
              VcpuAttributesLayout.KVM_ARM_VCPU_PMU_V3_FILTER,
              filter.toStruct(arena),
              "pmu filter, " + filter);
    }
  }

  /**
   * Says which of the host's performance monitors is used, where processors differ; the vCPU may
   * then run on its processors alone. Before {@link #addPmuEventFilter} and {@link #initPmu}.
   *
   * @param id the number in {@code /sys/bus/event_source/devices/NAME/type}
   * @throws KvmException {@code ENXIO} if there is none of that number, {@code EBUSY} if it is too
   *     late
   */
  public void setPmu(int id) throws KvmException {
    pmu()
        .setInt(
            VcpuAttributesLayout.KVM_ARM_VCPU_PMU_V3_CTRL,
            VcpuAttributesLayout.KVM_ARM_VCPU_PMU_V3_SET_PMU,
            id,
            "pmu=" + id);
  }

  private Attributes pmu() {
    return attributes(errno ->
        switch (errno) {
          case Errno.EBUSY -> "it is set already, or a vCPU ran already";
          case Errno.ENODEV -> "no performance counters, or no interrupt controller yet";
          case Errno.ENXIO -> "not set up, or there is no such monitor";
          case Errno.EEXIST -> "the interrupt is in use";
          default -> "";
        });
  }

  /**
   * Says which interrupt a timer raises, for all vCPUs of the VM; before one ran.
   *
   * @param timer the timer
   * @param ppi the interrupt, 16 to 31, one that no other timer has
   * @throws IllegalArgumentException if it is out of range
   * @throws KvmException {@code EINVAL} if the interrupt controller is not in the kernel, {@code
   *     EBUSY} if a vCPU ran, {@code ENXIO} if there is no such timer
   */
  public void setTimerIrq(ArmTimer timer, int ppi) throws KvmException {
    Check.range("ppi", ppi, 16, 31);
    timers()
        .setInt(
            VcpuAttributesLayout.KVM_ARM_VCPU_TIMER_CTRL,
            timer.attribute(),
            ppi,
            timer + " timer irq=" + ppi);
  }

  /**
   * {@return which interrupt a timer raises}
   *
   * @param timer the timer
   * @throws KvmException {@code ENXIO} if there is no such timer
   */
  public int getTimerIrq(ArmTimer timer) throws KvmException {
    return timers()
        .getInt(
            VcpuAttributesLayout.KVM_ARM_VCPU_TIMER_CTRL, timer.attribute(), timer + " timer irq");
  }

  private Attributes timers() {
    return attributes(errno ->
        switch (errno) {
          case Errno.EBUSY -> "too late: a vCPU ran already";
          case Errno.ENXIO -> "there is no such timer";
          case Errno.EINVAL -> "no such interrupt, or no interrupt controller in the kernel";
          default -> "";
        });
  }

  /**
   * Says where the guest finds how much time the host took from this vCPU; can be set once. Needs
   * {@link org.javavmm.kvm.Cap#STEAL_TIME}.
   *
   * @param gpa the guest-physical address of 64 bytes, a multiple of 64, in a slot
   * @throws IllegalArgumentException if it is not aligned
   * @throws KvmException {@code EEXIST} if it was set already, {@code ENXIO} if this KVM lacks it,
   *     {@code EINVAL} if it is not in a slot
   */
  public void setPvtimeIpa(long gpa) throws KvmException {
    Check.aligned("gpa", gpa, PVTIME_ALIGNMENT);
    pvtime()
        .setLong(
            VcpuAttributesLayout.KVM_ARM_VCPU_PVTIME_CTRL,
            VcpuAttributesLayout.KVM_ARM_VCPU_PVTIME_IPA,
            gpa,
            "pvtime ipa=" + Check.hex(gpa));
  }

  /**
   * {@return the address of {@link #setPvtimeIpa}; all bits set if there is none}
   *
   * @throws KvmException {@code ENXIO} if this KVM lacks it
   */
  public long getPvtimeIpa() throws KvmException {
    return pvtime()
        .getLong(
            VcpuAttributesLayout.KVM_ARM_VCPU_PVTIME_CTRL,
            VcpuAttributesLayout.KVM_ARM_VCPU_PVTIME_IPA,
            0,
            "pvtime ipa");
  }

  private Attributes pvtime() {
    return attributes(errno ->
        switch (errno) {
          case Errno.EEXIST -> "it was set already";
          case Errno.ENXIO -> "this KVM has no stolen time";
          case Errno.EINVAL -> "the address is in no slot";
          default -> "";
        });
  }

  private Attributes attributes(IntFunction<String> meaning) {
    return new Attributes("vcpu=" + vcpu.id(), vcpu.attributes(), meaning);
  }

  private void call(
      ArmIoctl ioctl, MemorySegment struct, String arguments, IntFunction<String> meaning)
      throws KvmException {
    try {
      var _ = vcpu.rawIoctl(name(ioctl.name(), arguments), ioctl.number, struct);
    } catch (KvmException e) {
      throw explained(ioctl.name(), arguments, e, meaning);
    }
  }

  private KvmException explained(
      String ioctl, String arguments, KvmException e, IntFunction<String> meaning) {
    return Attributes.explained(e, name(ioctl, arguments), meaning);
  }

  private String name(String ioctl, String arguments) {
    return ioctl + "(vcpu=" + vcpu.id() + arguments + ")";
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.OptionalLong;
import org.javavmm.sys.Errno;
import org.javavmm.sys.Ioctl;
import org.javavmm.sys.KickSignal;
import org.javavmm.sys.Mapping;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.SystemCallException;
import org.jspecify.annotations.Nullable;

/**
 * A virtual processor.
 *
 * <p>One platform thread at a time runs it: the first {@link #run} attaches the calling thread, and
 * {@link #detach} lets it go. Registers and other state may be read and written by any thread, but
 * KVM makes such a call wait while the vCPU is in the guest. {@link #kick} may be called by any
 * thread at any time.
 *
 * <p><b>Why no kick is lost.</b> A kick sets a request, then {@code immediate_exit}, then signals
 * the thread. In the guest, the signal ends {@code KVM_RUN}; outside of it, {@code immediate_exit}
 * makes the next {@code KVM_RUN} return at once. Only the vCPU's thread clears {@code
 * immediate_exit}, and does so before it takes the request: a kick that comes in between leaves
 * {@code immediate_exit} set, so that the worst is one return too many ({@link
 * ExitReason#REENTER}), never one too few.
 */
public final class Vcpu implements AutoCloseable {
  /** The vCPU runs, or would. */
  public static final int KVM_MP_STATE_RUNNABLE = 0;

  /** The vCPU waits for INIT. */
  public static final int KVM_MP_STATE_UNINITIALIZED = 1;

  /** The vCPU got INIT and waits for its start-up interrupt. */
  public static final int KVM_MP_STATE_INIT_RECEIVED = 2;

  /** The vCPU executed HLT and waits for an interrupt. */
  public static final int KVM_MP_STATE_HALTED = 3;

  /** The vCPU got its start-up interrupt. */
  public static final int KVM_MP_STATE_SIPI_RECEIVED = 4;

  /** Device attributes of a vCPU: the group of its time stamp counter. */
  public static final int KVM_VCPU_TSC_CTRL = 0;

  /** Device attributes of a vCPU: the offset of its time stamp counter to the host's. */
  public static final int KVM_VCPU_TSC_OFFSET = 0;

  /** The signal of {@link KickSignal}: SIGRTMIN of glibc and 6. A test proves it. */
  private static final int KICK_SIGNAL = 40;

  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG;

  /** The host's memory behind the access is broken. */
  private static final int EHWPOISON = 133;

  private static final VarHandle REQUEST;

  static {
    try {
      REQUEST = MethodHandles.lookup().findVarHandle(Vcpu.class, "request", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final Vm vm;
  private final int id;
  private final OwnedFd fd;
  private final Mapping runMapping;
  private final MemorySegment runPage;
  private final Ioctl.Repeated runIoctl;
  private final VcpuExit exit;
  private final SyncRegs syncRegs;

  @SuppressWarnings("UnusedVariable") // through REQUEST
  private volatile boolean request;

  /** Guarded by this; read by the attached thread itself without. */
  private @Nullable Thread owner;

  private int ownerId;
  private boolean closed;
  private @Nullable Mapping ringMapping;
  private @Nullable DirtyRing dirtyRing;

  Vcpu(Vm vm, int id, OwnedFd fd, Mapping run) {
    this.vm = vm;
    this.id = id;
    this.fd = fd;
    this.runMapping = run;
    this.runPage = run.segment();
    this.runIoctl = new Ioctl.Repeated(fd, KvmIoctl.KVM_RUN.number);
    this.exit = new VcpuExit(runPage);
    this.syncRegs = new SyncRegs(runPage);
  }

  /** {@return the vCPU's number} */
  public int id() {
    return id;
  }

  /** {@return the view of the last exit, always the same object} */
  public VcpuExit exit() {
    return exit;
  }

  /**
   * Maps guest memory before the guest touches it: {@link Cap#PRE_FAULT_MEMORY}. Where KVM stops
   * early, for a signal or because it had enough, it is asked again for the rest.
   *
   * @param gpa the guest-physical address, a multiple of the page size
   * @param size the size in bytes, a multiple of the page size
   * @throws KvmException {@code ENOENT} if there is no slot, {@code ENOTTY} or {@code EOPNOTSUPP}
   *     if this KVM cannot do it
   */
  public void preFaultMemory(long gpa, long size) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment range = Kvm.struct(arena, PreFaultMemoryLayout.SIZEOF);
      range.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.GPA, gpa);
      range.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE, size);
      long left = size;
      do {
        int result = Kvm.call(fd, KvmIoctl.KVM_PRE_FAULT_MEMORY, range);
        // KVM moved address and size on to what is left.
        long now = range.get(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE);
        boolean again = result == -Errno.EINTR || result == -Errno.EAGAIN;
        boolean stuck = result >= 0 && now != 0 && Long.compareUnsigned(now, left) >= 0;
        Kvm.check(
            again ? 0 : stuck ? -Errno.EIO : result,
            "KVM_PRE_FAULT_MEMORY(vcpu="
                + id
                + ", gpa="
                + Kvm.hex(gpa)
                + ", size="
                + Kvm.hex(size)
                + ")",
            stuck ? "no progress with " + now + " bytes left" : "");
        left = now;
      } while (left != 0);
    }
  }

  /**
   * {@return the ring of collected writes, which all vCPUs of the VM share: {@link
   * Cap#COALESCED_MMIO}}
   *
   * @throws KvmException if this KVM has none
   */
  public CoalescedRing coalescedRing() throws KvmException {
    return vm.coalescedRing(runPage);
  }

  /**
   * {@return the vCPU's statistics: {@link Cap#BINARY_STATS_FD}}
   *
   * @throws KvmException if this KVM lacks them
   * @throws IOException if what KVM says of them cannot be read or makes no sense
   */
  public Stats stats() throws IOException {
    return vm.stats(fd, "vCPU " + id);
  }

  /**
   * Makes the calling thread the one that runs this vCPU. {@link #run} does it when needed.
   *
   * @throws IllegalStateException if closed, if another living thread is attached, or if the
   *     calling thread is virtual
   */
  public synchronized void attach() {
    if (closed) {
      throw new IllegalStateException("vCPU " + id + " is closed");
    }
    if (runByAnother() && owner != null) {
      throw new IllegalStateException(
          "vCPU " + id + " is run by thread " + owner.getName() + "; detach it first");
    }
    ownerId = KickSignal.currentThreadId();
    owner = Thread.currentThread();
  }

  /**
   * Lets the calling thread go; from then on it is not signalled any more. Does nothing if it is
   * not attached.
   */
  public synchronized void detach() {
    if (isOwner()) {
      owner = null;
    }
  }

  @SuppressWarnings("ReferenceEquality") // a thread's identity is the question
  private boolean isOwner() {
    return owner == Thread.currentThread();
  }

  private boolean runByAnother() {
    return owner != null && !isOwner() && owner.isAlive();
  }

  /**
   * Runs the guest until something needs the monitor.
   *
   * @return why; {@link #exit} has the details. {@link ExitReason#INTERRUPTED} answers a {@link
   *     #kick}, {@link ExitReason#REENTER} asks to be called again.
   * @throws KvmException if KVM cannot run the vCPU
   * @throws IllegalStateException if closed, or if another thread is attached
   */
  public ExitReason run() throws KvmException {
    return reason(enter());
  }

  /** The first half of {@link #run}: what {@code KVM_RUN} returned. */
  int enter() {
    if (!isOwner()) {
      attach();
    }
    return runIoctl.call(0);
  }

  /** The second half of {@link #run}: what a result of {@code KVM_RUN} means. */
  ExitReason reason(int result) throws KvmException {
    if (result >= 0) {
      return ExitReason.of(exit.rawReason());
    }
    return switch (-result) {
      case Errno.EINTR -> interrupted();
      // An application processor got INIT or its start-up interrupt.
      case Errno.EAGAIN -> ExitReason.REENTER;
      default -> failed(-result);
    };
  }

  private ExitReason interrupted() {
    runPage.set(ValueLayout.JAVA_BYTE, KvmRunLayout.IMMEDIATE_EXIT, (byte) 0);
    // The clearing must be visible before the request is read; see the class comment.
    VarHandle.fullFence();
    return (boolean) REQUEST.getAndSet(this, false) ? ExitReason.INTERRUPTED : ExitReason.REENTER;
  }

  private ExitReason failed(int errno) throws KvmException {
    // This exit comes with an error: KVM could not resolve an access of the guest.
    boolean memory = errno == Errno.EFAULT || errno == EHWPOISON;
    if (memory && exit.rawReason() == ExitReason.MEMORY_FAULT.number()) {
      return ExitReason.MEMORY_FAULT;
    }
    throw new KvmException("KVM_RUN(vcpu=" + id + ")", errno);
  }

  /**
   * Makes {@link #run} return {@link ExitReason#INTERRUPTED}: at once if the guest is running, else
   * the next time it is called. Kicks that were not answered yet merge into one. Does nothing if
   * closed.
   */
  public synchronized void kick() {
    if (closed) {
      return;
    }
    REQUEST.setVolatile(this, true);
    // A plain store may pass a volatile one before it, where the processor lets it.
    VarHandle.fullFence();
    runPage.set(ValueLayout.JAVA_BYTE, KvmRunLayout.IMMEDIATE_EXIT, (byte) 1);
    VarHandle.fullFence();
    if (runByAnother()) {
      var _ = KickSignal.send(ownerId);
    }
  }

  /**
   * {@return the general registers}
   *
   * @throws KvmException if KVM refuses
   */
  public Regs getRegs() throws KvmException {
    Regs regs = new Regs();
    ioctl(KvmIoctl.KVM_GET_REGS, regs.segment());
    return regs;
  }

  /**
   * Sets the general registers.
   *
   * @param regs the registers
   * @throws KvmException if KVM refuses
   */
  public void setRegs(Regs regs) throws KvmException {
    ioctl(KvmIoctl.KVM_SET_REGS, regs.segment());
  }

  /**
   * {@return the segment and control registers}
   *
   * @throws KvmException if KVM refuses
   */
  public Sregs getSregs() throws KvmException {
    Sregs sregs = new Sregs();
    ioctl(KvmIoctl.KVM_GET_SREGS, sregs.segment());
    return sregs;
  }

  /**
   * Sets the segment and control registers.
   *
   * @param sregs the registers, as {@link #getSregs} gave them and then changed
   * @throws KvmException {@code EINVAL} if the processor would refuse such a state
   */
  public void setSregs(Sregs sregs) throws KvmException {
    ioctl(KvmIoctl.KVM_SET_SREGS, sregs.segment());
  }

  /**
   * {@return the floating-point registers}
   *
   * @throws KvmException if KVM refuses
   */
  public Fpu getFpu() throws KvmException {
    Fpu fpu = new Fpu();
    ioctl(KvmIoctl.KVM_GET_FPU, fpu.segment());
    return fpu;
  }

  /**
   * Sets the floating-point registers.
   *
   * @param fpu the registers
   * @throws KvmException if KVM refuses
   */
  public void setFpu(Fpu fpu) throws KvmException {
    ioctl(KvmIoctl.KVM_SET_FPU, fpu.segment());
  }

  /**
   * {@return the registers of the local APIC}
   *
   * @throws KvmException {@code EINVAL} if the interrupt controllers are not in the kernel
   */
  public LapicState getLapic() throws KvmException {
    LapicState lapic = new LapicState();
    ioctl(KvmIoctl.KVM_GET_LAPIC, lapic.segment());
    return lapic;
  }

  /**
   * Sets the registers of the local APIC.
   *
   * @param lapic the registers
   * @throws KvmException {@code EINVAL} if the interrupt controllers are not in the kernel
   */
  public void setLapic(LapicState lapic) throws KvmException {
    ioctl(KvmIoctl.KVM_SET_LAPIC, lapic.segment());
  }

  /**
   * Sets what CPUID tells the guest. To be called before MSRs are read or written, for some exist
   * only with their CPUID bit.
   *
   * @param cpuid the leaves
   * @throws KvmException {@code E2BIG} if they are too many, {@code EINVAL} if the vCPU ran already
   */
  public void setCpuid2(Cpuid cpuid) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      int result = Kvm.call(fd, KvmIoctl.KVM_SET_CPUID2, cpuid.toStruct(arena));
      Kvm.check(result, "KVM_SET_CPUID2(vcpu=" + id + ", nent=" + cpuid.entries().size() + ")");
    }
  }

  /**
   * {@return what CPUID tells the guest}
   *
   * @throws KvmException if KVM refuses
   */
  public Cpuid getCpuid2() throws KvmException {
    return Cpuid.ofVcpu(fd);
  }

  /**
   * Sets model-specific registers one after another, up to the first that KVM refuses.
   *
   * @param msrs the registers and their values
   * @throws KvmException naming the register at which KVM stopped
   */
  public void setMsrs(Msrs msrs) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      int result = Kvm.call(fd, KvmIoctl.KVM_SET_MSRS, msrs.toStruct(arena));
      checkMsrs(KvmIoctl.KVM_SET_MSRS, result, msrs);
    }
  }

  /**
   * Reads model-specific registers.
   *
   * @param indexes the registers' numbers
   * @return the registers and their values, in the same order
   * @throws KvmException naming the register at which KVM stopped
   */
  public Msrs getMsrs(int... indexes) throws KvmException {
    Msrs msrs = Msrs.ofIndexes(indexes);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = msrs.toStruct(arena);
      int result = Kvm.call(fd, KvmIoctl.KVM_GET_MSRS, struct);
      checkMsrs(KvmIoctl.KVM_GET_MSRS, result, msrs);
      return Msrs.fromStruct(struct, indexes.length);
    }
  }

  private void checkMsrs(KvmIoctl ioctl, int result, Msrs msrs) throws KvmException {
    int n = msrs.entries().size();
    String call = ioctl + "(vcpu=" + id + ", nmsrs=" + n + ")";
    Kvm.check(result, call);
    if (result < n) {
      Msrs.Entry refused = msrs.entries().get(result);
      String msr =
          "stopped at number " + result + ", MSR 0x" + Integer.toHexString(refused.index());
      throw new KvmException(
          call,
          Errno.EINVAL,
          ioctl == KvmIoctl.KVM_SET_MSRS ? msr + " = 0x" + Long.toHexString(refused.data()) : msr);
    }
  }

  /**
   * {@return the state of the processor in a multiprocessor start, {@code KVM_MP_STATE_…}}
   *
   * @throws KvmException if the interrupt controllers are not in the kernel
   */
  public int getMpState() throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(ValueLayout.JAVA_INT);
      ioctl(KvmIoctl.KVM_GET_MP_STATE, state);
      return state.get(ValueLayout.JAVA_INT, 0);
    }
  }

  /**
   * Sets the state of the processor in a multiprocessor start.
   *
   * @param state {@code KVM_MP_STATE_…}
   * @throws KvmException if KVM refuses
   */
  public void setMpState(int state) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      ioctl(
          KvmIoctl.KVM_SET_MP_STATE,
          arena.allocateFrom(ValueLayout.JAVA_INT, state),
          ", mp_state=" + state);
    }
  }

  /**
   * Translates a linear address by the guest's page tables.
   *
   * @param linear the address
   * @return the guest-physical address; empty if it is not mapped
   * @throws KvmException if KVM refuses
   */
  public OptionalLong translate(long linear) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = Kvm.struct(arena, TranslationLayout.SIZEOF);
      struct.set(ValueLayout.JAVA_LONG, TranslationLayout.LINEAR_ADDRESS, linear);
      ioctl(KvmIoctl.KVM_TRANSLATE, struct, ", linear_address=" + Kvm.hex(linear));
      return struct.get(ValueLayout.JAVA_BYTE, TranslationLayout.VALID) == 0
          ? OptionalLong.empty()
          : OptionalLong.of(struct.get(ValueLayout.JAVA_LONG, TranslationLayout.PHYSICAL_ADDRESS));
    }
  }

  /**
   * Sets what CPUID tells the guest, by the ioctl of old, which knows no subleaves. {@link
   * #setCpuid2} is the one to use.
   *
   * @param cpuid the leaves; flags are ignored
   * @throws IllegalArgumentException if a leaf has a subleaf other than 0
   * @throws KvmException as {@link #setCpuid2}
   */
  public void setCpuid(Cpuid cpuid) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      int result = Kvm.call(fd, KvmIoctl.KVM_SET_CPUID, cpuid.toOldStruct(arena));
      Kvm.check(result, "KVM_SET_CPUID(vcpu=" + id + ", nent=" + cpuid.entries().size() + ")");
    }
  }

  /**
   * {@return the CPUID leaves by which KVM can look like Hyper-V to this vCPU} Needs {@link
   * Cap#HYPERV_CPUID}.
   *
   * @throws KvmException if KVM refuses
   */
  public Cpuid supportedHvCpuid() throws KvmException {
    return Cpuid.get(fd, KvmIoctl.KVM_GET_SUPPORTED_HV_CPUID);
  }

  /**
   * Sets model-specific registers one after another, up to the first that KVM refuses.
   *
   * @param msrs the registers and their values
   * @return how many were set: the index of the one refused, or the number of all
   * @throws KvmException {@code E2BIG} if there are more than 255
   */
  public int setMsrsUntilRefused(Msrs msrs) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      return Kvm.check(
          Kvm.call(fd, KvmIoctl.KVM_SET_MSRS, msrs.toStruct(arena)),
          "KVM_SET_MSRS(vcpu=" + id + ", nmsrs=" + msrs.entries().size() + ")");
    }
  }

  /**
   * Reads model-specific registers one after another, up to the first that KVM refuses.
   *
   * @param indexes the registers' numbers
   * @return those that were read; if they are fewer, KVM refused {@code indexes[number of entries]}
   * @throws KvmException {@code E2BIG} if there are more than 255
   */
  public Msrs getMsrsUntilRefused(int... indexes) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = Msrs.ofIndexes(indexes).toStruct(arena);
      int read =
          Kvm.check(
              Kvm.call(fd, KvmIoctl.KVM_GET_MSRS, struct),
              "KVM_GET_MSRS(vcpu=" + id + ", nmsrs=" + indexes.length + ")");
      return Msrs.fromStruct(struct, Math.min(read, indexes.length));
    }
  }

  /**
   * {@return the segment and control registers with the directory pointers} Needs {@link
   * Cap#SREGS2}.
   *
   * @throws KvmException if KVM refuses
   */
  public Sregs2 getSregs2() throws KvmException {
    Sregs2 sregs = new Sregs2();
    ioctl(KvmIoctl.KVM_GET_SREGS2, sregs.segment());
    return sregs;
  }

  /**
   * Sets the segment and control registers with the directory pointers. Needs {@link Cap#SREGS2}.
   *
   * @param sregs the registers, as {@link #getSregs2} gave them and then changed
   * @throws KvmException {@code EINVAL} if the processor would refuse such a state
   */
  public void setSregs2(Sregs2 sregs) throws KvmException {
    ioctl(KvmIoctl.KVM_SET_SREGS2, sregs.segment());
  }

  /**
   * {@return the extended state, 4096 bytes} Needs {@link Cap#XSAVE}.
   *
   * @throws KvmException {@code EINVAL} if it is larger; then {@link #getXsave2} has it
   */
  public Xsave getXsave() throws KvmException {
    Xsave xsave = new Xsave(Xsave.MIN_SIZE);
    ioctl(KvmIoctl.KVM_GET_XSAVE, xsave.segment());
    return xsave;
  }

  /**
   * {@return the extended state, as large as it is} Needs {@link Cap#XSAVE2}.
   *
   * @throws KvmException if KVM refuses
   */
  public Xsave getXsave2() throws KvmException {
    Xsave xsave = new Xsave(xsaveSize());
    ioctl(KvmIoctl.KVM_GET_XSAVE2, xsave.segment());
    return xsave;
  }

  /** KVM reads and writes as many bytes as it says here, whatever the caller has. */
  private int xsaveSize() throws KvmException {
    return Math.max(Xsave.MIN_SIZE, vm.checkExtension(Cap.XSAVE2));
  }

  /**
   * Sets the extended state. Needs {@link Cap#XSAVE}.
   *
   * @param xsave the state; one that is smaller than this VM's is taken as followed by zeros
   * @throws IllegalArgumentException if it is larger than this VM's
   * @throws KvmException {@code EINVAL} if a part is in use that the vCPU does not have, or if
   *     MXCSR has bits that the processor does not have
   */
  public void setXsave(Xsave xsave) throws KvmException {
    int size = xsaveSize();
    if (xsave.size() > size) {
      throw new IllegalArgumentException(
          "size=" + xsave.size() + ", this VM's extended state has " + size + " bytes");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = arena.allocate(size, 64);
      struct.copyFrom(xsave.segment());
      ioctl(KvmIoctl.KVM_SET_XSAVE, struct);
    }
  }

  /**
   * {@return the extended control registers} Needs {@link Cap#XCRS}.
   *
   * @throws KvmException {@code EINVAL} if the host has none
   */
  public Xcrs getXcrs() throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = Kvm.struct(arena, Xcrs.SIZEOF);
      ioctl(KvmIoctl.KVM_GET_XCRS, struct);
      return Xcrs.fromStruct(struct);
    }
  }

  /**
   * Sets the extended control registers. Needs {@link Cap#XCRS}.
   *
   * @param xcrs the registers
   * @throws KvmException {@code EINVAL} for values that CPUID does not allow
   */
  public void setXcrs(Xcrs xcrs) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      ioctl(KvmIoctl.KVM_SET_XCRS, xcrs.toStruct(arena));
    }
  }

  /**
   * {@return the guest's own debug registers} Needs {@link Cap#DEBUGREGS}.
   *
   * @throws KvmException if KVM refuses
   */
  public DebugRegs getDebugRegs() throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = Kvm.struct(arena, DebugRegs.SIZEOF);
      ioctl(KvmIoctl.KVM_GET_DEBUGREGS, struct);
      return DebugRegs.fromStruct(struct);
    }
  }

  /**
   * Sets the guest's own debug registers. Needs {@link Cap#DEBUGREGS}.
   *
   * @param registers the registers
   * @throws KvmException {@code EINVAL} if DR6 or DR7 has bits above 31
   */
  public void setDebugRegs(DebugRegs registers) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      ioctl(KvmIoctl.KVM_SET_DEBUGREGS, registers.toStruct(arena));
    }
  }

  /**
   * {@return what is on its way to the vCPU} Needs {@link Cap#VCPU_EVENTS}.
   *
   * @throws KvmException if KVM refuses
   */
  public VcpuEvents getVcpuEvents() throws KvmException {
    VcpuEvents events = new VcpuEvents();
    ioctl(KvmIoctl.KVM_GET_VCPU_EVENTS, events.segment());
    return events;
  }

  /**
   * Sets what is on its way to the vCPU. Needs {@link Cap#VCPU_EVENTS}.
   *
   * @param events the events
   * @throws KvmException {@code EINVAL} for a vector that is no exception's, for a flag whose
   *     capability is not enabled, and for system management mode where there is none
   */
  public void setVcpuEvents(VcpuEvents events) throws KvmException {
    ioctl(KvmIoctl.KVM_SET_VCPU_EVENTS, events.segment(), ", " + events);
  }

  /**
   * {@return the state of virtualization inside the guest} Needs {@link Cap#NESTED_STATE}, whose
   * value is its largest size.
   *
   * @throws KvmException {@code EINVAL} if KVM offers the guest no virtualization
   */
  public NestedState getNestedState() throws KvmException {
    int size = Math.max(NestedState.HEADER_SIZE, vm.checkExtension(Cap.NESTED_STATE));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = Kvm.struct(arena, size);
      struct.set(U32, NestedState.SIZE, size);
      ioctl(KvmIoctl.KVM_GET_NESTED_STATE, struct);
      int used = struct.get(U32, NestedState.SIZE);
      if (used < NestedState.HEADER_SIZE || used > size) {
        throw new KvmException(
            "KVM_GET_NESTED_STATE(vcpu=" + id + ", size=" + size + ")",
            Errno.E2BIG,
            "KVM answered size=" + Integer.toUnsignedString(used));
      }
      return NestedState.of(struct.asSlice(0, used).toArray(ValueLayout.JAVA_BYTE));
    }
  }

  /**
   * Sets the state of virtualization inside the guest. Needs {@link Cap#NESTED_STATE}, and CPUID
   * and control registers that go with it.
   *
   * @param state the state
   * @throws KvmException {@code EINVAL} if KVM offers the guest no virtualization, if the format is
   *     not this host's, or if the state does not go with the registers
   */
  public void setNestedState(NestedState state) throws KvmException {
    int result = Kvm.call(fd, KvmIoctl.KVM_SET_NESTED_STATE, state.segment());
    Kvm.check(result, "KVM_SET_NESTED_STATE(vcpu=" + id + ", " + state + ")");
  }

  /**
   * {@return the frequency of the time stamp counter in kHz} Needs {@link Cap#GET_TSC_KHZ}.
   *
   * @throws KvmException if KVM refuses
   */
  public int getTscKhz() throws KvmException {
    return call(KvmIoctl.KVM_GET_TSC_KHZ);
  }

  /**
   * Sets the frequency of the time stamp counter. Another than the host's needs {@link
   * Cap#TSC_CONTROL}.
   *
   * @param khz the frequency in kHz; 0 for the host's
   * @throws KvmException {@code EINVAL} if the processor cannot scale to it
   */
  public void setTscKhz(int khz) throws KvmException {
    var _ = call(KvmIoctl.KVM_SET_TSC_KHZ, Integer.toUnsignedLong(khz), ", khz=" + khz);
  }

  /** {@return the vCPU's attributes; they need {@link Cap#VCPU_ATTRIBUTES}} */
  public DeviceAttributes attributes() {
    return new DeviceAttributes(fd.name(), (ioctl, argument) -> Kvm.call(fd, ioctl, argument));
  }

  /**
   * {@return what is added to the host's time stamp counter, after scaling, to give the guest's}
   * Needs {@link Cap#VCPU_ATTRIBUTES}.
   *
   * @throws KvmException {@code ENXIO} if KVM does not give it
   */
  public long getTscOffset() throws KvmException {
    return attributes().getLong(KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET);
  }

  /**
   * Sets what is added to the host's time stamp counter, after scaling, to give the guest's. Needs
   * {@link Cap#VCPU_ATTRIBUTES}.
   *
   * @param offset the offset, in cycles of the guest
   * @throws KvmException {@code ENXIO} if KVM does not take it
   */
  public void setTscOffset(long offset) throws KvmException {
    attributes().setLong(KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET, offset);
  }

  /**
   * Says what of the guest ends in {@link ExitReason#DEBUG}, or turns it off. Needs {@link
   * Cap#SET_GUEST_DEBUG}.
   *
   * @param debug what
   * @throws KvmException {@code EBUSY} if an exception is to be injected and one is on its way
   *     already, {@code EINVAL} for a flag that this KVM does not know
   */
  public void setGuestDebug(GuestDebug debug) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      int result = Kvm.call(fd, KvmIoctl.KVM_SET_GUEST_DEBUG, debug.toStruct(arena));
      Kvm.check(result, "KVM_SET_GUEST_DEBUG(vcpu=" + id + ", " + debug + ")");
    }
  }

  /**
   * Gives the vCPU an external interrupt, where the interrupt controllers are not in the kernel.
   * Only when {@link VcpuExit#readyForInterruptInjection}; see {@link
   * VcpuExit#requestInterruptWindow}. An interrupt that is not delivered yet is replaced. With a
   * split irqchip it is an interrupt of the controllers in user space, as if acknowledged, and is
   * delivered when the guest takes it.
   *
   * @param vector the vector, 0 to 255
   * @throws IllegalArgumentException if it is not
   * @throws KvmException {@code ENXIO} if the interrupt controllers are in the kernel; with a split
   *     irqchip {@code EEXIST} if such an interrupt is on its way
   */
  public void interrupt(int vector) throws KvmException {
    if (vector < 0 || vector > 255) {
      throw new IllegalArgumentException("vector=" + vector + ", must be 0 to 255");
    }
    try (Arena arena = Arena.ofConfined()) {
      int result = Kvm.call(fd, KvmIoctl.KVM_INTERRUPT, arena.allocateFrom(U32, vector));
      Kvm.check(result, "KVM_INTERRUPT(vcpu=" + id + ", irq=" + vector + ")");
    }
  }

  /**
   * Gives the vCPU a non-maskable interrupt.
   *
   * @throws KvmException if KVM refuses
   */
  public void nmi() throws KvmException {
    var _ = call(KvmIoctl.KVM_NMI);
  }

  /**
   * Gives the vCPU a system management interrupt. Needs {@link Cap#X86_SMM}.
   *
   * @throws KvmException {@code ENOTTY} or {@code EINVAL} without the capability
   */
  public void smi() throws KvmException {
    var _ = call(KvmIoctl.KVM_SMI);
  }

  /**
   * Tells the guest that it was paused, so that its watchdogs do not bark. For guests with
   * kvmclock. Needs {@link Cap#KVMCLOCK_CTRL}.
   *
   * @throws KvmException {@code EINVAL} if the guest did not set up kvmclock
   */
  public void kvmclockCtrl() throws KvmException {
    var _ = call(KvmIoctl.KVM_KVMCLOCK_CTRL);
  }

  /**
   * Sets the signals that are blocked while the guest runs, in place of the thread's own. A signal
   * that is blocked for the thread and not here makes {@link #run} return {@link
   * ExitReason#REENTER}, and stays pending.
   *
   * @param blocked the signals: bit n - 1 is signal n
   * @throws IllegalArgumentException if the signal of {@link #kick} is among them
   * @throws KvmException if KVM refuses
   */
  public void setSignalMask(long blocked) throws KvmException {
    if ((blocked & (1L << (KICK_SIGNAL - 1))) != 0) {
      throw new IllegalArgumentException(
          "signal " + KICK_SIGNAL + " is that of kick() and must not be blocked");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = arena.allocate(SignalMaskLayout.SIGSET + Long.BYTES, Long.BYTES);
      struct.set(U32, SignalMaskLayout.LEN, Long.BYTES);
      struct.set(ValueLayout.JAVA_LONG_UNALIGNED, SignalMaskLayout.SIGSET, blocked);
      int result = Kvm.call(fd, KvmIoctl.KVM_SET_SIGNAL_MASK, struct);
      String mask = ", blocked=0x" + Long.toHexString(blocked);
      Kvm.check(result, "KVM_SET_SIGNAL_MASK(vcpu=" + id + mask + ")");
    }
  }

  /**
   * Leaves the thread's own signal mask in force while the guest runs, as at first.
   *
   * @throws KvmException if KVM refuses
   */
  public void clearSignalMask() throws KvmException {
    var _ = call(KvmIoctl.KVM_SET_SIGNAL_MASK, 0, ", none");
  }

  /**
   * Says how many banks of machine checks the vCPU has and what they can; all are then off.
   *
   * @param capabilities register MCG_CAP: the number of banks in bits 0 to 7; only what {@code
   *     KVM_X86_GET_MCE_CAP_SUPPORTED} answers
   * @throws KvmException {@code EINVAL} for more
   */
  public void setupMce(long capabilities) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      int result = Kvm.call(fd, KvmIoctl.KVM_X86_SETUP_MCE, arena.allocateFrom(U64, capabilities));
      String what = "mcg_cap=0x" + Long.toHexString(capabilities);
      Kvm.check(result, "KVM_X86_SETUP_MCE(vcpu=" + id + ", " + what + ")");
    }
  }

  /**
   * Gives the guest a machine check.
   *
   * @param check the machine check
   * @throws KvmException {@code EINVAL} if there is no such bank or if the status is not valid
   */
  public void setMce(MachineCheck check) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      int result = Kvm.call(fd, KvmIoctl.KVM_X86_SET_MCE, check.toStruct(arena));
      Kvm.check(result, "KVM_X86_SET_MCE(vcpu=" + id + ", bank=" + check.bank() + ")");
    }
  }

  /**
   * Says whether an access of the guest to its task priority register is an exit, {@link
   * ExitReason#TPR_ACCESS}. Needs {@code KVM_CAP_VAPIC}.
   *
   * @param enabled whether it is
   * @throws KvmException {@code EINVAL} without the capability
   */
  public void setTprAccessReporting(boolean enabled) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = Kvm.struct(arena, TprAccessCtlLayout.SIZEOF);
      struct.set(U32, TprAccessCtlLayout.ENABLED, enabled ? 1 : 0);
      ioctl(KvmIoctl.KVM_TPR_ACCESS_REPORTING, struct, ", enabled=" + enabled);
    }
  }

  /**
   * Says where guest and KVM share the task priority register, for guests patched to use it. Needs
   * {@code KVM_CAP_VAPIC}.
   *
   * @param gpa the guest-physical address, a multiple of 4; 0 for nowhere
   * @throws KvmException {@code EINVAL} if the interrupt controllers are not in the kernel or if
   *     the address is not in a slot
   */
  public void setVapicAddress(long gpa) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      int result = Kvm.call(fd, KvmIoctl.KVM_SET_VAPIC_ADDR, arena.allocateFrom(U64, gpa));
      String what = "gpa=0x" + Long.toHexString(gpa);
      Kvm.check(result, "KVM_SET_VAPIC_ADDR(vcpu=" + id + ", " + what + ")");
    }
  }

  /**
   * {@return the size in bytes of a register of {@link #getOneReg}: 1 to 2048}
   *
   * @param register the register's id, which holds it
   * @throws IllegalArgumentException if the id holds a larger one
   */
  public static int oneRegSize(long register) {
    int log =
        (int) ((register & OneRegLayout.KVM_REG_SIZE_MASK) >>> OneRegLayout.KVM_REG_SIZE_SHIFT);
    if (log > 11) {
      throw new IllegalArgumentException(
          "register 0x" + Long.toHexString(register) + " has no size that is known");
    }
    return 1 << log;
  }

  /**
   * {@return the value of a register of at most 8 bytes, unsigned} Needs {@link Cap#ONE_REG}, which
   * KVM on x86 does not have in Linux 6.12.
   *
   * @param register the register's id
   * @throws IllegalArgumentException if the register is larger
   * @throws KvmException {@code ENOENT} if there is no such register
   */
  public long getOneReg(long register) throws KvmException {
    checkWord(register);
    byte[] bytes = getOneRegBytes(register);
    long value = 0;
    for (int i = bytes.length - 1; i >= 0; i--) {
      value = value << 8 | Byte.toUnsignedLong(bytes[i]);
    }
    return value;
  }

  private static void checkWord(long register) {
    if (oneRegSize(register) > Long.BYTES) {
      throw new IllegalArgumentException(
          "register 0x"
              + Long.toHexString(register)
              + " has "
              + oneRegSize(register)
              + " bytes, must have at most 8");
    }
  }

  /**
   * {@return the bytes of a register, as many as its id says} Needs {@link Cap#ONE_REG}.
   *
   * @param register the register's id
   * @throws IllegalArgumentException if the id's size is not known
   * @throws KvmException {@code ENOENT} if there is no such register
   */
  public byte[] getOneRegBytes(long register) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(oneRegSize(register), 16);
      oneReg(arena, KvmIoctl.KVM_GET_ONE_REG, register, value);
      return value.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  /**
   * Sets a register of at most 8 bytes. Needs {@link Cap#ONE_REG}.
   *
   * @param register the register's id
   * @param value the value, of which the register takes its low bytes
   * @throws IllegalArgumentException if the register is larger
   * @throws KvmException {@code ENOENT} if there is no such register, {@code EINVAL} if KVM refuses
   *     the value
   */
  public void setOneReg(long register, long value) throws KvmException {
    checkWord(register);
    byte[] bytes = new byte[oneRegSize(register)];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (value >>> (8 * i));
    }
    setOneRegBytes(register, bytes);
  }

  /**
   * Sets the bytes of a register. Needs {@link Cap#ONE_REG}.
   *
   * @param register the register's id
   * @param bytes the bytes, as many as the id says
   * @throws IllegalArgumentException if they are not
   * @throws KvmException {@code ENOENT} if there is no such register, {@code EINVAL} if KVM refuses
   *     the value
   */
  public void setOneRegBytes(long register, byte[] bytes) throws KvmException {
    if (bytes.length != oneRegSize(register)) {
      throw new IllegalArgumentException(
          bytes.length
              + " bytes for register 0x"
              + Long.toHexString(register)
              + ", which has "
              + oneRegSize(register));
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(bytes.length, 16);
      value.copyFrom(MemorySegment.ofArray(bytes));
      oneReg(arena, KvmIoctl.KVM_SET_ONE_REG, register, value);
    }
  }

  private void oneReg(Arena arena, KvmIoctl ioctl, long register, MemorySegment value)
      throws KvmException {
    MemorySegment struct = Kvm.struct(arena, OneRegLayout.SIZEOF);
    struct.set(U64, OneRegLayout.ID, register);
    struct.set(U64, OneRegLayout.ADDR, value.address());
    int result = Kvm.call(fd, ioctl, struct);
    Kvm.check(result, ioctl + "(vcpu=" + id + ", id=0x" + Long.toHexString(register) + ")");
  }

  /**
   * {@return the ids of all registers of {@link #getOneReg}} Needs {@link Cap#ONE_REG}.
   *
   * @throws KvmException if KVM refuses
   */
  public long[] getRegList() throws KvmException {
    long n = 0;
    while (true) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment list = arena.allocate(OneRegLayout.LIST_REG + n * Long.BYTES, Long.BYTES);
        list.set(U64, OneRegLayout.LIST_N, n);
        int result = Kvm.call(fd, KvmIoctl.KVM_GET_REG_LIST, list);
        long there = list.get(U64, OneRegLayout.LIST_N);
        // Told how many there are, ask again with room for them.
        if (result == -Errno.E2BIG && there > n && there < 1 << 20) {
          n = there;
          continue;
        }
        Kvm.check(result, "KVM_GET_REG_LIST(vcpu=" + id + ", n=" + n + ")");
        return list.asSlice(OneRegLayout.LIST_REG, Math.min(n, there) * Long.BYTES).toArray(U64);
      }
    }
  }

  /**
   * Enables a capability of the vCPU, such as {@link Cap#HYPERV_SYNIC}. Those of the VM are not
   * enabled here.
   *
   * @param cap the capability
   * @param arguments its arguments, at most 4; those not given are 0
   * @throws IllegalArgumentException if there are more
   * @throws KvmException {@code EINVAL} if it is not one of a vCPU, or not there
   */
  public void enableCap(Cap cap, long... arguments) throws KvmException {
    Kvm.enable(fd, "vcpu=" + id + ", ", cap, arguments);
  }

  /**
   * Gives the vCPU Hyper-V's synthetic interrupt controller: {@link Cap#HYPERV_SYNIC}, or {@link
   * Cap#HYPERV_SYNIC2}, which leaves the guest's pages alone.
   *
   * @param clearPages whether KVM clears the event and message pages when the guest enables them,
   *     as the first of the two does
   * @throws KvmException {@code EINVAL} if the local APIC is not in the kernel, or without the
   *     capability
   */
  public void enableHypervSynic(boolean clearPages) throws KvmException {
    enableCap(clearPages ? Cap.HYPERV_SYNIC : Cap.HYPERV_SYNIC2);
  }

  /**
   * Says whether features of Hyper-V that CPUID does not show fail when the guest uses them; else
   * they work: {@link Cap#HYPERV_ENFORCE_CPUID}.
   *
   * @param enforced whether they fail
   * @throws KvmException {@code EINVAL} without the capability
   */
  public void enforceHypervCpuid(boolean enforced) throws KvmException {
    enableCap(Cap.HYPERV_ENFORCE_CPUID, enforced ? 1 : 0);
  }

  /**
   * Says whether features of KVM that CPUID does not show fail when the guest uses them; else they
   * work: {@link Cap#ENFORCE_PV_FEATURE_CPUID}.
   *
   * @param enforced whether they fail
   * @throws KvmException {@code EINVAL} without the capability
   */
  public void enforcePvFeatureCpuid(boolean enforced) throws KvmException {
    enableCap(Cap.ENFORCE_PV_FEATURE_CPUID, enforced ? 1 : 0);
  }

  /**
   * Lets the guest use Hyper-V's form of the control block of nested virtualization on Intel.
   *
   * @return its version: the lowest in bits 0 to 7, the highest in bits 8 to 15
   * @throws KvmException {@code EINVAL} without {@link Cap#HYPERV_ENLIGHTENED_VMCS}
   */
  public int enableHypervEnlightenedVmcs() throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment version = arena.allocate(ValueLayout.JAVA_SHORT);
      enableCap(Cap.HYPERV_ENLIGHTENED_VMCS, version.address());
      return Short.toUnsignedInt(version.get(ValueLayout.JAVA_SHORT, 0));
    }
  }

  /**
   * {@return an attribute of a vCPU whose guest was made for Xen} Needs {@link Cap#XEN_HVM}.
   *
   * @param type which
   * @throws KvmException if KVM refuses
   */
  public XenVcpuAttr getXenAttr(XenVcpuAttr.Type type) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = XenAttrForm.empty(arena, type);
      int result = Kvm.call(fd, KvmIoctl.KVM_XEN_VCPU_GET_ATTR, struct);
      Kvm.check(result, "KVM_XEN_VCPU_GET_ATTR(vcpu=" + id + ", type=" + type + ")");
      return XenAttrForm.fromStruct(type, struct);
    }
  }

  /**
   * Sets an attribute of a vCPU whose guest was made for Xen. Needs {@link Cap#XEN_HVM}.
   *
   * @param attr the attribute
   * @throws KvmException if KVM refuses
   */
  public void setXenAttr(XenVcpuAttr attr) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      int result = Kvm.call(fd, KvmIoctl.KVM_XEN_VCPU_SET_ATTR, XenAttrForm.toStruct(arena, attr));
      Kvm.check(result, "KVM_XEN_VCPU_SET_ATTR(vcpu=" + id + ", type=" + attr.type() + ")");
    }
  }

  /** {@return the registers in the page of {@link #exit}, always the same object} */
  public SyncRegs syncRegs() {
    return syncRegs;
  }

  /**
   * {@return the ring of the pages that this vCPU dirties, always the same object; usable until the
   * vCPU is closed}
   *
   * @throws IllegalStateException if closed, or if the VM has no rings
   * @throws KvmException if the ring cannot be mapped
   */
  public synchronized DirtyRing dirtyRing() throws KvmException {
    if (closed) {
      throw new IllegalStateException("vCPU " + id + " is closed");
    }
    if (dirtyRing == null) {
      int bytes = vm.dirtyRingBytes();
      if (bytes == 0) {
        throw new IllegalStateException("the VM has no dirty rings; enable them first");
      }
      try {
        ringMapping =
            Mapping.shared(fd, DirtyRing.KVM_DIRTY_LOG_PAGE_OFFSET * Mapping.basePageSize(), bytes);
      } catch (SystemCallException e) {
        throw new KvmException(e.call(), e.errno());
      }
      dirtyRing = new DirtyRing(ringMapping);
    }
    return dirtyRing;
  }

  /**
   * Calls an ioctl of the vCPU that has no method here, such as one of a newer kernel or of another
   * architecture, with a structure for its argument.
   *
   * <p>Dangers: the kernel reads and writes as many bytes as <em>it</em> thinks the structure has
   * and follows the addresses in it, of which nothing is checked here; a structure too small or an
   * address that is wrong corrupts this process. What a call changes behind this object's back
   * (memory slots, descriptors, devices) this object does not know, and a descriptor that the call
   * returns belongs to the caller, who must close it, for it may keep the VM in the kernel. {@code
   * KVM_RUN} is for {@link #run} alone.
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

  /** Calls an ioctl without an argument. */
  private int call(KvmIoctl ioctl) throws KvmException {
    return call(ioctl, 0, "");
  }

  /** Calls an ioctl whose argument is a number. */
  private int call(KvmIoctl ioctl, long argument, String more) throws KvmException {
    return Kvm.check(Kvm.call(fd, ioctl, argument), ioctl + "(vcpu=" + id + more + ")");
  }

  OwnedFd fd() {
    return fd;
  }

  private void ioctl(KvmIoctl ioctl, MemorySegment argument) throws KvmException {
    ioctl(ioctl, argument, "");
  }

  private void ioctl(KvmIoctl ioctl, MemorySegment argument, String more) throws KvmException {
    Kvm.check(Kvm.call(fd, ioctl, argument), ioctl + "(vcpu=" + id + more + ")");
  }

  /**
   * Closes the vCPU, and waits for the calls that other threads are inside. Closing twice is safe.
   *
   * @throws IllegalStateException if another living thread is attached: it may be in the guest
   */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    if (runByAnother() && owner != null) {
      throw new IllegalStateException(
          "vCPU " + id + " is run by thread " + owner.getName() + "; end that first");
    }
    closed = true;
    owner = null;
    runIoctl.close();
    runMapping.close();
    if (ringMapping != null) {
      ringMapping.close();
    }
    // As long as another thread is in a call, the kernel keeps the VM and its memory in use.
    fd.closeAndAwait();
    vm.forget(this);
  }
}

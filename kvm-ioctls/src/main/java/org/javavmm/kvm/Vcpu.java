// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

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

  @SuppressWarnings("UnusedVariable") // through REQUEST
  private volatile boolean request;

  /** Guarded by this; read by the attached thread itself without. */
  private @Nullable Thread owner;

  private int ownerId;
  private boolean closed;

  Vcpu(Vm vm, int id, OwnedFd fd, Mapping run) {
    this.vm = vm;
    this.id = id;
    this.fd = fd;
    this.runMapping = run;
    this.runPage = run.segment();
    this.runIoctl = new Ioctl.Repeated(fd, KvmIoctl.KVM_RUN.number);
    this.exit = new VcpuExit(runPage);
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
    if (!isOwner()) {
      attach();
    }
    int result = runIoctl.call(0);
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
    String meaning =
        errno == Errno.EFAULT
            ? "the guest accessed memory that the host cannot give"
            : errno == Errno.ENOSYS ? "the vCPU is not set up" : "";
    throw new KvmException("KVM_RUN(vcpu=" + id + ")", errno, meaning);
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
      Kvm.check(result, "KVM_SET_CPUID2(vcpu=" + id + ", nent=" + cpuid.entries().size() + ")", "");
    }
  }

  /**
   * {@return what CPUID tells the guest}
   *
   * @throws KvmException if KVM refuses
   */
  public Cpuid getCpuid2() throws KvmException {
    return Cpuid.get(fd, KvmIoctl.KVM_GET_CPUID2);
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
    Kvm.check(result, call, "");
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
   * @param state {@code KVM_MP_STATE_…}; 0 is runnable, 1 waits for INIT
   * @throws KvmException if KVM refuses
   */
  public void setMpState(int state) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      ioctl(KvmIoctl.KVM_SET_MP_STATE, arena.allocateFrom(ValueLayout.JAVA_INT, state));
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
      ioctl(KvmIoctl.KVM_TRANSLATE, struct);
      return struct.get(ValueLayout.JAVA_BYTE, TranslationLayout.VALID) == 0
          ? OptionalLong.empty()
          : OptionalLong.of(struct.get(ValueLayout.JAVA_LONG, TranslationLayout.PHYSICAL_ADDRESS));
    }
  }

  private void ioctl(KvmIoctl ioctl, MemorySegment argument) throws KvmException {
    Kvm.check(Kvm.call(fd, ioctl, argument), ioctl + "(vcpu=" + id + ")", "");
  }

  /**
   * Closes the vCPU. Closing twice is safe.
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
    fd.close();
    vm.forget(this);
  }
}

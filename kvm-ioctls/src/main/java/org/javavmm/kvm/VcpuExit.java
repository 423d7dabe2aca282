// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * What the last exit of a vCPU says: a view of its {@code kvm_run} page, reused for each exit.
 *
 * <p>Each group of methods is meaningful after the {@link ExitReason} it names, until the next
 * {@link Vcpu#run}. Only for the vCPU's thread. Nothing here allocates but {@link #toString} and
 * the methods that return arrays.
 */
public final class VcpuExit {
  /** Internal error: KVM could not emulate an instruction. */
  public static final int KVM_INTERNAL_ERROR_EMULATION = 1;

  /** Internal error: unexpected exceptions at once. */
  public static final int KVM_INTERNAL_ERROR_SIMUL_EX = 2;

  /** Internal error: an event could not be delivered. */
  public static final int KVM_INTERNAL_ERROR_DELIVERY_EV = 3;

  /** Internal error: the processor left the guest for a reason that KVM did not expect. */
  public static final int KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON = 4;

  /** System event: the guest wants to be turned off. */
  public static final int KVM_SYSTEM_EVENT_SHUTDOWN = 1;

  /** System event: the guest wants to be reset. */
  public static final int KVM_SYSTEM_EVENT_RESET = 2;

  /** System event: the guest crashed. */
  public static final int KVM_SYSTEM_EVENT_CRASH = 3;

  /** System event: a suspended vCPU has something to wake up for. */
  public static final int KVM_SYSTEM_EVENT_WAKEUP = 4;

  /** System event: the guest wants to be suspended. */
  public static final int KVM_SYSTEM_EVENT_SUSPEND = 5;

  /** System event: a guest under SEV ended itself. */
  public static final int KVM_SYSTEM_EVENT_SEV_TERM = 6;

  /** Why an MSR came to the monitor: KVM would have refused the access with a fault. */
  public static final int KVM_MSR_EXIT_REASON_INVAL = 1;

  /** Why an MSR came to the monitor: KVM does not know it. */
  public static final int KVM_MSR_EXIT_REASON_UNKNOWN = 2;

  /** Why an MSR came to the monitor: the filter says so. */
  public static final int KVM_MSR_EXIT_REASON_FILTER = 4;

  /** Hypercall: the guest is in 64-bit mode. */
  public static final long KVM_EXIT_HYPERCALL_LONG_MODE = 1;

  /** Notify: the guest's state is lost; it cannot be run on. */
  public static final int KVM_NOTIFY_CONTEXT_INVALID = 1;

  /** Memory fault: the access was to private memory. */
  public static final long KVM_MEMORY_EXIT_FLAG_PRIVATE = 8;

  /** Run flag: the vCPU is in system management mode. */
  public static final int KVM_RUN_X86_SMM = 1;

  /** Run flag: the guest locked the bus, whatever the exit's reason is. */
  public static final int KVM_RUN_X86_BUS_LOCK = 2;

  /** Run flag: the vCPU runs a guest of the guest. */
  public static final int KVM_RUN_X86_GUEST_MODE = 4;

  /** Hyper-V: the guest wrote a register of its interrupt controller. */
  public static final int KVM_EXIT_HYPERV_SYNIC = 1;

  /** Hyper-V: a hypercall. */
  public static final int KVM_EXIT_HYPERV_HCALL = 2;

  /** Hyper-V: the guest accessed the debugger's registers. */
  public static final int KVM_EXIT_HYPERV_SYNDBG = 3;

  /** Xen: a hypercall. */
  public static final int KVM_EXIT_XEN_HCALL = 1;

  private static final int KVM_EXIT_IO_OUT = 1;
  private static final long KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES = 1;
  private static final int MAX_DATA = 16;

  private static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;
  private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED;
  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED;

  private static final int PAYLOAD_WORDS = KvmRunLayout.PADDING / Long.BYTES;
  private static final int HYPERCALL_ARGUMENTS = 6;
  private static final int HYPERV_PARAMETERS = 2;
  private static final int XEN_PARAMETERS = 6;

  private final MemorySegment run;

  VcpuExit(MemorySegment run) {
    this.run = run;
  }

  int immediateExit() {
    return run.get(U8, KvmRunLayout.IMMEDIATE_EXIT);
  }

  /** {@return the number of the exit in the header, known to this version or not} */
  public int rawReason() {
    return run.get(U32, KvmRunLayout.EXIT_REASON);
  }

  /** {@return what else is to be said of any exit, {@code KVM_RUN_X86_…} or-ed} */
  public int flags() {
    return Short.toUnsignedInt(run.get(U16, KvmRunLayout.FLAGS));
  }

  /**
   * {@return whether {@link Vcpu#interrupt} would be taken at once}
   *
   * <p>Of use where the interrupt controllers are in user space; so are the next four.
   */
  public boolean readyForInterruptInjection() {
    return run.get(U8, KvmRunLayout.READY_FOR_INTERRUPT_INJECTION) != 0;
  }

  /** {@return whether the guest has interrupts enabled} */
  public boolean interruptFlag() {
    return run.get(U8, KvmRunLayout.IF_FLAG) != 0;
  }

  /**
   * Asks for an exit as soon as the guest can take an interrupt.
   *
   * @param wanted whether to ask; stays until changed
   */
  public void requestInterruptWindow(boolean wanted) {
    run.set(U8, KvmRunLayout.REQUEST_INTERRUPT_WINDOW, (byte) (wanted ? 1 : 0));
  }

  /** {@return register CR8, the guest's task priority; set at every exit} */
  public long cr8() {
    return run.get(U64, KvmRunLayout.CR8);
  }

  /**
   * Sets register CR8 for the next run. Ignored with interrupt controllers in the kernel.
   *
   * @param value the value, 0 to 15
   */
  public void setCr8(long value) {
    run.set(U64, KvmRunLayout.CR8, value);
  }

  /** {@return the register of the local APIC's address; set at every exit} */
  public long apicBase() {
    return run.get(U64, KvmRunLayout.APIC_BASE);
  }

  /** {@return {@link ExitReason#IO}: whether the guest writes to the port} */
  public boolean ioIsWrite() {
    return run.get(U8, KvmRunLayout.IO_DIRECTION) == KVM_EXIT_IO_OUT;
  }

  /** {@return {@link ExitReason#IO}: the port, 0 to 65,535} */
  public int ioPort() {
    return Short.toUnsignedInt(run.get(U16, KvmRunLayout.IO_PORT));
  }

  /** {@return {@link ExitReason#IO}: the width of an element in bytes, 1, 2 or 4} */
  public int ioSize() {
    return run.get(U8, KvmRunLayout.IO_SIZE);
  }

  /** {@return {@link ExitReason#IO}: the number of elements; more than 1 for string I/O} */
  public int ioCount() {
    return run.get(U32, KvmRunLayout.IO_COUNT);
  }

  private static void checkIndex(int index, int count) {
    if (index < 0 || index >= count) {
      throw new IndexOutOfBoundsException("index=" + index + ", count=" + count);
    }
  }

  private long wordAt(int at, int index, int count) {
    checkIndex(index, count);
    return run.get(U64, at + (long) Long.BYTES * index);
  }

  private long ioElement(int index) {
    checkIndex(index, ioCount());
    return run.get(U64, KvmRunLayout.IO_DATA_OFFSET) + (long) index * ioSize();
  }

  /**
   * {@return {@link ExitReason#IO}: an element that the guest writes, unsigned}
   *
   * @param index which one
   * @throws IndexOutOfBoundsException if there is no such element
   */
  public long ioData(int index) {
    long at = ioElement(index);
    return switch (ioSize()) {
      case 1 -> Byte.toUnsignedLong(run.get(U8, at));
      case 2 -> Short.toUnsignedLong(run.get(U16, at));
      default -> Integer.toUnsignedLong(run.get(U32, at));
    };
  }

  /**
   * {@link ExitReason#IO}: answers an element that the guest reads.
   *
   * @param index which one
   * @param value the value; only the low {@link #ioSize} bytes count
   * @throws IndexOutOfBoundsException if there is no such element
   */
  public void setIoData(int index, long value) {
    long at = ioElement(index);
    switch (ioSize()) {
      case 1 -> run.set(U8, at, (byte) value);
      case 2 -> run.set(U16, at, (short) value);
      default -> run.set(U32, at, (int) value);
    }
  }

  /** {@return {@link ExitReason#MMIO}: whether the guest writes} */
  public boolean mmioIsWrite() {
    return run.get(U8, KvmRunLayout.MMIO_IS_WRITE) != 0;
  }

  /** {@return {@link ExitReason#MMIO}: the guest-physical address} */
  public long mmioAddress() {
    return run.get(U64, KvmRunLayout.MMIO_PHYS_ADDR);
  }

  /** {@return {@link ExitReason#MMIO}: the width in bytes, 1 to 8} */
  public int mmioSize() {
    return run.get(U32, KvmRunLayout.MMIO_LEN);
  }

  /** {@return {@link ExitReason#MMIO}: what the guest writes; bytes beyond the width are zero} */
  public long mmioData() {
    int size = mmioSize();
    long data = run.get(U64, KvmRunLayout.MMIO_DATA);
    return size >= Long.BYTES ? data : data & ((1L << (8 * size)) - 1);
  }

  /**
   * {@link ExitReason#MMIO}: answers a read.
   *
   * @param value the value; only the low {@link #mmioSize} bytes count
   */
  public void setMmioData(long value) {
    run.set(U64, KvmRunLayout.MMIO_DATA, value);
  }

  /** {@return {@link ExitReason#UNKNOWN}: the processor's own reason} */
  public long hardwareExitReason() {
    return run.get(U64, KvmRunLayout.HW_HARDWARE_EXIT_REASON);
  }

  /** {@return {@link ExitReason#FAIL_ENTRY}: the processor's own reason} */
  public long failEntryReason() {
    return run.get(U64, KvmRunLayout.FAIL_ENTRY_HARDWARE_ENTRY_FAILURE_REASON);
  }

  /** {@return {@link ExitReason#FAIL_ENTRY}: the host's processor} */
  public int failEntryCpu() {
    return run.get(U32, KvmRunLayout.FAIL_ENTRY_CPU);
  }

  /**
   * {@return {@link ExitReason#INTERNAL_ERROR}: the kind, such as {@link
   * #KVM_INTERNAL_ERROR_EMULATION}}
   */
  public int internalErrorKind() {
    return run.get(U32, KvmRunLayout.INTERNAL_SUBERROR);
  }

  /** {@return {@link ExitReason#INTERNAL_ERROR}: the number of its data words, 0 to 16} */
  public int internalErrorCount() {
    return Math.clamp(run.get(U32, KvmRunLayout.INTERNAL_NDATA), 0, MAX_DATA);
  }

  /**
   * {@return {@link ExitReason#INTERNAL_ERROR}: a data word}
   *
   * @param index which one
   * @throws IndexOutOfBoundsException if there is no such word
   */
  public long internalErrorWord(int index) {
    return wordAt(KvmRunLayout.INTERNAL_DATA, index, internalErrorCount());
  }

  /** {@return {@link ExitReason#INTERNAL_ERROR}: all its data words} */
  public long[] internalErrorData() {
    return words(KvmRunLayout.INTERNAL_DATA, internalErrorCount());
  }

  /**
   * {@return {@link ExitReason#INTERNAL_ERROR}: the bytes of the instruction that could not be
   * emulated, if KVM gave them; else an empty array}
   */
  public byte[] internalErrorInstruction() {
    boolean given =
        internalErrorKind() == KVM_INTERNAL_ERROR_EMULATION
            && run.get(U32, KvmRunLayout.INTERNAL_NDATA) >= 3
            && (run.get(U64, KvmRunLayout.EMULATION_FAILURE_FLAGS)
                    & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES)
                != 0;
    if (!given) {
      return new byte[0];
    }
    int size = Math.clamp(run.get(U8, KvmRunLayout.EMULATION_FAILURE_INSN_SIZE), 0, 15);
    return run.asSlice(KvmRunLayout.EMULATION_FAILURE_INSN_BYTES, size).toArray(U8);
  }

  /** {@return {@link ExitReason#SYSTEM_EVENT}: what, {@code KVM_SYSTEM_EVENT_…}} */
  public int systemEventType() {
    return run.get(U32, KvmRunLayout.SYSTEM_EVENT_TYPE);
  }

  /**
   * {@return {@link ExitReason#SYSTEM_EVENT}: the number of its data words, 0 to 16}
   *
   * <p>KVM sets it only with {@code KVM_CAP_SYSTEM_EVENT_DATA}; without, it may be anything.
   */
  public int systemEventCount() {
    return Math.clamp(run.get(U32, KvmRunLayout.SYSTEM_EVENT_NDATA), 0, MAX_DATA);
  }

  /**
   * {@return {@link ExitReason#SYSTEM_EVENT}: a data word}
   *
   * @param index which one
   * @throws IndexOutOfBoundsException if there is no such word
   */
  public long systemEventWord(int index) {
    return wordAt(KvmRunLayout.SYSTEM_EVENT_DATA, index, systemEventCount());
  }

  /** {@return {@link ExitReason#SYSTEM_EVENT}: all its data words} */
  public long[] systemEventData() {
    return words(KvmRunLayout.SYSTEM_EVENT_DATA, systemEventCount());
  }

  /** {@return {@link ExitReason#MEMORY_FAULT}: the first guest-physical address} */
  public long memoryFaultGpa() {
    return run.get(U64, KvmRunLayout.MEMORY_FAULT_GPA);
  }

  /** {@return {@link ExitReason#MEMORY_FAULT}: the size in bytes} */
  public long memoryFaultSize() {
    return run.get(U64, KvmRunLayout.MEMORY_FAULT_SIZE);
  }

  /** {@return {@link ExitReason#MEMORY_FAULT}: {@code KVM_MEMORY_EXIT_FLAG_…}} */
  public long memoryFaultFlags() {
    return run.get(U64, KvmRunLayout.MEMORY_FAULT_FLAGS);
  }

  /** {@return {@link ExitReason#EXCEPTION}: the exception's vector} */
  public int exceptionVector() {
    return run.get(U32, KvmRunLayout.EX_EXCEPTION);
  }

  /** {@return {@link ExitReason#EXCEPTION}: its error code} */
  public int exceptionErrorCode() {
    return run.get(U32, KvmRunLayout.EX_ERROR_CODE);
  }

  /**
   * {@return {@link ExitReason#DEBUG}: the exception's vector: 1 for a step or a hardware
   * breakpoint, 3 for a software breakpoint}
   */
  public int debugException() {
    return run.get(U32, KvmRunLayout.DEBUG_EXCEPTION);
  }

  /**
   * {@return {@link ExitReason#DEBUG}: the linear address of the instruction: the next one after a
   * step, the {@code int3} itself at a software breakpoint}
   */
  public long debugPc() {
    return run.get(U64, KvmRunLayout.DEBUG_PC);
  }

  /**
   * {@return {@link ExitReason#DEBUG}: why, as in register DR6: bits 0 to 3 for a hardware
   * breakpoint, bit 14 for a step}
   */
  public long debugDr6() {
    return run.get(U64, KvmRunLayout.DEBUG_DR6);
  }

  /** {@return {@link ExitReason#DEBUG}: the breakpoints in force, as in register DR7} */
  public long debugDr7() {
    return run.get(U64, KvmRunLayout.DEBUG_DR7);
  }

  /** {@return {@link ExitReason#HYPERCALL}: its number} */
  public long hypercallNumber() {
    return run.get(U64, KvmRunLayout.HYPERCALL_NR);
  }

  /**
   * {@return {@link ExitReason#HYPERCALL}: an argument, 0 to 5}
   *
   * @param index which one
   * @throws IndexOutOfBoundsException if there is no such word
   */
  public long hypercallArgument(int index) {
    return wordAt(KvmRunLayout.HYPERCALL_ARGS, index, HYPERCALL_ARGUMENTS);
  }

  /** {@return {@link ExitReason#HYPERCALL}: {@code KVM_EXIT_HYPERCALL_…}} */
  public long hypercallFlags() {
    return run.get(U64, KvmRunLayout.HYPERCALL_FLAGS);
  }

  /**
   * {@link ExitReason#HYPERCALL}: answers.
   *
   * @param value what the guest gets
   */
  public void setHypercallResult(long value) {
    run.set(U64, KvmRunLayout.HYPERCALL_RET, value);
  }

  /** {@return {@link ExitReason#TPR_ACCESS}: the instruction's address} */
  public long tprAccessRip() {
    return run.get(U64, KvmRunLayout.TPR_ACCESS_RIP);
  }

  /** {@return {@link ExitReason#TPR_ACCESS}: whether it writes} */
  public boolean tprAccessIsWrite() {
    return run.get(U32, KvmRunLayout.TPR_ACCESS_IS_WRITE) != 0;
  }

  /** {@return {@link ExitReason#IOAPIC_EOI}: the vector that ended, 0 to 255} */
  public int ioapicEoiVector() {
    return Byte.toUnsignedInt(run.get(U8, KvmRunLayout.EOI_VECTOR));
  }

  /**
   * {@link ExitReason#EPR}: answers.
   *
   * @param value the external proxy register
   */
  public void setEpr(int value) {
    run.set(U32, KvmRunLayout.EPR_EPR, value);
  }

  /** {@return {@link ExitReason#ARM_NISV}: the syndrome} */
  public long armNisvEsrIss() {
    return run.get(U64, KvmRunLayout.ARM_NISV_ESR_ISS);
  }

  /** {@return {@link ExitReason#ARM_NISV}: the guest-physical address} */
  public long armNisvFaultIpa() {
    return run.get(U64, KvmRunLayout.ARM_NISV_FAULT_IPA);
  }

  /** {@return {@link ExitReason#X86_RDMSR}, {@link ExitReason#X86_WRMSR}: the register's number} */
  public int msrIndex() {
    return run.get(U32, KvmRunLayout.MSR_INDEX);
  }

  /**
   * {@return {@link ExitReason#X86_RDMSR}, {@link ExitReason#X86_WRMSR}: why it is not KVM's,
   * {@code KVM_MSR_EXIT_REASON_…}}
   */
  public int msrReason() {
    return run.get(U32, KvmRunLayout.MSR_REASON);
  }

  /** {@return {@link ExitReason#X86_WRMSR}: what the guest writes} */
  public long msrData() {
    return run.get(U64, KvmRunLayout.MSR_DATA);
  }

  /**
   * {@link ExitReason#X86_RDMSR}: answers.
   *
   * @param value what the guest reads
   */
  public void setMsrData(long value) {
    run.set(U64, KvmRunLayout.MSR_DATA, value);
  }

  /**
   * {@link ExitReason#X86_RDMSR}, {@link ExitReason#X86_WRMSR}: says whether the access fails.
   *
   * @param fails true to give the guest a general protection fault; KVM presets false
   */
  public void setMsrError(boolean fails) {
    run.set(U8, KvmRunLayout.MSR_ERROR, (byte) (fails ? 1 : 0));
  }

  /** {@return {@link ExitReason#NOTIFY}: {@code KVM_NOTIFY_…}} */
  public int notifyFlags() {
    return run.get(U32, KvmRunLayout.NOTIFY_FLAGS);
  }

  /** {@return {@link ExitReason#HYPERV}: what, {@code KVM_EXIT_HYPERV_…}} */
  public int hypervType() {
    return run.get(U32, KvmRunLayout.HYPERV_TYPE);
  }

  /** {@return {@link ExitReason#HYPERV}: {@code SYNIC}: the register written} */
  public int hypervSynicMsr() {
    return run.get(U32, KvmRunLayout.HYPERV_SYNIC_MSR);
  }

  /** {@return {@link ExitReason#HYPERV}: {@code SYNIC}: the control register} */
  public long hypervSynicControl() {
    return run.get(U64, KvmRunLayout.HYPERV_SYNIC_CONTROL);
  }

  /** {@return {@link ExitReason#HYPERV}: {@code SYNIC}: the register of the event page} */
  public long hypervSynicEventPage() {
    return run.get(U64, KvmRunLayout.HYPERV_SYNIC_EVT_PAGE);
  }

  /** {@return {@link ExitReason#HYPERV}: {@code SYNIC}: the register of the message page} */
  public long hypervSynicMessagePage() {
    return run.get(U64, KvmRunLayout.HYPERV_SYNIC_MSG_PAGE);
  }

  /** {@return {@link ExitReason#HYPERV}: {@code HCALL}: the code and its flags} */
  public long hypervHypercallInput() {
    return run.get(U64, KvmRunLayout.HYPERV_HCALL_INPUT);
  }

  /**
   * {@return {@link ExitReason#HYPERV}: {@code HCALL}: a parameter, 0 or 1}
   *
   * @param index which one
   * @throws IndexOutOfBoundsException if there is no such word
   */
  public long hypervHypercallParameter(int index) {
    return wordAt(KvmRunLayout.HYPERV_HCALL_PARAMS, index, HYPERV_PARAMETERS);
  }

  /**
   * {@link ExitReason#HYPERV}: {@code HCALL}: answers.
   *
   * @param value the status that the guest gets
   */
  public void setHypervHypercallResult(long value) {
    run.set(U64, KvmRunLayout.HYPERV_HCALL_RESULT, value);
  }

  /** {@return {@link ExitReason#HYPERV}: {@code SYNDBG}: the register accessed} */
  public int hypervSyndbgMsr() {
    return run.get(U32, KvmRunLayout.HYPERV_SYNDBG_MSR);
  }

  /** {@return {@link ExitReason#HYPERV}: {@code SYNDBG}: the control register} */
  public long hypervSyndbgControl() {
    return run.get(U64, KvmRunLayout.HYPERV_SYNDBG_CONTROL);
  }

  /**
   * {@link ExitReason#HYPERV}: {@code SYNDBG}: answers.
   *
   * @param value the status register
   */
  public void setHypervSyndbgStatus(long value) {
    run.set(U64, KvmRunLayout.HYPERV_SYNDBG_STATUS, value);
  }

  /** {@return {@link ExitReason#HYPERV}: {@code SYNDBG}: the register of the page to send} */
  public long hypervSyndbgSendPage() {
    return run.get(U64, KvmRunLayout.HYPERV_SYNDBG_SEND_PAGE);
  }

  /** {@return {@link ExitReason#HYPERV}: {@code SYNDBG}: the register of the page to receive} */
  public long hypervSyndbgReceivePage() {
    return run.get(U64, KvmRunLayout.HYPERV_SYNDBG_RECV_PAGE);
  }

  /** {@return {@link ExitReason#HYPERV}: {@code SYNDBG}: the register of the pending page} */
  public long hypervSyndbgPendingPage() {
    return run.get(U64, KvmRunLayout.HYPERV_SYNDBG_PENDING_PAGE);
  }

  /** {@return {@link ExitReason#XEN}: what, {@code KVM_EXIT_XEN_…}} */
  public int xenType() {
    return run.get(U32, KvmRunLayout.XEN_TYPE);
  }

  /** {@return {@link ExitReason#XEN}: whether the guest is in 64-bit mode} */
  public boolean xenLongMode() {
    return run.get(U32, KvmRunLayout.XEN_HCALL_LONGMODE) != 0;
  }

  /** {@return {@link ExitReason#XEN}: the guest's privilege level, 0 to 3} */
  public int xenCpl() {
    return run.get(U32, KvmRunLayout.XEN_HCALL_CPL);
  }

  /** {@return {@link ExitReason#XEN}: the hypercall's number} */
  public long xenInput() {
    return run.get(U64, KvmRunLayout.XEN_HCALL_INPUT);
  }

  /**
   * {@return {@link ExitReason#XEN}: a parameter, 0 to 5}
   *
   * @param index which one
   * @throws IndexOutOfBoundsException if there is no such word
   */
  public long xenParameter(int index) {
    return wordAt(KvmRunLayout.XEN_HCALL_PARAMS, index, XEN_PARAMETERS);
  }

  /**
   * {@link ExitReason#XEN}: answers.
   *
   * @param value what the guest gets
   */
  public void setXenResult(long value) {
    run.set(U64, KvmRunLayout.XEN_HCALL_RESULT, value);
  }

  /**
   * {@return any exit: a word of its payload as it is, for exits of other architectures and of
   * newer kernels}
   *
   * @param index which one, 0 to 31
   * @throws IndexOutOfBoundsException if there is no such word
   */
  public long payloadWord(int index) {
    return wordAt(KvmRunLayout.EXIT, index, PAYLOAD_WORDS);
  }

  /**
   * Any exit: answers by changing a word of its payload.
   *
   * @param index which one, 0 to 31
   * @param value the value
   * @throws IndexOutOfBoundsException if there is no such word
   */
  public void setPayloadWord(int index, long value) {
    checkIndex(index, PAYLOAD_WORDS);
    run.set(U64, KvmRunLayout.EXIT + (long) Long.BYTES * index, value);
  }

  private long[] words(int dataAt, int count) {
    long[] words = new long[count];
    Arrays.setAll(words, i -> run.get(U64, dataAt + 8L * i));
    return words;
  }

  /** {@return the exit with its payload, for people} */
  @Override
  public String toString() {
    ExitReason reason = ExitReason.of(rawReason());
    return switch (reason) {
      case IO ->
          "IO "
              + (ioIsWrite() ? "out" : "in")
              + " port=0x"
              + Integer.toHexString(ioPort())
              + " size="
              + ioSize()
              + " count="
              + ioCount();
      case MMIO ->
          "MMIO "
              + (mmioIsWrite() ? "write" : "read")
              + " gpa=0x"
              + Long.toHexString(mmioAddress())
              + " size="
              + mmioSize();
      case UNKNOWN -> "UNKNOWN hardware reason=0x" + Long.toHexString(hardwareExitReason());
      case FAIL_ENTRY ->
          "FAIL_ENTRY reason=0x" + Long.toHexString(failEntryReason()) + " cpu=" + failEntryCpu();
      case INTERNAL_ERROR -> {
        StringBuilder text = new StringBuilder("INTERNAL_ERROR suberror=");
        text.append(internalErrorKind());
        for (long word : internalErrorData()) {
          text.append(" 0x").append(Long.toHexString(word));
        }
        byte[] instruction = internalErrorInstruction();
        if (instruction.length > 0) {
          text.append(" instruction=").append(HexFormat.of().formatHex(instruction));
        }
        yield text.toString();
      }
      case SYSTEM_EVENT -> {
        StringBuilder text = new StringBuilder("SYSTEM_EVENT type=").append(systemEventType());
        for (long word : systemEventData()) {
          text.append(" 0x").append(Long.toHexString(word));
        }
        yield text.toString();
      }
      case EXCEPTION ->
          "EXCEPTION vector=" + exceptionVector() + " error=" + hex(exceptionErrorCode());
      case DEBUG ->
          "DEBUG vector="
              + debugException()
              + " pc="
              + hex(debugPc())
              + " dr6="
              + hex(debugDr6())
              + " dr7="
              + hex(debugDr7());
      case HYPERCALL ->
          "HYPERCALL nr="
              + hypercallNumber()
              + " args="
              + list(KvmRunLayout.HYPERCALL_ARGS, HYPERCALL_ARGUMENTS);
      case TPR_ACCESS ->
          "TPR_ACCESS " + (tprAccessIsWrite() ? "write" : "read") + " rip=" + hex(tprAccessRip());
      case SET_TPR -> "SET_TPR cr8=" + cr8();
      case IOAPIC_EOI -> "IOAPIC_EOI vector=" + ioapicEoiVector();
      case ARM_NISV ->
          "ARM_NISV esr_iss=" + hex(armNisvEsrIss()) + " ipa=" + hex(armNisvFaultIpa());
      case X86_RDMSR ->
          "X86_RDMSR msr=0x" + Integer.toHexString(msrIndex()) + " reason=" + msrReason();
      case X86_WRMSR ->
          "X86_WRMSR msr=0x"
              + Integer.toHexString(msrIndex())
              + " data="
              + hex(msrData())
              + " reason="
              + msrReason();
      case NOTIFY -> "NOTIFY flags=" + notifyFlags();
      case HYPERV ->
          switch (hypervType()) {
            case KVM_EXIT_HYPERV_SYNIC ->
                "HYPERV synic msr=0x" + Integer.toHexString(hypervSynicMsr());
            case KVM_EXIT_HYPERV_HCALL ->
                "HYPERV hypercall input="
                    + hex(hypervHypercallInput())
                    + " params="
                    + list(KvmRunLayout.HYPERV_HCALL_PARAMS, HYPERV_PARAMETERS);
            case KVM_EXIT_HYPERV_SYNDBG ->
                "HYPERV syndbg msr=0x" + Integer.toHexString(hypervSyndbgMsr());
            default -> "HYPERV type=" + hypervType();
          };
      case XEN ->
          xenType() == KVM_EXIT_XEN_HCALL
              ? "XEN hypercall input="
                  + xenInput()
                  + " cpl="
                  + xenCpl()
                  + " params="
                  + list(KvmRunLayout.XEN_HCALL_PARAMS, XEN_PARAMETERS)
              : "XEN type=" + xenType();
      case MEMORY_FAULT ->
          "MEMORY_FAULT gpa=0x"
              + Long.toHexString(memoryFaultGpa())
              + " size=0x"
              + Long.toHexString(memoryFaultSize())
              + " flags=0x"
              + Long.toHexString(memoryFaultFlags());
      case OTHER -> "exit reason " + rawReason() + " " + list(KvmRunLayout.EXIT, 4);
      case S390_SIEIC,
          S390_RESET,
          DCR,
          OSI,
          PAPR_HCALL,
          S390_UCONTROL,
          S390_TSCH,
          EPR,
          S390_STSI,
          RISCV_SBI,
          RISCV_CSR,
          LOONGARCH_IOCSR ->
          reason + " " + list(KvmRunLayout.EXIT, 4);
      default -> reason.toString();
    };
  }

  private static String hex(long value) {
    return "0x" + Long.toHexString(value);
  }

  private String list(int at, int count) {
    StringBuilder text = new StringBuilder("[");
    for (int i = 0; i < count; i++) {
      text.append(i == 0 ? "" : ", ").append(hex(wordAt(at, i, count)));
    }
    return text.append(']').toString();
  }
}

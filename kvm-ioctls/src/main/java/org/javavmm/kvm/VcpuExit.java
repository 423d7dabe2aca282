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

  private static final int KVM_EXIT_IO_OUT = 1;
  private static final long KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES = 1;
  private static final int MAX_DATA = 16;

  private static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;
  private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED;
  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED;

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

  private long ioElement(int index) {
    if (index < 0 || index >= ioCount()) {
      throw new IndexOutOfBoundsException("index=" + index + ", count=" + ioCount());
    }
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

  /** {@return {@link ExitReason#INTERNAL_ERROR}: all its data words} */
  public long[] internalErrorData() {
    return words(KvmRunLayout.INTERNAL_NDATA, KvmRunLayout.INTERNAL_DATA);
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

  /** {@return {@link ExitReason#SYSTEM_EVENT}: {@code KVM_SYSTEM_EVENT_…}; 1 shutdown, 2 reset} */
  public int systemEventType() {
    return run.get(U32, KvmRunLayout.SYSTEM_EVENT_TYPE);
  }

  /** {@return {@link ExitReason#SYSTEM_EVENT}: all its data words} */
  public long[] systemEventData() {
    return words(KvmRunLayout.SYSTEM_EVENT_NDATA, KvmRunLayout.SYSTEM_EVENT_DATA);
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

  private long[] words(int countAt, int dataAt) {
    int n = Math.clamp(run.get(U32, countAt), 0, MAX_DATA);
    long[] words = new long[n];
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
      case SYSTEM_EVENT -> "SYSTEM_EVENT type=" + systemEventType();
      case MEMORY_FAULT ->
          "MEMORY_FAULT gpa=0x"
              + Long.toHexString(memoryFaultGpa())
              + " size=0x"
              + Long.toHexString(memoryFaultSize());
      case OTHER -> "exit reason " + rawReason();
      default -> reason.toString();
    };
  }
}

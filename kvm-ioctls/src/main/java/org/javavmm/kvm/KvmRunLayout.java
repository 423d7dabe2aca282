// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/**
 * {@code struct kvm_run} of {@code <linux/kvm.h>}, as far as it is used. Offsets in bytes; the
 * fields of the exits lie in one union. A test compares each with the generated layout.
 */
final class KvmRunLayout {
  static final int REQUEST_INTERRUPT_WINDOW = 0; // __u8
  static final int IMMEDIATE_EXIT = 1; // __u8
  static final int EXIT_REASON = 8; // __u32
  static final int READY_FOR_INTERRUPT_INJECTION = 12; // __u8
  static final int IF_FLAG = 13; // __u8
  static final int FLAGS = 14; // __u16
  static final int CR8 = 16; // __u64
  static final int APIC_BASE = 24; // __u64

  /** Where the union of the exits starts. */
  static final int EXIT = 32;

  /** The size of that union. */
  static final int PADDING = 256;

  static final int HW_HARDWARE_EXIT_REASON = EXIT; // __u64

  static final int FAIL_ENTRY_HARDWARE_ENTRY_FAILURE_REASON = EXIT; // __u64
  static final int FAIL_ENTRY_CPU = EXIT + 8; // __u32

  static final int IO_DIRECTION = EXIT; // __u8
  static final int IO_SIZE = EXIT + 1; // __u8
  static final int IO_PORT = EXIT + 2; // __u16
  static final int IO_COUNT = EXIT + 4; // __u32
  static final int IO_DATA_OFFSET = EXIT + 8; // __u64

  static final int MMIO_PHYS_ADDR = EXIT; // __u64
  static final int MMIO_DATA = EXIT + 8; // __u8[8]
  static final int MMIO_LEN = EXIT + 16; // __u32
  static final int MMIO_IS_WRITE = EXIT + 20; // __u8

  static final int INTERNAL_SUBERROR = EXIT; // __u32
  static final int INTERNAL_NDATA = EXIT + 4; // __u32
  static final int INTERNAL_DATA = EXIT + 8; // __u64[16]

  static final int EMULATION_FAILURE_FLAGS = EXIT + 8; // __u64
  static final int EMULATION_FAILURE_INSN_SIZE = EXIT + 16; // __u8
  static final int EMULATION_FAILURE_INSN_BYTES = EXIT + 17; // __u8[15]

  static final int SYSTEM_EVENT_TYPE = EXIT; // __u32
  static final int SYSTEM_EVENT_NDATA = EXIT + 4; // __u32
  static final int SYSTEM_EVENT_DATA = EXIT + 8; // __u64[16]

  static final int MEMORY_FAULT_FLAGS = EXIT; // __u64
  static final int MEMORY_FAULT_GPA = EXIT + 8; // __u64
  static final int MEMORY_FAULT_SIZE = EXIT + 16; // __u64

  static final int EX_EXCEPTION = EXIT; // __u32
  static final int EX_ERROR_CODE = EXIT + 4; // __u32

  static final int DEBUG_EXCEPTION = EXIT; // __u32
  static final int DEBUG_PC = EXIT + 8; // __u64
  static final int DEBUG_DR6 = EXIT + 16; // __u64
  static final int DEBUG_DR7 = EXIT + 24; // __u64

  static final int HYPERCALL_NR = EXIT; // __u64
  static final int HYPERCALL_ARGS = EXIT + 8; // __u64[6]
  static final int HYPERCALL_RET = EXIT + 56; // __u64
  static final int HYPERCALL_FLAGS = EXIT + 64; // __u64

  static final int TPR_ACCESS_RIP = EXIT; // __u64
  static final int TPR_ACCESS_IS_WRITE = EXIT + 8; // __u32

  static final int EPR_EPR = EXIT; // __u32

  static final int EOI_VECTOR = EXIT; // __u8

  static final int ARM_NISV_ESR_ISS = EXIT; // __u64
  static final int ARM_NISV_FAULT_IPA = EXIT + 8; // __u64

  static final int MSR_ERROR = EXIT; // __u8
  static final int MSR_REASON = EXIT + 8; // __u32
  static final int MSR_INDEX = EXIT + 12; // __u32
  static final int MSR_DATA = EXIT + 16; // __u64

  static final int NOTIFY_FLAGS = EXIT; // __u32

  static final int HYPERV_TYPE = EXIT; // __u32
  static final int HYPERV_SYNIC_MSR = EXIT + 8; // __u32
  static final int HYPERV_SYNIC_CONTROL = EXIT + 16; // __u64
  static final int HYPERV_SYNIC_EVT_PAGE = EXIT + 24; // __u64
  static final int HYPERV_SYNIC_MSG_PAGE = EXIT + 32; // __u64
  static final int HYPERV_HCALL_INPUT = EXIT + 8; // __u64
  static final int HYPERV_HCALL_RESULT = EXIT + 16; // __u64
  static final int HYPERV_HCALL_PARAMS = EXIT + 24; // __u64[2]
  static final int HYPERV_SYNDBG_MSR = EXIT + 8; // __u32
  static final int HYPERV_SYNDBG_CONTROL = EXIT + 16; // __u64
  static final int HYPERV_SYNDBG_STATUS = EXIT + 24; // __u64
  static final int HYPERV_SYNDBG_SEND_PAGE = EXIT + 32; // __u64
  static final int HYPERV_SYNDBG_RECV_PAGE = EXIT + 40; // __u64
  static final int HYPERV_SYNDBG_PENDING_PAGE = EXIT + 48; // __u64

  static final int XEN_TYPE = EXIT; // __u32
  static final int XEN_HCALL_LONGMODE = EXIT + 8; // __u32
  static final int XEN_HCALL_CPL = EXIT + 12; // __u32
  static final int XEN_HCALL_INPUT = EXIT + 16; // __u64
  static final int XEN_HCALL_RESULT = EXIT + 24; // __u64
  static final int XEN_HCALL_PARAMS = EXIT + 32; // __u64[6]

  static final int KVM_VALID_REGS = 288; // __u64
  static final int KVM_DIRTY_REGS = 296; // __u64

  /** Where the registers of {@code struct kvm_sync_regs} start. */
  static final int S = 304;

  static final int SIZEOF = 2352;

  private KvmRunLayout() {}
}

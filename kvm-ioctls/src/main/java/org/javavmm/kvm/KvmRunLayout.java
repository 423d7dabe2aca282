// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/**
 * {@code struct kvm_run} of {@code <linux/kvm.h>}, as far as it is used. Offsets in bytes; the
 * fields of the exits lie in one union. A test compares each with the generated layout.
 */
final class KvmRunLayout {
  static final int IMMEDIATE_EXIT = 1; // __u8
  static final int EXIT_REASON = 8; // __u32
  static final int FLAGS = 14; // __u16

  /** Where the union of the exits starts. */
  static final int EXIT = 32;

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

  static final int SIZEOF = 2352;

  private KvmRunLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

/**
 * Registers of configuration space and their bits, under the names of Linux's {@code pci_regs.h}
 * without the prefix {@code PCI_}. Offsets are in bytes (PCI Local Bus 3.0 §6.1 and §6.2, PCI
 * Express Base §7.5).
 */
public final class PciLayout {
  /** Bytes of the configuration space of a conventional function. */
  public static final int CFG_SPACE_SIZE = 256;

  /** Bytes of the configuration space of a PCI Express function. */
  public static final int CFG_SPACE_EXP_SIZE = 4096;

  /** u16, vendor; 0xffff is none. */
  public static final int VENDOR_ID = 0x00;

  /** u16, device. */
  public static final int DEVICE_ID = 0x02;

  /** u16, command. */
  public static final int COMMAND = 0x04;

  /** The function answers accesses to its I/O BARs. */
  public static final int COMMAND_IO = 0x1;

  /** The function answers accesses to its memory BARs. */
  public static final int COMMAND_MEMORY = 0x2;

  /** The function may access memory, which includes sending messages. */
  public static final int COMMAND_MASTER = 0x4;

  /** Report parity errors; stored without effect. */
  public static final int COMMAND_PARITY = 0x40;

  /** Report system errors; stored without effect. */
  public static final int COMMAND_SERR = 0x100;

  /** The function must not assert INTx. */
  public static final int COMMAND_INTX_DISABLE = 0x400;

  /** u16, status. */
  public static final int STATUS = 0x06;

  /** The function wants to interrupt by INTx, disabled or not. */
  public static final int STATUS_INTERRUPT = 0x08;

  /** There is a list of capabilities. */
  public static final int STATUS_CAP_LIST = 0x10;

  /** The error bits, which a write of 1 clears. */
  public static final int STATUS_ERRORS = 0xf900;

  /** u8, revision. */
  public static final int REVISION_ID = 0x08;

  /** u24, class: base class, subclass, programming interface. */
  public static final int CLASS_PROG = 0x09;

  /** u8, cache line size in dwords; stored without effect. */
  public static final int CACHE_LINE_SIZE = 0x0c;

  /** u8, latency timer. */
  public static final int LATENCY_TIMER = 0x0d;

  /** u8, header type. */
  public static final int HEADER_TYPE = 0x0e;

  /** In the header type: the device has several functions. */
  public static final int HEADER_TYPE_MFD = 0x80;

  /** u32, the first of six base address registers. */
  public static final int BASE_ADDRESS_0 = 0x10;

  /** In a BAR: I/O space. */
  public static final int BASE_ADDRESS_SPACE_IO = 0x1;

  /** In a memory BAR: 64 bits wide. */
  public static final int BASE_ADDRESS_MEM_TYPE_64 = 0x4;

  /** In a memory BAR: reads have no side effects. */
  public static final int BASE_ADDRESS_MEM_PREFETCH = 0x8;

  /** u16, vendor of the subsystem. */
  public static final int SUBSYSTEM_VENDOR_ID = 0x2c;

  /** u16, the subsystem. */
  public static final int SUBSYSTEM_ID = 0x2e;

  /** u32, the expansion ROM's BAR. */
  public static final int ROM_ADDRESS = 0x30;

  /** u8, where the first capability is. */
  public static final int CAPABILITY_LIST = 0x34;

  /** u8, the interrupt line that software routed INTx to. */
  public static final int INTERRUPT_LINE = 0x3c;

  /** u8, the pin: 1 for INTA to 4 for INTD, 0 for none. */
  public static final int INTERRUPT_PIN = 0x3d;

  /** Where capabilities may begin. */
  public static final int STD_HEADER_SIZEOF = 0x40;

  /** Capability: power management. */
  public static final int CAP_ID_PM = 0x01;

  /** Capability: the vendor's own. */
  public static final int CAP_ID_VNDR = 0x09;

  /** Capability: PCI Express. */
  public static final int CAP_ID_EXP = 0x10;

  /** Capability: MSI-X. */
  public static final int CAP_ID_MSIX = 0x11;

  /** In the power management capability, u16: control and status. */
  public static final int PM_CTRL = 4;

  /** In {@link #PM_CTRL}: the power state, 0 for D0 to 3 for D3hot. */
  public static final int PM_CTRL_STATE_MASK = 0x3;

  /** In {@link #PM_CTRL}: leaving D3hot resets nothing. */
  public static final int PM_CTRL_NO_SOFT_RESET = 0x8;

  /** In the MSI-X capability, u16: message control. */
  public static final int MSIX_FLAGS = 2;

  /** In {@link #MSIX_FLAGS}: entries of the table, less 1. */
  public static final int MSIX_FLAGS_QSIZE = 0x7ff;

  /** In {@link #MSIX_FLAGS}: all vectors are masked. */
  public static final int MSIX_FLAGS_MASKALL = 0x4000;

  /** In {@link #MSIX_FLAGS}: MSI-X is used instead of INTx. */
  public static final int MSIX_FLAGS_ENABLE = 0x8000;

  /** In the MSI-X capability, u32: offset of the table, BAR in the low 3 bits. */
  public static final int MSIX_TABLE = 4;

  /** In the MSI-X capability, u32: offset of the pending bits, BAR in the low 3 bits. */
  public static final int MSIX_PBA = 8;

  /** Bytes of an entry of the MSI-X table. */
  public static final int MSIX_ENTRY_SIZE = 16;

  /** In an entry, u32: the message's address, low half. */
  public static final int MSIX_ENTRY_LOWER_ADDR = 0;

  /** In an entry, u32: the message's address, high half. */
  public static final int MSIX_ENTRY_UPPER_ADDR = 4;

  /** In an entry, u32: the message's data. */
  public static final int MSIX_ENTRY_DATA = 8;

  /** In an entry, u32: vector control. */
  public static final int MSIX_ENTRY_VECTOR_CTRL = 12;

  /** In {@link #MSIX_ENTRY_VECTOR_CTRL}: the vector is masked. */
  public static final int MSIX_ENTRY_CTRL_MASKBIT = 1;

  /** In the PCI Express capability, u32: device capabilities. */
  public static final int EXP_DEVCAP = 4;

  /** In {@link #EXP_DEVCAP}: errors are reported by role. */
  public static final int EXP_DEVCAP_RBER = 0x8000;

  /** In {@link #EXP_DEVCAP}: the function can be reset alone. */
  public static final int EXP_DEVCAP_FLR = 0x1000_0000;

  /** In the PCI Express capability, u16: device control. */
  public static final int EXP_DEVCTL = 8;

  /** In {@link #EXP_DEVCTL}: resets the function; reads as 0. */
  public static final int EXP_DEVCTL_BCR_FLR = 0x8000;

  private PciLayout() {}
}

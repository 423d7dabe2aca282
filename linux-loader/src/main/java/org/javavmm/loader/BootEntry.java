// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

/**
 * An entry point of a kernel: the boot protocol by which it is entered, in which mode the first
 * vCPU is then, and what its registers hold. See {@link BootPlan#registers()}.
 */
public enum BootEntry {
  /**
   * The 64-bit entry of the Linux boot protocol (Documentation/arch/x86/boot.rst, "64-bit Boot
   * Protocol"): long mode with an identity map, RSI the zero page.
   */
  LINUX_64(true),

  /**
   * The 32-bit entry of the Linux boot protocol ("32-bit Boot Protocol"): flat protected mode
   * without paging, ESI the zero page, EBX, EBP and EDI 0.
   */
  LINUX_32(false),

  /**
   * The PVH entry (Xen's x86/HVM direct boot ABI, version 1): flat protected mode without paging,
   * EBX the {@code hvm_start_info}.
   */
  PVH(false),

  /**
   * Multiboot (Multiboot Specification 0.6.96, version 1): flat protected mode without paging, EAX
   * 0x2badb002, EBX the Multiboot information.
   */
  MULTIBOOT(false);

  /** What the mode of the first vCPU is at the entry. */
  public enum Mode {
    /** 64-bit mode, with page tables for at least {@link BootPlan#identityMap()}. */
    LONG,
    /** 32-bit protected mode, flat segments, no paging. */
    PROTECTED
  }

  private final boolean longMode;

  BootEntry(boolean longMode) {
    this.longMode = longMode;
  }

  /** {@return the mode of the first vCPU} */
  public Mode mode() {
    return longMode ? Mode.LONG : Mode.PROTECTED;
  }

  /** {@return whether the kernel gets a zero page, {@code struct boot_params}} */
  public boolean isLinux() {
    return this == LINUX_64 || this == LINUX_32;
  }
}

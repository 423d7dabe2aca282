// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

/** The architecture that a kernel is for. The host's does not matter to this module. */
public enum Architecture {
  /** 64-bit x86. */
  X86_64("x86-64"),
  /** 32-bit x86. */
  I386("i386"),
  /** 64-bit Arm, AArch64. */
  ARM64("arm64"),
  /** 64-bit RISC-V. */
  RISCV64("riscv64");

  private final String label;

  Architecture(String label) {
    this.label = label;
  }

  /**
   * {@return the name in messages: {@code x86-64}, {@code i386}, {@code arm64}, {@code riscv64}}
   */
  @Override
  public String toString() {
    return label;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.util.List;

/**
 * What the first CPU of a guest has in its registers when it enters a {@link FlatImage}. All other
 * general registers may have any value. The other CPUs are started by the kernel: through PSCI on
 * arm64, through the SBI's HSM extension on riscv64.
 *
 * <p>On both architectures the MMU is off, interrupts are masked, and what was loaded is visible to
 * accesses that bypass the data cache (KVM's guests see it so). On arm64 the CPU is at EL1, or at
 * EL2 where the guest has it; on riscv64 in supervisor mode.
 *
 * @param architecture the architecture
 * @param pc the address of the first instruction
 * @param registers the registers, by their names in the architecture's manual: {@code x0} to {@code
 *     x3} and {@code pstate} (EL1h with debug exceptions, SError, IRQ and FIQ masked), or {@code
 *     a0}, {@code a1} and {@code satp}
 */
public record EntryState(Architecture architecture, long pc, List<Register> registers) {
  /** PSTATE of EL1h with D, A, I and F set. */
  static final long ARM64_PSTATE = 0x3c5;

  /** Copies the list. */
  public EntryState {
    registers = List.copyOf(registers);
  }

  /**
   * A register.
   *
   * @param name its name, in lower case
   * @param value its value
   */
  public record Register(String name, long value) {}

  /**
   * {@return the value of a register}
   *
   * @param name its name
   * @throws IllegalArgumentException if it may have any value
   */
  public long register(String name) {
    return registers.stream()
        .filter(register -> register.name().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException(name + " is not set: " + registers))
        .value();
  }

  static EntryState arm64(long pc, long deviceTree) {
    return new EntryState(
        Architecture.ARM64,
        pc,
        List.of(
            new Register("x0", deviceTree),
            new Register("x1", 0),
            new Register("x2", 0),
            new Register("x3", 0),
            new Register("pstate", ARM64_PSTATE)));
  }

  static EntryState riscv64(long pc, long hartId, long deviceTree) {
    return new EntryState(
        Architecture.RISCV64,
        pc,
        List.of(
            new Register("a0", hartId), new Register("a1", deviceTree), new Register("satp", 0)));
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

/**
 * The registers of the first vCPU that a boot protocol gives a meaning. All other general-purpose
 * registers are 0, but for the stack pointer, which is free.
 *
 * @param rip the entry point's physical address
 * @param rax RAX, or EAX in protected mode
 * @param rbx RBX, or EBX in protected mode
 * @param rsi RSI, or ESI in protected mode
 */
public record BootRegisters(long rip, long rax, long rbx, long rsi) {}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

/**
 * Where a kernel goes.
 *
 * @param load the address of the image's first byte
 * @param entry the address at which the first vCPU begins
 * @param memory all that the kernel uses before it reads its memory map: nothing else goes there
 */
record KernelPlacement(long load, long entry, MemoryRange memory) {}

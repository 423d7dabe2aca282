// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

/**
 * A module: a file that a PVH or Multiboot kernel finds in its memory, with a string.
 *
 * @param contents the file
 * @param string what the kernel is told with it, without a final zero; often a command line
 */
public record BootModule(Initrd contents, CommandLine string) {}

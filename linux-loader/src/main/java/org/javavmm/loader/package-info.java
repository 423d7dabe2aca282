// SPDX-License-Identifier: Apache-2.0

/**
 * From a kernel file to a guest that only needs its registers set.
 *
 * <p>The way of a boot is: {@link org.javavmm.loader.KernelImage#read read} the kernel, {@link
 * org.javavmm.loader.BootPlan plan} where everything goes, write the plan into guest memory, and
 * give a vCPU the plan's registers. Reading and planning touch no guest memory and make every
 * check, so that a monitor can refuse bad input before it creates anything; writing a plan cannot
 * fail for a reason that lies in the image.
 *
 * <p>Kernels of arm64 and riscv64 are {@linkplain org.javavmm.loader.FlatImage read} and
 * {@linkplain org.javavmm.loader.FlatPlan planned} alike. What is wrapped is {@linkplain
 * org.javavmm.loader.PackedImage unpacked} or {@linkplain org.javavmm.loader.UnifiedKernelImage
 * taken apart} before, and {@link org.javavmm.loader.KernelInspector} says of any file what it is.
 *
 * <p>Files come from outside and are not trusted: whatever is wrong with one is a {@link
 * org.javavmm.loader.LoaderException} that names the field, its value and its limit. All of this
 * works on a host of any architecture.
 */
package org.javavmm.loader;

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

/**
 * A chain that the device returned.
 *
 * @param id what {@link DriverQueue#offer} gave it as its name
 * @param written how many bytes the device says it wrote
 */
public record Used(int id, long written) {}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/**
 * What a device and its driver have done since it was attached. All of it is in the guest's hand
 * and only ever grows.
 *
 * @param ignoredWrites writes to registers that had no effect: in the wrong state, of a value that
 *     does not exist, to a register that is read-only or a queue that does not exist
 * @param oddAccesses accesses of a width or at an offset that the transport does not define
 * @param busNotifications available buffer notifications that came by a write on the bus, not by a
 *     doorbell
 * @param faults rules of queues or of the device's type that the driver broke
 * @param failures exceptions that escaped from the device
 * @param activations how often the driver was ready
 * @param resets how often the driver reset the device, queues not counted
 */
public record TransportStatistics(
    long ignoredWrites,
    long oddAccesses,
    long busNotifications,
    long faults,
    long failures,
    long activations,
    long resets) {}

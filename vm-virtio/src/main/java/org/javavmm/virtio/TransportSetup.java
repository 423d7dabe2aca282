// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.util.Objects;
import org.javavmm.device.Doorbells;
import org.javavmm.event.EventLoop;
import org.javavmm.memory.AddressSpace;
import org.javavmm.memory.IommuView;

/**
 * What a transport needs to attach a device, whichever transport it is. Immutable; each {@code
 * with…} gives another.
 *
 * @param device the device, attached once
 * @param memory where queues and buffers are. With an {@link IommuView} the device offers {@code
 *     VIRTIO_F_ACCESS_PLATFORM} and refuses to work without it (VIRTIO 1.4 §6.2)
 * @param loop the event loop that the device runs on
 * @param doorbells lets notifications of the driver reach the loop without a vCPU thread
 * @param ringFeatures what is offered besides the device's own features: bits of {@link
 *     RingFeatures#SUPPORTED} and {@link Features#SUSPEND}
 * @param faultPolicy what becomes of the device when its driver breaks a rule
 */
public record TransportSetup(
    VirtioDevice device,
    AddressSpace memory,
    EventLoop loop,
    Doorbells doorbells,
    long ringFeatures,
    FaultPolicy faultPolicy) {
  /**
   * What is offered unless {@link #withRingFeatures} says otherwise. Not {@code VIRTIO_F_IN_ORDER},
   * which makes fast requests wait for slow ones, nor {@code VIRTIO_F_NOTIFICATION_DATA}, with
   * which the queues of virtio-mmio share a doorbell.
   */
  public static final long DEFAULT_RING_FEATURES =
      RingFeatures.VERSION_1
          | RingFeatures.INDIRECT_DESC
          | RingFeatures.EVENT_IDX
          | RingFeatures.RING_PACKED
          | RingFeatures.RING_RESET
          | Features.SUSPEND;

  /** What may be offered. */
  private static final long OFFERABLE = RingFeatures.SUPPORTED | Features.SUSPEND;

  /**
   * Checks the features.
   *
   * @throws IllegalArgumentException if {@code ringFeatures} has a bit that these transports do not
   *     implement, lacks {@code VIRTIO_F_VERSION_1}, or has {@code VIRTIO_F_ACCESS_PLATFORM} where
   *     memory is no {@link IommuView}
   */
  public TransportSetup {
    Objects.requireNonNull(device, "device");
    Objects.requireNonNull(memory, "memory");
    Objects.requireNonNull(loop, "loop");
    Objects.requireNonNull(doorbells, "doorbells");
    Objects.requireNonNull(faultPolicy, "faultPolicy");
    if ((ringFeatures & ~OFFERABLE) != 0 || (ringFeatures & RingFeatures.VERSION_1) == 0) {
      throw new IllegalArgumentException(
          "ringFeatures=0x%x must have 0x%x and only bits of 0x%x"
              .formatted(ringFeatures, RingFeatures.VERSION_1, OFFERABLE));
    }
    if (memory instanceof IommuView) {
      ringFeatures |= RingFeatures.ACCESS_PLATFORM;
    } else if ((ringFeatures & RingFeatures.ACCESS_PLATFORM) != 0) {
      throw new IllegalArgumentException(
          "ringFeatures=0x%x has VIRTIO_F_ACCESS_PLATFORM, but memory is no IommuView"
              .formatted(ringFeatures));
    }
  }

  /**
   * {@return a setup without doorbells, with {@link #DEFAULT_RING_FEATURES}, and {@link
   * FaultPolicy#NEEDS_RESET}}
   *
   * @param device the device
   * @param memory where queues and buffers are
   * @param loop the event loop that the device runs on
   */
  public static TransportSetup of(VirtioDevice device, AddressSpace memory, EventLoop loop) {
    return new TransportSetup(
        device, memory, loop, Doorbells.NONE, DEFAULT_RING_FEATURES, FaultPolicy.NEEDS_RESET);
  }

  /**
   * {@return the same with doorbells}
   *
   * @param newDoorbells the doorbells
   */
  public TransportSetup withDoorbells(Doorbells newDoorbells) {
    return new TransportSetup(device, memory, loop, newDoorbells, ringFeatures, faultPolicy);
  }

  /**
   * {@return the same with other features of rings and transports}
   *
   * @param newRingFeatures the features
   * @throws IllegalArgumentException as the constructor
   */
  public TransportSetup withRingFeatures(long newRingFeatures) {
    return new TransportSetup(device, memory, loop, doorbells, newRingFeatures, faultPolicy);
  }

  /**
   * {@return the same with another policy}
   *
   * @param newFaultPolicy the policy
   */
  public TransportSetup withFaultPolicy(FaultPolicy newFaultPolicy) {
    return new TransportSetup(device, memory, loop, doorbells, ringFeatures, newFaultPolicy);
  }
}

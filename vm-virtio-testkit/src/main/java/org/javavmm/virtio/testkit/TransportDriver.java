// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import java.util.OptionalInt;
import java.util.concurrent.locks.LockSupport;
import org.javavmm.memory.AddressSpace;
import org.javavmm.virtio.DeviceStatus;
import org.javavmm.virtio.QueueConfig;
import org.javavmm.virtio.QueueFault.Area;

/**
 * A driver's side of a transport, for tests of devices: the registers one by one, for hostile
 * sequences, and the steps of a well-behaved driver (VIRTIO 1.4 §3.1.1). For one thread at a time.
 */
public abstract sealed class TransportDriver permits MmioDriver, PciDriver {
  private static final long POLL_NANOS = 20_000_000_000L;

  TransportDriver() {}

  // ---- registers -----------------------------------------------------------------------------

  /** {@return the device's type} */
  public abstract int deviceId();

  /**
   * Writes the selector of {@link #deviceFeatures}.
   *
   * @param word 32 bits
   */
  public abstract void selectDeviceFeatures(int word);

  /** {@return 32 of the features offered} */
  public abstract int deviceFeatures();

  /**
   * Writes the selector of {@link #driverFeatures}.
   *
   * @param word 32 bits
   */
  public abstract void selectDriverFeatures(int word);

  /**
   * Writes 32 of the features accepted.
   *
   * @param bits 32 bits
   */
  public abstract void driverFeatures(int bits);

  /** {@return what was accepted, where the transport shows it} */
  public abstract OptionalInt acceptedFeatures();

  /** {@return the device status} */
  public abstract int status();

  /**
   * Writes the device status.
   *
   * @param value 8 bits
   */
  public abstract void status(int value);

  /**
   * Writes the selector of the queue registers.
   *
   * @param index 16 bits
   */
  public abstract void selectQueue(int index);

  /** {@return the selected queue's largest size, where the transport shows it} */
  public abstract OptionalInt queueSizeMax();

  /** {@return the selected queue's size, where the transport shows it} */
  public abstract OptionalInt queueSize();

  /**
   * Writes the selected queue's size.
   *
   * @param size 16 bits
   */
  public abstract void queueSize(int size);

  /**
   * Writes half of an address of the selected queue.
   *
   * @param area which
   * @param upper whether bits 32 to 63
   * @param value 32 bits
   */
  public abstract void queueAddress(Area area, boolean upper, int value);

  /** {@return whether the selected queue is ready: what the register reads} */
  public abstract int queueReady();

  /**
   * Makes the selected queue ready.
   *
   * @param value 16 bits
   */
  public abstract void queueReady(int value);

  /** {@return whether the selected queue is being reset: what the register reads} */
  public abstract int queueReset();

  /**
   * Resets the selected queue.
   *
   * @param value 16 bits
   */
  public abstract void queueReset(int value);

  /**
   * Notifies a queue by a write on the bus.
   *
   * @param queue its index
   */
  public abstract void notify(int queue);

  /** {@return the interrupt status, which is cleared} */
  public abstract int takeInterruptStatus();

  /** {@return the configuration's generation} */
  public abstract int generation();

  /**
   * {@return bytes of the device-specific configuration}
   *
   * @param offset the first
   * @param size how many: 1, 2, 4 or 8
   */
  public abstract long config(int offset, int size);

  /**
   * Writes the device-specific configuration.
   *
   * @param offset the first byte
   * @param size how many: 1, 2, 4 or 8
   * @param value the value
   */
  public abstract void config(int offset, int size, long value);

  /**
   * {@return what a read at any place of the registers gives}
   *
   * @param offset from the start of the registers that are not the device's configuration
   * @param size 1, 2, 4 or 8
   */
  public abstract long rawRead(long offset, int size);

  /**
   * Writes at any place of the registers.
   *
   * @param offset from the start of the registers that are not the device's configuration
   * @param size 1, 2, 4 or 8
   * @param value the value
   */
  public abstract void rawWrite(long offset, int size, long value);

  // ---- steps ---------------------------------------------------------------------------------

  /** {@return bits 0 to 63 of the features offered} */
  public final long offered() {
    selectDeviceFeatures(0);
    long low = deviceFeatures() & 0xffff_ffffL;
    selectDeviceFeatures(1);
    return low | (long) deviceFeatures() << 32;
  }

  /** Resets the device and waits until it is reset. */
  public final void reset() {
    status(0);
    await(() -> status() == 0, "status stays " + status());
  }

  /**
   * Goes from a reset to features agreed on.
   *
   * @param features bits 0 to 63 of the features to accept
   * @return whether the device agreed
   */
  public final boolean negotiate(long features) {
    reset();
    status(DeviceStatus.ACKNOWLEDGE);
    status(DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER);
    selectDriverFeatures(0);
    driverFeatures((int) features);
    selectDriverFeatures(1);
    driverFeatures((int) (features >>> 32));
    status(status() | DeviceStatus.FEATURES_OK);
    return (status() & DeviceStatus.FEATURES_OK) != 0;
  }

  /**
   * Configures a queue and makes it ready.
   *
   * @param index its index
   * @param config what it is to be
   * @return whether it reads as ready
   */
  public final boolean enable(int index, QueueConfig config) {
    selectQueue(index);
    queueSize(config.size());
    address(Area.DESCRIPTOR, config.descriptorArea());
    address(Area.DRIVER, config.driverArea());
    address(Area.DEVICE, config.deviceArea());
    queueReady(1);
    return queueReady() == 1;
  }

  private void address(Area area, long address) {
    queueAddress(area, false, (int) address);
    queueAddress(area, true, (int) (address >>> 32));
  }

  /** Says that the driver is ready. */
  public final void ready() {
    status(status() | DeviceStatus.DRIVER_OK);
  }

  /**
   * Goes from a reset to a device that works: queue {@code i} of a size at {@code base + i *
   * DriverQueue.layoutSize(size)}.
   *
   * @param memory where the queues are to be
   * @param base the address of the first
   * @param size the size of each
   * @param queues how many
   * @param features bits 0 to 63 of the features to accept
   * @return the queues' drivers
   * @throws IllegalStateException if the device does not agree
   */
  public final DriverQueue[] start(
      AddressSpace memory, long base, int size, int queues, long features) {
    if (!negotiate(features)) {
      throw new IllegalStateException("features=0x%x are not accepted".formatted(features));
    }
    DriverQueue[] all = new DriverQueue[queues];
    for (int i = 0; i < queues; i++) {
      QueueConfig config =
          DriverQueue.layout(base + i * DriverQueue.layoutSize(size), size, features);
      all[i] = DriverQueue.create(memory, config);
      if (!enable(i, config)) {
        throw new IllegalStateException("queue " + i + " is not ready");
      }
    }
    ready();
    return all;
  }

  /** What is polled for. */
  @FunctionalInterface
  public interface Condition {
    /** {@return whether it has come true} */
    boolean holds();
  }

  /**
   * Waits until a condition holds.
   *
   * @param condition the condition
   * @param what for the message
   * @throws IllegalStateException after 20 s
   */
  public static void await(Condition condition, String what) {
    long begun = System.nanoTime();
    while (!condition.holds()) {
      if (System.nanoTime() - begun > POLL_NANOS) {
        throw new IllegalStateException("waited in vain: " + what);
      }
      LockSupport.parkNanos(100_000);
    }
  }
}

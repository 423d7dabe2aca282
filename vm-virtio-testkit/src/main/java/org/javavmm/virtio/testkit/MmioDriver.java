// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import java.util.OptionalInt;
import org.javavmm.device.BusDevice;
import org.javavmm.virtio.QueueFault.Area;
import org.javavmm.virtio.VirtioMmioLayout;

/** The driver's side of virtio-mmio. */
public final class MmioDriver extends TransportDriver {
  private final BusDevice device;

  /**
   * Makes a driver.
   *
   * @param device what the guest reaches the registers through
   */
  public MmioDriver(BusDevice device) {
    this.device = device;
  }

  private int get(int register) {
    return (int) device.read(register, 4);
  }

  private void put(int register, int value) {
    device.write(register, 4, value & 0xffff_ffffL);
  }

  /** {@return whether there is a virtio device of version 2} */
  public boolean isPresent() {
    return get(VirtioMmioLayout.MAGIC_VALUE) == VirtioMmioLayout.MAGIC
        && get(VirtioMmioLayout.VERSION) == 2
        && deviceId() != 0;
  }

  @Override
  public int deviceId() {
    return get(VirtioMmioLayout.DEVICE_ID);
  }

  @Override
  public void selectDeviceFeatures(int word) {
    put(VirtioMmioLayout.DEVICE_FEATURES_SEL, word);
  }

  @Override
  public int deviceFeatures() {
    return get(VirtioMmioLayout.DEVICE_FEATURES);
  }

  @Override
  public void selectDriverFeatures(int word) {
    put(VirtioMmioLayout.DRIVER_FEATURES_SEL, word);
  }

  @Override
  public void driverFeatures(int bits) {
    put(VirtioMmioLayout.DRIVER_FEATURES, bits);
  }

  @Override
  public OptionalInt acceptedFeatures() {
    return OptionalInt.empty();
  }

  @Override
  public int status() {
    return get(VirtioMmioLayout.STATUS);
  }

  @Override
  public void status(int value) {
    put(VirtioMmioLayout.STATUS, value);
  }

  @Override
  public void selectQueue(int index) {
    put(VirtioMmioLayout.QUEUE_SEL, index);
  }

  @Override
  public OptionalInt queueSizeMax() {
    return OptionalInt.of(get(VirtioMmioLayout.QUEUE_SIZE_MAX));
  }

  @Override
  public OptionalInt queueSize() {
    return OptionalInt.empty();
  }

  @Override
  public void queueSize(int size) {
    put(VirtioMmioLayout.QUEUE_SIZE, size);
  }

  @Override
  public void queueAddress(Area area, boolean upper, int value) {
    int low =
        switch (area) {
          case DESCRIPTOR -> VirtioMmioLayout.QUEUE_DESC_LOW;
          case DRIVER -> VirtioMmioLayout.QUEUE_DRIVER_LOW;
          case DEVICE -> VirtioMmioLayout.QUEUE_DEVICE_LOW;
        };
    put(upper ? low + 4 : low, value);
  }

  @Override
  public int queueReady() {
    return get(VirtioMmioLayout.QUEUE_READY);
  }

  @Override
  public void queueReady(int value) {
    put(VirtioMmioLayout.QUEUE_READY, value);
  }

  @Override
  public int queueReset() {
    return get(VirtioMmioLayout.QUEUE_RESET);
  }

  @Override
  public void queueReset(int value) {
    put(VirtioMmioLayout.QUEUE_RESET, value);
  }

  @Override
  public void notify(int queue) {
    put(VirtioMmioLayout.QUEUE_NOTIFY, queue);
  }

  /** {@return the interrupt status, which stays as it is} */
  public int interruptStatus() {
    return get(VirtioMmioLayout.INTERRUPT_STATUS);
  }

  /**
   * Clears bits of the interrupt status.
   *
   * @param bits which
   */
  public void acknowledge(int bits) {
    put(VirtioMmioLayout.INTERRUPT_ACK, bits);
  }

  @Override
  public int takeInterruptStatus() {
    int bits = interruptStatus();
    acknowledge(bits);
    return bits;
  }

  @Override
  public int generation() {
    return get(VirtioMmioLayout.CONFIG_GENERATION);
  }

  @Override
  public long config(int offset, int size) {
    return device.read(VirtioMmioLayout.CONFIG + (long) offset, size);
  }

  @Override
  public void config(int offset, int size, long value) {
    device.write(VirtioMmioLayout.CONFIG + (long) offset, size, value);
  }

  @Override
  public long rawRead(long offset, int size) {
    return device.read(offset, size);
  }

  @Override
  public void rawWrite(long offset, int size, long value) {
    device.write(offset, size, value);
  }
}

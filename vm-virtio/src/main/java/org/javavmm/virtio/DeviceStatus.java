// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/** The bits of the device status field (VIRTIO 1.4 §2.1). */
public final class DeviceStatus {
  /** The guest has noticed the device. */
  public static final int ACKNOWLEDGE = 0x01;

  /** The guest has a driver for it. */
  public static final int DRIVER = 0x02;

  /** The driver is ready; the device may work. */
  public static final int DRIVER_OK = 0x04;

  /** Driver and device agree on the features. */
  public static final int FEATURES_OK = 0x08;

  /** The device is suspended (VIRTIO 1.4 §3.4). */
  public static final int SUSPEND = 0x10;

  /** The device is in a state that only a reset ends. */
  public static final int NEEDS_RESET = 0x40;

  /** The driver has given up on the device. */
  public static final int FAILED = 0x80;

  private DeviceStatus() {}
}

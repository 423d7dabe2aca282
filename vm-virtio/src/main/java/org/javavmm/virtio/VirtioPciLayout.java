// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/**
 * The structures of virtio-pci: types of capabilities, and the fields of the common configuration
 * by their offsets in bytes (VIRTIO 1.4 §4.1.4).
 */
public final class VirtioPciLayout {
  /** The vendor of all virtio functions. */
  public static final int VENDOR_ID = 0x1af4;

  /** The device identifier is this and the device's type. */
  public static final int DEVICE_ID_BASE = 0x1040;

  /** Capability: the common configuration. */
  public static final int CAP_COMMON_CFG = 1;

  /** Capability: where queues are notified. */
  public static final int CAP_NOTIFY_CFG = 2;

  /** Capability: the interrupt status. */
  public static final int CAP_ISR_CFG = 3;

  /** Capability: the device-specific configuration. */
  public static final int CAP_DEVICE_CFG = 4;

  /** Capability: a window in configuration space to all of them. */
  public static final int CAP_PCI_CFG = 5;

  /** Capability: a shared memory region. */
  public static final int CAP_SHARED_MEMORY_CFG = 8;

  /** Vendor data, which the monitor may add; what it is does not concern virtio. */
  public static final int CAP_VENDOR_CFG = 9;

  /** Whose vendor data it is; not {@link #VENDOR_ID}. */
  public static final int CAP_VENDOR_ID = 4;

  /** In a capability, u8: its type. */
  public static final int CAP_CFG_TYPE = 3;

  /** In a capability, u8: the BAR. */
  public static final int CAP_BAR = 4;

  /** In a capability, u8: which of several of one type. */
  public static final int CAP_ID = 5;

  /** In a capability, u32: the offset in the BAR. */
  public static final int CAP_OFFSET = 8;

  /** In a capability, u32: the length. */
  public static final int CAP_LENGTH = 12;

  /** In the notify capability, u32: bytes from one queue's address to the next's. */
  public static final int CAP_NOTIFY_MULTIPLIER = 16;

  /** In the window's capability: four bytes that are read or written. */
  public static final int CAP_PCI_CFG_DATA = 16;

  /** In a shared memory capability, u32: the upper half of the offset, then of the length. */
  public static final int CAP_OFFSET_HI = 16;

  /** u32, RW: which 32 features offered. */
  public static final int DEVICE_FEATURE_SELECT = 0;

  /** u32, R: the features offered. */
  public static final int DEVICE_FEATURE = 4;

  /** u32, RW: which 32 features accepted. */
  public static final int DRIVER_FEATURE_SELECT = 8;

  /** u32, RW: the features accepted. */
  public static final int DRIVER_FEATURE = 12;

  /** u16, RW: the vector of configuration changes. */
  public static final int CONFIG_MSIX_VECTOR = 16;

  /** u16, R: how many queues there are. */
  public static final int NUM_QUEUES = 18;

  /** u8, RW: {@link DeviceStatus}. */
  public static final int DEVICE_STATUS = 20;

  /** u8, R: changes with the configuration. */
  public static final int CONFIG_GENERATION = 21;

  /** u16, RW: the queue that the next fields belong to. */
  public static final int QUEUE_SELECT = 22;

  /** u16, RW: its size; first the largest; 0 if there is no such queue. */
  public static final int QUEUE_SIZE = 24;

  /** u16, RW: the vector of its used buffers. */
  public static final int QUEUE_MSIX_VECTOR = 26;

  /** u16, RW: whether it is enabled. */
  public static final int QUEUE_ENABLE = 28;

  /** u16, R: where it is notified, in multipliers. */
  public static final int QUEUE_NOTIFY_OFF = 30;

  /** u64, RW: address of the descriptor area. */
  public static final int QUEUE_DESC = 32;

  /** u64, RW: address of the driver area. */
  public static final int QUEUE_DRIVER = 40;

  /** u64, RW: address of the device area. */
  public static final int QUEUE_DEVICE = 48;

  /** u16, R: what notifications carry, if {@code VIRTIO_F_NOTIF_CONFIG_DATA} were offered. */
  public static final int QUEUE_NOTIF_CONFIG_DATA = 56;

  /** u16, RW: resets the queue. */
  public static final int QUEUE_RESET = 58;

  /** Bytes of the common configuration, without the fields of administration queues. */
  public static final int COMMON_LENGTH = 60;

  /** No vector. */
  public static final int NO_VECTOR = 0xffff;

  /** The BAR of all structures but shared memory. */
  public static final int BAR = 0;

  /** The BAR of the shared memory. */
  public static final int SHARED_MEMORY_BAR = 2;

  /** In {@link #BAR}: the common configuration. */
  public static final int COMMON = 0x0000;

  /** In {@link #BAR}: the interrupt status. */
  public static final int ISR = 0x1000;

  /** In {@link #BAR}: the device-specific configuration. */
  public static final int DEVICE = 0x2000;

  /** In {@link #BAR}: where queues are notified. */
  public static final int NOTIFY = 0x3000;

  /** Bytes from one queue's notify address to the next's. */
  public static final int NOTIFY_MULTIPLIER = 4;

  private VirtioPciLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/**
 * The registers of virtio-mmio, version 2, by their offsets in bytes (VIRTIO 1.4 §4.2.2). All are
 * 32 bits wide.
 */
public final class VirtioMmioLayout {
  /** R: {@link #MAGIC}. */
  public static final int MAGIC_VALUE = 0x000;

  /** R: 2. */
  public static final int VERSION = 0x004;

  /** R: the device's type. */
  public static final int DEVICE_ID = 0x008;

  /** R: {@link #VENDOR}. */
  public static final int VENDOR_ID = 0x00c;

  /** R: 32 of the features offered. */
  public static final int DEVICE_FEATURES = 0x010;

  /** W: which. */
  public static final int DEVICE_FEATURES_SEL = 0x014;

  /** W: 32 of the features that the driver accepts. */
  public static final int DRIVER_FEATURES = 0x020;

  /** W: which. */
  public static final int DRIVER_FEATURES_SEL = 0x024;

  /** W: the queue that the queue registers belong to. */
  public static final int QUEUE_SEL = 0x030;

  /** R: the queue's largest size; 0 if there is no such queue. */
  public static final int QUEUE_SIZE_MAX = 0x034;

  /** W: the queue's size. */
  public static final int QUEUE_SIZE = 0x038;

  /** RW: whether the queue is ready. */
  public static final int QUEUE_READY = 0x044;

  /** W: an available buffer notification. */
  public static final int QUEUE_NOTIFY = 0x050;

  /** R: bit 0 for used buffers, bit 1 for the configuration. */
  public static final int INTERRUPT_STATUS = 0x060;

  /** W: the bits to clear. */
  public static final int INTERRUPT_ACK = 0x064;

  /** RW: {@link DeviceStatus}. */
  public static final int STATUS = 0x070;

  /** W: address of the queue's descriptor area; the upper half follows. */
  public static final int QUEUE_DESC_LOW = 0x080;

  /** W: address of the queue's driver area; the upper half follows. */
  public static final int QUEUE_DRIVER_LOW = 0x090;

  /** W: address of the queue's device area; the upper half follows. */
  public static final int QUEUE_DEVICE_LOW = 0x0a0;

  /** W: the shared memory region that the next registers belong to. */
  public static final int SHM_SEL = 0x0ac;

  /** R: its length; the upper half follows. All ones if there is no such region. */
  public static final int SHM_LEN_LOW = 0x0b0;

  /** R: its address; the upper half follows. All ones if there is no such region. */
  public static final int SHM_BASE_LOW = 0x0b8;

  /** RW: resets the queue. */
  public static final int QUEUE_RESET = 0x0c0;

  /** R: changes with the configuration. */
  public static final int CONFIG_GENERATION = 0x0fc;

  /** The device-specific configuration space. */
  public static final int CONFIG = 0x100;

  /** What {@link #MAGIC_VALUE} reads: {@code virt}. */
  public static final int MAGIC = 0x7472_6976;

  /** What {@link #VENDOR_ID} reads: {@code JVMM}. */
  public static final int VENDOR = 0x4d4d_564a;

  /** Bytes of the whole range. */
  public static final int SIZE = 0x1000;

  private VirtioMmioLayout() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import static org.javavmm.virtio.VirtioMmioLayout.CONFIG;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import org.javavmm.device.BusDevice;
import org.javavmm.device.DoorbellAddress;
import org.javavmm.device.Doorbells;
import org.javavmm.device.InterruptLine;
import org.javavmm.device.LevelLine;
import org.javavmm.event.SubscriberStartException;
import org.javavmm.sys.SystemCallException;
import org.javavmm.virtio.QueueFault.Area;

/**
 * A device behind the registers of virtio-mmio, version 2 (VIRTIO 1.4 §4.2). It is put on the MMIO
 * bus at the address it was made for, with {@link VirtioMmioLayout#SIZE} bytes.
 *
 * <p>Registers take aligned accesses of 32 bits; every other access reads as 0, writes nothing and
 * is counted. So does an offset without a register, one that is write-only reads as 0. From 0x100
 * on is the {@link ConfigSpace}, which says what its accesses do.
 *
 * <p>vCPU threads access it, several at a time. A write that resets the device or a queue returns
 * when that is done, or after 2 s, when the register goes on to show the state before. The other
 * methods are for any thread.
 */
public final class VirtioMmio implements BusDevice, AutoCloseable {
  private final DeviceControl control;
  private final long address;
  private final Doorbells doorbells;
  private final InterruptLine edge;
  private final InterruptStatus interrupts;
  private final List<SharedMemory> sharedMemory;
  private final long sharedMemoryBase;
  private final List<Doorbells.Connection> connected = new ArrayList<>();
  private volatile int shmSelect;

  private VirtioMmio(Builder builder) throws SystemCallException, SubscriberStartException {
    address = builder.address;
    doorbells = builder.setup.doorbells();
    edge = builder.edge;
    interrupts = new InterruptStatus(builder.level);
    sharedMemoryBase = builder.sharedMemoryBase;
    control = new DeviceControl(builder.setup, new Link());
    sharedMemory = control.sharedMemory();
  }

  /**
   * {@return a builder}
   *
   * @param setup the device and what it runs on
   * @param address where its registers are to be, a guest-physical address
   */
  public static Builder builder(TransportSetup setup, long address) {
    return new Builder(setup, address);
  }

  // ---- accesses ------------------------------------------------------------------------------

  @Override
  public long read(long offset, int size) {
    if (offset >= CONFIG) {
      return control.config().read(offset - CONFIG, size);
    }
    if (size != 4 || (offset & 3) != 0) {
      control.odd();
      return 0;
    }
    return readRegister((int) offset) & 0xffff_ffffL;
  }

  private int readRegister(int offset) {
    return switch (offset) {
      case VirtioMmioLayout.MAGIC_VALUE -> VirtioMmioLayout.MAGIC;
      case VirtioMmioLayout.VERSION -> 2;
      case VirtioMmioLayout.DEVICE_ID -> control.deviceId();
      case VirtioMmioLayout.VENDOR_ID -> VirtioMmioLayout.VENDOR;
      case VirtioMmioLayout.DEVICE_FEATURES -> control.deviceFeatures();
      case VirtioMmioLayout.QUEUE_SIZE_MAX -> control.queueSizeMax();
      case VirtioMmioLayout.QUEUE_READY -> control.isQueueReady() ? 1 : 0;
      case VirtioMmioLayout.INTERRUPT_STATUS -> interrupts.get();
      case VirtioMmioLayout.STATUS -> control.status();
      case VirtioMmioLayout.SHM_LEN_LOW -> (int) shmLength();
      case VirtioMmioLayout.SHM_LEN_LOW + 4 -> (int) (shmLength() >>> 32);
      case VirtioMmioLayout.SHM_BASE_LOW -> (int) shmBase(shmSelect);
      case VirtioMmioLayout.SHM_BASE_LOW + 4 -> (int) (shmBase(shmSelect) >>> 32);
      case VirtioMmioLayout.QUEUE_RESET -> control.isQueueResetting() ? 1 : 0;
      case VirtioMmioLayout.CONFIG_GENERATION -> control.config().generation();
      default -> 0;
    };
  }

  @Override
  public void write(long offset, int size, long value) {
    if (offset >= CONFIG) {
      control.writeConfig(offset - CONFIG, size, value);
      return;
    }
    if (size != 4 || (offset & 3) != 0) {
      control.odd();
      return;
    }
    int word = (int) value;
    switch ((int) offset) {
      case VirtioMmioLayout.DEVICE_FEATURES_SEL -> control.selectDeviceFeatures(word);
      case VirtioMmioLayout.DRIVER_FEATURES -> control.driverFeatures(word);
      case VirtioMmioLayout.DRIVER_FEATURES_SEL -> control.selectDriverFeatures(word);
      case VirtioMmioLayout.QUEUE_SEL -> control.selectQueue(word);
      case VirtioMmioLayout.QUEUE_SIZE -> control.queueSize(word);
      case VirtioMmioLayout.QUEUE_READY -> {
        if (word == 0) {
          control.stopQueue();
        } else {
          control.queueReady(word);
        }
      }
      case VirtioMmioLayout.QUEUE_NOTIFY ->
          control.notified(control.hasNotificationData() ? NotificationData.queue(word) : word);
      case VirtioMmioLayout.INTERRUPT_ACK -> {
        int _ = interrupts.clear(word);
      }
      case VirtioMmioLayout.STATUS -> control.status(word);
      case VirtioMmioLayout.QUEUE_DESC_LOW -> control.queueAddress(Area.DESCRIPTOR, false, word);
      case VirtioMmioLayout.QUEUE_DESC_LOW + 4 -> control.queueAddress(Area.DESCRIPTOR, true, word);
      case VirtioMmioLayout.QUEUE_DRIVER_LOW -> control.queueAddress(Area.DRIVER, false, word);
      case VirtioMmioLayout.QUEUE_DRIVER_LOW + 4 -> control.queueAddress(Area.DRIVER, true, word);
      case VirtioMmioLayout.QUEUE_DEVICE_LOW -> control.queueAddress(Area.DEVICE, false, word);
      case VirtioMmioLayout.QUEUE_DEVICE_LOW + 4 -> control.queueAddress(Area.DEVICE, true, word);
      case VirtioMmioLayout.SHM_SEL -> {
        if (control.takesWrites()) {
          shmSelect = word;
        }
      }
      case VirtioMmioLayout.QUEUE_RESET -> control.resetQueue(word);
      default -> control.ignored();
    }
  }

  private long shmLength() {
    for (SharedMemory region : sharedMemory) {
      if (region.id() == shmSelect) {
        return region.length();
      }
    }
    return -1;
  }

  private long shmBase(int id) {
    long at = sharedMemoryBase;
    for (SharedMemory region : sharedMemory) {
      if (region.id() == id) {
        return at;
      }
      at += region.length();
    }
    return -1;
  }

  // ---- the transport -------------------------------------------------------------------------

  private final class Link implements Transport {
    @Override
    public void interruptQueue(int queue) {
      interrupts.set(InterruptStatus.QUEUE);
      edge.trigger();
    }

    @Override
    public void interruptConfig() {
      interrupts.set(InterruptStatus.CONFIG);
      edge.trigger();
    }

    @Override
    public void connectDoorbells(Features features) {
      long notify = address + VirtioMmioLayout.QUEUE_NOTIFY;
      synchronized (connected) {
        try {
          if ((features.low() & RingFeatures.NOTIFICATION_DATA) != 0) {
            connected.add(
                doorbells.connect(control.kickAllEvent(), DoorbellAddress.mmio(notify, 4)));
            return;
          }
          for (int q = 0; q < control.queues(); q++) {
            connected.add(
                doorbells.connect(control.kickEvent(q), DoorbellAddress.mmio(notify, 4, q)));
          }
        } catch (SystemCallException e) {
          // Notifications then come by the bus.
          DeviceControl.LOG.warn(() -> control.name() + ": a doorbell is not connected", e);
        }
      }
    }

    @Override
    public void disconnectDoorbells() {
      synchronized (connected) {
        control.disconnect(connected);
      }
    }

    @Override
    public void resetInterrupts() {
      int _ = interrupts.clear(-1);
      shmSelect = 0;
    }

    @Override
    public void resetQueueInterrupt(int queue) {}

    @Override
    public byte[] saveTransport() {
      return ByteBuffer.allocate(8)
          .order(ByteOrder.LITTLE_ENDIAN)
          .putInt(interrupts.get())
          .putInt(shmSelect)
          .array();
    }

    @Override
    public void restoreTransport(byte[] state) {
      ByteBuffer in = ByteBuffer.wrap(state).order(ByteOrder.LITTLE_ENDIAN);
      if (state.length != 8) {
        throw new IllegalArgumentException(
            control.name() + ": virtio-mmio state of " + state.length + " bytes, must be 8");
      }
      int bits = in.getInt();
      if ((bits & ~3) != 0) {
        throw new IllegalArgumentException(
            "%s: InterruptStatus=0x%x is not in 0..3".formatted(control.name(), bits));
      }
      shmSelect = in.getInt();
      if (bits != 0) {
        interrupts.set(bits);
        edge.trigger();
      }
    }
  }

  // ---- the monitor ---------------------------------------------------------------------------

  /** {@return where its registers are} */
  public long address() {
    return address;
  }

  /**
   * {@return where the guest sees a shared memory region; empty if there is none of that
   * identifier}
   *
   * @param id the identifier
   */
  public OptionalLong sharedMemoryAddress(int id) {
    long at = shmBase(id);
    return at == -1 ? OptionalLong.empty() : OptionalLong.of(at);
  }

  /** {@return the device} */
  public VirtioDevice device() {
    return control.device();
  }

  /** {@return the device status: bits of {@link DeviceStatus}} */
  public int status() {
    return control.status();
  }

  /** {@return what device and driver have done so far} */
  public TransportStatistics statistics() {
    return control.statistics();
  }

  /** Resets the device, as the driver would. */
  public void reset() {
    control.reset();
  }

  /**
   * Drains the queues and pauses the device. If the event loop does not run yet, this is done on
   * the calling thread, as are {@link #resume}, {@link #save} and {@link #restore}; the loop must
   * not be started meanwhile.
   *
   * @return done when the device stands still: true, or false if it was paused before; failed with
   *     {@link java.util.concurrent.RejectedExecutionException} if the event loop ended before
   */
  public CompletableFuture<Boolean> pause() {
    return control.pause();
  }

  /**
   * Lets a paused device go on.
   *
   * @return done when it goes on: true, or false if it was not paused; failed as for {@link #pause}
   */
  public CompletableFuture<Boolean> resume() {
    return control.resume();
  }

  /**
   * {@return the whole state: registers, queues, configuration, interrupts and what the device
   * keeps} Not the guest's memory. The vCPUs must stand still.
   *
   * @throws IllegalStateException if the device is not paused, or waits for its event loop to
   *     activate it, or a queue has requests staged that are not published; or if this would wait
   *     for itself: inside of a call of the device, on the loop's thread while queues are drained,
   *     or on the thread of an event loop that the device's waits for
   * @throws java.util.concurrent.RejectedExecutionException if the event loop ends meanwhile
   */
  public byte[] save() {
    return control.save();
  }

  /**
   * Takes over what {@link #save} gave, on a transport and a device that are new and were made
   * alike, with the guest's memory as it was. The device is paused then: {@link #resume} lets it go
   * on. The state is not trusted: all of it is checked first, and if it is refused the device is to
   * be thrown away.
   *
   * @param state the state
   * @throws IllegalArgumentException if it is no state of such a device; the message says why
   * @throws IllegalStateException if the driver has begun with the device already, or if this would
   *     wait for itself, as for {@link #save}
   * @throws java.util.concurrent.RejectedExecutionException if the event loop ends meanwhile
   */
  public void restore(byte[] state) {
    control.restore(state);
  }

  /** Resets the device and ends it, for good. Take it off the bus before. Closing twice is safe. */
  @Override
  public void close() {
    control.close();
  }

  @Override
  public String toString() {
    return "virtio-mmio at 0x" + Long.toHexString(address) + ": " + control;
  }

  /** Builds a transport. For one thread. */
  public static final class Builder {
    private final TransportSetup setup;
    private final long address;
    private InterruptLine edge = InterruptLine.NONE;
    private LevelLine level = LevelLine.NONE;
    private long sharedMemoryBase;

    private Builder(TransportSetup setup, long address) {
      this.setup = setup;
      this.address = address;
    }

    /**
     * Connects an edge-triggered line: each notification raises an edge.
     *
     * @param line the line
     * @return this
     */
    public Builder edge(InterruptLine line) {
      edge = line;
      return this;
    }

    /**
     * Connects a level-triggered line: asserted while a bit of InterruptStatus is set (VIRTIO 1.4
     * §4.2.3.4).
     *
     * @param line the line
     * @return this
     */
    public Builder level(LevelLine line) {
      level = line;
      return this;
    }

    /**
     * Says where the shared memory regions are: one behind the other, in the device's order. The
     * monitor puts memory there.
     *
     * @param base the guest-physical address of the first
     * @return this
     */
    public Builder sharedMemory(long base) {
      sharedMemoryBase = base;
      return this;
    }

    /**
     * Attaches the device.
     *
     * @return the transport, on no bus yet
     * @throws IllegalArgumentException if what the device says of itself is not possible
     * @throws java.util.concurrent.RejectedExecutionException if the event loop was stopped
     * @throws SystemCallException if the process has no descriptor left
     * @throws SubscriberStartException if the event loop cannot watch its events
     */
    public VirtioMmio build() throws SystemCallException, SubscriberStartException {
      return new VirtioMmio(this);
    }
  }
}

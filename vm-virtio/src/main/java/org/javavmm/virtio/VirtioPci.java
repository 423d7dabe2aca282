// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import static org.javavmm.virtio.VirtioPciLayout.BAR;
import static org.javavmm.virtio.VirtioPciLayout.NO_VECTOR;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.function.Consumer;
import org.javavmm.device.BusDevice;
import org.javavmm.device.DoorbellAddress;
import org.javavmm.device.Doorbells;
import org.javavmm.device.MsiController;
import org.javavmm.event.SubscriberStartException;
import org.javavmm.pci.BarListener;
import org.javavmm.pci.BarSpec;
import org.javavmm.pci.CapabilityHandler;
import org.javavmm.pci.ConfigurationSpace;
import org.javavmm.pci.IntxPin;
import org.javavmm.pci.Msix;
import org.javavmm.pci.PciBar;
import org.javavmm.pci.PciCapability;
import org.javavmm.pci.PciFunction;
import org.javavmm.pci.PciLayout;
import org.javavmm.sys.SystemCallException;
import org.javavmm.virtio.QueueFault.Area;
import org.jspecify.annotations.Nullable;

/**
 * A device as a PCI function, without the legacy interface (VIRTIO 1.4 §4.1). {@link #function} is
 * put on a bus.
 *
 * <p>Structures are in BAR 0, each in a page of its own, so that the page of notifications can be
 * given away; shared memory is in BAR 2. Fields of the common configuration take accesses of their
 * width, those of 64 bits as two halves; every other access reads as 0, writes nothing and is
 * counted. A queue is notified by 2 or 4 bytes at its address, whatever they are.
 *
 * <p>vCPU threads access it, several at a time. A write that resets the device or a queue returns
 * when that is done, or after 2 s, when the field goes on to show the state before. The other
 * methods are for any thread.
 */
public final class VirtioPci implements AutoCloseable {
  private static final long PAGE = 0x1000;

  private final DeviceControl control;
  private final PciFunction function;
  private final @Nullable Msix msix;
  private final InterruptStatus isr;
  private final AtomicIntegerArray queueVectors;
  private volatile int configVector = NO_VECTOR;

  private final Doorbells doorbells;
  private final SharedMemoryMapper mapper;

  /** Guards the doorbells; held for their connection only. */
  private final Object doorbellLock = new Object();

  private final List<Doorbells.Connection> connected = new ArrayList<>();
  private @Nullable Features doorbellFeatures;
  private long mappedAt = -1;

  private VirtioPci(Builder builder) throws SystemCallException, SubscriberStartException {
    TransportSetup setup = builder.setup;
    int type = setup.device().deviceId();
    if (type < 1 || type > 0x3f) {
      throw new IllegalArgumentException(
          setup.device().name() + ": type=" + type + " is not in 1..63, as PCI needs it");
    }
    doorbells = setup.doorbells();
    mapper = builder.mapper;
    control = new DeviceControl(setup, new Link());
    queueVectors = new AtomicIntegerArray(control.queues());
    for (int q = 0; q < queueVectors.length(); q++) {
      queueVectors.set(q, NO_VECTOR);
    }
    try {
      function = makeFunction(builder);
    } catch (RuntimeException e) {
      control.abandon();
      throw e;
    }
    msix = function.msix().orElse(null);
    isr = new InterruptStatus(function.intx());
  }

  /**
   * {@return a builder}
   *
   * @param setup the device and what it runs on
   */
  public static Builder builder(TransportSetup setup) {
    return new Builder(setup);
  }

  // ---- the function --------------------------------------------------------------------------

  private static long alignUp(long value) {
    return (value + PAGE - 1) & -PAGE;
  }

  private PciFunction makeFunction(Builder b) {
    int type = control.deviceId();
    int queues = control.queues();
    int notifyLength = Math.max(1, queues) * VirtioPciLayout.NOTIFY_MULTIPLIER;
    long table = alignUp(VirtioPciLayout.NOTIFY + (long) notifyLength);
    int vectors = Math.min(Math.max(2, b.vectors == 0 ? queues + 1 : b.vectors), 0x800);
    long pba = alignUp(table + 16L * vectors);
    long size = Long.highestOneBit(pba + PAGE - 1) << 1;
    PciFunction.Builder f =
        PciFunction.builder(
                control.name(), VirtioPciLayout.VENDOR_ID, VirtioPciLayout.DEVICE_ID_BASE + type)
            .revision(1)
            .classCode(classCode(type))
            .subsystem(VirtioPciLayout.VENDOR_ID, VirtioPciLayout.DEVICE_ID_BASE + type)
            .bar(BAR, BarSpec.memory64(size), new Structures())
            .barListener(new Bars())
            .onReset(resetFunction -> control.reset());
    b.pin.ifPresent(f::intx);
    boolean ringReset = (control.offered().low() & RingFeatures.RING_RESET) != 0;
    f.capability(
        structure(
            VirtioPciLayout.CAP_COMMON_CFG,
            VirtioPciLayout.COMMON,
            ringReset ? VirtioPciLayout.COMMON_LENGTH : VirtioPciLayout.QUEUE_NOTIF_CONFIG_DATA));
    f.capability(
        PciCapability.vendor(
            body(
                VirtioPciLayout.CAP_NOTIFY_CFG,
                BAR,
                0,
                VirtioPciLayout.NOTIFY,
                notifyLength,
                VirtioPciLayout.NOTIFY_MULTIPLIER)));
    f.capability(structure(VirtioPciLayout.CAP_ISR_CFG, VirtioPciLayout.ISR, 1));
    int configLength = control.config().length();
    if (configLength > 0) {
      f.capability(structure(VirtioPciLayout.CAP_DEVICE_CFG, VirtioPciLayout.DEVICE, configLength));
    }
    f.capability(
        PciCapability.vendor(body(VirtioPciLayout.CAP_PCI_CFG, 0, 0, 0, 0, 0))
            .writable(VirtioPciLayout.CAP_BAR, 1)
            .writable(VirtioPciLayout.CAP_OFFSET, 8)
            .writable(VirtioPciLayout.CAP_PCI_CFG_DATA, 4)
            .handler(new Window()));
    long shared = 0;
    for (SharedMemory region : control.sharedMemory()) {
      f.capability(
          PciCapability.vendor(
              body(
                  VirtioPciLayout.CAP_SHARED_MEMORY_CFG,
                  VirtioPciLayout.SHARED_MEMORY_BAR,
                  region.id(),
                  (int) shared,
                  (int) region.length(),
                  (int) (shared >>> 32),
                  (int) (region.length() >>> 32))));
      shared = Math.addExact(shared, region.length());
    }
    if (shared > 0) {
      long barSize = Long.bitCount(shared) == 1 ? shared : Long.highestOneBit(shared) << 1;
      f.bar(
          VirtioPciLayout.SHARED_MEMORY_BAR,
          BarSpec.memory64(barSize).asPrefetchable(),
          new Unbacked());
    }
    MsiController controller = b.controller;
    if (controller != null) {
      f.msix(vectors, BAR, table, BAR, pba, controller);
    }
    b.customizer.accept(f);
    PciFunction made = f.build();
    checkVendorData(made.config());
    return made;
  }

  /** What the monitor may not add (§4.1.4.10.1). */
  private void checkVendorData(ConfigurationSpace config) {
    int at = config.get(PciLayout.CAPABILITY_LIST, 1);
    while (at != 0) {
      if (config.get(at, 1) == PciLayout.CAP_ID_VNDR
          && config.get(at + VirtioPciLayout.CAP_CFG_TYPE, 1) == VirtioPciLayout.CAP_VENDOR_CFG) {
        int length = config.get(at + 2, 1);
        int vendor = length < 6 ? -1 : config.get(at + VirtioPciLayout.CAP_VENDOR_ID, 2);
        if (length < 8 || (length & 3) != 0 || vendor == VirtioPciLayout.VENDOR_ID) {
          throw new IllegalArgumentException(
              "%s: vendor data: length=%d must be a multiple of 4 from 8 on, vendor_id=0x%x not 0x%x"
                  .formatted(control.name(), length, vendor, VirtioPciLayout.VENDOR_ID));
        }
      }
      at = config.get(at + 1, 1);
    }
  }

  private static PciCapability structure(int type, int offset, int length) {
    return PciCapability.vendor(body(type, BAR, 0, offset, length));
  }

  /** From cfg_type on: type, BAR, identifier, two bytes of padding, then words. */
  private static byte[] body(int type, int bar, int id, int... words) {
    ByteBuffer body =
        ByteBuffer.allocate(5 + 4 * words.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .put((byte) type)
            .put((byte) bar)
            .put((byte) id)
            .putShort((short) 0);
    for (int word : words) {
      body.putInt(word);
    }
    return body.array();
  }

  /** Base class, subclass and interface that guests expect of a type. */
  private static int classCode(int type) {
    return switch (type) {
      case 1, 41 -> 0x020000; // network
      case 2, 26 -> 0x018000; // block, file system
      case 3 -> 0x078000; // console
      case 5 -> 0x050000; // balloon
      case 8 -> 0x010000; // SCSI
      case 16 -> 0x038000; // GPU
      case 18 -> 0x098000; // input
      case 19 -> 0x028000; // socket
      default -> 0xff0000;
    };
  }

  /** Shared memory where the monitor has put nothing. */
  private static final class Unbacked implements BusDevice {
    @Override
    public long read(long offset, int size) {
      return -1;
    }

    @Override
    public void write(long offset, int size, long value) {}
  }

  /** What is in BAR 0, but for MSI-X. */
  private final class Structures implements BusDevice {
    @Override
    public long read(long offset, int size) {
      if (offset < VirtioPciLayout.ISR) {
        return readCommon((int) offset, size);
      }
      if (offset < VirtioPciLayout.DEVICE) {
        if (offset == VirtioPciLayout.ISR && size == 1) {
          return isr.clear(-1);
        }
      } else if (offset < VirtioPciLayout.NOTIFY) {
        return control.config().read(offset - VirtioPciLayout.DEVICE, size);
      }
      control.odd();
      return 0;
    }

    @Override
    public void write(long offset, int size, long value) {
      if (offset < VirtioPciLayout.ISR) {
        writeCommon((int) offset, size, (int) value);
      } else if (offset < VirtioPciLayout.DEVICE) {
        control.ignored();
      } else if (offset < VirtioPciLayout.NOTIFY) {
        control.writeConfig(offset - VirtioPciLayout.DEVICE, size, value);
      } else {
        long at = offset - VirtioPciLayout.NOTIFY;
        if ((size == 2 || size == 4) && (at & (VirtioPciLayout.NOTIFY_MULTIPLIER - 1)) == 0) {
          control.notified((int) (at / VirtioPciLayout.NOTIFY_MULTIPLIER));
        } else {
          control.odd();
        }
      }
    }
  }

  /** The width of the field that begins at an offset; half of it for 64 bits; 0 if none does. */
  private int width(int offset) {
    return switch (offset) {
      case VirtioPciLayout.DEVICE_FEATURE_SELECT,
          VirtioPciLayout.DEVICE_FEATURE,
          VirtioPciLayout.DRIVER_FEATURE_SELECT,
          VirtioPciLayout.DRIVER_FEATURE,
          VirtioPciLayout.QUEUE_DESC,
          VirtioPciLayout.QUEUE_DESC + 4,
          VirtioPciLayout.QUEUE_DRIVER,
          VirtioPciLayout.QUEUE_DRIVER + 4,
          VirtioPciLayout.QUEUE_DEVICE,
          VirtioPciLayout.QUEUE_DEVICE + 4 ->
          4;
      case VirtioPciLayout.CONFIG_MSIX_VECTOR,
          VirtioPciLayout.NUM_QUEUES,
          VirtioPciLayout.QUEUE_SELECT,
          VirtioPciLayout.QUEUE_SIZE,
          VirtioPciLayout.QUEUE_MSIX_VECTOR,
          VirtioPciLayout.QUEUE_ENABLE,
          VirtioPciLayout.QUEUE_NOTIFY_OFF,
          VirtioPciLayout.QUEUE_NOTIF_CONFIG_DATA,
          VirtioPciLayout.QUEUE_RESET ->
          2;
      case VirtioPciLayout.DEVICE_STATUS, VirtioPciLayout.CONFIG_GENERATION -> 1;
      default -> 0;
    };
  }

  private long readCommon(int offset, int size) {
    if (width(offset) != size) {
      control.odd();
      return 0;
    }
    return switch (offset) {
      case VirtioPciLayout.DEVICE_FEATURE_SELECT -> control.deviceFeaturesSelect();
      case VirtioPciLayout.DEVICE_FEATURE -> control.deviceFeatures();
      case VirtioPciLayout.DRIVER_FEATURE_SELECT -> control.driverFeaturesSelect();
      case VirtioPciLayout.DRIVER_FEATURE -> control.driverFeatures();
      case VirtioPciLayout.CONFIG_MSIX_VECTOR -> configVector;
      case VirtioPciLayout.NUM_QUEUES -> control.queues();
      case VirtioPciLayout.DEVICE_STATUS -> control.status();
      case VirtioPciLayout.CONFIG_GENERATION -> control.config().generation();
      case VirtioPciLayout.QUEUE_SELECT -> control.queueSelect();
      case VirtioPciLayout.QUEUE_SIZE -> control.queueSize();
      case VirtioPciLayout.QUEUE_MSIX_VECTOR -> {
        int q = control.selectedQueue();
        yield q < 0 ? NO_VECTOR : queueVectors.get(q);
      }
      case VirtioPciLayout.QUEUE_ENABLE -> control.isQueueReady() ? 1 : 0;
      case VirtioPciLayout.QUEUE_NOTIFY_OFF -> Math.max(0, control.selectedQueue());
      case VirtioPciLayout.QUEUE_DESC -> control.queueAddress(Area.DESCRIPTOR);
      case VirtioPciLayout.QUEUE_DESC + 4 -> control.queueAddress(Area.DESCRIPTOR) >>> 32;
      case VirtioPciLayout.QUEUE_DRIVER -> control.queueAddress(Area.DRIVER);
      case VirtioPciLayout.QUEUE_DRIVER + 4 -> control.queueAddress(Area.DRIVER) >>> 32;
      case VirtioPciLayout.QUEUE_DEVICE -> control.queueAddress(Area.DEVICE);
      case VirtioPciLayout.QUEUE_DEVICE + 4 -> control.queueAddress(Area.DEVICE) >>> 32;
      case VirtioPciLayout.QUEUE_RESET -> control.isQueueResetting() ? 1 : 0;
      default -> 0;
    };
  }

  private void writeCommon(int offset, int size, int value) {
    if (width(offset) != size) {
      control.odd();
      return;
    }
    switch (offset) {
      case VirtioPciLayout.DEVICE_FEATURE_SELECT -> control.selectDeviceFeatures(value);
      case VirtioPciLayout.DRIVER_FEATURE_SELECT -> control.selectDriverFeatures(value);
      case VirtioPciLayout.DRIVER_FEATURE -> control.driverFeatures(value);
      case VirtioPciLayout.CONFIG_MSIX_VECTOR -> {
        if (control.takesWrites()) {
          int old = configVector;
          configVector = usable(value);
          takeBack(old);
        }
      }
      case VirtioPciLayout.DEVICE_STATUS -> control.status(value);
      case VirtioPciLayout.QUEUE_SELECT -> control.selectQueue(value);
      case VirtioPciLayout.QUEUE_SIZE -> control.queueSize(value);
      case VirtioPciLayout.QUEUE_MSIX_VECTOR -> {
        int q = control.selectedQueue();
        if (q < 0) {
          control.ignored();
        } else if (control.takesWrites()) {
          takeBack(queueVectors.getAndSet(q, usable(value)));
        }
      }
      case VirtioPciLayout.QUEUE_ENABLE -> control.queueReady(value);
      case VirtioPciLayout.QUEUE_DESC -> control.queueAddress(Area.DESCRIPTOR, false, value);
      case VirtioPciLayout.QUEUE_DESC + 4 -> control.queueAddress(Area.DESCRIPTOR, true, value);
      case VirtioPciLayout.QUEUE_DRIVER -> control.queueAddress(Area.DRIVER, false, value);
      case VirtioPciLayout.QUEUE_DRIVER + 4 -> control.queueAddress(Area.DRIVER, true, value);
      case VirtioPciLayout.QUEUE_DEVICE -> control.queueAddress(Area.DEVICE, false, value);
      case VirtioPciLayout.QUEUE_DEVICE + 4 -> control.queueAddress(Area.DEVICE, true, value);
      case VirtioPciLayout.QUEUE_RESET -> control.resetQueue(value);
      default -> control.ignored();
    }
  }

  /**
   * The vector if it exists and the host has it; else none, which the driver reads (§4.1.5.1.2).
   */
  private int usable(int vector) {
    Msix m = msix;
    return m == null || vector >= m.count() || m.isDead(vector) ? NO_VECTOR : vector;
  }

  /** The window in configuration space to the BARs (§4.1.4.9). */
  private static final class Window implements CapabilityHandler {
    private static boolean isPossible(int bar, long offset, int length) {
      return bar < 6 && (length == 1 || length == 2 || length == 4) && (offset & (length - 1)) == 0;
    }

    @Override
    public void beforeRead(PciFunction function, int capability, int offset, int size) {
      if (offset < VirtioPciLayout.CAP_PCI_CFG_DATA) {
        return;
      }
      ConfigurationSpace config = function.config();
      int bar = config.get(capability + VirtioPciLayout.CAP_BAR, 1);
      long at = config.get(capability + VirtioPciLayout.CAP_OFFSET, 4) & 0xffff_ffffL;
      int length = config.get(capability + VirtioPciLayout.CAP_LENGTH, 4);
      if (isPossible(bar, at, length)) {
        config.set(
            capability + VirtioPciLayout.CAP_PCI_CFG_DATA,
            length,
            (int) function.readBar(bar, at, length));
      }
    }

    @Override
    public void afterWrite(PciFunction function, int capability, int offset, int size) {
      if (offset < VirtioPciLayout.CAP_PCI_CFG_DATA) {
        return;
      }
      ConfigurationSpace config = function.config();
      int bar = config.get(capability + VirtioPciLayout.CAP_BAR, 1);
      long at = config.get(capability + VirtioPciLayout.CAP_OFFSET, 4) & 0xffff_ffffL;
      int length = config.get(capability + VirtioPciLayout.CAP_LENGTH, 4);
      if (isPossible(bar, at, length)) {
        long value = config.read(capability + VirtioPciLayout.CAP_PCI_CFG_DATA, length);
        function.writeBar(bar, at, length, value);
      }
    }
  }

  // ---- doorbells -----------------------------------------------------------------------------

  /** Doorbells and shared memory go where the BARs go. */
  private final class Bars implements BarListener {
    @Override
    public void mapped(PciBar bar, long at) {
      if (bar.index() == BAR) {
        synchronized (doorbellLock) {
          mappedAt = at;
          reconnect();
        }
      } else {
        long gpa = at;
        for (SharedMemory region : control.sharedMemory()) {
          mapper.mapped(region, gpa);
          gpa += region.length();
        }
      }
    }

    @Override
    public void unmapped(PciBar bar, long at) {
      if (bar.index() == BAR) {
        synchronized (doorbellLock) {
          mappedAt = -1;
          reconnect();
        }
      } else {
        long gpa = at;
        for (SharedMemory region : control.sharedMemory()) {
          mapper.unmapped(region, gpa);
          gpa += region.length();
        }
      }
    }
  }

  /** Connects the doorbells where BAR 0 is, if the device is active and the BAR is anywhere. */
  private void reconnect() {
    control.disconnect(connected);
    Features features = doorbellFeatures;
    if (features == null || mappedAt == -1) {
      return;
    }
    int size = (features.low() & RingFeatures.NOTIFICATION_DATA) != 0 ? 4 : 2;
    try {
      for (int q = 0; q < control.queues(); q++) {
        long at = mappedAt + VirtioPciLayout.NOTIFY + (long) q * VirtioPciLayout.NOTIFY_MULTIPLIER;
        connected.add(doorbells.connect(control.kickEvent(q), DoorbellAddress.mmio(at, size)));
      }
    } catch (SystemCallException e) {
      // Notifications then come by the bus.
      DeviceControl.LOG.warn(() -> control.name() + ": a doorbell is not connected", e);
    }
  }

  /** Takes the message back that waits at a vector which no event of the device has any more. */
  private void takeBack(int vector) {
    Msix m = msix;
    if (m == null || vector == NO_VECTOR || vector == configVector) {
      return;
    }
    for (int q = 0; q < queueVectors.length(); q++) {
      if (queueVectors.get(q) == vector) {
        return;
      }
    }
    m.clearPending(vector);
  }

  private final class Link implements Transport {
    @Override
    public void interruptQueue(int queue) {
      Msix m = msix;
      if (m != null && m.isEnabled()) {
        int vector = queueVectors.get(queue);
        if (vector != NO_VECTOR) {
          m.trigger(vector);
        }
      } else {
        isr.set(InterruptStatus.QUEUE);
      }
    }

    @Override
    public void interruptConfig() {
      // Also with MSI-X: the clause makes no exception (§4.1.4.5.1).
      isr.set(InterruptStatus.CONFIG);
      Msix m = msix;
      if (m != null && m.isEnabled()) {
        int vector = configVector;
        if (vector != NO_VECTOR) {
          m.trigger(vector);
        }
      }
    }

    @Override
    public void connectDoorbells(Features features) {
      synchronized (doorbellLock) {
        doorbellFeatures = features;
        reconnect();
      }
    }

    @Override
    public void disconnectDoorbells() {
      synchronized (doorbellLock) {
        doorbellFeatures = null;
        reconnect();
      }
    }

    @Override
    public void resetInterrupts() {
      int _ = isr.clear(-1);
      configVector = NO_VECTOR;
      for (int q = 0; q < queueVectors.length(); q++) {
        queueVectors.set(q, NO_VECTOR);
      }
      Msix m = msix;
      for (int v = 0; m != null && v < m.count(); v++) {
        m.clearPending(v); // or it would be sent when the guest unmasks
      }
    }

    @Override
    public void resetQueueInterrupt(int queue) {
      takeBack(queueVectors.getAndSet(queue, NO_VECTOR));
    }

    @Override
    public byte[] saveTransport() {
      byte[] registers = function.save();
      ByteBuffer out =
          ByteBuffer.allocate(8 + 4 * queueVectors.length() + registers.length)
              .order(ByteOrder.LITTLE_ENDIAN)
              .putInt(isr.get())
              .putInt(configVector);
      for (int q = 0; q < queueVectors.length(); q++) {
        out.putInt(queueVectors.get(q));
      }
      return out.put(registers).array();
    }

    @Override
    public void restoreTransport(byte[] state) {
      int length = 8 + 4 * queueVectors.length();
      if (state.length < length) {
        throw new IllegalArgumentException(
            "%s: virtio-pci state of %d bytes, must be at least %d"
                .formatted(control.name(), state.length, length));
      }
      ByteBuffer in = ByteBuffer.wrap(state).order(ByteOrder.LITTLE_ENDIAN);
      int bits = in.getInt();
      if ((bits & ~3) != 0) {
        throw new IllegalArgumentException(
            "%s: ISR status=0x%x is not in 0..3".formatted(control.name(), bits));
      }
      int[] vectors = new int[1 + queueVectors.length()];
      int count = msix == null ? 0 : msix.count();
      for (int i = 0; i < vectors.length; i++) {
        vectors[i] = in.getInt();
        if (vectors[i] != NO_VECTOR && (vectors[i] < 0 || vectors[i] >= count)) {
          throw new IllegalArgumentException(
              "%s: MSI-X vector=0x%x is not in 0..%d, nor 0xffff"
                  .formatted(control.name(), vectors[i], count - 1));
        }
      }
      byte[] registers = new byte[in.remaining()];
      in.get(registers);
      function.restore(registers);
      configVector = vectors[0];
      for (int q = 0; q < queueVectors.length(); q++) {
        queueVectors.set(q, vectors[1 + q]);
      }
      isr.set(bits);
    }
  }

  // ---- the monitor ---------------------------------------------------------------------------

  /** {@return the function, to be put on a bus} */
  public PciFunction function() {
    return function;
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

  /**
   * Resets the device and ends it, for good. Take the function off its bus before. Closing twice is
   * safe.
   */
  @Override
  public void close() {
    control.close();
  }

  @Override
  public String toString() {
    return "virtio-pci: " + control;
  }

  /** Builds a transport. For one thread. */
  public static final class Builder {
    private final TransportSetup setup;
    private @Nullable MsiController controller;
    private int vectors;
    private Optional<IntxPin> pin = Optional.empty();
    private SharedMemoryMapper mapper = SharedMemoryMapper.NONE;
    private Consumer<PciFunction.Builder> customizer = f -> {};

    private Builder(TransportSetup setup) {
      this.setup = setup;
    }

    /**
     * Gives the function MSI-X, with a vector for each queue and one for the configuration.
     *
     * @param newController makes the host's vectors
     * @return this
     */
    public Builder msix(MsiController newController) {
      controller = newController;
      vectors = 0;
      return this;
    }

    /**
     * Gives the function MSI-X.
     *
     * @param newController makes the host's vectors
     * @param newVectors how many, 2 to 2048 (VIRTIO 1.4 §4.1.5.1.2.1)
     * @return this
     * @throws IllegalArgumentException if {@code newVectors} is out of range
     */
    public Builder msix(MsiController newController, int newVectors) {
      if (newVectors < 2 || newVectors > 0x800) {
        throw new IllegalArgumentException("vectors=" + newVectors + " is not in 2..2048");
      }
      controller = newController;
      vectors = newVectors;
      return this;
    }

    /**
     * Gives the function a pin, for guests without MSI-X.
     *
     * @param newPin the pin
     * @return this
     */
    public Builder intx(IntxPin newPin) {
      pin = Optional.of(newPin);
      return this;
    }

    /**
     * Says who is told where the shared memory regions are.
     *
     * @param newMapper the mapper
     * @return this
     */
    public Builder sharedMemory(SharedMemoryMapper newMapper) {
      mapper = newMapper;
      return this;
    }

    /**
     * Adds to the function what virtio leaves open: another class or subsystem, power management,
     * vendor data, function level reset. BARs 4 and 5 are free. Vendor data (capabilities of type
     * {@link VirtioPciLayout#CAP_VENDOR_CFG}) must be a multiple of 4 bytes long and another
     * vendor's than virtio (VIRTIO 1.4 §4.1.4.10.1).
     *
     * @param newCustomizer is called with the function's builder, after all else
     * @return this
     */
    public Builder customize(Consumer<PciFunction.Builder> newCustomizer) {
      customizer = newCustomizer;
      return this;
    }

    /**
     * Attaches the device.
     *
     * @return the transport, its function on no bus yet
     * @throws IllegalArgumentException if what the device says of itself is not possible
     * @throws java.util.concurrent.RejectedExecutionException if the event loop was stopped
     * @throws SystemCallException if the process has no descriptor left
     * @throws SubscriberStartException if the event loop cannot watch its events
     */
    public VirtioPci build() throws SystemCallException, SubscriberStartException {
      return new VirtioPci(this);
    }
  }
}

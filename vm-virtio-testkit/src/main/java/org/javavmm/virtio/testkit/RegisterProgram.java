// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import java.util.concurrent.ExecutionException;
import org.javavmm.event.EventLoop;
import org.javavmm.event.SubscriberStartException;
import org.javavmm.memory.GuestMemory;
import org.javavmm.sys.SystemCallException;
import org.javavmm.virtio.ConfigSpace;
import org.javavmm.virtio.DeviceContext;
import org.javavmm.virtio.Features;
import org.javavmm.virtio.QueueConfig;
import org.javavmm.virtio.QueueFault.Area;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.TransportSetup;
import org.javavmm.virtio.VirtioDevice;
import org.javavmm.virtio.VirtioMmio;
import org.javavmm.virtio.VirtioPci;
import org.jspecify.annotations.Nullable;

/**
 * Runs a program, any bytes at all, that writes anything into the registers of a device, at the
 * same time behind virtio-mmio and behind virtio-pci, beside a {@link RegisterModel}. Checked after
 * each step: both transports show what the model says, in every register they have; nothing
 * escapes. For one thread at a time.
 */
public final class RegisterProgram implements AutoCloseable {
  private static final long MEMORY = 0x1_0000;
  private static final int STEPS = 300;
  private static final long OFFERED =
      TransportSetup.DEFAULT_RING_FEATURES | RingFeatures.NOTIFICATION_DATA | 3;

  private static final int[] SELECTORS = {0, 1, 2, 3, 4, -1, Integer.MIN_VALUE, 0x1_0000};
  private static final int[] SIZES = {0, 1, 2, 3, 4, 8, 16, 0xffff};
  private static final int[] QUEUES = {0, 1, 2, 0xffff};
  private static final int[] OFFSETS = {0, 0, 0, 0, 1, 2, 4, 8};

  /** A device that does nothing. */
  private static final class Idle implements VirtioDevice {
    private final ConfigSpace config;
    private final ConfigSpace.Field counter;
    private volatile @Nullable DeviceContext context;

    Idle() {
      ConfigSpace.Builder builder = ConfigSpace.builder();
      ConfigSpace.Field _ = builder.writable("word", 0, 4, 5);
      counter = builder.readOnly("counter", 8, 8, 0);
      ConfigSpace.Field _ = builder.writable("wide", 16, 8, 6);
      config = builder.build();
    }

    @Override
    public int deviceId() {
      return 2;
    }

    @Override
    public Features features() {
      return Features.of(0, 1);
    }

    @Override
    public int[] queueSizes() {
      return new int[] {8, 4};
    }

    @Override
    public ConfigSpace config() {
      return config;
    }

    @Override
    public boolean accepts(Features features) {
      return !features.has(1) || features.has(0);
    }

    @Override
    public void activate(DeviceContext newContext) {
      context = newContext;
    }

    @Override
    public void notified(int queue) {}

    @Override
    public void reset() {
      context = null;
    }

    void change(long value) {
      counter.set(value);
      DeviceContext now = context;
      if (now != null) {
        now.notifyConfig();
      }
    }
  }

  /** A transport and what is known of it. */
  private static final class Side {
    final TransportDriver driver;
    final Idle device;
    final boolean stops;
    int generation;
    long seen;

    Side(TransportDriver driver, Idle device, boolean stops) {
      this.driver = driver;
      this.device = device;
      this.stops = stops;
    }
  }

  private final GuestMemory memory;
  private final EventLoop loop;
  private final VirtioMmio mmio;
  private final VirtioPci pci;
  private final Side[] sides;
  private byte[] program = new byte[0];
  private int at;

  // The configuration as it should be seen, and what the device has set meanwhile.
  private long word;
  private long wide;
  private long counter;
  private long counterSet;

  /**
   * Attaches a device to each transport.
   *
   * @throws SystemCallException if the host has no room
   * @throws SubscriberStartException if the event loop cannot watch the devices
   */
  public RegisterProgram() throws SystemCallException, SubscriberStartException {
    memory = GuestMemory.builder().anonymous("ram", 0, MEMORY).build();
    loop = EventLoop.create("registers");
    Thread _ = loop.start();
    Idle first = new Idle();
    Idle second = new Idle();
    long features = OFFERED & ~3L;
    mmio =
        VirtioMmio.builder(
                TransportSetup.of(first, memory, loop).withRingFeatures(features), 0xd000_0000L)
            .build();
    pci =
        VirtioPci.builder(TransportSetup.of(second, memory, loop).withRingFeatures(features))
            .build();
    sides =
        new Side[] {
          new Side(new MmioDriver(mmio), first, true),
          new Side(new PciDriver(pci.function()), second, false)
        };
  }

  @Override
  public void close() {
    mmio.close();
    pci.close();
    loop.close();
    memory.close();
  }

  private int next() {
    return at < program.length ? program[at++] & 0xff : 0;
  }

  /**
   * Runs a program.
   *
   * @param bytes the program
   * @throws AssertionError if something does not hold
   */
  public void run(byte[] bytes) {
    for (Side side : sides) {
      program = bytes;
      at = 0;
      run(side);
    }
  }

  private void run(Side side) {
    TransportDriver driver = side.driver;
    driver.reset();
    side.device.counter.set(0);
    RegisterModel model = new RegisterModel(OFFERED, MEMORY, 8, 4);
    word = 5;
    wide = 6;
    counter = 0;
    counterSet = 0;
    int _ = driver.takeInterruptStatus();
    side.generation = driver.generation();
    side.seen = 0;
    for (int step = 0; at < program.length && step < STEPS; step++) {
      int operation = next();
      step(side, model, operation % 16);
      check(side, model, step, operation % 16);
    }
  }

  private void step(Side side, RegisterModel model, int operation) {
    TransportDriver driver = side.driver;
    switch (operation) {
      case 0 -> {
        int select = SELECTORS[next() % SELECTORS.length];
        driver.selectDeviceFeatures(select);
        if (model.takesWrites()) {
          model.deviceSelect = select;
        }
      }
      case 1 -> {
        int select = SELECTORS[next() % SELECTORS.length];
        driver.selectDriverFeatures(select);
        if (model.takesWrites()) {
          model.driverSelect = select;
        }
      }
      case 2 -> driverFeatures(driver, model, features(next()));
      case 3 -> status(side, model, next() | (next() == 0 ? 0 : 1));
      case 4 -> selectQueue(driver, model, QUEUES[next() % QUEUES.length]);
      case 5 -> {
        int size = SIZES[next() % SIZES.length];
        driver.queueSize(size);
        model.queueSize(size);
      }
      case 6 -> {
        Area area =
            switch (next() % 3) {
              case 0 -> Area.DESCRIPTOR;
              case 1 -> Area.DRIVER;
              default -> Area.DEVICE;
            };
        int value = next() % 8 * 0x400 + OFFSETS[next() % OFFSETS.length];
        boolean upper = next() % 8 == 0;
        address(driver, model, area, upper, upper ? value & 1 : value);
      }
      case 7 -> queueReady(side, model, next() % 3);
      case 8 -> {
        int value = next() % 3;
        driver.queueReset(value);
        model.queueReset(value);
      }
      case 9 -> driver.notify(next() % 4);
      case 10 -> config(driver, model);
      case 11 -> odd(driver);
      case 12 -> {
        int seen = driver.takeInterruptStatus();
        check(seen == model.interrupts, "interrupt status", model.interrupts, seen);
        model.interrupts = 0;
      }
      case 13 -> {
        counterSet++;
        side.device.change(counterSet);
        model.configChanged();
      }
      case 14 -> agree(side, model, next());
      default -> queue(side, model);
    }
    if ((model.status & 16) == 0) {
      counter = counterSet;
    }
  }

  /** Words that are often good ones. */
  private static int features(int choice) {
    return switch (choice % 8) {
      case 0 -> (int) OFFERED;
      case 1 -> (int) (OFFERED >>> 32);
      case 2 -> (int) (OFFERED >>> 32) & ~4;
      case 3 -> 1;
      case 4 -> 2;
      case 5 -> 1 << 8;
      case 6 -> 0;
      default -> choice * 0x0101_0101;
    };
  }

  private static void driverFeatures(TransportDriver driver, RegisterModel model, int bits) {
    driver.driverFeatures(bits);
    model.driverFeatures(bits);
  }

  private void status(Side side, RegisterModel model, int value) {
    side.driver.status(value);
    if (value == 0) {
      word = 5;
      wide = 6;
      counter = counterSet;
    }
    model.status(value);
  }

  private static void selectQueue(TransportDriver driver, RegisterModel model, int index) {
    driver.selectQueue(index);
    if (model.takesWrites()) {
      model.queueSelect = index;
    }
  }

  private static void address(
      TransportDriver driver, RegisterModel model, Area area, boolean upper, int value) {
    driver.queueAddress(area, upper, value);
    model.queueAddress(area, upper, value);
  }

  private static void queueReady(Side side, RegisterModel model, int value) {
    side.driver.queueReady(value);
    model.queueReady(value, side.stops);
  }

  /** Any access to the configuration space. */
  private void config(TransportDriver driver, RegisterModel model) {
    int offset = next() % 28;
    int size = 1 << (next() % 4);
    long value = next() * 0x0101_0101_0101_0101L;
    driver.config(offset, size, size == 8 ? value : value & ((1L << (8 * size)) - 1));
    if (!model.takesConfig()) {
      return;
    }
    if (offset == 0 && size == 4) {
      word = value & 0xffff_ffffL;
    } else if (offset == 16 && size == 8) {
      wide = value;
    } else if (offset == 16 && size == 4) {
      wide = wide >>> 32 << 32 | (value & 0xffff_ffffL);
    } else if (offset == 20 && size == 4) {
      wide = (wide & 0xffff_ffffL) | value << 32;
    }
  }

  /** An access that no register takes: it reads as 0 and writes nothing. */
  private void odd(TransportDriver driver) {
    int size = 1 << (next() % 4);
    int offset = next() % 56;
    boolean none = size == 8 || (offset & 3) == 3 || (size == 4 && (offset & 3) != 0);
    if (none && offset != 20 && offset != 21) {
      long seen = driver.rawRead(offset, size);
      if (seen != 0 && size != 1) {
        throw new AssertionError("odd read of " + size + " at " + offset + " gives " + seen);
      }
      driver.rawWrite(offset, size, next());
    }
  }

  /** The steps of a well-behaved driver up to FEATURES_OK, and on if the program says so. */
  private void agree(Side side, RegisterModel model, int choice) {
    TransportDriver driver = side.driver;
    status(side, model, 0);
    status(side, model, 1);
    status(side, model, 3);
    long features = OFFERED & ~(long) (choice % 4) & ~((choice & 4L) << 32);
    for (int i = 0; i < 2; i++) {
      driver.selectDriverFeatures(i);
      model.driverSelect = i;
      driverFeatures(driver, model, (int) (features >>> (32 * i)));
    }
    status(side, model, 11);
    if ((choice & 8) != 0) {
      queue(side, model);
    }
    if ((choice & 16) != 0) {
      status(side, model, 15);
    }
    if ((choice & 96) == 96) {
      status(side, model, 31);
    }
  }

  /** A good queue, if it can be set up now. */
  private void queue(Side side, RegisterModel model) {
    int index = next() % 2;
    selectQueue(side.driver, model, index);
    QueueConfig config = DriverQueue.layout(0x4000L + 0x2000L * index, 4, 0);
    address(side.driver, model, Area.DESCRIPTOR, false, (int) config.descriptorArea());
    address(side.driver, model, Area.DRIVER, false, (int) config.driverArea());
    address(side.driver, model, Area.DEVICE, false, (int) config.deviceArea());
    queueReady(side, model, 1);
  }

  // ---- what must hold ------------------------------------------------------------------------

  private static void check(boolean holds, String what, long expected, long seen) {
    if (!holds) {
      throw new AssertionError("%s: expected 0x%x but was 0x%x".formatted(what, expected, seen));
    }
  }

  private static void same(String what, long expected, long seen) {
    check(expected == seen, what, expected, seen);
  }

  private void check(Side side, RegisterModel model, int step, int operation) {
    TransportDriver driver = side.driver;
    String where =
        "step " + step + ", operation " + operation + (side.stops ? ", mmio: " : ", pci: ");
    same(where + "status", model.status, driver.status());
    same(where + "device features", model.deviceFeatures(), driver.deviceFeatures());
    driver
        .acceptedFeatures()
        .ifPresent(seen -> same(where + "driver features", model.acceptedFeatures(), seen));
    driver
        .queueSizeMax()
        .ifPresent(seen -> same(where + "largest size", model.queueSizeMax(), seen));
    driver.queueSize().ifPresent(seen -> same(where + "size", model.queueSize(), seen));
    same(where + "ready", model.queueReady(), driver.queueReady());
    same(where + "queue reset", 0, driver.queueReset());
    int generation = driver.generation();
    same(where + "word", word, driver.config(0, 4));
    same(where + "wide", wide, driver.config(16, 8));
    same(where + "counter", counter, driver.config(8, 8));
    if (counter != side.seen && generation == side.generation) {
      throw new AssertionError(where + "the generation stays " + generation);
    }
    side.seen = counter;
    side.generation = generation;
  }

  /**
   * Waits until the loop has done what it had to.
   *
   * @throws ExecutionException never
   * @throws InterruptedException if interrupted
   */
  public void settle() throws ExecutionException, InterruptedException {
    boolean _ = loop.call(() -> true);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.javavmm.device.Bus;
import org.javavmm.device.DoorbellAddress;
import org.javavmm.device.Doorbells;
import org.javavmm.device.MsiVector;
import org.javavmm.event.EventLoop;
import org.javavmm.memory.GuestMemory;
import org.javavmm.pci.BarWindows;
import org.javavmm.pci.IntxPin;
import org.javavmm.pci.PciRoot;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.SystemCallException;
import org.javavmm.virtio.TransportSetup;
import org.javavmm.virtio.TransportStatistics;
import org.javavmm.virtio.VirtioMmio;
import org.javavmm.virtio.VirtioPci;
import org.jspecify.annotations.Nullable;

/**
 * A device behind a transport, without KVM: recorders in the places of doorbells and interrupts.
 */
final class Machine implements AutoCloseable {
  enum Kind {
    MMIO,
    PCI
  }

  static final long MMIO_BASE = 0xd000_0000L;
  static final long SHM_BASE = 0xe000_0000L;
  static final long WINDOW = 0xc000_0000L;
  static final long RINGS = 0x1_0000;
  static final long DATA = 0x10_0000;
  static final long MEMORY = 0x20_0000;

  /** Doorbells that a test rings. */
  static final class RecordingDoorbells implements Doorbells {
    record Bell(EventFd event, DoorbellAddress address) {}

    final List<Bell> connected = new ArrayList<>();
    volatile boolean refuses;

    @Override
    public synchronized Connection connect(EventFd event, DoorbellAddress address)
        throws SystemCallException {
      if (refuses) {
        throw new SystemCallException("connect", 28);
      }
      Bell bell = new Bell(event, address);
      connected.add(bell);
      return () -> {
        synchronized (this) {
          connected.remove(bell);
        }
      };
    }

    /** A write of the guest; whether it rang one, and so would not reach the bus. */
    synchronized boolean write(long address, int size, long value) {
      for (Bell bell : connected) {
        DoorbellAddress a = bell.address;
        if (a.address() == address
            && (a.size() == 0 || a.size() == size)
            && (!a.matched() || a.value() == value)) {
          bell.event.signal();
          return true;
        }
      }
      return false;
    }

    synchronized List<DoorbellAddress> addresses() {
      return connected.stream().map(Bell::address).toList();
    }
  }

  /** Counts the messages. */
  final class Vector implements MsiVector {
    volatile long address;
    volatile int data;
    final AtomicInteger sent = new AtomicInteger();

    @Override
    public void route(long newAddress, int newData) {
      address = newAddress;
      data = newData;
    }

    @Override
    public void trigger() {
      sent.incrementAndGet();
      onInterrupt.run();
    }

    @Override
    public void close() {}
  }

  final Kind kind;
  final GuestMemory memory;
  final EventLoop loop;
  final TestDevice device = new TestDevice();
  final RecordingDoorbells doorbells = new RecordingDoorbells();
  final AtomicInteger edges = new AtomicInteger();
  final List<Vector> vectors = new ArrayList<>();
  volatile boolean level;

  /** What else happens at an interrupt: an edge, a message, or the assertion of a line. */
  volatile Runnable onInterrupt = () -> {};

  volatile int hostVectors = Integer.MAX_VALUE;
  final Bus bus = Bus.mmio();
  final List<String> mappings = new ArrayList<>();
  final @Nullable VirtioMmio mmio;
  final @Nullable VirtioPci pci;
  final @Nullable PciRoot root;
  final TransportDriver driver;

  Machine(Kind kind) throws Exception {
    this(kind, setup -> setup);
  }

  Machine(Kind kind, UnaryOperator<TransportSetup> options) throws Exception {
    this.kind = kind;
    memory = GuestMemory.builder().anonymous("ram", 0, MEMORY).build();
    loop = EventLoop.create("devices");
    Thread _ = loop.start();
    TransportSetup setup =
        options.apply(TransportSetup.of(device, memory, loop).withDoorbells(doorbells));
    if (kind == Kind.MMIO) {
      VirtioMmio made =
          VirtioMmio.builder(setup, MMIO_BASE)
              .edge(() -> {
                edges.incrementAndGet();
                onInterrupt.run();
              })
              .level(this::level)
              .sharedMemory(SHM_BASE)
              .build();
      bus.add("test0", MMIO_BASE, 0x1000, made);
      mmio = made;
      pci = null;
      root = null;
      driver = new MmioDriver(made);
    } else {
      VirtioPci made =
          VirtioPci.builder(setup)
              .msix(name -> vector())
              .intx(IntxPin.A)
              .sharedMemory(
                  new org.javavmm.virtio.SharedMemoryMapper() {
                    @Override
                    public void mapped(org.javavmm.virtio.SharedMemory region, long gpa) {
                      mappings.add("+" + region.id() + "@0x" + Long.toHexString(gpa));
                    }

                    @Override
                    public void unmapped(org.javavmm.virtio.SharedMemory region, long gpa) {
                      mappings.add("-" + region.id() + "@0x" + Long.toHexString(gpa));
                    }
                  })
              .build();
      BarWindows windows = BarWindows.builder().memory(WINDOW, 0x800_0000).build();
      windows.addTo(Bus.pio(), bus);
      PciRoot bridge =
          PciRoot.builder(windows).interrupts((slot, pin) -> 10, gsi -> this::level).build();
      var _ = bridge.rootBus().add(made.function());
      mmio = null;
      pci = made;
      root = bridge;
      driver = new PciDriver(made.function());
    }
  }

  private void level(boolean asserted) {
    level = asserted;
    if (asserted) {
      onInterrupt.run();
    }
  }

  private synchronized Vector vector() throws SystemCallException {
    if (vectors.size() >= hostVectors) {
      throw new SystemCallException("allocate", 28);
    }
    Vector made = new Vector();
    vectors.add(made);
    return made;
  }

  MmioDriver mmioDriver() {
    return (MmioDriver) driver;
  }

  PciDriver pciDriver() {
    return (PciDriver) driver;
  }

  VirtioPci pci() {
    VirtioPci made = pci;
    if (made == null) {
      throw new IllegalStateException("not PCI");
    }
    return made;
  }

  VirtioMmio mmio() {
    VirtioMmio made = mmio;
    if (made == null) {
      throw new IllegalStateException("not MMIO");
    }
    return made;
  }

  TransportStatistics statistics() {
    return kind == Kind.MMIO ? mmio().statistics() : pci().statistics();
  }

  /** Interrupts so far: edges, or asserted INTx counted by the status it has. */
  int interrupts() {
    return edges.get();
  }

  /** Lets the loop do what it has to: several rounds. */
  void settle() throws Exception {
    for (int i = 0; i < 4; i++) {
      onLoop(() -> true);
    }
  }

  <T> T onLoop(Callable<T> task) throws InterruptedException, ExecutionException {
    return loop.call(task);
  }

  boolean has(int statusBit) {
    return (driver.status() & statusBit) != 0;
  }

  @Override
  public void close() {
    device.slow = false;
    device.drainNow();
    if (mmio != null) {
      mmio.close();
    }
    if (pci != null) {
      pci.close();
    }
    loop.close();
    memory.close();
  }
}

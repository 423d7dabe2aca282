// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.stream.Stream;
import org.javavmm.device.AddressMap;
import org.javavmm.device.AddressRange;
import org.javavmm.device.LevelLine;
import org.javavmm.event.SubscriberStartException;
import org.javavmm.kvm.Vm;
import org.javavmm.loader.X86Layout;
import org.javavmm.memory.GuestRegion;
import org.javavmm.pci.BarWindows;
import org.javavmm.pci.ConfigPorts;
import org.javavmm.pci.Ecam;
import org.javavmm.pci.IntxPin;
import org.javavmm.pci.PciAddress;
import org.javavmm.pci.PciBar;
import org.javavmm.pci.PciInterruptRouter;
import org.javavmm.pci.PciRoot;
import org.javavmm.sys.SystemCallException;
import org.javavmm.virtio.TransportSetup;
import org.javavmm.virtio.VirtioMmio;
import org.javavmm.virtio.VirtioMmioLayout;
import org.javavmm.virtio.VirtioPci;
import org.javavmm.vmkvm.GsiRoutes;
import org.javavmm.vmkvm.KvmDoorbells;
import org.javavmm.vmkvm.KvmMsiController;
import org.jspecify.annotations.Nullable;

/**
 * The slots of a machine: which addresses and interrupts devices get, and the virtio devices that
 * are in them. Doorbells, messages and the PCI root are made when they are first needed. For the
 * thread that builds the machine.
 */
final class Board implements AutoCloseable {
  private static final long PCI_MEMORY = X86Layout.HOLE_START;
  private static final long ECAM = 0xe000_0000L;
  private static final long VIRTIO_MMIO = 0xf000_0000L;
  private static final long VIRTIO_MMIO_END = 0xf100_0000L;
  private static final int PCI_PORTS = 0x1000;
  private static final int PCI_PORTS_END = 0x1_0000;

  /** What a guest without five-level paging can map. */
  private static final int MAX_ADDRESS_BITS = 46;

  private static final long GIB = 1L << 30;

  // Pins of the IOAPIC. Those below belong to serial ports, keyboard and clock of a PC.
  private static final int FIRST_PIN = 9;
  private static final int MOUSE_PIN = 12;
  private static final int FIRST_BEYOND_ISA = 16;
  private static final int LAST_PIN = 23;

  /**
   * A virtio-mmio device, as tables describe it.
   *
   * @param gpa where its registers are
   * @param gsi its edge-triggered interrupt
   */
  record MmioSlot(long gpa, int gsi) {}

  /**
   * A PCI root, as tables describe it.
   *
   * @param ecam where the configuration space of bus 0 is
   * @param ecamSize its bytes
   * @param lastBus the last bus, the first being 0
   * @param firstPort the first port of its window
   * @param lastPort the last one
   * @param memory its windows of memory
   * @param router where pins lead to
   */
  record PciSlot(
      long ecam,
      long ecamSize,
      int lastBus,
      int firstPort,
      int lastPort,
      List<AddressRange> memory,
      PciInterruptRouter router) {}

  /** What tables have to describe. */
  record Slots(List<MmioSlot> mmio, Optional<PciSlot> pci) {
    static final Slots NONE = new Slots(List.of(), Optional.empty());
  }

  private final Vmm vmm;
  private final Vm vm;
  private final int addressBits;
  private final AddressMap addresses = new AddressMap();
  private final AddressMap.Window pins;
  private final AddressMap.Window mmioSlots;
  private final List<VirtioMmio> mmioDevices = new ArrayList<>();
  private final List<VirtioPci> pciDevices = new ArrayList<>();
  private final List<MmioSlot> described = new ArrayList<>();
  private @Nullable KvmDoorbells doorbells;
  private @Nullable KvmMsiController messages;
  private @Nullable Pci pci;

  /** The PCI root, once there is one. */
  private record Pci(PciRoot root, BarWindows windows, PciSlot slot) {}

  /**
   * An empty board.
   *
   * @param vmm the machine, whose memory, buses and event loop exist
   * @param vm its VM
   * @param addressBits the width of the guest's physical addresses
   */
  Board(Vmm vmm, Vm vm, int addressBits) {
    this.vmm = vmm;
    this.vm = vm;
    this.addressBits = Math.min(addressBits, MAX_ADDRESS_BITS);
    pins = addresses.window(AddressMap.Space.GSI, "IOAPIC", FIRST_PIN, LAST_PIN);
    var _ = pins.reserve("PS/2 mouse", MOUSE_PIN, 1);
    mmioSlots =
        addresses.window(AddressMap.Space.MMIO, "virtio-mmio", VIRTIO_MMIO, VIRTIO_MMIO_END - 1);
    for (GuestRegion region : vmm.memory().regions()) {
      long first = Math.max(region.gpa(), VIRTIO_MMIO);
      long last = Math.min(region.lastGpa(), VIRTIO_MMIO_END - 1);
      if (region.gpa() >= 0 && region.lastGpa() >= 0 && first <= last) {
        var _ = mmioSlots.reserve(region.name(), first, last - first + 1);
      }
    }
  }

  AddressMap addresses() {
    return addresses;
  }

  Slots slots() {
    return new Slots(List.copyOf(described), Optional.ofNullable(pci).map(Pci::slot));
  }

  KvmDoorbells doorbells() throws SystemCallException {
    KvmDoorbells made = doorbells;
    if (made == null) {
      made = KvmDoorbells.of(vm);
      doorbells = made;
    }
    return made;
  }

  private KvmMsiController messages() throws SystemCallException {
    KvmMsiController made = messages;
    if (made == null) {
      made = KvmMsiController.of(vm, GsiRoutes.forIrqchip(vm));
      messages = made;
    }
    return made;
  }

  /** The pins that no ISA device had come first. */
  private AddressRange allocatePins(String owner, int count) {
    try {
      return pins.allocate(owner, count, count, FIRST_BEYOND_ISA, LAST_PIN);
    } catch (IllegalStateException e) {
      return pins.allocate(owner, count, count);
    }
  }

  // ---- virtio-mmio ---------------------------------------------------------------------------

  VirtioMmio attachMmio(TransportSetup setup) throws SystemCallException, SubscriberStartException {
    String name = setup.device().name();
    AddressRange pin = allocatePins(name, 1);
    AddressRange at = null;
    try {
      at = mmioSlots.allocate(name, VirtioMmioLayout.SIZE, VirtioMmioLayout.SIZE);
      int gsi = (int) pin.start();
      VirtioMmio made = VirtioMmio.builder(setup, at.start()).edge(vmm.interrupt(gsi)).build();
      try {
        vmm.mmio().add(name, at.start(), VirtioMmioLayout.SIZE, made);
      } catch (RuntimeException e) {
        made.close();
        throw e;
      }
      mmioDevices.add(made);
      described.add(new MmioSlot(at.start(), gsi));
      return made;
    } catch (SystemCallException | SubscriberStartException | RuntimeException e) {
      pins.free(pin);
      if (at != null) {
        mmioSlots.free(at);
      }
      throw e;
    }
  }

  // ---- PCI -----------------------------------------------------------------------------------

  PciRoot pciRoot() {
    return pci().root;
  }

  private Pci pci() {
    Pci made = pci;
    if (made == null) {
      made = makePci();
      pci = made;
    }
    return made;
  }

  private Pci makePci() {
    List<AddressRange> memory = new ArrayList<>();
    memory.add(new AddressRange("PCI below 4 GiB", PCI_MEMORY, ECAM - 1));
    highWindow().ifPresent(memory::add);
    for (AddressRange window : memory) {
      requireFree(window);
    }
    int first = (int) allocatePins("PCI INTx", IntxPin.values().length).start();
    PciInterruptRouter router = PciInterruptRouter.swizzled(first, first + 1, first + 2, first + 3);
    BarWindows.Builder windows = BarWindows.builder().io(PCI_PORTS, PCI_PORTS_END - PCI_PORTS);
    for (AddressRange window : memory) {
      windows.memory(window.start(), window.size());
    }
    BarWindows mapper = windows.build();
    PciRoot root = PciRoot.builder(mapper).interrupts(router, this::levelLine).build();
    Ecam ecam = new Ecam(root);
    AddressRange configuration = new AddressRange("PCI ECAM", ECAM, ECAM + ecam.size() - 1);
    requireFree(configuration);
    mapper.addTo(vmm.pio(), vmm.mmio());
    vmm.pio().add("PCI configuration", ConfigPorts.BASE, ConfigPorts.PORTS, new ConfigPorts(root));
    vmm.mmio().add(configuration.owner(), ECAM, ecam.size(), ecam);
    memory.add(configuration);
    for (AddressRange window : memory) {
      var _ =
          addresses
              .window(AddressMap.Space.MMIO, window.owner(), window.start(), window.last())
              .reserve("host bridge", window.start(), window.size());
    }
    memory.removeLast();
    return new Pci(
        root,
        mapper,
        new PciSlot(
            ECAM,
            ecam.size(),
            root.lastBus(),
            PCI_PORTS,
            PCI_PORTS_END - 1,
            List.copyOf(memory),
            router));
  }

  /** From the end of the memory to the end of the address space, if there is anything between. */
  private Optional<AddressRange> highWindow() {
    long end = X86Layout.HOLE_END;
    for (GuestRegion region : vmm.memory().regions()) {
      if (Long.compareUnsigned(region.lastGpa(), end) >= 0) {
        end = region.lastGpa() + 1;
      }
    }
    long first = (end + GIB - 1) & -GIB;
    long limit = 1L << addressBits;
    return end > 0 && first > 0 && first < limit
        ? Optional.of(new AddressRange("PCI above 4 GiB", first, limit - 1))
        : Optional.empty();
  }

  private void requireFree(AddressRange window) {
    for (GuestRegion region : vmm.memory().regions()) {
      if (Long.compareUnsigned(region.gpa(), window.last()) <= 0
          && Long.compareUnsigned(window.start(), region.lastGpa()) <= 0) {
        throw new IllegalStateException(window + " overlaps memory: " + region);
      }
    }
  }

  private LevelLine levelLine(int gsi) {
    try {
      return vmm.levelInterrupt(gsi);
    } catch (SystemCallException e) {
      throw new UncheckedIOException(e);
    }
  }

  VirtioPci attachPci(TransportSetup setup) throws SystemCallException, SubscriberStartException {
    Pci board = pci();
    VirtioPci made = VirtioPci.builder(setup).msix(messages()).intx(IntxPin.A).build();
    try {
      PciAddress at = board.root.rootBus().add(made.function());
      List<PciBar> homeless = board.windows.assign(board.root);
      if (!homeless.isEmpty()) {
        var _ = board.root.rootBus().remove(at.device());
        throw new IllegalStateException(
            setup.device().name() + ": no place for " + homeless + " in\n" + board.windows);
      }
    } catch (UncheckedIOException e) {
      made.close();
      if (e.getCause() instanceof SystemCallException cause) {
        throw cause;
      }
      throw e;
    } catch (RuntimeException e) {
      made.close();
      throw e;
    }
    pciDevices.add(made);
    return made;
  }

  // ---- the end -------------------------------------------------------------------------------

  /** Makes all devices stand still, while no vCPU runs. Done when they do. */
  CompletableFuture<?> pause() {
    return all(VirtioMmio::pause, VirtioPci::pause);
  }

  /** Lets all devices go on. */
  CompletableFuture<?> resume() {
    return all(VirtioMmio::resume, VirtioPci::resume);
  }

  private CompletableFuture<?> all(
      Function<VirtioMmio, CompletableFuture<Boolean>> mmio,
      Function<VirtioPci, CompletableFuture<Boolean>> pci) {
    return CompletableFuture.allOf(
        Stream.concat(mmioDevices.stream().map(mmio), pciDevices.stream().map(pci))
            .toArray(CompletableFuture<?>[]::new));
  }

  /** Resets all devices, while the event loop runs and the vCPUs do not any more. */
  void reset() {
    mmioDevices.forEach(VirtioMmio::reset);
    pciDevices.forEach(VirtioPci::reset);
  }

  /** Ends all devices, while the event loop and the VM exist. */
  @Override
  public void close() {
    mmioDevices.reversed().forEach(VirtioMmio::close);
    Pci board = pci;
    if (board != null) {
      for (VirtioPci device : pciDevices.reversed()) {
        PciAddress at = device.function().address().orElse(null);
        if (at != null) {
          var _ = board.root.rootBus().remove(at.device());
        }
        device.close();
      }
    }
    if (messages != null) {
      messages.close();
    }
    if (doorbells != null) {
      doorbells.close();
    }
  }
}

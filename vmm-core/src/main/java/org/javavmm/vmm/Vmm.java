// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.javavmm.arch.BootState;
import org.javavmm.arch.CpuFeatureException;
import org.javavmm.arch.CpuFeatures;
import org.javavmm.arch.CpuModel;
import org.javavmm.arch.CpuidTemplate;
import org.javavmm.arch.Mtrr;
import org.javavmm.arch.Topology;
import org.javavmm.device.AddressMap;
import org.javavmm.device.AddressRange;
import org.javavmm.device.Bus;
import org.javavmm.device.InterruptLine;
import org.javavmm.device.LevelLine;
import org.javavmm.device.SharedLevelLine;
import org.javavmm.event.EventLoop;
import org.javavmm.event.SubscriberStartException;
import org.javavmm.kvm.Cap;
import org.javavmm.kvm.Cpuid;
import org.javavmm.kvm.Kvm;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vcpu;
import org.javavmm.kvm.Vm;
import org.javavmm.loader.MemoryRange;
import org.javavmm.loader.X86Layout;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.RegionSpec;
import org.javavmm.pci.PciRoot;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.SystemCallException;
import org.javavmm.virtio.TransportSetup;
import org.javavmm.virtio.VirtioDevice;
import org.javavmm.virtio.VirtioMmio;
import org.javavmm.virtio.VirtioPci;
import org.javavmm.vmkvm.KvmInterruptLine;
import org.javavmm.vmkvm.KvmLevelLine;
import org.javavmm.vmkvm.KvmMemory;
import org.jspecify.annotations.Nullable;

/**
 * An x86-64 virtual machine and what runs it: memory around the 32-bit hole, interrupt controllers
 * in the kernel, vCPUs with their CPUID, a port and an MMIO bus, an event loop, and a thread for
 * each vCPU.
 *
 * <p>A monitor builds one, puts its devices on the buses, loads a guest, and calls {@link #run},
 * which returns when the guest or the host ends it. {@link #stop} may be called by any thread at
 * any time. The rest is for the thread that built it, before {@link #run}.
 *
 * <p>If a vCPU's thread, a device or a handler of the event loop throws, the machine stops with
 * that one reason.
 */
public final class Vmm implements AutoCloseable {
  /** Where KVM may put what Intel processors need for real mode, below the BIOS's place. */
  private static final long IDENTITY_MAP_ADDRESS = 0xfffb_c000L;

  private static final long TSS_ADDRESS = 0xfffb_d000L;

  /** What an interrupt of old can name; 255 is all of them. */
  private static final int MAX_APIC_ID = 254;

  /** What a processor has that does not say. */
  private static final int MIN_ADDRESS_BITS = 36;

  private static final Cap[] NEEDED = {
    Cap.USER_MEMORY,
    Cap.IRQCHIP,
    Cap.IRQFD,
    Cap.EXT_CPUID,
    Cap.IMMEDIATE_EXIT,
    Cap.MP_STATE,
    Cap.SET_TSS_ADDR,
    Cap.SET_IDENTITY_MAP_ADDR
  };

  private final AtomicReference<@Nullable StopReason> stopReason = new AtomicReference<>();
  private final CountDownLatch stopped = new CountDownLatch(1);
  private final List<KvmInterruptLine> lines = new ArrayList<>();
  private final List<KvmLevelLine> levelLines = new ArrayList<>();
  private final List<VcpuLoop> loops = new ArrayList<>();
  private final Bus pio = Bus.pio();
  private final Bus mmio = Bus.mmio();
  private final GuestMemory memory;
  private final Vm vm;
  private final KvmMemory slots;
  private final EventLoop events;
  private final Board board;
  private final PauseGate gate = new PauseGate();
  private final List<Runnable> owned = new ArrayList<>();
  private final Topology topology;

  /** Held by who pauses or resumes. */
  private final Object pausing = new Object();

  private boolean paused;

  private Vmm(Kvm kvm, GuestMemory memory, Builder wanted) throws SystemCallException {
    this.memory = memory;
    this.topology = wanted.topology();
    try (Undo undo = new Undo()) {
      vm = undo.on(kvm.createVm());
      vm.setIdentityMapAddress(IDENTITY_MAP_ADDRESS);
      vm.setTssAddress(TSS_ADDRESS);
      vm.createIrqchip();
      if (wanted.intervalTimer) {
        vm.createPit2(true);
      }
      slots = undo.on(KvmMemory.attach(vm, memory));
      CpuidTemplate cpuid = wanted.cpuid(kvm);
      VcpuLoop.Shared shared =
          new VcpuLoop.Shared(
              pio,
              mmio,
              memory,
              this::stop,
              gate,
              wanted.timeline,
              kvm.checkExtension(Cap.KVMCLOCK_CTRL) != 0);
      Cpuid supported = kvm.supportedCpuid();
      // Devices' places below 4 GiB are not cached, as firmware leaves them.
      Mtrr memoryTypes =
          Mtrr.uncached(
              physicalBits(supported),
              List.of(new AddressRange("devices", X86Layout.HOLE_START, X86Layout.HOLE_END - 1)));
      for (int number = 0; number < wanted.cpus; number++) {
        Vcpu vcpu = vm.createVcpu(topology.apicId(number));
        vcpu.setCpuid2(cpuid.forVcpu(number, topology));
        BootState.reset(vcpu, memoryTypes);
        loops.add(new VcpuLoop(vcpu, shared));
      }
      events = undo.on(EventLoop.create("events"));
      board = new Board(this, vm, addressBits(supported));
      undo.keep();
    }
    events.onFailure((name, cause) -> stop(monitorFailure(name, cause)));
  }

  private static int physicalBits(Cpuid cpuid) {
    return cpuid.find(0x8000_0008, 0).map(Cpuid.Entry::eax).orElse(MIN_ADDRESS_BITS) & 0xff;
  }

  /** Leaf 0x80000008: the width of physical addresses, and of a guest's where it is less. */
  private static int addressBits(Cpuid cpuid) {
    int eax = cpuid.find(0x8000_0008, 0).map(Cpuid.Entry::eax).orElse(MIN_ADDRESS_BITS);
    int host = eax & 0xff;
    int guest = eax >>> 16 & 0xff;
    return guest == 0 ? host : Math.min(host, guest);
  }

  /** {@return a builder of a machine with 128 MiB and one vCPU} */
  public static Builder builder() {
    return new Builder();
  }

  /** Says how large a machine is. Not thread-safe. */
  public static final class Builder {
    private long memorySize = 128L << 20;
    private int cpus = 1;
    private String device = "/dev/kvm";
    private final List<RegionSpec> regions = new ArrayList<>();
    private BootTimeline timeline = BootTimeline.ofNow();
    private @Nullable Topology topology;

    /** Absent for the host's: the tables of models would cost a short machine's start. */
    private @Nullable CpuModel model;

    private CpuFeatures features = CpuFeatures.NONE;
    private boolean intervalTimer;

    private Builder() {}

    /**
     * Sets what processor the guest sees. Without it, all that the host's KVM supports.
     *
     * @param name the model
     * @param changes the features that are switched on or off in it
     * @return this builder
     */
    public Builder cpu(CpuModel name, CpuFeatures changes) {
      model = name;
      features = changes;
      return this;
    }

    /**
     * Sets how the vCPUs are arranged, and with that how many there are.
     *
     * @param arrangement the arrangement; its largest APIC id is at most 254
     * @return this builder
     * @throws IllegalArgumentException if an APIC id is larger
     */
    public Builder topology(Topology arrangement) {
      if (arrangement.maxApicId() > MAX_APIC_ID) {
        throw new IllegalArgumentException(
            arrangement + " has APIC id " + arrangement.maxApicId() + ", above " + MAX_APIC_ID);
      }
      topology = arrangement;
      cpus = arrangement.cpus();
      return this;
    }

    /**
     * Adds an 8254 interval timer, for guests without ACPI or a timer of the local APIC whose
     * frequency they know.
     *
     * @return this builder
     */
    public Builder intervalTimer() {
      intervalTimer = true;
      return this;
    }

    private Topology topology() {
      return topology == null ? Topology.ofCores(cpus) : topology;
    }

    private CpuidTemplate cpuid(Kvm kvm) throws KvmException {
      boolean tscDeadline = kvm.checkExtension(Cap.TSC_DEADLINE_TIMER) != 0;
      CpuidTemplate.Builder template =
          CpuidTemplate.builder(kvm.supportedCpuid(), tscDeadline).features(features);
      return (model == null ? template : template.model(model)).build();
    }

    /**
     * Sets where the machine marks its first instruction and its first exit. Without it nobody sees
     * them.
     *
     * @param marks the timeline
     * @return this builder
     */
    public Builder timeline(BootTimeline marks) {
      timeline = marks;
      return this;
    }

    /**
     * Adds a region beside the RAM: a ROM, or memory over a file. The guest's tables do not mention
     * it.
     *
     * @param spec what it is to be, apart from the RAM
     * @return this builder
     */
    public Builder region(RegionSpec spec) {
      regions.add(spec);
      return this;
    }

    /**
     * Sets the size of the memory.
     *
     * @param bytes the size, a positive multiple of 4096; what exceeds 3 GiB starts at 4 GiB
     * @return this builder
     */
    public Builder memory(long bytes) {
      memorySize = bytes;
      return this;
    }

    /**
     * Sets the number of vCPUs.
     *
     * @param count the number, 1 to 254
     * @return this builder
     * @throws IllegalArgumentException if it is out of range
     */
    public Builder cpus(int count) {
      if (count < 1 || count > 254) {
        throw new IllegalArgumentException("cpus=" + count + " is not in 1..254");
      }
      cpus = count;
      topology = null;
      return this;
    }

    /**
     * Sets where KVM is.
     *
     * @param path the device's path instead of {@code /dev/kvm}
     * @return this builder
     */
    public Builder kvm(String path) {
      device = path;
      return this;
    }

    /**
     * Checks, without creating anything, that the host's KVM can give such a machine.
     *
     * @throws KvmException if there is no KVM, or if it lacks a capability or the number of vCPUs
     * @throws CpuFeatureException if the host lacks features that the processor is to have
     */
    public void checkHost() throws KvmException {
      try (Kvm kvm = Kvm.open(device)) {
        check(kvm);
        var _ = cpuid(kvm);
      }
    }

    private void check(Kvm kvm) throws KvmException {
      kvm.require(NEEDED);
      if (intervalTimer) {
        kvm.require(Cap.PIT2);
      }
      kvm.requireVcpus(cpus);
    }

    /**
     * Creates the machine.
     *
     * @return the machine, owned by the caller
     * @throws IllegalArgumentException if the size of the memory is not as said, or if a region
     *     overlaps it or another
     * @throws KvmException if there is no KVM, if it lacks a capability, or if it refuses
     * @throws CpuFeatureException if the host lacks features that the processor is to have
     * @throws SystemCallException if the host lacks memory or descriptors
     */
    public Vmm build() throws SystemCallException {
      try (Kvm kvm = Kvm.open(device)) {
        check(kvm);
        GuestMemory.Builder ram = GuestMemory.builder();
        for (MemoryRange range : X86Layout.splitRam(memorySize)) {
          ram.anonymous(range.gpa() == 0 ? "ram" : "ram above 4 GiB", range.gpa(), range.size());
        }
        regions.forEach(ram::region);
        try (Undo undo = new Undo()) {
          Vmm vmm = new Vmm(kvm, undo.on(ram.build()), this);
          undo.keep();
          return vmm;
        }
      }
    }
  }

  /** {@return the guest's memory} */
  public GuestMemory memory() {
    return memory;
  }

  /** {@return the bus of the I/O ports} */
  public Bus pio() {
    return pio;
  }

  /** {@return the bus of the physical address space outside of the memory} */
  public Bus mmio() {
    return mmio;
  }

  /** {@return the event loop, which runs while the machine runs} */
  public EventLoop events() {
    return events;
  }

  /** {@return how many vCPUs there are} */
  public int cpus() {
    return loops.size();
  }

  /** {@return how the vCPUs are arranged; says their APIC ids} */
  public Topology topology() {
    return topology;
  }

  /**
   * {@return a vCPU}
   *
   * @param id its number
   * @throws IndexOutOfBoundsException if there is no such vCPU
   */
  public Vcpu vcpu(int id) {
    return loops.get(id).vcpu();
  }

  /**
   * Connects an edge-triggered interrupt line, for a device.
   *
   * @param gsi the pin of the IOAPIC, 0 to 23
   * @return the line, which belongs to the machine
   * @throws IllegalArgumentException if there is no such pin
   * @throws SystemCallException if KVM refuses
   */
  public InterruptLine interrupt(int gsi) throws SystemCallException {
    checkPin(gsi);
    KvmInterruptLine line = KvmInterruptLine.connect(vm, gsi);
    lines.add(line);
    return line;
  }

  /**
   * Connects a level-triggered interrupt line, for a device; {@link KvmLevelLine} says what the
   * guest sees. The event loop raises it again at the end of an interrupt, if the device still
   * wants it. Several may be connected to one pin, or a {@link SharedLevelLine} put before one.
   *
   * @param gsi the pin of the IOAPIC, 0 to 23
   * @return the line, which belongs to the machine
   * @throws IllegalArgumentException if there is no such pin
   * @throws SystemCallException if KVM refuses
   */
  public LevelLine levelInterrupt(int gsi) throws SystemCallException {
    checkPin(gsi);
    KvmLevelLine line = KvmLevelLine.connect(vm, gsi);
    try {
      var _ =
          events.register(
              line.toString(), line.resampleEvent().fd(), Epoll.EPOLLIN, _ -> line.resampled());
    } catch (SystemCallException | RuntimeException e) {
      line.close();
      throw e;
    }
    levelLines.add(line);
    return line;
  }

  // ---- virtio and PCI ------------------------------------------------------------------------

  /**
   * {@return which addresses and interrupts the machine gives to devices, and who has them} The
   * slots of virtio-mmio are in 0xf0000000 to 0xf0ffffff. Pins 9 to 23 of the IOAPIC are in its
   * window, 16 to 23 being given first; who uses one by himself ({@link #interrupt}) reserves it
   * there. With {@link #pciRoot} come the windows of PCI.
   */
  public AddressMap addresses() {
    return board.addresses();
  }

  /**
   * {@return how this machine's virtio devices are attached: in its memory, on its event loop, with
   * doorbells of KVM} To be changed by its {@code with…} methods and given to {@link
   * #attachMmio(TransportSetup)} or {@link #attachPci(TransportSetup)}.
   *
   * @param device the device
   * @throws SystemCallException if KVM does not say what doorbells it has
   */
  public TransportSetup virtioSetup(VirtioDevice device) throws SystemCallException {
    return TransportSetup.of(device, memory, events).withDoorbells(board.doorbells());
  }

  /**
   * Attaches a device by virtio-mmio: at the next free place, with an edge-triggered interrupt of
   * its own. There are 14 interrupts for these, 10 if there is PCI.
   *
   * @param device the device
   * @return its transport, which belongs to the machine
   * @throws IllegalArgumentException if what the device says of itself is not possible
   * @throws IllegalStateException if no place or interrupt is left
   * @throws SystemCallException if KVM refuses, or the process has no descriptor left
   * @throws SubscriberStartException if the event loop cannot watch its events
   */
  public VirtioMmio attachMmio(VirtioDevice device)
      throws SystemCallException, SubscriberStartException {
    return attachMmio(virtioSetup(device));
  }

  /**
   * Attaches a device by virtio-mmio, as {@link #attachMmio(VirtioDevice)} does.
   *
   * @param setup the device and what it runs on, from {@link #virtioSetup}
   * @return its transport, which belongs to the machine
   * @throws IllegalArgumentException if what the device says of itself is not possible
   * @throws IllegalStateException if no place or interrupt is left
   * @throws SystemCallException if KVM refuses, or the process has no descriptor left
   * @throws SubscriberStartException if the event loop cannot watch its events
   */
  public VirtioMmio attachMmio(TransportSetup setup)
      throws SystemCallException, SubscriberStartException {
    return board.attachMmio(setup);
  }

  /**
   * {@return the PCI root} Made when it is first asked for, or with the first device: bus 0 behind
   * a host bridge, reached by the ports 0xcf8 to 0xcff and by ECAM at 0xe0000000. BARs are in ports
   * from 0x1000 on, in memory from 0xc0000000 to 0xdfffffff, and above all memory. A function that
   * is added to it by hand has its BARs where the guest puts them.
   *
   * @throws IllegalStateException if a region of memory is in the way, or too few interrupts are
   *     left
   */
  public PciRoot pciRoot() {
    return board.pciRoot();
  }

  /**
   * Attaches a device by virtio-pci: in the next free slot of {@link #pciRoot}, with MSI-X for each
   * queue and the configuration, and pin A for guests without. Its BARs are assigned.
   *
   * @param device the device
   * @return its transport, which belongs to the machine
   * @throws IllegalArgumentException if what the device says of itself is not possible
   * @throws IllegalStateException if no slot or no place for its BARs is left, or as {@link
   *     #pciRoot}
   * @throws SystemCallException if KVM refuses, or the process has no descriptor left
   * @throws SubscriberStartException if the event loop cannot watch its events
   */
  public VirtioPci attachPci(VirtioDevice device)
      throws SystemCallException, SubscriberStartException {
    return attachPci(virtioSetup(device));
  }

  /**
   * Attaches a device by virtio-pci, as {@link #attachPci(VirtioDevice)} does.
   *
   * @param setup the device and what it runs on, from {@link #virtioSetup}
   * @return its transport, which belongs to the machine
   * @throws IllegalArgumentException if what the device says of itself is not possible
   * @throws IllegalStateException if no slot or no place for its BARs is left, or as {@link
   *     #pciRoot}
   * @throws SystemCallException if KVM refuses, or the process has no descriptor left
   * @throws SubscriberStartException if the event loop cannot watch its events
   */
  public VirtioPci attachPci(TransportSetup setup)
      throws SystemCallException, SubscriberStartException {
    return board.attachPci(setup);
  }

  /** Closes something with the machine, before its event loop. */
  void own(Runnable close) {
    owned.add(close);
  }

  /** What the tables have to describe. */
  Board.Slots slots() {
    return board.slots();
  }

  /** KVM takes any number, and the interrupts would go nowhere. */
  private static void checkPin(int gsi) {
    if (gsi < 0 || gsi > 23) {
      throw new IllegalArgumentException("gsi=" + gsi + " is not in 0..23");
    }
  }

  /**
   * Runs the guest until somebody stops it. All vCPUs' threads are ready before the first enters
   * the guest. When this returns, no vCPU runs, virtio devices were reset, and the event loop has
   * run what was posted to it.
   *
   * @return why it stopped
   * @throws IllegalStateException if it ran or was closed before
   * @throws OutOfMemoryError if the host has no threads left; no vCPU runs then
   * @throws InterruptedException if the calling thread is interrupted; the machine is stopped then
   */
  public StopReason run() throws InterruptedException {
    Thread eventThread = events.start();
    CountDownLatch ready = new CountDownLatch(loops.size());
    List<Thread> threads = new ArrayList<>();
    try {
      for (VcpuLoop loop : loops) {
        threads.add(
            Thread.ofPlatform().name("vcpu" + loop.vcpu().id()).start(() -> runVcpu(loop, ready)));
      }
      stopped.await();
    } catch (InterruptedException e) {
      stop(new StopReason.HostRequest("an interrupt of the thread that runs the machine"));
      throw e;
    } finally {
      loops.forEach(VcpuLoop::stop);
      // For threads that could not be started, so that the others do not wait for them.
      for (int i = threads.size(); i < loops.size(); i++) {
        ready.countDown();
      }
      threads.forEach(Vmm::join);
      // Nobody notifies devices any more; what they have in flight ends while their loop runs.
      board.reset();
      events.stop();
      join(eventThread);
    }
    return Objects.requireNonNull(stopReason.get(), "stopped without a reason");
  }

  /** Names the region if what a thread of ours threw comes from a lost page of guest memory. */
  private StopReason monitorFailure(String name, Throwable cause) {
    List<String> problems = cause instanceof InternalError ? memory.backingProblems() : List.of();
    return new StopReason.MonitorFailure(
        name, problems.isEmpty() ? cause : new IOException(String.join("; ", problems), cause));
  }

  private void runVcpu(VcpuLoop loop, CountDownLatch ready) {
    Vcpu vcpu = loop.vcpu();
    try {
      vcpu.attach();
      ready.countDown();
      ready.await();
      loop.run();
    } catch (Throwable t) {
      stop(monitorFailure(Thread.currentThread().getName(), t));
    } finally {
      ready.countDown();
      vcpu.detach();
    }
  }

  /** The threads end on their own once stopped; an interrupt must not leave one behind. */
  private static void join(Thread thread) {
    boolean interrupted = false;
    while (true) {
      try {
        thread.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** How long {@link #pause()} waits. */
  public static final Duration PAUSE_BOUND = Duration.ofSeconds(1);

  /**
   * Pauses the machine, within {@link #PAUSE_BOUND}.
   *
   * @return as {@link #pause(Duration)}
   * @throws TimeoutException as {@link #pause(Duration)}
   * @throws InterruptedException as {@link #pause(Duration)}
   */
  public boolean pause() throws TimeoutException, InterruptedException {
    return pause(PAUSE_BOUND);
  }

  /**
   * Makes all vCPUs leave the guest and wait, then makes the virtio devices stand still. When this
   * returns true, no guest code runs, every access that a vCPU had begun is complete, and no device
   * touches the guest's memory. The event loop goes on: what comes from outside is taken, as far as
   * devices have room. A vCPU leaves the guest at once, and a device that it is in as soon as that
   * returns; virtio devices finish what they have in flight.
   *
   * <p>Before {@link #run}, the machine will start paused. A paused machine can be stopped. Any
   * thread, but not one of the machine's own.
   *
   * @param bound how long to wait at most
   * @return whether the machine is paused; false if it has stopped
   * @throws IllegalStateException on the thread of the event loop
   * @throws TimeoutException if a vCPU or a device has not come to rest by then: the message names
   *     the vCPUs; the machine goes on running
   * @throws InterruptedException if the calling thread is interrupted; the machine goes on running
   */
  public boolean pause(Duration bound) throws TimeoutException, InterruptedException {
    if (events.inLoop()) {
      throw new IllegalStateException("pause() on the event loop, which it waits for");
    }
    synchronized (pausing) {
      if (paused) {
        return stopReason.get() == null;
      }
      long deadline = System.nanoTime() + bound.toNanos();
      boolean done = false;
      gate.close();
      try {
        loops.forEach(VcpuLoop::pause);
        List<Integer> missing = gate.awaitAll(deadline);
        if (!missing.isEmpty()) {
          throw new TimeoutException("vCPUs " + missing + " did not come to rest in " + bound);
        }
        awaitDevices(board.pause(), deadline, bound);
        done = true;
      } finally {
        if (!done) {
          var _ = board.resume();
          gate.open();
        }
      }
      paused = true;
      return stopReason.get() == null;
    }
  }

  private static void awaitDevices(CompletableFuture<?> standing, long deadline, Duration bound)
      throws TimeoutException, InterruptedException {
    try {
      var _ = standing.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      TimeoutException told = new TimeoutException("devices did not come to rest in " + bound);
      told.initCause(e);
      throw told;
    } catch (ExecutionException e) {
      throw new IllegalStateException("a device could not be paused: " + e.getCause(), e);
    }
  }

  /**
   * Lets a paused machine go on: first the devices, then the vCPUs. The guest is told by kvmclock,
   * if it has one, that it was paused, so that its watchdogs do not bark; its clocks have gone on.
   *
   * @return whether it was paused
   */
  public boolean resume() {
    synchronized (pausing) {
      if (!paused) {
        return false;
      }
      var _ = board.resume();
      gate.open();
      paused = false;
      return true;
    }
  }

  /** {@return whether the machine is paused} */
  public boolean isPaused() {
    synchronized (pausing) {
      return paused;
    }
  }

  /**
   * Stops the machine; the first reason counts. Does not wait. Before {@link #run}, it makes that
   * return at once.
   *
   * @param reason why
   */
  public void stop(StopReason reason) {
    if (stopReason.compareAndSet(null, reason)) {
      stopped.countDown();
    }
  }

  /** Frees all that the machine owns. Must not be called while {@link #run} runs; twice is safe. */
  @Override
  public void close() {
    owned.forEach(Runnable::run);
    owned.clear();
    board.close();
    lines.forEach(KvmInterruptLine::close);
    // The loop watches what the level-triggered lines own.
    events.close();
    levelLines.forEach(KvmLevelLine::close);
    // The VM before its memory: the guest is gone when the leases end.
    vm.close();
    slots.close();
    memory.close();
  }
}

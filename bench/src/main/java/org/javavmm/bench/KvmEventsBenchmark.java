// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.javavmm.event.EventLoop;
import org.javavmm.kvm.ExitReason;
import org.javavmm.kvm.IoeventAddress;
import org.javavmm.kvm.Kvm;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vcpu;
import org.javavmm.kvm.Vm;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.EventFd;
import org.javavmm.vmkvm.KvmInterruptLine;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What goes between threads and the guest through KVM, and making a VM. Whoever waits for another
 * thread yields the processor in a loop, on all sides of the comparison.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class KvmEventsBenchmark {
  /** A guest that writes to an ioeventfd, and an event loop that waits for it. */
  @State(Scope.Thread)
  public static class Doorbell {
    private SmallGuest guest;
    private EventFd event;
    private EventLoop loop;
    private final AtomicLong seen = new AtomicLong();
    private long asked;

    /**
     * Makes the machine and starts the loop.
     *
     * @throws Exception if KVM refuses
     */
    @Setup(Level.Trial)
    public void setUp() throws Exception {
      guest = SmallGuest.start(SmallGuest.IOEVENTFD, false);
      event = EventFd.create("doorbell");
      guest.vm.registerIoeventfd(event, IoeventAddress.pio(SmallGuest.PORT, 1));
      loop = EventLoop.create("bench");
      loop.register("doorbell", event.fd(), Epoll.EPOLLIN, this::rung);
      loop.start();
    }

    private void rung(int events) {
      if (event.drain() != 0) {
        seen.incrementAndGet();
      }
    }

    /** Lets the vCPU go, on the thread that ran it. */
    @TearDown(Level.Iteration)
    public void detach() {
      guest.vcpu.detach();
    }

    /**
     * Ends loop and machine.
     *
     * @throws KvmException if KVM refuses
     */
    @TearDown(Level.Trial)
    public void tearDown() throws KvmException {
      loop.close();
      guest.vm.unregisterIoeventfd(event, IoeventAddress.pio(SmallGuest.PORT, 1));
      event.close();
      guest.close();
    }
  }

  /** A guest that halts and answers each interrupt with a write to a port. */
  @State(Scope.Thread)
  public static class Interrupt extends VcpuRunner {
    private SmallGuest guest;
    private KvmInterruptLine line;

    /**
     * Makes the machine and waits until the guest has set its interrupt up.
     *
     * @throws Exception if KVM refuses
     */
    @Setup(Level.Trial)
    public void setUp() throws Exception {
      guest = SmallGuest.start(SmallGuest.IRQFD, true);
      start();
      line = KvmInterruptLine.connect(guest.vm, SmallGuest.GSI);
    }

    @Override
    void loop() throws KvmException {
      Vcpu vcpu = guest.vcpu;
      while (true) {
        ExitReason reason = vcpu.run();
        switch (reason) {
          case IO -> {
            if (!guest.isReady(reason)) {
              throw new IllegalStateException("the guest stopped: " + vcpu.exit());
            }
            if (ready) {
              seen.incrementAndGet();
            } else {
              ready = true;
            }
          }
          case REENTER -> {}
          case INTERRUPTED -> {
            if (ending) {
              return;
            }
          }
          default -> throw new IllegalStateException("the guest stopped: " + vcpu.exit());
        }
      }
    }

    /**
     * Ends the machine.
     *
     * @throws InterruptedException if interrupted
     */
    @TearDown(Level.Trial)
    public void tearDown() throws InterruptedException {
      line.close();
      ending = true;
      guest.vcpu.kick();
      join();
      guest.close();
    }
  }

  /** A guest that counts in its memory until it is kicked. */
  @State(Scope.Thread)
  public static class Kicked extends VcpuRunner {
    private SmallGuest guest;

    /**
     * Makes the machine.
     *
     * @throws Exception if KVM refuses
     */
    @Setup(Level.Trial)
    public void setUp() throws Exception {
      guest = SmallGuest.start(SmallGuest.KICK, false);
      start();
    }

    @Override
    void loop() throws KvmException {
      Vcpu vcpu = guest.vcpu;
      vcpu.attach();
      ready = true;
      while (!ending) {
        ExitReason reason = vcpu.run();
        switch (reason) {
          case INTERRUPTED -> seen.incrementAndGet();
          case REENTER -> {}
          default -> throw new IllegalStateException("the guest stopped: " + vcpu.exit());
        }
      }
    }

    /**
     * Ends the machine.
     *
     * @throws InterruptedException if interrupted
     */
    @TearDown(Level.Trial)
    public void tearDown() throws InterruptedException {
      ending = true;
      guest.vcpu.kick();
      join();
      guest.close();
    }
  }

  /** An open KVM. */
  @State(Scope.Thread)
  public static class Opened {
    private Kvm kvm;

    /**
     * Opens it.
     *
     * @throws KvmException if there is none
     */
    @Setup(Level.Trial)
    public void setUp() throws KvmException {
      kvm = Kvm.open();
    }

    /** Closes it. */
    @TearDown(Level.Trial)
    public void tearDown() {
      kvm.close();
    }
  }

  /**
   * The guest is entered, writes to an ioeventfd's port, and leaves at another port; until the
   * event loop's thread has handled the event.
   *
   * @param doorbell the guest
   * @throws KvmException if KVM refuses
   */
  @Benchmark
  public void ioeventfd(Doorbell doorbell) throws KvmException {
    SmallGuest guest = doorbell.guest;
    ExitReason reason = guest.vcpu.run();
    while (reason == ExitReason.REENTER) {
      reason = guest.vcpu.run();
    }
    if (!guest.isReady(reason)) {
      throw new IllegalStateException("the guest stopped: " + guest.vcpu.exit());
    }
    long n = ++doorbell.asked;
    while (doorbell.seen.get() != n) {
      VcpuRunner.yieldProcessor();
    }
  }

  /**
   * An irqfd is signalled; until the guest's handler has written to a port and {@code run} has
   * returned on the vCPU's thread.
   *
   * @param interrupt the guest
   */
  @Benchmark
  public void irqfd(Interrupt interrupt) {
    interrupt.line.trigger();
    interrupt.await();
  }

  /**
   * The guest runs again, and is kicked; until {@code run} has returned on the vCPU's thread.
   *
   * @param kicked the guest
   */
  @Benchmark
  public void kick(Kicked kicked) {
    SmallGuest guest = kicked.guest;
    short before = guest.memory.getShortAcquire(SmallGuest.COUNTER);
    while (guest.memory.getShortAcquire(SmallGuest.COUNTER) == before) {
      VcpuRunner.yieldProcessor();
    }
    guest.vcpu.kick();
    kicked.await();
  }

  /**
   * A VM with interrupt controllers and a vCPU is made and closed.
   *
   * @param opened where
   * @throws KvmException if KVM refuses
   */
  @Benchmark
  public void create(Opened opened) throws KvmException {
    try (Vm vm = opened.kvm.createVm()) {
      vm.createIrqchip();
      vm.createVcpu(0).close();
    }
  }
}

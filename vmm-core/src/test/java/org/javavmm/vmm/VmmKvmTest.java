// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongUnaryOperator;
import java.util.stream.Stream;
import org.javavmm.device.BusDevice;
import org.javavmm.device.LevelLine;
import org.javavmm.event.EventLoop;
import org.javavmm.kvm.Kvm;
import org.javavmm.memory.GuestRegion;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.EventFd;
import org.junit.jupiter.api.Test;

/** The life of a machine: how it runs, stops and goes. */
@NeedsKvm
class VmmKvmTest {
  /** KVM_MP_STATE_RUNNABLE. */
  private static final int RUNNABLE = 0;

  private static final String LOOP =
      """
      eb fe        ; jmp $
      """;

  /** Tells port 0x80 that it runs, and goes on forever. */
  private static final String TELL_AND_LOOP =
      """
      e6 80        ; out 0x80, al
      eb fe        ; jmp $
      """;

  private static final String EXIT_42 =
      """
      b0 2a        ; mov al, 42
      e6 f4        ; out 0xf4, al
      f4           ; hlt
      """;

  /** A device of a byte. */
  private static BusDevice device(LongUnaryOperator access) {
    return new BusDevice() {
      @Override
      public long read(long offset, int size) {
        return access.applyAsLong(-1);
      }

      @Override
      public void write(long offset, int size, long value) {
        var _ = access.applyAsLong(value);
      }
    };
  }

  private static void onPort80(Vmm vmm, Runnable action) {
    vmm.pio()
        .add(
            "port 0x80",
            0x80,
            1,
            device(value -> {
              action.run();
              return value;
            }));
  }

  private static boolean isAlive(String threadName) {
    return Thread.getAllStackTraces().keySet().stream()
        .anyMatch(thread -> thread.getName().equals(threadName));
  }

  @Test
  void exitPortGivesItsStatus() throws Exception {
    try (Vmm vmm = RealMode.machine(EXIT_42)) {
      StopReason reason = vmm.run();
      assertEquals(new StopReason.Exit(42), reason);
      assertEquals("the guest exited with status 42", reason.describe());
    }
  }

  @Test
  void stopBeforeRunCounts() throws Exception {
    try (Vmm vmm = RealMode.machine(LOOP)) {
      vmm.stop(new StopReason.HostRequest("the test"));
      vmm.stop(new StopReason.PowerOff());
      assertEquals(new StopReason.HostRequest("the test"), vmm.run());
    }
  }

  @Test
  void stopFromAnotherThreadFetchesALoopingGuest() throws Exception {
    try (Vmm vmm = RealMode.machine(TELL_AND_LOOP)) {
      CountDownLatch loops = new CountDownLatch(1);
      onPort80(vmm, loops::countDown);
      FutureTask<Void> stopper =
          new FutureTask<>(() -> {
            loops.await();
            vmm.stop(new StopReason.HostRequest("another thread"));
            return null;
          });
      Thread.ofPlatform().start(stopper);
      assertEquals(new StopReason.HostRequest("another thread"), vmm.run());
      stopper.get();
      assertFalse(isAlive("vcpu0"));
      assertFalse(isAlive("events"));
    }
  }

  @Test
  void stopFetchesAHaltedGuest() throws Exception {
    String halt =
        """
        e6 80        ; out 0x80, al
        f4           ; hlt
        """;
    try (Vmm vmm = RealMode.machine(halt)) {
      onPort80(vmm, () -> vmm.events().execute(() -> vmm.stop(new StopReason.PowerOff())));
      assertEquals(new StopReason.PowerOff(), vmm.run());
    }
  }

  @Test
  void firstReasonCounts() throws Exception {
    String exits =
        """
        b0 01        ; mov al, 1
        e6 80        ; out 0x80, al
        b0 02        ; mov al, 2
        e6 f4        ; out 0xf4, al
        eb fe        ; jmp $
        """;
    try (Vmm vmm = RealMode.machine(exits)) {
      onPort80(
          vmm,
          () -> {
            vmm.stop(new StopReason.Exit(7));
            vmm.stop(new StopReason.Reset());
          });
      assertEquals(new StopReason.Exit(7), vmm.run());
    }
  }

  @Test
  void deviceThatThrowsIsAFailureOfItsVcpu() throws Exception {
    try (Vmm vmm = RealMode.machine(TELL_AND_LOOP)) {
      IllegalStateException broken = new IllegalStateException("broken device");
      onPort80(
          vmm,
          () -> {
            throw broken;
          });
      StopReason.MonitorFailure failure =
          assertInstanceOf(StopReason.MonitorFailure.class, vmm.run());
      assertEquals("vcpu0", failure.where());
      assertSame(broken, failure.cause());
      assertEquals(
          "vcpu0 failed: java.lang.IllegalStateException: broken device", failure.describe());
    }
  }

  @Test
  void handlerThatThrowsIsAFailureOfItsRegistration() throws Exception {
    IOException broken = new IOException("broken handler");
    try (EventFd bell = EventFd.create("bell");
        Vmm vmm = RealMode.machine(LOOP)) {
      var _ =
          vmm.events()
              .register(
                  "door bell",
                  bell.fd(),
                  Epoll.EPOLLIN,
                  events -> {
                    bell.drain();
                    throw broken;
                  });
      bell.signal();
      assertEquals(new StopReason.MonitorFailure("door bell", broken), vmm.run());
    }
  }

  @Test
  void taskThatThrowsIsAFailure() throws Exception {
    try (Vmm vmm = RealMode.machine(LOOP)) {
      IllegalStateException broken = new IllegalStateException("broken task");
      vmm.events()
          .execute(() -> {
            throw broken;
          });
      assertEquals(new StopReason.MonitorFailure(EventLoop.TASK, broken), vmm.run());
    }
  }

  @Test
  void whatWasPostedHasRun() throws Exception {
    try (Vmm vmm = RealMode.machine(TELL_AND_LOOP)) {
      AtomicInteger done = new AtomicInteger();
      onPort80(
          vmm,
          () -> {
            vmm.stop(new StopReason.PowerOff());
            vmm.events().execute(done::incrementAndGet);
          });
      vmm.events().execute(done::incrementAndGet);
      assertEquals(new StopReason.PowerOff(), vmm.run());
      assertEquals(2, done.get());
    }
  }

  @Test
  void twoMachinesRunAtOnce() throws Exception {
    // Neither can end unless the other runs meanwhile.
    String meet =
        """
        e6 80        ; out 0x80, al
        e4 80        ; in al, 0x80
        3c 02        ; cmp al, 2
        75 fa        ; jne .-4
        e4 81        ; in al, 0x81
        e6 f4        ; out 0xf4, al
        f4           ; hlt
        """;
    AtomicInteger there = new AtomicInteger();
    try (Vmm one = RealMode.machine(meet);
        Vmm two = RealMode.machine(meet)) {
      for (Vmm vmm : List.of(one, two)) {
        vmm.pio()
            .add(
                "meeting",
                0x80,
                1,
                device(value -> value < 0 ? there.get() : there.incrementAndGet()));
      }
      one.pio().add("name", 0x81, 1, device(_ -> 11));
      two.pio().add("name", 0x81, 1, device(_ -> 22));
      FutureTask<StopReason> other = new FutureTask<>(two::run);
      Thread.ofPlatform().start(other);
      assertEquals(new StopReason.Exit(11), one.run());
      assertEquals(new StopReason.Exit(22), other.get());
    }
  }

  @Test
  void everyVcpuHasItsThread() throws Exception {
    Set<String> threads = new ConcurrentSkipListSet<>();
    try (Vmm vmm = Vmm.builder().memory(RealMode.MEMORY).cpus(2).build()) {
      RealMode.load(vmm, TELL_AND_LOOP);
      RealMode.enter(vmm, 1);
      vmm.vcpu(1).setMpState(RUNNABLE);
      onPort80(
          vmm,
          () -> {
            threads.add(Thread.currentThread().getName());
            if (threads.size() == 2) {
              vmm.stop(new StopReason.PowerOff());
            }
          });
      assertEquals(2, vmm.cpus());
      assertEquals(new StopReason.PowerOff(), vmm.run());
      assertEquals(Set.of("vcpu0", "vcpu1"), threads);
      assertThrows(IndexOutOfBoundsException.class, () -> vmm.vcpu(2));
    }
  }

  /** A second vCPU that nobody starts waits in the kernel, and ends all the same. */
  @Test
  void waitingVcpuStops() throws Exception {
    try (Vmm vmm = Vmm.builder().memory(RealMode.MEMORY).cpus(2).build()) {
      RealMode.load(vmm, EXIT_42);
      assertEquals(new StopReason.Exit(42), vmm.run());
      assertFalse(isAlive("vcpu1"));
    }
  }

  @Test
  void interruptStopsTheMachine() throws Exception {
    try (Vmm vmm = RealMode.machine(TELL_AND_LOOP)) {
      onPort80(vmm, Thread.currentThread()::interrupt);
      assertThrows(InterruptedException.class, vmm::run);
      assertFalse(Thread.currentThread().isInterrupted());
      assertFalse(isAlive("vcpu0"));
      assertFalse(isAlive("events"));
    }
  }

  @Test
  void runsOnlyOnce() throws Exception {
    try (Vmm vmm = RealMode.machine(EXIT_42)) {
      assertEquals(new StopReason.Exit(42), vmm.run());
      assertThrows(IllegalStateException.class, vmm::run);
    }
  }

  @Test
  @SuppressWarnings("try") // closing twice is the point
  void closesTwiceAndUnrun() throws Exception {
    try (Vmm vmm = RealMode.machine(LOOP)) {
      vmm.interrupt(5).trigger();
      vmm.close();
      vmm.close();
    }
  }

  @Test
  void machinesLeaveNothing() throws Exception {
    runOne(); // what stays for the life of the process is there afterwards
    List<String> before = descriptors();
    long mappings = mappings();
    for (int i = 0; i < 20; i++) {
      runOne();
    }
    assertEquals(before, descriptors());
    assertFalse(isAlive("vcpu0"));
    assertFalse(isAlive("vcpu1"));
    assertFalse(isAlive("events"));
    assertEquals(mappings, mappings());
  }

  private static void runOne() throws Exception {
    try (Vmm vmm = Vmm.builder().memory(RealMode.MEMORY).cpus(2).build()) {
      RealMode.load(vmm, EXIT_42);
      var _ = vmm.interrupt(4);
      assertEquals(new StopReason.Exit(42), vmm.run());
    }
  }

  /** What KVM and this project open, leaving out the class files that the JVM opens. */
  private static List<String> descriptors() throws IOException {
    try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
      return fds.map(VmmKvmTest::target)
          .filter(
              t -> t.startsWith("anon_inode:") || t.equals("/dev/kvm") || t.startsWith("/memfd:"))
          .sorted()
          .toList();
    }
  }

  private static String target(Path fd) {
    try {
      return Files.readSymbolicLink(fd).toString();
    } catch (IOException e) {
      return ""; // closed meanwhile
    }
  }

  /** How many of the process's mappings are vCPUs' run structures. */
  private static long mappings() throws IOException {
    try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
      return maps.filter(line -> line.contains("kvm-vcpu")).count();
    }
  }

  @Test
  void memoryGoesAroundTheHole() throws Exception {
    long hole = 3L << 30;
    long above = 4L << 30;
    try (Vmm vmm = Vmm.builder().memory(hole + (2 << 20)).build()) {
      List<GuestRegion> regions = vmm.memory().regions();
      assertEquals(2, regions.size());
      assertEquals(hole + (2 << 20), vmm.memory().size());
      assertTrue(vmm.memory().contains(hole - 8, 8));
      assertFalse(vmm.memory().contains(hole, 1));
      assertFalse(vmm.memory().contains(above - 1, 1));
      assertTrue(vmm.memory().contains(above, 2 << 20));
      assertFalse(vmm.memory().contains(above + (2 << 20), 1));
      RealMode.load(vmm, EXIT_42);
      assertEquals(new StopReason.Exit(42), vmm.run());
    }
    try (Vmm vmm = Vmm.builder().memory(hole).build()) {
      assertEquals(1, vmm.memory().regions().size());
    }
  }

  @Test
  void moreVcpusThanKvmHas() throws Exception {
    int max;
    try (Kvm kvm = Kvm.open()) {
      max = kvm.maxVcpus();
    }
    assumeTrue(max < 254, "this KVM takes " + max + " vCPUs, more than the builder");
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class, () -> Vmm.builder().cpus(max + 1).build().close());
    assertTrue(e.toString().contains("cpus=" + (max + 1)), e::toString);
    assertTrue(e.toString().contains("" + max), e::toString);
  }

  @Test
  void sizeOfTheMemory() throws Exception {
    List<String> before = descriptors();
    for (long size : new long[] {0, -4096, 4095, 4097}) {
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class, () -> Vmm.builder().memory(size).build().close());
      assertTrue(e.toString().contains(size + " bytes"), e::toString);
    }
    assertEquals(before, descriptors());
  }

  @Test
  void refusedInterruptLeavesTheMachineUsable() throws Exception {
    try (Vmm vmm = RealMode.machine(EXIT_42)) {
      for (int gsi : new int[] {-1, 24}) {
        IllegalArgumentException e =
            assertThrows(IllegalArgumentException.class, () -> vmm.interrupt(gsi));
        assertEquals("gsi=" + gsi + " is not in 0..23", e.getMessage());
      }
      assertEquals(new StopReason.Exit(42), vmm.run());
    }
  }

  /** As in vm-kvm's tests: PIC 0 with vectors from 0x20, line 5 alone and level-triggered. */
  private static final String LEVEL =
      """
      c7 06 94 00 00 11 ; mov word [0x94], 0x1100  (vector 0x25, offset)
      c7 06 96 00 00 00 ; mov word [0x96], 0       (segment)
      b0 11 e6 20       ; mov al, 0x11; out 0x20, al
      b0 20 e6 21       ; mov al, 0x20; out 0x21, al
      b0 04 e6 21       ; mov al, 0x04; out 0x21, al
      b0 01 e6 21       ; mov al, 0x01; out 0x21, al
      b0 df e6 21       ; mov al, 0xdf; out 0x21, al
      b0 20             ; mov al, 0x20
      ba d0 04          ; mov dx, 0x4d0
      ee                ; out dx, al   (line 5 is level-triggered)
      fb                ; sti
      e6 40             ; out 0x40, al (the device begins)
      f4                ; hlt
      eb fd             ; jmp the hlt
      """;

  private static final String SERVE =
      """
      e6 41             ; out 0x41, al (the device is served once)
      b0 20             ; mov al, 0x20
      e6 20             ; out 0x20, al
      cf                ; iret
      """;

  /** A device with several reasons, of which an interrupt serves one: the loop raises the line. */
  @Test
  void levelInterruptRisesUntilTheDeviceIsServed() throws Exception {
    try (Vmm vmm = RealMode.machine(LEVEL)) {
      vmm.memory().write(0x1100, RealMode.bytes(SERVE));
      LevelLine line = vmm.levelInterrupt(5);
      vmm.pio()
          .add(
              "device",
              0x40,
              2,
              new BusDevice() {
                private int reasons;
                private int served;

                @Override
                public long read(long offset, int size) {
                  return 0;
                }

                @Override
                public void write(long offset, int size, long value) {
                  if (offset == 0) {
                    reasons = 10;
                    line.setLevel(true);
                  } else {
                    served++;
                    if (--reasons == 0) {
                      line.setLevel(false);
                      vmm.stop(new StopReason.Exit(served));
                    }
                  }
                }
              });
      assertEquals(new StopReason.Exit(10), vmm.run());
    }
  }

  @Test
  @SuppressWarnings("try") // closing twice is the point
  void levelInterruptsGoWithTheMachine() throws Exception {
    runOne();
    List<String> before = descriptors();
    try (Vmm vmm = RealMode.machine(EXIT_42)) {
      vmm.levelInterrupt(5).setLevel(true);
      var _ = vmm.levelInterrupt(5);
      assertEquals(
          "gsi=24 is not in 0..23",
          assertThrows(IllegalArgumentException.class, () -> vmm.levelInterrupt(24)).getMessage());
      assertEquals(new StopReason.Exit(42), vmm.run());
      vmm.close();
      vmm.close();
    }
    assertEquals(before, descriptors());
  }
}

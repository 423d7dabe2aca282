// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.javavmm.device.BusDevice;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Pausing and resuming, by a guest that counts in its memory and at a port. */
@NeedsKvm
@Timeout(120)
class PauseKvmTest {
  private static final int COUNTER = 0x8000;
  private static final Duration LONG = Duration.ofSeconds(60);

  /** Counts in memory, without an exit. */
  private static final String COUNT =
      """
      66 ff 06 00 80 ; inc dword [0x8000]
      eb f9          ; jmp back
      """;

  /** Counts by reading a port and writing to another what it read. */
  private static final String ECHO =
      """
      e4 80        ; in al, 0x80
      e6 81        ; out 0x81, al
      eb fa        ; jmp back
      """;

  private static FutureTask<StopReason> start(Vmm vmm) {
    FutureTask<StopReason> run = new FutureTask<>(vmm::run);
    Thread.ofPlatform().start(run);
    return run;
  }

  private static void awaitChange(Vmm vmm, int from) throws InterruptedException {
    while (vmm.memory().getInt(COUNTER) == from) {
      Thread.sleep(1);
    }
  }

  @Test
  void aPausedGuestStandsStillAndGoesOn() throws Exception {
    try (Vmm vmm = RealMode.machine(COUNT)) {
      FutureTask<StopReason> run = start(vmm);
      awaitChange(vmm, 0);
      for (int round = 0; round < 20; round++) {
        assertTrue(vmm.pause(LONG));
        assertTrue(vmm.isPaused());
        int count = vmm.memory().getInt(COUNTER);
        Thread.sleep(2);
        assertEquals(count, vmm.memory().getInt(COUNTER));
        assertTrue(vmm.pause(LONG), "twice is once");
        assertTrue(vmm.resume());
        assertFalse(vmm.resume());
        awaitChange(vmm, count);
      }
      vmm.stop(new StopReason.PowerOff());
      assertEquals(new StopReason.PowerOff(), run.get());
      assertFalse(vmm.pause(LONG), "it has stopped");
    }
  }

  @Test
  void noAccessIsLostOrRepeated() throws Exception {
    AtomicInteger given = new AtomicInteger();
    AtomicInteger wrong = new AtomicInteger();
    BusDevice source =
        new BusDevice() {
          @Override
          public long read(long offset, int size) {
            return given.incrementAndGet() & 0xff;
          }

          @Override
          public void write(long offset, int size, long value) {
            if ((given.get() & 0xff) != value) {
              wrong.incrementAndGet();
            }
          }
        };
    try (Vmm vmm = RealMode.machine(ECHO)) {
      vmm.pio().add("echo", 0x80, 2, source);
      FutureTask<StopReason> run = start(vmm);
      for (int round = 0; round < 200; round++) {
        int seen = given.get();
        while (given.get() == seen) {
          Thread.onSpinWait();
        }
        assertTrue(vmm.pause(LONG));
        int paused = given.get();
        assertTrue(vmm.resume());
        assertTrue(given.get() >= paused);
      }
      vmm.stop(new StopReason.PowerOff());
      run.get();
      assertEquals(0, wrong.get());
    }
  }

  @Test
  void aMachineStartsPaused() throws Exception {
    try (Vmm vmm = RealMode.machine(COUNT)) {
      assertTrue(vmm.pause(LONG));
      FutureTask<StopReason> run = start(vmm);
      Thread.sleep(20);
      assertEquals(0, vmm.memory().getInt(COUNTER));
      assertTrue(vmm.resume());
      awaitChange(vmm, 0);
      assertTrue(vmm.pause(LONG));
      vmm.stop(new StopReason.HostRequest("the test"));
      assertEquals(new StopReason.HostRequest("the test"), run.get(), "stopped while paused");
    }
  }

  /** The boundary is kept, the vCPU is named, and the machine runs on. */
  @Test
  void aDeviceThatHoldsAVcpuMakesThePauseFail() throws Exception {
    CountDownLatch entered = new CountDownLatch(1);
    CountDownLatch leave = new CountDownLatch(1);
    AtomicInteger accesses = new AtomicInteger();
    try (Vmm vmm = RealMode.machine(ECHO)) {
      vmm.pio()
          .add(
              "slow",
              0x80,
              1,
              new BusDevice() {
                @Override
                public long read(long offset, int size) {
                  entered.countDown();
                  try {
                    leave.await();
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                  return accesses.incrementAndGet();
                }

                @Override
                public void write(long offset, int size, long value) {}
              });
      FutureTask<StopReason> run = start(vmm);
      entered.await();
      TimeoutException e =
          assertThrows(TimeoutException.class, () -> vmm.pause(Duration.ofMillis(30)));
      assertEquals("vCPUs [0] did not come to rest in PT0.03S", e.getMessage());
      assertFalse(vmm.isPaused());
      leave.countDown();
      while (accesses.get() < 3) {
        Thread.sleep(1);
      }
      vmm.stop(new StopReason.PowerOff());
      run.get();
    }
  }

  @Test
  void theEventLoopCannotPause() throws Exception {
    try (Vmm vmm = RealMode.machine(COUNT)) {
      FutureTask<Throwable> thrown =
          new FutureTask<>(() -> assertThrows(IllegalStateException.class, vmm::pause));
      vmm.events().execute(thrown);
      FutureTask<StopReason> run = start(vmm);
      assertEquals("pause() on the event loop, which it waits for", thrown.get().getMessage());
      vmm.stop(new StopReason.PowerOff());
      run.get();
    }
  }
}

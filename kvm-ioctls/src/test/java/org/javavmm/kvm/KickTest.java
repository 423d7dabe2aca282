// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.javavmm.sys.KickSignal;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Fetching a vCPU out of the guest. */
@NeedsKvm
class KickTest {
  private static final String LOOP = "eb fe ; jmp itself";

  /** Each is slow where the processor is emulated: there a run asks for fewer. */
  private static final int KICKS = Integer.getInteger("vmm.kicks", 20_000);

  /** What the vCPU's thread counts; written by it alone. */
  private static final class Runner implements Runnable {
    private final Guest guest;
    private final CountDownLatch attached = new CountDownLatch(1);
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private volatile int interrupted;
    private volatile int reentered;
    private volatile int exits;
    private volatile int threadId;
    private volatile boolean stop;

    Runner(Guest guest) {
      this.guest = guest;
    }

    @Override
    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    public void run() {
      try {
        guest.vcpu.attach();
        threadId = KickSignal.currentThreadId();
        attached.countDown();
        while (!stop) {
          switch (guest.vcpu.run()) {
            case INTERRUPTED -> interrupted++;
            case REENTER -> reentered++;
            case IO -> exits++;
            default -> throw new AssertionError(guest.exit.toString());
          }
        }
      } catch (Throwable t) {
        failure.set(t);
      } finally {
        guest.vcpu.detach();
      }
    }

    /** Waits for an acknowledgement; the guest's watchdog ends a wait that is in vain. */
    void awaitInterrupted(int count) {
      while (interrupted < count && failure.get() == null) {
        LockSupport.parkNanos(5_000);
      }
    }
  }

  private static void stress(String listing, int kicks, boolean exitsExpected) throws Exception {
    try (Guest guest = Guest.realMode(listing)) {
      Runner runner = new Runner(guest);
      Thread thread = Thread.ofPlatform().name("vcpu0").start(runner);
      runner.attached.await();
      Random random = new Random(42);
      for (int i = 1; i <= kicks; i++) {
        // Every phase: right after the last answer, just before entry, deep in the guest.
        int pause = random.nextInt(4) == 0 ? random.nextInt(3000) : 0;
        for (int p = 0; p < pause; p++) {
          Thread.onSpinWait();
        }
        if (i % 2000 == 0) {
          System.gc();
        }
        guest.vcpu.kick();
        runner.awaitInterrupted(i);
        assertNull(runner.failure.get());
      }
      runner.stop = true;
      guest.vcpu.kick();
      thread.join();
      assertNull(runner.failure.get());
      // Each kick was answered before the next was sent, so none can have merged.
      assertTrue(
          runner.interrupted == kicks || runner.interrupted == kicks + 1,
          runner.interrupted + " answers to " + kicks + " kicks");
      assertEquals(exitsExpected, runner.exits > 0);
    }
  }

  @Test
  void everyKickOfALoopingGuestIsAnswered() throws Exception {
    stress(LOOP, KICKS, false);
  }

  @Test
  void everyKickDuringExitsIsAnswered() throws Exception {
    stress("e6 80 ; out 0x80, al\n eb fc ; jmp 0x1000", KICKS / 10, true);
  }

  @Test
  void kickBeforeEntry() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      guest.vcpu.kick();
      guest.vcpu.kick();
      guest.vcpu.kick();
      // They merge into one, and the guest has not moved.
      assertEquals(ExitReason.INTERRUPTED, guest.vcpu.run());
      assertEquals(Guest.CODE, guest.vcpu.getRegs().rip());
      assertEquals(ExitReason.HLT, guest.vcpu.run());
    }
  }

  @Test
  void kickWhileAnExitIsHandled() throws Exception {
    String listing =
        """
        e4 80             ; in al, 0x80
        e6 81             ; out 0x81, al
        f4                ; hlt
        """;
    try (Guest guest = Guest.realMode(listing)) {
      assertEquals(ExitReason.IO, guest.vcpu.run());
      guest.exit.setIoData(0, 0x33);
      guest.vcpu.kick();
      assertEquals(ExitReason.INTERRUPTED, guest.vcpu.run());
      // The answer reached the guest all the same.
      assertEquals(0x33, guest.vcpu.getRegs().rax() & 0xff);
      guest.expectOut(0x81, 1, 0x33);
      guest.expectHlt();
    }
  }

  @Test
  void signalWithoutARequestReenters() throws Exception {
    try (Guest guest = Guest.realMode(LOOP)) {
      Runner runner = new Runner(guest);
      Thread thread = Thread.ofPlatform().start(runner);
      runner.attached.await();
      // A signal outside of the guest is lost, as it may be: no kick stands behind it.
      while (runner.reentered == 0 && runner.interrupted == 0) {
        assertEquals(0, KickSignal.send(runner.threadId));
        Thread.sleep(1);
      }
      assertEquals(0, runner.interrupted);
      runner.stop = true;
      guest.vcpu.kick();
      thread.join();
      assertNull(runner.failure.get());
      assertEquals(1, runner.interrupted);
    }
  }

  @Test
  void kickAfterTheThreadEnded() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      // It ends without detaching.
      Thread thread = Thread.ofPlatform().start(guest.vcpu::attach);
      thread.join();
      for (int i = 0; i < 1000; i++) {
        guest.vcpu.kick();
      }
      assertEquals(ExitReason.INTERRUPTED, guest.vcpu.run());
      assertEquals(ExitReason.HLT, guest.vcpu.run());
    }
  }

  @Test
  void kickWhileClosing() throws Exception {
    for (int i = 0; i < KICKS / 200; i++) {
      Guest guest = Guest.realMode("f4 ; hlt");
      CountDownLatch started = new CountDownLatch(1);
      AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
      Thread kicker =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  started.countDown();
                  for (int k = 0; k < 1000; k++) {
                    guest.vcpu.kick();
                  }
                } catch (Throwable t) {
                  failure.set(t);
                }
              });
      started.await();
      guest.close();
      kicker.join();
      assertNull(failure.get());
      guest.vcpu.kick();
    }
  }
}

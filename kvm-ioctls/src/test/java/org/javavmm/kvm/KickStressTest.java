// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.javavmm.sys.KickSignal;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Each kick, sent at a chosen moment and acknowledged before the next, makes {@code run()} return
 * INTERRUPTED.
 */
@NeedsKvm
@SuppressWarnings(
    "ThreadPriorityCheck") // yielding hands the processor over; parking takes ten times as long
class KickStressTest {
  /** Each is slow where the processor is emulated: there a run asks for fewer. */
  private static final int KICKS =
      Integer.getInteger("vmm.kicks", Boolean.getBoolean("vmm.long") ? 1_000_000 : 20_000);

  private static final long COUNTER = 0x2000;
  private static final long EXIT_WANTED = 0x2002;

  /** Counts in memory, by which one sees that it runs; makes an exit when told to. */
  private static final String GUEST =
      """
      ff 06 00 20       ; again: inc word [0x2000]
      80 3e 02 20 00    ; cmp byte [0x2002], 0
      74 f5             ; je again
      e6 80             ; out 0x80, al
      eb f1             ; jmp again
      """;

  private enum Moment {
    BEFORE_ENTRY,
    IN_THE_GUEST,
    WHILE_AN_EXIT_IS_HANDLED
  }

  /** What the vCPU's thread does; the kicker says when to stop and waits for the answers. */
  private static final class Runner implements Runnable {
    private final Guest guest;
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

    /** The kick for which to wait, by its number; 0 for none. */
    private volatile int waitBeforeEntry;

    private volatile int waitInExit;
    private volatile int waiting;
    private volatile int sent;
    private volatile int acknowledged;
    private volatile boolean stop;

    Runner(Guest guest) {
      this.guest = guest;
    }

    /** Stands still until the kick was sent. */
    private void await(int kick) {
      waiting = kick;
      while (sent < kick) {
        Thread.yield();
      }
    }

    @Override
    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    public void run() {
      try {
        // A kick sent while this thread stands still must be the next answer.
        boolean mustBeNext = false;
        while (!stop) {
          int before = waitBeforeEntry;
          if (before == acknowledged + 1) {
            await(before);
            mustBeNext = true;
          }
          ExitReason reason = guest.vcpu.run();
          switch (reason) {
            case INTERRUPTED -> {
              acknowledged++;
              mustBeNext = false;
            }
            // The signal of an earlier kick that came after its answer.
            case REENTER -> {}
            case IO -> {
              assertTrue(!mustBeNext, "the guest was entered in spite of a kick");
              int in = waitInExit;
              if (in == acknowledged + 1) {
                guest.memory.segment().set(ValueLayout.JAVA_BYTE, EXIT_WANTED, (byte) 0);
                await(in);
                mustBeNext = true;
              }
            }
            default -> throw new AssertionError(guest.exit.toString());
          }
        }
      } catch (Throwable t) {
        failure.set(t);
      } finally {
        guest.vcpu.detach();
      }
    }

    private boolean failed() {
      return failure.get() != null;
    }
  }

  private static short counter(Guest guest) {
    return (short) ValueLayout.JAVA_SHORT.varHandle().getVolatile(guest.memory.segment(), COUNTER);
  }

  @Test
  void everyKickIsAnswered() throws Exception {
    try (Guest guest = Guest.realMode(GUEST)) {
      Runner runner = new Runner(guest);
      Thread thread = Thread.ofPlatform().name("vcpu0").start(runner);
      Random random = new Random(7);
      Moment[] moments = Moment.values();
      int[] counts = new int[moments.length];
      for (int kick = 1; kick <= KICKS && !runner.failed(); kick++) {
        int which = random.nextInt(moments.length);
        counts[which]++;
        switch (moments[which]) {
          case BEFORE_ENTRY -> {
            // It is in the guest from the last answer on; this one only fetches it out.
            runner.waitBeforeEntry = kick + 1;
            guest.vcpu.kick();
            awaitAcknowledged(runner, kick);
            kick++;
            awaitWaiting(runner, kick);
          }
          case IN_THE_GUEST -> {
            short before = counter(guest);
            while (counter(guest) == before && !runner.failed()) {
              Thread.yield();
            }
          }
          case WHILE_AN_EXIT_IS_HANDLED -> {
            runner.waitInExit = kick;
            guest.memory.segment().set(ValueLayout.JAVA_BYTE, EXIT_WANTED, (byte) 1);
            awaitWaiting(runner, kick);
          }
        }
        guest.vcpu.kick();
        runner.sent = kick;
        awaitAcknowledged(runner, kick);
      }
      runner.stop = true;
      runner.sent = Integer.MAX_VALUE;
      guest.vcpu.kick();
      thread.join();
      assertNull(runner.failure.get());
      for (int i = 0; i < counts.length; i++) {
        assertTrue(counts[i] > KICKS / 8, moments[i] + ": " + counts[i]);
      }
    }
  }

  private static void awaitAcknowledged(Runner runner, int kick) {
    while (runner.acknowledged < kick && !runner.failed()) {
      Thread.yield();
    }
    if (!runner.failed()) {
      assertEquals(kick, runner.acknowledged);
    }
  }

  private static void awaitWaiting(Runner runner, int kick) {
    while (runner.waiting < kick && !runner.failed()) {
      Thread.yield();
    }
  }

  @Test
  void kickEndsARunWithAllOtherSignalsBlocked() throws Exception {
    try (Guest guest = Guest.realMode("eb fe ; jmp itself")) {
      guest.vcpu.setSignalMask(~(1L << 39));
      Thread kicker =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  Thread.sleep(20);
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                }
                guest.vcpu.kick();
              });
      assertEquals(ExitReason.INTERRUPTED, guest.run());
      kicker.join();
      guest.vcpu.clearSignalMask();
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> guest.vcpu.setSignalMask(-1));
      assertEquals("signal 40 is that of kick() and must not be blocked", e.getMessage());
    }
  }

  @Test
  void theSignalOfAKick() throws Exception {
    var _ = KickSignal.currentThreadId();
    String caught =
        Files.readAllLines(Path.of("/proc/self/status")).stream()
            .filter(line -> line.startsWith("SigCgt:"))
            .findFirst()
            .orElseThrow()
            .substring(7)
            .strip();
    // Of the signals from SIGRTMIN on, this process handles that one, and the JDK one for sockets.
    long jdk = 1L << (62 - 34);
    assertEquals(1L << (40 - 34), (Long.parseUnsignedLong(caught, 16) >>> 33) & ~jdk);
  }
}

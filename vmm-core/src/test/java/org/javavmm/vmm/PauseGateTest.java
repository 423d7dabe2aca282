// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class PauseGateTest {
  private static final long SOON = 20_000_000;

  private final PauseGate gate = new PauseGate();
  private final AtomicBoolean stopping = new AtomicBoolean();

  private Thread waiting(int vcpu) {
    gate.enter(vcpu);
    return Thread.ofPlatform().start(() -> gate.await(vcpu, stopping::get));
  }

  private static long in(long nanos) {
    return System.nanoTime() + nanos;
  }

  @Test
  void nobodyRuns() throws Exception {
    gate.close();
    assertTrue(gate.isClosed());
    assertEquals(List.of(), gate.awaitAll(in(0)));
  }

  @Test
  void whoIsMissingIsNamed() throws Exception {
    gate.close();
    gate.enter(0);
    gate.enter(3);
    Thread one = waiting(1);
    assertEquals(List.of(0, 3), gate.awaitAll(in(SOON)));
    gate.leave(0);
    gate.leave(3);
    assertEquals(List.of(), gate.awaitAll(in(60_000_000_000L)));
    gate.open();
    one.join();
    assertFalse(gate.isClosed());
  }

  @Test
  void anOpenGateHoldsNobody() throws Exception {
    waiting(0).join();
    gate.close();
    assertEquals(List.of(0), gate.awaitAll(in(SOON)), "it went through and runs");
  }

  @Test
  void aStopLetsThemGo() throws Exception {
    gate.close();
    Thread one = waiting(0);
    assertEquals(List.of(), gate.awaitAll(in(60_000_000_000L)));
    stopping.set(true);
    gate.wake();
    one.join();
    assertTrue(gate.isClosed());
  }

  @Test
  void anInterruptIsKept() throws Exception {
    gate.close();
    gate.enter(0);
    AtomicBoolean interrupted = new AtomicBoolean();
    Thread one =
        Thread.ofPlatform()
            .start(() -> {
              gate.await(0, stopping::get);
              interrupted.set(Thread.currentThread().isInterrupted());
            });
    one.interrupt();
    assertEquals(List.of(), gate.awaitAll(in(60_000_000_000L)));
    gate.open();
    one.join();
    assertTrue(interrupted.get());
  }
}

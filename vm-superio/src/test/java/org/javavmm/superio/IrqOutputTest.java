// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class IrqOutputTest {
  @Test
  void aRiseThatNobodyToldIsAnEdgeAndNoLevel() {
    int[] edges = new int[1];
    IrqOutput edge = IrqOutput.edge(() -> edges[0]++);
    assertTrue(edge.decide(true));
    assertFalse(edge.decide(true), "nothing new");
    assertTrue(edge.decide(false));
    edge.tell();
    assertEquals(1, edges[0]);
    edge.tell();
    assertEquals(1, edges[0]);
    List<Boolean> levels = new ArrayList<>();
    IrqOutput level = IrqOutput.level(levels::add);
    assertTrue(level.decide(true));
    assertTrue(level.decide(false));
    level.tell();
    assertEquals(List.of(), levels);
  }

  @Test
  void aLineThatThrowsIsToldAgain() {
    int[] calls = new int[1];
    IrqOutput edge =
        IrqOutput.edge(() -> {
          if (calls[0]++ == 0) {
            throw new IllegalStateException("once");
          }
        });
    assertTrue(edge.decide(true));
    assertThrows(IllegalStateException.class, edge::tell);
    assertTrue(edge.decide(false));
    assertTrue(edge.decide(true));
    edge.tell();
    assertEquals(2, calls[0]);
  }

  /** Threads that decide under a lock and tell without it: the line ends as was decided last. */
  @Test
  void theLastLevelToldIsTheLastDecided() throws Exception {
    boolean[] heard = new boolean[1];
    AtomicInteger within = new AtomicInteger();
    AtomicInteger overlaps = new AtomicInteger();
    IrqOutput output =
        IrqOutput.level(l -> {
          if (within.incrementAndGet() != 1) {
            overlaps.incrementAndGet();
          }
          heard[0] = l;
          within.decrementAndGet();
        });
    Object lock = new Object();
    for (int round = 0; round < 50; round++) {
      List<Thread> threads = new ArrayList<>();
      for (int t = 0; t < 3; t++) {
        int seed = round * 3 + t;
        threads.add(
            Thread.ofPlatform()
                .start(() -> {
                  for (int i = 0; i < 500; i++) {
                    boolean tell;
                    synchronized (lock) {
                      tell = output.decide((i * 7 + seed) % 3 == 0);
                    }
                    if (tell) {
                      output.tell();
                    }
                  }
                }));
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertEquals(output.isHigh(), heard[0], "round " + round);
    }
    assertEquals(0, overlaps.get());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.javavmm.device.LevelLine;

/**
 * A level line that several pins are wired to: asserted while one of them is. Takes no lock: a
 * thread that finds another one driving the line leaves it to that one.
 */
final class SharedLine {
  private static final long DRIVING = 1;
  private static final long ONE = 2;

  private final LevelLine line;

  /** How many sources are asserted, times 2, and whether a thread drives the line. */
  private final AtomicLong state = new AtomicLong();

  SharedLine(LevelLine line) {
    this.line = line;
  }

  /** A source of its own. */
  LevelLine source() {
    AtomicBoolean level = new AtomicBoolean();
    return asserted -> {
      if (level.getAndSet(asserted) != asserted) {
        add(asserted ? ONE : -ONE);
      }
    };
  }

  private void add(long change) {
    long old;
    do {
      old = state.get();
    } while (!state.compareAndSet(old, (old + change) | DRIVING));
    if ((old & DRIVING) != 0) {
      return;
    }
    long seen = state.get();
    while (true) {
      line.setLevel(seen >= ONE);
      long now = state.compareAndExchange(seen, seen & ~DRIVING);
      if (now == seen) {
        return;
      }
      seen = now;
    }
  }
}

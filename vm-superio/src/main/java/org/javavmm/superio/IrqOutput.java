// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import java.util.concurrent.atomic.AtomicInteger;
import org.javavmm.device.InterruptLine;
import org.javavmm.device.LevelLine;

/**
 * An interrupt output of a device: decided under the device's lock, told to the line without it,
 * and told in the right order. An edge line gets an edge for each rise, merged if nobody could tell
 * it in between; a level line ends with the level that was decided last.
 */
final class IrqOutput {
  private final InterruptLine edge;
  private final LevelLine level;

  /** Written under the device's lock. */
  private volatile boolean high;

  /** Counts rises; written under the device's lock. */
  private volatile int rises;

  /** Decisions that the lines have not been told; whoever counts from 0 tells them. */
  private final AtomicInteger untold = new AtomicInteger();

  // What the lines know; only whoever tells them uses these.
  private boolean toldHigh;
  private int toldRises;

  private IrqOutput(InterruptLine edge, LevelLine level) {
    this.edge = edge;
    this.level = level;
  }

  static IrqOutput edge(InterruptLine line) {
    return new IrqOutput(line, LevelLine.NONE);
  }

  static IrqOutput level(LevelLine line) {
    return new IrqOutput(InterruptLine.NONE, line);
  }

  boolean isHigh() {
    return high;
  }

  /**
   * Decides. Called under the device's lock.
   *
   * @return whether {@link #tell} must be called once the lock is released
   */
  @SuppressWarnings("NonAtomicVolatileUpdate") // the device's lock guards the writes
  boolean decide(boolean wanted) {
    if (wanted == high) {
      return false;
    }
    if (wanted) {
      rises = rises + 1;
    }
    high = wanted;
    return true;
  }

  /**
   * Tells the lines, one thread at a time, so that the last that they hear is the last that was.
   */
  void tell() {
    if (untold.getAndIncrement() != 0) {
      return;
    }
    int seen = 1;
    try {
      do {
        int r = rises;
        boolean h = high;
        if (h != toldHigh) {
          toldHigh = h;
          level.setLevel(h);
        }
        if (r != toldRises) {
          toldRises = r;
          edge.trigger();
        }
        seen = untold.addAndGet(-seen);
      } while (seen != 0);
    } finally {
      if (seen != 0) {
        untold.set(0); // a line threw: else nobody would tell it any more
      }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.util.concurrent.atomic.AtomicInteger;
import org.javavmm.device.LevelLine;

/**
 * The interrupt status of a device and the line that is asserted while a bit is set (VIRTIO 1.4
 * §4.1.4.5, §4.2.2). Thread-safe; takes no lock and allocates nothing.
 *
 * <p>One word holds the bits and whether a thread drives the line. Who changes a bit while another
 * drives leaves the driving to it, so the line ends at the last level, whatever the threads do.
 */
final class InterruptStatus {
  /** A used buffer notification. */
  static final int QUEUE = 1;

  /** A configuration change notification. */
  static final int CONFIG = 2;

  private static final int BITS = QUEUE | CONFIG;
  private static final int DRIVING = 4;

  private final AtomicInteger word = new AtomicInteger();
  private final LevelLine line;

  InterruptStatus(LevelLine line) {
    this.line = line;
  }

  int get() {
    return word.get() & BITS;
  }

  void set(int bits) {
    update(0, bits);
  }

  /** Clears some bits; what was set before. */
  int clear(int bits) {
    return update(bits, 0);
  }

  private int update(int clear, int set) {
    int old;
    do {
      old = word.get();
    } while (!word.compareAndSet(old, (old & ~(clear & BITS)) | set | DRIVING));
    if ((old & DRIVING) == 0) {
      drive();
    }
    return old & BITS;
  }

  private void drive() {
    int seen = word.get();
    try {
      while (true) {
        line.setLevel((seen & BITS) != 0);
        int now = word.compareAndExchange(seen, seen & ~DRIVING);
        if (now == seen) {
          return;
        }
        seen = now;
      }
    } catch (RuntimeException | Error e) {
      word.getAndUpdate(w -> w & ~DRIVING); // or the line would stay as it is for ever
      throw e;
    }
  }
}

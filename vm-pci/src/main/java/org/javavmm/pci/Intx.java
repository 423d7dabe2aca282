// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import java.util.concurrent.atomic.AtomicInteger;
import org.javavmm.device.LevelLine;

/**
 * The INTx interrupt of a function (PCI Local Bus 3.0 §2.2.6, §6.2.2 and §6.2.3). The device says
 * whether it wants to interrupt, which is the Interrupt Status bit; the pin is asserted for as long
 * as it does, unless the command register disables INTx, MSI-X is enabled or the function is not in
 * D0.
 *
 * <p>Thread-safe; takes no lock and allocates nothing. When two threads set it at the same time one
 * may return while the other drives the line for both; the line ends at the last level.
 */
public final class Intx implements LevelLine {
  // One word: who drives the line, what the device wants, why it is held back.
  private static final int DRIVING = 1;
  private static final int WANTED = 2;
  static final int DISABLED = 4;
  static final int MSIX = 8;
  static final int POWER = 16;
  static final int CLOSED = 32;
  private static final int BLOCKED = DISABLED | MSIX | POWER | CLOSED;

  private final AtomicInteger state = new AtomicInteger();
  private volatile LevelLine line = LevelLine.NONE;

  Intx() {}

  /**
   * Says whether the device has a reason to interrupt.
   *
   * @param asserted whether it has
   */
  @Override
  public void setLevel(boolean asserted) {
    update(asserted ? 0 : WANTED, asserted ? WANTED : 0);
  }

  /** {@return whether the device wants to interrupt: the Interrupt Status bit} */
  public boolean isAsserted() {
    return (state.get() & WANTED) != 0;
  }

  /** {@return whether the pin is asserted: wanted and not held back} */
  public boolean isDriven() {
    return isDriven(state.get());
  }

  private static boolean isDriven(int s) {
    return (s & WANTED) != 0 && (s & BLOCKED) == 0;
  }

  void block(int reason, boolean blocked) {
    update(blocked ? 0 : reason, blocked ? reason : 0);
  }

  void connect(LevelLine newLine) {
    line = newLine;
    update(0, 0);
  }

  private void update(int clear, int set) {
    int old;
    do {
      old = state.get();
    } while (!state.compareAndSet(old, (old & ~clear) | set | DRIVING));
    if ((old & DRIVING) != 0) {
      return; // whoever drives sees that the word has changed
    }
    drive();
  }

  private void drive() {
    int seen = state.get();
    try {
      while (true) {
        line.setLevel(isDriven(seen));
        int now = state.compareAndExchange(seen, seen & ~DRIVING);
        if (now == seen) {
          return;
        }
        seen = now;
      }
    } catch (RuntimeException | Error e) {
      state.getAndUpdate(s -> s & ~DRIVING); // or the line would stay as it is for ever
      throw e;
    }
  }

  @Override
  public String toString() {
    int s = state.get();
    return "INTx"
        + ((s & WANTED) != 0 ? " wanted" : "")
        + ((s & DISABLED) != 0 ? " disabled" : "")
        + (isDriven(s) ? " asserted" : "");
  }
}

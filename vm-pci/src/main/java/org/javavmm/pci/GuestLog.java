// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.function.Supplier;

/** The module's log of what guests cause: at most a burst of messages, then one a second. */
final class GuestLog {
  private static final Logger LOG = System.getLogger("org.javavmm.pci");
  private static final long NANOS_PER_MESSAGE = 1_000_000_000;
  private static final int BURST = 10;

  private static long next = System.nanoTime() - BURST * NANOS_PER_MESSAGE;
  private static long suppressed;

  private GuestLog() {}

  static void warn(Supplier<String> message) {
    long before;
    synchronized (GuestLog.class) {
      long now = System.nanoTime();
      if (next - now > 0) {
        suppressed++;
        return;
      }
      next = Math.max(next, now - BURST * NANOS_PER_MESSAGE) + NANOS_PER_MESSAGE;
      before = suppressed;
      suppressed = 0;
    }
    LOG.log(
        Level.WARNING,
        message.get() + (before == 0 ? "" : " (" + before + " messages suppressed before)"));
  }
}

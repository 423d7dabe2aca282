// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import org.jspecify.annotations.Nullable;

/** The module's log of what guests cause: at most a burst of messages, then one a second. */
final class VirtioLog {
  private static final Logger LOG = System.getLogger("org.javavmm.virtio");
  private static final long NANOS_PER_MESSAGE = 1_000_000_000;
  private static final int BURST = 10;

  private static long next = System.nanoTime() - BURST * NANOS_PER_MESSAGE;
  private static long suppressed;

  private VirtioLog() {}

  static void warn(String device, String message, @Nullable Throwable cause) {
    long before;
    synchronized (VirtioLog.class) {
      long now = System.nanoTime();
      if (next - now > 0) {
        suppressed++;
        return;
      }
      next = Math.max(next, now - BURST * NANOS_PER_MESSAGE) + NANOS_PER_MESSAGE;
      before = suppressed;
      suppressed = 0;
    }
    String text =
        device
            + ": "
            + message
            + (before == 0 ? "" : " (" + before + " messages suppressed before)");
    if (cause == null) {
      LOG.log(Level.WARNING, text);
    } else {
      LOG.log(Level.WARNING, text, cause);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * A module's log of what guests cause, at a rate that no guest can raise: at most ten messages at
 * once, and one a second after that. What was left out is counted, and told with the next message.
 * Thread-safe. Not for hot paths.
 */
public final class GuestLog {
  private static final long NANOS_PER_MESSAGE = 1_000_000_000;
  private static final int BURST = 10;

  private static final Map<String, GuestLog> LOGS = new ConcurrentHashMap<>();

  private final Logger logger;
  private final LongSupplier nanoTime;

  /** When the bucket would be full again, less its size. Guarded by this. */
  private long next;

  private long suppressed;

  GuestLog(Logger logger, LongSupplier nanoTime) {
    this.logger = logger;
    this.nanoTime = nanoTime;
    this.next = nanoTime.getAsLong() - (BURST - 1) * NANOS_PER_MESSAGE;
  }

  /**
   * {@return the log of a module, always the same object, so that all its messages share one rate}
   *
   * @param module the module's name, which is its logger's
   */
  public static GuestLog of(String module) {
    return LOGS.computeIfAbsent(
        module, name -> new GuestLog(System.getLogger(name), System::nanoTime));
  }

  /**
   * Logs a warning, unless there were too many.
   *
   * @param message gives the text; not called if it is left out
   */
  public void warn(Supplier<String> message) {
    long before = admit();
    if (before >= 0) {
      logger.log(Level.WARNING, text(message, before));
    }
  }

  /**
   * Logs a warning with its cause, unless there were too many.
   *
   * @param message gives the text; not called if it is left out
   * @param cause the cause
   */
  public void warn(Supplier<String> message, Throwable cause) {
    long before = admit();
    if (before >= 0) {
      logger.log(Level.WARNING, text(message, before), cause);
    }
  }

  private static String text(Supplier<String> message, long before) {
    return message.get() + (before == 0 ? "" : " (" + before + " messages suppressed before)");
  }

  /** How many were left out before this one; -1 if this one is. */
  private synchronized long admit() {
    long now = nanoTime.getAsLong();
    if (next - now > 0) {
      suppressed++;
      return -1;
    }
    long earliest = now - (BURST - 1) * NANOS_PER_MESSAGE;
    next = (next - earliest > 0 ? next : earliest) + NANOS_PER_MESSAGE;
    long before = suppressed;
    suppressed = 0;
    return before;
  }
}

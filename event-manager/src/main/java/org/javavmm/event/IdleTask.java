// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import org.jspecify.annotations.Nullable;

/**
 * Work that an {@link EventLoop} does while no event is pending, a slice at a time; several take
 * turns. Thread-safe.
 */
public final class IdleTask implements AutoCloseable {
  private final EventLoop loop;
  final @Nullable SubscriberContext owner;
  private final String name;
  final IdleHandler handler;

  /** Whether it wants to run. Guarded by the loop's lock. */
  boolean active;

  volatile boolean closed;

  /** Written by the loop's thread alone. */
  volatile long failures;

  IdleTask(EventLoop loop, @Nullable SubscriberContext owner, String name, IdleHandler handler) {
    this.loop = loop;
    this.owner = owner;
    this.name = name;
    this.handler = handler;
  }

  /** {@return its name, for messages} */
  public String name() {
    return name;
  }

  /**
   * Says that there is work. Once more than needed does no harm.
   *
   * @throws IllegalStateException if closed
   */
  public void resume() {
    loop.resumeIdle(this);
  }

  /** {@return whether {@link #close} was called, or the subscriber or the loop was closed} */
  public boolean isClosed() {
    return closed;
  }

  /** {@return how often the handler threw} */
  public long failures() {
    return failures;
  }

  /**
   * Ends the work. On the loop's thread the handler is not called again; on another thread one call
   * may be under way. Closing twice is safe.
   */
  @Override
  public void close() {
    loop.closeIdle(this);
  }

  @Override
  public String toString() {
    return SubscriberContext.qualified(owner, name) + (closed ? " (idle, closed)" : " (idle)");
  }
}

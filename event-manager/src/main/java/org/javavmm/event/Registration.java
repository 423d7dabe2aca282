// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.SystemCallException;

/**
 * A descriptor that an {@link EventLoop} watches. The descriptor stays its owner's: closing a
 * registration does not close it. Thread-safe.
 *
 * <p>Close the registration before the descriptor. The other order is harmless too: the number may
 * be reused, but its events can reach no other handler than the one registered with it.
 */
public final class Registration implements AutoCloseable {
  private final EventLoop loop;
  private final String name;
  private final OwnedFd fd;
  final EventHandler handler;

  /** The slot in the low half, its generation in the high half; what epoll hands back. */
  final long key;

  /** Written under the loop's lock. */
  volatile int interest;

  volatile boolean closed;

  /** Written by the loop's thread alone. */
  volatile long failures;

  Registration(
      EventLoop loop, String name, OwnedFd fd, int interest, EventHandler handler, long key) {
    this.loop = loop;
    this.name = name;
    this.fd = fd;
    this.interest = interest;
    this.handler = handler;
    this.key = key;
  }

  /** {@return the name given at the registration, for messages} */
  public String name() {
    return name;
  }

  /** {@return the descriptor} */
  public OwnedFd fd() {
    return fd;
  }

  /** {@return the events asked for, or-ed} */
  public int interest() {
    return interest;
  }

  /** {@return whether {@link #close} was called, or the loop was closed} */
  public boolean isClosed() {
    return closed;
  }

  /** {@return how often the handler threw} */
  public long failures() {
    return failures;
  }

  /**
   * Changes the events asked for, or arms a one-shot registration again.
   *
   * @param interest the events, or-ed, as in {@link EventLoop#register}
   * @throws IllegalArgumentException if {@code interest} has an unknown bit
   * @throws IllegalStateException if the registration or its descriptor is closed
   * @throws SystemCallException if the kernel refuses
   */
  public void modify(int interest) throws SystemCallException {
    loop.modify(this, interest);
  }

  /**
   * Stops watching. On the loop's thread the handler is not called again, not even for events that
   * were fetched already. On another thread one call may be under way and end later; who must not
   * overlap it uses {@code loop.call(() -> ...)}. Closing twice is safe.
   */
  @Override
  public void close() {
    loop.remove(this);
  }

  @Override
  public String toString() {
    return name + " (" + fd + (closed ? ", not watched)" : ")");
  }
}

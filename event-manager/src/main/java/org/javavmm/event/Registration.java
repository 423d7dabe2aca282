// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import java.util.StringJoiner;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.SystemCallException;
import org.jspecify.annotations.Nullable;

/**
 * A descriptor that an {@link EventLoop} watches. The descriptor stays its owner's: closing a
 * registration does not close it. Thread-safe.
 *
 * <p>This object is the only handle on what it watches: nobody who merely has the descriptor can
 * change or end the watching. A duplicate of a descriptor ({@code dup}, or received from another
 * process) is a descriptor of its own to the kernel and may be registered besides.
 *
 * <p>Close the registration before the descriptor. The other order is harmless too: the number may
 * be reused, but its events can reach no other handler than the one registered with it.
 */
public final class Registration implements AutoCloseable {
  private final EventLoop loop;
  final @Nullable SubscriberContext owner;
  private final String name;
  private final OwnedFd fd;
  final EventHandler handler;

  /** What the loop opened for this registration and closes with it. */
  final @Nullable AutoCloseable resource;

  /** The slot in the low half, its generation in the high half; what epoll hands back. */
  final long key;

  /** Written under the loop's lock. */
  volatile int interest;

  volatile boolean closed;

  /** Written by the loop's thread alone. */
  volatile long failures;

  Registration(
      EventLoop loop,
      @Nullable SubscriberContext owner,
      String name,
      OwnedFd fd,
      int interest,
      EventHandler handler,
      @Nullable AutoCloseable resource,
      long key) {
    this.loop = loop;
    this.owner = owner;
    this.name = name;
    this.fd = fd;
    this.interest = interest;
    this.handler = handler;
    this.resource = resource;
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
   * Asks for further events. Where it asks for all of them already, nothing happens.
   *
   * @param flags the events or modes to add, or-ed
   * @throws IllegalArgumentException if {@code flags} has an unknown bit
   * @throws IllegalStateException if the registration or its descriptor is closed
   * @throws SystemCallException if the kernel refuses; the interest is as before
   */
  public void addInterest(int flags) throws SystemCallException {
    loop.changeInterest(this, flags, 0);
  }

  /**
   * Asks for fewer events. Where it asks for none of them, nothing happens. What the loop has
   * fetched already may still be reported.
   *
   * @param flags the events or modes to take away, or-ed
   * @throws IllegalArgumentException if {@code flags} has an unknown bit
   * @throws IllegalStateException if the registration or its descriptor is closed
   * @throws SystemCallException if the kernel refuses; the interest is as before
   */
  public void removeInterest(int flags) throws SystemCallException {
    loop.changeInterest(this, 0, flags);
  }

  /**
   * {@return whether all of these events are asked for}
   *
   * @param flags the events or modes, or-ed
   */
  public boolean hasInterest(int flags) {
    return (interest & flags) == flags;
  }

  /**
   * Arms a one-shot registration again, and has an edge-triggered one report the present state once
   * more.
   *
   * @throws IllegalStateException if the registration or its descriptor is closed
   * @throws SystemCallException if the kernel refuses
   */
  public void rearm() throws SystemCallException {
    loop.rearm(this);
  }

  /** {@return what it is now, for people and for lists} */
  public RegistrationInfo describe() {
    return new RegistrationInfo(
        owner == null ? "" : owner.name(), name, fd.toString(), interest, failures);
  }

  /** {@return an interest as words, such as {@code IN|ET}} */
  static String show(int interest) {
    StringJoiner words = new StringJoiner("|").setEmptyValue("nothing");
    String[] names = {"IN", "OUT", "ERR", "HUP", "RDHUP", "ONESHOT", "ET"};
    int[] bits = {
      Epoll.EPOLLIN,
      Epoll.EPOLLOUT,
      Epoll.EPOLLERR,
      Epoll.EPOLLHUP,
      Epoll.EPOLLRDHUP,
      Epoll.EPOLLONESHOT,
      Epoll.EPOLLET
    };
    for (int i = 0; i < bits.length; i++) {
      if ((interest & bits[i]) != 0) {
        words.add(names[i]);
      }
    }
    return words.toString();
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
    return SubscriberContext.qualified(owner, name) + " (" + fd + (closed ? ", not watched)" : ")");
  }
}

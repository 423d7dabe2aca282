// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import java.util.ArrayList;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.ProcessSignals;
import org.javavmm.sys.SignalFd;
import org.javavmm.sys.SystemCallException;
import org.jspecify.annotations.Nullable;

/**
 * A {@link Subscriber} on its {@link EventLoop}: registers what the subscriber needs, in its name,
 * and removes all of it at once. Thread-safe, except where a method says otherwise.
 *
 * <p>Every method that registers throws {@link IllegalStateException} once the subscriber is
 * removed.
 */
public final class SubscriberContext {
  enum State {
    STARTING,
    LIVE,
    GONE
  }

  /** Signals handled per event, so that a storm of them cannot starve others. */
  private static final int SIGNALS_AT_ONCE = 64;

  private final EventLoop loop;
  final Subscriber subscriber;
  private final String name;
  final Meter meter = new Meter();

  /** Written under the loop's lock. */
  volatile State state = State.STARTING;

  volatile @Nullable FailurePolicy policy;

  /** In the order given; guarded by itself. */
  private final ArrayList<AutoCloseable> owned = new ArrayList<>();

  SubscriberContext(EventLoop loop, Subscriber subscriber) {
    this.loop = loop;
    this.subscriber = subscriber;
    this.name = Objects.requireNonNull(subscriber.name(), "name");
  }

  static String qualified(@Nullable SubscriberContext owner, String name) {
    return owner == null ? name : owner.name + "/" + name;
  }

  /** {@return the subscriber's name when it was added} */
  public String name() {
    return name;
  }

  /** {@return the loop} */
  public EventLoop loop() {
    return loop;
  }

  /** {@return whether the subscriber was removed, or did not start} */
  public boolean isRemoved() {
    return state == State.GONE;
  }

  void checkPresent() {
    if (state == State.GONE) {
      throw new IllegalStateException("subscriber was removed: " + name);
    }
  }

  /**
   * Watches a descriptor; see {@link EventLoop#register}.
   *
   * @param registrationName its name, for messages
   * @param fd the descriptor, which stays the caller's
   * @param interest the events to report, or-ed
   * @param handler what is called with the events, on the loop's thread
   * @return the registration
   * @throws IllegalArgumentException if {@code interest} has an unknown bit
   * @throws IllegalStateException if the subscriber was removed, the loop has ended, or {@code fd}
   *     is closed
   * @throws SystemCallException {@code EEXIST} if the descriptor is watched already, with the name
   *     of who does; {@code EPERM} if its kind cannot be watched
   */
  public Registration register(
      String registrationName, OwnedFd fd, int interest, EventHandler handler)
      throws SystemCallException {
    return loop.register(this, registrationName, fd, interest, handler, null);
  }

  /**
   * Makes a timer, not armed yet.
   *
   * @param timerName its name, for messages
   * @param handler what is called when it expires, on the loop's thread
   * @return the timer
   * @throws IllegalStateException if the subscriber was removed or the loop has ended
   * @throws SystemCallException if the process has no descriptor left for the loop's timerfd
   */
  public LoopTimer timer(String timerName, TimerHandler handler) throws SystemCallException {
    return loop.timer(this, timerName, handler);
  }

  /**
   * Makes an idle task, which begins with {@link IdleTask#resume}.
   *
   * @param taskName its name, for messages
   * @param handler what does a slice of the work, on the loop's thread
   * @return the task
   * @throws IllegalStateException if the subscriber was removed or the loop has ended
   */
  public IdleTask idle(String taskName, IdleHandler handler) {
    return loop.idle(this, taskName, handler);
  }

  /**
   * Catches signals that are sent to the process, until the registration is closed. A signalfd
   * would not see these in a JVM: see {@link ProcessSignals}.
   *
   * @param registrationName its name, for messages
   * @param handler what is called with them, on the loop's thread
   * @param kinds which ones
   * @return the registration; closing it restores the signals' handlers
   * @throws IllegalArgumentException if the JVM was told to leave one of them alone ({@code -Xrs})
   * @throws IllegalStateException if the subscriber was removed or the loop has ended
   * @throws SystemCallException if the process has no descriptor left
   */
  public Registration processSignals(
      String registrationName, ProcessSignalHandler handler, ProcessSignals.Kind... kinds)
      throws SystemCallException {
    Objects.requireNonNull(handler, "handler");
    ProcessSignals signals = ProcessSignals.open(kinds);
    try {
      return loop.register(
          this,
          registrationName,
          signals.event().fd(),
          Epoll.EPOLLIN,
          events -> handler.arrived(signals.take()),
          signals);
    } catch (SystemCallException | RuntimeException e) {
      signals.close();
      throw e;
    }
  }

  /**
   * Blocks signals for the loop's thread and handles those that are sent to this very thread, by
   * {@link SignalFd#send} or {@code tgkill}. To be called on the loop's thread, which the kernel
   * shows its own signals only; they stay blocked when the registration is closed.
   *
   * @param registrationName its name, for messages
   * @param handler what is called with each, on the loop's thread
   * @param signals their numbers, see {@link SignalFd#open}
   * @return the registration
   * @throws IllegalStateException on another thread, or if the subscriber was removed
   * @throws IllegalArgumentException if a signal is out of range or may not be blocked
   * @throws SystemCallException if the process has no descriptor left
   */
  public Registration threadSignals(
      String registrationName, ThreadSignalHandler handler, int... signals)
      throws SystemCallException {
    Objects.requireNonNull(handler, "handler");
    if (!loop.inLoop()) {
      throw new IllegalStateException(
          "threadSignals() of "
              + name
              + " must be called on the thread of event loop "
              + loop.name()
              + ": post it with execute()");
    }
    SignalFd source = SignalFd.open(registrationName, signals);
    try {
      return loop.register(
          this,
          registrationName,
          source.fd(),
          Epoll.EPOLLIN,
          events -> {
            for (int i = 0; i < SIGNALS_AT_ONCE && !source.fd().isClosed() && source.next(); i++) {
              handler.arrived(source);
            }
          },
          source);
    } catch (SystemCallException | RuntimeException e) {
      source.close();
      throw e;
    }
  }

  /**
   * Posts a task, see {@link EventLoop#execute}. If the subscriber is removed before its turn, it
   * is dropped.
   *
   * @param task the task; it must not block
   * @throws IllegalStateException if the subscriber was removed
   * @throws RejectedExecutionException if the loop was stopped
   */
  public void execute(Runnable task) {
    checkPresent();
    loop.execute(this, task);
  }

  /**
   * Posts a task with a result, see {@link EventLoop#submit}. If the subscriber is removed before
   * its turn, the result is cancelled.
   *
   * @param <T> the type of the result
   * @param task the task; it must not block
   * @return the result to come
   * @throws IllegalStateException if the subscriber was removed
   * @throws RejectedExecutionException if the loop was stopped
   */
  public <T> CompletableFuture<T> submit(Callable<? extends T> task) {
    checkPresent();
    return loop.submit(this, task);
  }

  /**
   * Hands over something to be closed when the subscriber is removed or does not start: after its
   * registrations and {@link Subscriber#stop}, the last one first.
   *
   * @param <T> its type
   * @param resource what to close
   * @return {@code resource}
   * @throws IllegalStateException if the subscriber was removed; {@code resource} is not taken over
   */
  public <T extends AutoCloseable> T own(T resource) {
    Objects.requireNonNull(resource, "resource");
    synchronized (owned) {
      checkPresent();
      owned.add(resource);
    }
    return resource;
  }

  /** Takes what is to be closed, the last one first; nothing is added afterwards. */
  AutoCloseable[] disown() {
    synchronized (owned) {
      AutoCloseable[] all = owned.reversed().toArray(AutoCloseable[]::new);
      owned.clear();
      return all;
    }
  }

  /**
   * Overrides the loop's failure policy for this subscriber.
   *
   * @param newPolicy what happens after its failures
   */
  public void setFailurePolicy(FailurePolicy newPolicy) {
    policy = Objects.requireNonNull(newPolicy, "newPolicy");
  }

  /** {@return what it has cost until now} */
  public SubscriberStatistics statistics() {
    return loop.statistics(this);
  }

  /**
   * Removes the subscriber: closes its registrations, timers and idle tasks, drops its posted
   * tasks, calls {@link Subscriber#stop} and closes what it owns. On the loop's thread, also from
   * inside any handler, this happens at once. On another thread it waits until the loop's thread
   * has done it, so that no handler of the subscriber runs afterwards. Removing twice is safe.
   *
   * @throws IllegalStateException from inside {@link Subscriber#start}, which throws instead; or if
   *     it would wait for an event loop that waits for the caller's
   */
  public void remove() {
    loop.remove(this);
  }

  @Override
  public String toString() {
    return name + " on " + loop.name() + (state == State.GONE ? " (removed)" : "");
  }
}

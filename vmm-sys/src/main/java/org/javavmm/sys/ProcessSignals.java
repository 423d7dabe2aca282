// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.util.Collections;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * Signals sent to the process, delivered through an eventfd.
 *
 * <p>A signalfd would not see them: it needs the signal blocked in every thread, and the JVM has
 * threads of its own that do not block it. So the JVM's own handler notes the signal and signals
 * the eventfd.
 *
 * <p>Thread-safe.
 */
public final class ProcessSignals implements AutoCloseable {
  /** A signal that may be caught. */
  public enum Kind {
    /** The user's interrupt, Ctrl-C. */
    INT,
    /** The polite request to end. */
    TERM,
    /** The terminal went away. */
    HUP,
    /** The terminal's window changed its size. */
    WINCH
  }

  private final EventFd event;
  private final Set<Kind> pending = EnumSet.noneOf(Kind.class);
  private final Map<Signal, SignalHandler> previous = new HashMap<>();
  private boolean closed;

  private ProcessSignals(EventFd event) {
    this.event = event;
  }

  /**
   * Catches signals until closed.
   *
   * <p>One source per signal at a time: a second one takes the signal away from the first until it
   * is closed. INT, TERM and HUP stay ignored where the process was started so, by {@code nohup}
   * for example: the JVM keeps to that.
   *
   * @param kinds which ones
   * @return the source, whose {@link #event} is signalled when one arrives
   * @throws SystemCallException if the process has no descriptor left
   * @throws IllegalArgumentException if the JVM was told to leave one of them alone ({@code -Xrs})
   */
  public static ProcessSignals open(Kind... kinds) throws SystemCallException {
    // Each once: a second registration would take our own handler for the one to restore.
    Set<Kind> distinct = EnumSet.noneOf(Kind.class);
    Collections.addAll(distinct, kinds);
    ProcessSignals signals = new ProcessSignals(EventFd.create("process signals"));
    try {
      for (Kind kind : distinct) {
        Signal signal = new Signal(kind.name());
        signals.previous.put(signal, Signal.handle(signal, ignored -> signals.arrived(kind)));
      }
    } catch (IllegalArgumentException e) {
      signals.close();
      throw e;
    }
    return signals;
  }

  private void arrived(Kind kind) {
    synchronized (pending) {
      // The JVM runs handlers on threads of their own, the last one perhaps after close().
      if (event.fd().isClosed()) {
        return;
      }
      pending.add(kind);
      event.signal();
    }
  }

  /** {@return the event that says that {@link #take} has something} */
  public EventFd event() {
    return event;
  }

  /**
   * {@return the signals that arrived since the last call, each once}
   *
   * @throws IllegalStateException if closed
   */
  public Set<Kind> take() {
    var _ = event.drain();
    synchronized (pending) {
      Set<Kind> arrived = EnumSet.copyOf(pending);
      pending.clear();
      return arrived;
    }
  }

  /** Restores the handlers that were there before. Closing twice is safe. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    previous.forEach(Signal::handle);
    synchronized (pending) {
      event.close();
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import org.javavmm.sys.SystemCallException;

/**
 * Several {@linkplain EventLoop event loops} side by side, each with its own thread. A subscriber
 * is pinned to the loop it is added to. Thread-safe.
 */
public final class EventLoopGroup implements AutoCloseable {
  /** Runs on a loop's thread before its first event. */
  @FunctionalInterface
  public interface StartHook {
    /**
     * Prepares the thread, for example pins it to a CPU.
     *
     * @param loop the loop whose thread this is
     * @param index its index in the group
     * @throws Exception if it fails, which ends the whole group
     */
    void started(EventLoop loop, int index) throws Exception;
  }

  private static final int MOST = 1024;

  private final List<EventLoop> loops;
  private final AtomicInteger turn = new AtomicInteger();

  private EventLoopGroup(List<EventLoop> loops) {
    this.loops = loops;
  }

  /**
   * Creates loops that do not run yet, named {@code name-0}, {@code name-1} and so on.
   *
   * @param name the name of the group
   * @param size how many loops, 1 to 1,024
   * @return the group
   * @throws IllegalArgumentException if {@code size} is out of range
   * @throws SystemCallException if the process has not enough descriptors left
   */
  public static EventLoopGroup create(String name, int size) throws SystemCallException {
    Objects.requireNonNull(name, "name");
    if (size < 1 || size > MOST) {
      throw new IllegalArgumentException("size=" + size + " is not in 1.." + MOST);
    }
    List<EventLoop> loops = new ArrayList<>();
    try {
      for (int i = 0; i < size; i++) {
        loops.add(EventLoop.create(name + "-" + i));
      }
    } catch (SystemCallException e) {
      loops.forEach(EventLoop::close);
      throw e;
    }
    return new EventLoopGroup(List.copyOf(loops));
  }

  /** {@return how many loops there are} */
  public int size() {
    return loops.size();
  }

  /** {@return the loops, in order; the list cannot be changed} */
  public List<EventLoop> loops() {
    return loops;
  }

  /**
   * {@return a given loop}
   *
   * @param index 0 to {@link #size} - 1
   * @throws IndexOutOfBoundsException if {@code index} is out of range
   */
  public EventLoop loop(int index) {
    return loops.get(index);
  }

  /** {@return each loop in turn} */
  public EventLoop next() {
    return loops.get(Math.floorMod(turn.getAndIncrement(), loops.size()));
  }

  /** {@return the loop that watches the fewest descriptors, the first of several} */
  public EventLoop leastRegistered() {
    EventLoop best = loops.getFirst();
    int least = Integer.MAX_VALUE;
    for (EventLoop loop : loops) {
      int n = loop.registrations();
      if (n < least) {
        least = n;
        best = loop;
      }
    }
    return best;
  }

  /**
   * Adds a subscriber to the {@link #next} loop. For another choice: {@code
   * leastRegistered().add(subscriber)} or {@code loop(2).add(subscriber)}.
   *
   * @param subscriber the subscriber
   * @return its context, which names the loop
   * @throws SubscriberStartException if it could not start
   */
  public SubscriberContext add(Subscriber subscriber) throws SubscriberStartException {
    return next().add(subscriber);
  }

  /**
   * Starts all loops, each on a daemon thread of its own.
   *
   * @throws IllegalStateException if one was run or closed before
   */
  public void start() {
    loops.forEach(EventLoop::start);
  }

  /**
   * Starts all loops and prepares their threads.
   *
   * @param hook runs on each thread before its first event, on one after the other
   * @throws IllegalStateException if a loop was run or closed before
   * @throws ExecutionException if the hook threw; all loops are closed then
   * @throws InterruptedException if the calling thread was interrupted; all loops are closed then
   */
  public void start(StartHook hook) throws ExecutionException, InterruptedException {
    Objects.requireNonNull(hook, "hook");
    try {
      for (int i = 0; i < loops.size(); i++) {
        EventLoop loop = loops.get(i);
        int index = i;
        loop.start(hook, index);
      }
    } catch (ExecutionException | InterruptedException e) {
      close();
      throw e;
    }
  }

  /** Asks all loops to end, see {@link EventLoop#stop}. Does not wait. */
  public void stop() {
    loops.forEach(EventLoop::stop);
  }

  /**
   * Stops all loops, waits for them to end and closes them. Closing twice is safe.
   *
   * @throws IllegalStateException on the thread of one of them, which would wait for itself;
   *     nothing is stopped then
   */
  @Override
  public void close() {
    loops.forEach(loop -> loop.refuseInLoop("close()"));
    stop();
    loops.forEach(EventLoop::close);
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    loops.forEach(text::append);
    return text.toString();
  }
}

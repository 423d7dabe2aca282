// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.SystemCallException;
import org.jspecify.annotations.Nullable;

/**
 * An event loop: one platform thread that waits for events of descriptors and for tasks of other
 * threads, and runs a handler or a task at a time.
 *
 * <p>A loop lives once: it is created, {@linkplain #run run} by a caller's thread or one that
 * {@link #start} makes, {@linkplain #stop stopped} and {@linkplain #close closed}. All methods may
 * be called by any thread, also from inside a handler, except where they say otherwise.
 *
 * <p><b>Stale events.</b> What epoll hands back is not a descriptor's number but the index of a
 * slot and the slot's generation. An event that was fetched before its registration was closed
 * finds another generation and is dropped, whoever uses the number or the slot by then. If a
 * descriptor was closed before its registration while the file stays open elsewhere (KVM or a child
 * process holds it), the kernel reports it for ever and offers no way to name it; the loop then
 * moves the live registrations to a new epoll instance (after which a one-shot registration may be
 * reported once without having been armed).
 *
 * <p>Dispatching an event allocates nothing.
 */
public final class EventLoop implements AutoCloseable, Executor {
  /** The name under which failures of posted tasks are reported. */
  public static final String TASK = "posted task";

  /** The bits of an interest. */
  private static final int INTERESTS =
      Epoll.EPOLLIN
          | Epoll.EPOLLOUT
          | Epoll.EPOLLERR
          | Epoll.EPOLLHUP
          | Epoll.EPOLLRDHUP
          | Epoll.EPOLLET
          | Epoll.EPOLLONESHOT;

  /** Events fetched with one system call. */
  private static final int BATCH = 128;

  private static final int FIRST_SLOTS = 16;

  /** The key of the loop's own eventfd; no slot has this index. */
  private static final long WAKE = -1;

  private static final Logger LOGGER = System.getLogger("org.javavmm.event");

  private enum State {
    NEW,
    RUNNING,
    ENDED
  }

  private final String name;
  private final EventFd wake;
  private final MemorySegment wakeCount = Arena.ofAuto().allocate(ValueLayout.JAVA_LONG);
  private final AtomicBoolean wakePending = new AtomicBoolean();
  private final CountDownLatch ended = new CountDownLatch(1);
  private final AtomicLong failures = new AtomicLong();
  private volatile @Nullable FailureListener listener;

  /** Guards the registrations, the state and the lists of tasks. */
  private final Object lock = new Object();

  private volatile Epoll epoll;

  /** How often {@link #epoll} was replaced. */
  private volatile int epollGeneration;

  private volatile AtomicReferenceArray<@Nullable Registration> slots =
      new AtomicReferenceArray<>(FIRST_SLOTS);
  private int[] generations = new int[FIRST_SLOTS];
  private int registered;

  /** Whether epoll may watch a file whose registration is gone. */
  private boolean orphans;

  private State state = State.NEW;
  private volatile boolean stopping;
  private volatile @Nullable Thread thread;
  private ArrayDeque<Runnable> tasks = new ArrayDeque<>();

  /** The tasks of the round under way; swapped with {@link #tasks}. */
  private ArrayDeque<Runnable> round = new ArrayDeque<>();

  private EventLoop(String name, Epoll epoll, EventFd wake) {
    this.name = name;
    this.epoll = epoll;
    this.wake = wake;
  }

  /**
   * Creates a loop that does not run yet.
   *
   * @param name its name, for messages and for the thread of {@link #start}
   * @return the loop
   * @throws SystemCallException if the process has no descriptor left
   */
  public static EventLoop create(String name) throws SystemCallException {
    Objects.requireNonNull(name, "name");
    Epoll epoll = Epoll.create(BATCH);
    EventFd wake = null;
    try {
      wake = EventFd.create(name + " wake-up");
      epoll.add(wake.fd(), Epoll.EPOLLIN, WAKE);
      return new EventLoop(name, epoll, wake);
    } catch (SystemCallException e) {
      if (wake != null) {
        wake.close();
      }
      epoll.close();
      throw e;
    }
  }

  // ---- registrations -----------------------------------------------------------------------

  /**
   * Watches a descriptor.
   *
   * @param registrationName its name, for messages
   * @param fd the descriptor, which stays the caller's
   * @param interest the events to report, or-ed: {@code EPOLLIN}, {@code EPOLLOUT}, {@code
   *     EPOLLRDHUP}, with {@code EPOLLET} (changes instead of states) and {@code EPOLLONESHOT}
   *     (once until {@link Registration#modify}); see {@link Epoll}
   * @param handler what is called with the events, on the loop's thread
   * @return the registration
   * @throws IllegalArgumentException if {@code interest} has an unknown bit
   * @throws IllegalStateException if the loop has ended, or {@code fd} is closed
   * @throws SystemCallException {@code EEXIST} if the descriptor is watched already, {@code EPERM}
   *     if its kind cannot be watched (a plain file)
   */
  public Registration register(
      String registrationName, OwnedFd fd, int interest, EventHandler handler)
      throws SystemCallException {
    Objects.requireNonNull(registrationName, "registrationName");
    Objects.requireNonNull(handler, "handler");
    checkInterest(interest);
    synchronized (lock) {
      if (state == State.ENDED) {
        throw new IllegalStateException("event loop has ended: " + name);
      }
      int index = freeSlot();
      long key = (long) generations[index] << 32 | index;
      Registration r = new Registration(this, registrationName, fd, interest, handler, key);
      // In the table first: the loop may see an event before add() returns.
      slots.set(index, r);
      try {
        epoll.add(fd, interest, key);
      } catch (SystemCallException | RuntimeException e) {
        free(r);
        throw e;
      }
      registered++;
      return r;
    }
  }

  private static void checkInterest(int interest) {
    if ((interest & ~INTERESTS) != 0) {
      throw new IllegalArgumentException(
          "interest=0x"
              + Integer.toHexString(interest)
              + " has bits outside 0x"
              + Integer.toHexString(INTERESTS));
    }
  }

  private int freeSlot() {
    AtomicReferenceArray<@Nullable Registration> old = slots;
    int n = old.length();
    if (registered < n) {
      for (int i = 0; i < n; i++) {
        if (old.get(i) == null) {
          return i;
        }
      }
    }
    AtomicReferenceArray<@Nullable Registration> grown = new AtomicReferenceArray<>(2 * n);
    for (int i = 0; i < n; i++) {
      grown.set(i, old.get(i));
    }
    generations = Arrays.copyOf(generations, 2 * n);
    slots = grown;
    return n;
  }

  private void free(Registration r) {
    int index = (int) r.key;
    r.closed = true;
    slots.set(index, null);
    generations[index]++;
  }

  void modify(Registration r, int interest) throws SystemCallException {
    checkInterest(interest);
    synchronized (lock) {
      if (r.closed) {
        throw new IllegalStateException("registration is closed: " + r.name());
      }
      epoll.modify(r.fd(), interest, r.key);
      r.interest = interest;
    }
  }

  void remove(Registration r) {
    synchronized (lock) {
      if (r.closed) {
        return;
      }
      free(r);
      registered--;
      try {
        epoll.remove(r.fd());
      } catch (SystemCallException | IllegalStateException e) {
        // The descriptor was closed first. Usually the kernel forgot it with that.
        orphans = true;
      }
    }
  }

  /** {@return how many descriptors are registered} */
  public int registrations() {
    synchronized (lock) {
      return registered;
    }
  }

  /** Leaves files behind that epoll reports but that nobody can name any more. */
  private void moveToNewEpoll() throws SystemCallException {
    synchronized (lock) {
      if (!orphans) {
        return; // an event fetched before its registration was closed in good order
      }
      Epoll fresh = Epoll.create(BATCH);
      try {
        fresh.add(wake.fd(), Epoll.EPOLLIN, WAKE);
      } catch (SystemCallException e) {
        fresh.close();
        throw e;
      }
      for (int i = 0; i < slots.length(); i++) {
        Registration r = slots.get(i);
        if (r != null) {
          try {
            fresh.add(r.fd(), r.interest, r.key);
          } catch (SystemCallException | IllegalStateException e) {
            // Closed before its registration, as far as known: nothing to watch.
            LOGGER.log(Level.DEBUG, "no longer watched: {0}", r);
          }
        }
      }
      epoll.close();
      epoll = fresh;
      epollGeneration++;
      orphans = false;
    }
  }

  int epollGeneration() {
    return epollGeneration;
  }

  // ---- running -----------------------------------------------------------------------------

  /**
   * Runs the loop on the calling thread until {@link #stop}.
   *
   * @throws IllegalStateException if the loop was run or closed before
   * @throws SystemCallException if the kernel refuses to wait
   */
  public void run() throws SystemCallException {
    begin(Thread.currentThread());
    loop();
  }

  private void begin(Thread runner) {
    synchronized (lock) {
      if (state != State.NEW) {
        throw new IllegalStateException("event loop " + name + " was run or closed before");
      }
      state = State.RUNNING;
      thread = runner;
    }
  }

  private void loop() throws SystemCallException {
    try {
      while (!stopping) {
        Epoll current = epoll;
        int n = current.await(-1);
        boolean woken = false;
        boolean stale = false;
        for (int i = 0; i < n; i++) {
          long key = current.data(i);
          if (key == WAKE) {
            woken = true;
          } else {
            stale |= !dispatch(key, current.events(i));
          }
        }
        if (stale) {
          moveToNewEpoll();
        }
        if (woken) {
          // Cleared before the tasks are fetched: who posts later signals again.
          var _ = wake.fd().read(wakeCount);
          wakePending.set(false);
          runTasks();
        }
      }
      runTasks();
    } finally {
      end();
    }
  }

  /** {@return whether the event found its registration} */
  private boolean dispatch(long key, int events) {
    Registration r = slots.get((int) key);
    if (r == null || r.key != key) {
      return false;
    }
    try {
      r.handler.handle(events);
    } catch (Throwable t) {
      long count = r.failures + 1;
      r.failures = count;
      failed(r.name(), t, count);
    }
    return true;
  }

  private void runTasks() {
    synchronized (lock) {
      ArrayDeque<Runnable> posted = tasks;
      tasks = round;
      round = posted;
    }
    Runnable task;
    while ((task = round.poll()) != null) {
      try {
        task.run();
      } catch (Throwable t) {
        failed(TASK, t, failures.get() + 1);
      }
    }
  }

  /** Logs a handler's 1st, 2nd, 4th, 8th ... failure: a guest may be able to cause them. */
  private void failed(String who, Throwable failure, long count) {
    failures.incrementAndGet();
    FailureListener l = listener;
    if (l == null) {
      // Nobody else reports it. At a falling rate, for a guest may cause it.
      if (Long.bitCount(count) == 1) {
        LOGGER.log(Level.WARNING, "event loop " + name + ": " + who + " failed", failure);
      }
    } else {
      try {
        l.failed(who, failure);
      } catch (Throwable t) {
        LOGGER.log(Level.ERROR, "event loop " + name + ": the failure listener failed", t);
      }
    }
  }

  /**
   * Runs the loop on a new platform thread of the loop's name. The thread is a daemon: it does not
   * keep the JVM alive. If the loop cannot go on, the failure listener is told, under the loop's
   * name.
   *
   * @return the thread, already started
   * @throws IllegalStateException if the loop was run or closed before
   */
  public Thread start() {
    Thread runner =
        Thread.ofPlatform()
            .name(name)
            .daemon(true)
            .unstarted(() -> {
              try {
                loop();
              } catch (SystemCallException | RuntimeException e) {
                failed(name, e, 1);
              }
            });
    begin(runner);
    try {
      runner.start();
    } catch (Throwable t) { // no more threads
      end();
      throw t;
    }
    return runner;
  }

  private void end() {
    Registration[] open;
    ArrayDeque<Runnable> never;
    synchronized (lock) {
      state = State.ENDED;
      stopping = true;
      thread = null;
      open = new Registration[slots.length()];
      for (int i = 0; i < open.length; i++) {
        Registration r = slots.get(i);
        if (r != null) {
          open[i] = r;
        }
      }
      never = tasks;
      tasks = new ArrayDeque<>();
    }
    for (Registration r : open) {
      if (r != null) {
        remove(r);
      }
    }
    for (Runnable task : never) {
      if (task instanceof Call<?> call) {
        var _ = call.result.cancel(false);
      }
    }
    ended.countDown();
  }

  /**
   * Asks the loop to end: it finishes the events it has fetched, runs the tasks posted until now,
   * closes its registrations and returns from {@link #run}. Tasks posted from now on are refused.
   * Does not wait. A loop that does not run yet will do the same once it is run.
   */
  public void stop() {
    synchronized (lock) {
      if (state == State.ENDED) {
        return;
      }
      stopping = true;
    }
    wakeUp();
  }

  /** {@return whether the calling thread is the loop's} */
  public boolean inLoop() {
    return Thread.currentThread().equals(thread);
  }

  /**
   * Stops the loop, waits for it to end and closes its descriptors. Closing twice is safe. Tasks of
   * a loop that never ran are dropped, their futures cancelled.
   *
   * @throws IllegalStateException on the loop's own thread, which would wait for itself
   */
  @Override
  public void close() {
    refuseInLoop("close()");
    boolean never;
    synchronized (lock) {
      never = state == State.NEW;
      if (never) {
        state = State.ENDED;
      }
    }
    if (never) {
      end();
    } else {
      stop();
      boolean interrupted = false;
      while (true) {
        try {
          ended.await();
          break;
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    synchronized (lock) {
      epoll.close();
      wake.close();
    }
  }

  // ---- tasks -------------------------------------------------------------------------------

  /**
   * Posts a task, which runs on the loop's thread after those posted before it. What it throws is
   * reported like a handler's failure.
   *
   * @param task the task; it must not block
   * @throws RejectedExecutionException if the loop was stopped
   */
  @Override
  public void execute(Runnable task) {
    Objects.requireNonNull(task, "task");
    synchronized (lock) {
      if (stopping) {
        throw new RejectedExecutionException("event loop " + name + " was stopped");
      }
      tasks.addLast(task);
    }
    wakeUp();
  }

  /** One signal per round however many tasks are posted. */
  private void wakeUp() {
    if (wakePending.compareAndSet(false, true)) {
      try {
        wake.signal();
      } catch (IllegalStateException e) {
        // Closed by now, so nobody is left to wake.
        LOGGER.log(Level.TRACE, "event loop is closed", e);
      }
    }
  }

  /** A task with a result. */
  private static final class Call<T> implements Runnable {
    final CompletableFuture<T> result = new CompletableFuture<>();
    private final Callable<? extends T> body;

    Call(Callable<? extends T> body) {
      this.body = body;
    }

    @Override
    public void run() {
      if (result.isDone()) {
        return; // cancelled while it waited
      }
      try {
        result.complete(body.call());
      } catch (Throwable t) {
        result.completeExceptionally(t);
      }
    }
  }

  /**
   * Posts a task with a result. Cancelling the future before the task's turn drops the task. What
   * the task throws goes to the future alone.
   *
   * @param <T> the type of the result
   * @param task the task; it must not block
   * @return the result to come; {@link Future#get} on the loop's thread would wait for itself, see
   *     {@link #call}
   * @throws RejectedExecutionException if the loop was stopped
   */
  public <T> CompletableFuture<T> submit(Callable<? extends T> task) {
    Objects.requireNonNull(task, "task");
    Call<T> call = new Call<>(task);
    execute(call);
    return call.result;
  }

  /**
   * Runs a task on the loop's thread and waits for its result.
   *
   * @param <T> the type of the result
   * @param task the task; it must not block
   * @return the result
   * @throws IllegalStateException on the loop's own thread, which would wait for itself
   * @throws RejectedExecutionException if the loop was stopped
   * @throws ExecutionException if the task threw
   * @throws InterruptedException if the waiting thread was interrupted; the task may still run
   */
  public <T> T call(Callable<? extends T> task) throws ExecutionException, InterruptedException {
    refuseInLoop("call()");
    return this.<T>submit(task).get();
  }

  private void refuseInLoop(String method) {
    if (inLoop()) {
      throw new IllegalStateException(
          method + " on the thread of event loop " + name + " would wait for itself");
    }
  }

  // ---- failures ----------------------------------------------------------------------------

  /**
   * Sets who learns of handlers and tasks that threw; replaces the listener before. They are logged
   * and counted in any case.
   *
   * @param newListener the listener, called on the loop's thread
   */
  public void onFailure(FailureListener newListener) {
    listener = Objects.requireNonNull(newListener, "newListener");
  }

  /** {@return how often a handler or a posted task threw} */
  public long failures() {
    return failures.get();
  }

  /** {@return the loop's name} */
  public String name() {
    return name;
  }

  /** {@return the loop and its registrations, one to a line} */
  @Override
  public String toString() {
    synchronized (lock) {
      StringBuilder text =
          new StringBuilder("event loop ").append(name).append(' ').append(state).append('\n');
      for (int i = 0; i < slots.length(); i++) {
        Registration r = slots.get(i);
        if (r != null) {
          text.append("  ").append(r).append('\n');
        }
      }
      return text.toString();
    }
  }
}

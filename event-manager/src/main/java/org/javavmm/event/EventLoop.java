// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.Errno;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.SystemCallException;
import org.javavmm.sys.TimerFd;
import org.jspecify.annotations.Nullable;

/**
 * An event loop: one platform thread that waits for events of descriptors and for tasks of other
 * threads, and runs a handler or a task at a time. In each round it handles the events it has
 * fetched, then the {@linkplain #timer timers} that are due, then the tasks; when there is nothing
 * of these, a slice of {@linkplain #idle idle work}.
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
 * <p><b>Subscribers.</b> What belongs together is {@linkplain #add added} as a {@link Subscriber}
 * and removed as a whole. Registrations, timers and idle tasks may also be made without one.
 *
 * <p>Dispatching an event takes no lock and allocates nothing.
 */
public final class EventLoop implements AutoCloseable, Executor {
  /** The name under which failures of posted tasks are reported. */
  public static final String TASK = "posted task";

  /** How long a slice of idle work should take at most, in nanoseconds: 1 ms. */
  public static final long IDLE_SLICE_NANOS = 1_000_000;

  /** The bits of an interest. */
  private static final int INTERESTS =
      Epoll.EPOLLIN
          | Epoll.EPOLLOUT
          | Epoll.EPOLLERR
          | Epoll.EPOLLHUP
          | Epoll.EPOLLRDHUP
          | Epoll.EPOLLET
          | Epoll.EPOLLONESHOT;

  /** Events fetched with one system call unless told otherwise; they take 6 KiB. */
  private static final int BATCH = 512;

  private static final int FIRST_SLOTS = 16;

  /** How far a chain of loops that wait for each other is followed. */
  private static final int MOST_HOPS = 256;

  /** The key of the loop's own eventfd; no slot has this index. */
  private static final long WAKE = -1;

  /** The key of the loop's timerfd. */
  private static final long TIMER = -2;

  /** The loop that the calling thread runs. */
  private static final ThreadLocal<EventLoop> CURRENT = new ThreadLocal<>();

  private static final Logger LOGGER = System.getLogger("org.javavmm.event");

  private enum State {
    NEW,
    RUNNING,
    /** Closing what is registered. */
    ENDING,
    ENDED
  }

  /** Whose thread a loop's thread waits for, until when. */
  private record Wait(EventLoop target, CompletableFuture<?> result) {}

  private final String name;
  private final int batch;
  private final EventFd wake;
  private final MemorySegment wakeCount = Arena.ofAuto().allocate(ValueLayout.JAVA_LONG);
  private final AtomicBoolean wakePending = new AtomicBoolean();
  private final CompletableFuture<Boolean> ended = new CompletableFuture<>();
  private final AtomicLong failures = new AtomicLong();
  private volatile @Nullable FailureListener listener;
  private volatile FailurePolicy policy = FailurePolicy.CONTINUE;

  /** What belongs to no subscriber. */
  private final Meter unowned = new Meter();

  private volatile boolean measuring;

  /** Set by the loop's thread alone, while it waits for another loop. */
  private volatile @Nullable Wait waiting;

  /** Guards the registrations, the state and the lists of tasks. */
  private final Object lock = new Object();

  private volatile Epoll epoll;

  /** How often {@link #epoll} was replaced. */
  private volatile int epollGeneration;

  private volatile AtomicReferenceArray<@Nullable Registration> slots =
      new AtomicReferenceArray<>(FIRST_SLOTS);
  private int[] generations = new int[FIRST_SLOTS];

  /** A stack of the indices of free slots. */
  private int[] free = new int[FIRST_SLOTS];

  private int freeCount;

  /** In the order of starting. */
  private final ArrayList<SubscriberContext> subscribers = new ArrayList<>();

  private final TimerQueue timers = new TimerQueue(this);

  /** Guarded by the lock. */
  private final Set<LoopTimer> openTimers = new LinkedHashSet<>();

  /** Made with the first timer, written under the lock. */
  private volatile @Nullable TimerFd timerFd;

  /** Whether {@link #timerFd} does not yet know of the first deadline. */
  private volatile boolean timersChanged;

  /** Guarded by the lock. */
  private final ArrayList<IdleTask> idles = new ArrayList<>();

  /** Whose turn was last. */
  private int idleTurn;

  /** How many idle tasks want to run; written under the lock. */
  private volatile int activeIdles;

  /** Whether epoll may watch a file whose registration is gone. */
  private boolean orphans;

  private State state = State.NEW;
  private volatile boolean stopping;
  private volatile @Nullable Thread thread;
  private ArrayDeque<Runnable> tasks = new ArrayDeque<>();

  /** The tasks of the round under way; swapped with {@link #tasks}. */
  private ArrayDeque<Runnable> round = new ArrayDeque<>();

  private EventLoop(String name, int batch, Epoll epoll, EventFd wake) {
    this.name = name;
    this.batch = batch;
    this.epoll = epoll;
    this.wake = wake;
    pushFree(0, FIRST_SLOTS);
  }

  /**
   * Creates a loop that does not run yet.
   *
   * @param name its name, for messages and for the thread of {@link #start}
   * @return the loop
   * @throws SystemCallException if the process has no descriptor left
   */
  public static EventLoop create(String name) throws SystemCallException {
    return create(name, BATCH);
  }

  /**
   * Creates a loop that does not run yet.
   *
   * @param name its name, for messages and for the thread of {@link #start}
   * @param batch how many events it fetches with one system call, 1 to 65,536; tasks and timers
   *     wait until a batch is handled
   * @return the loop
   * @throws IllegalArgumentException if {@code batch} is out of range
   * @throws SystemCallException if the process has no descriptor left
   */
  public static EventLoop create(String name, int batch) throws SystemCallException {
    Objects.requireNonNull(name, "name");
    Epoll epoll = Epoll.create(batch);
    EventFd wake = null;
    try {
      wake = EventFd.create(name + " wake-up");
      epoll.add(wake.fd(), Epoll.EPOLLIN, WAKE);
      return new EventLoop(name, batch, epoll, wake);
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
   * @throws SystemCallException {@code EEXIST} if the descriptor is watched already, with the name
   *     of the registration that does; {@code EPERM} if its kind cannot be watched (a plain file)
   */
  public Registration register(
      String registrationName, OwnedFd fd, int interest, EventHandler handler)
      throws SystemCallException {
    return register(null, registrationName, fd, interest, handler, null);
  }

  Registration register(
      @Nullable SubscriberContext owner,
      String registrationName,
      OwnedFd fd,
      int interest,
      EventHandler handler,
      @Nullable AutoCloseable resource)
      throws SystemCallException {
    Objects.requireNonNull(registrationName, "registrationName");
    Objects.requireNonNull(handler, "handler");
    checkInterest(interest);
    synchronized (lock) {
      checkOpen(owner);
      int index = takeFreeSlot();
      long key = (long) generations[index] << 32 | index;
      Registration r =
          new Registration(this, owner, registrationName, fd, interest, handler, resource, key);
      // In the table first: the loop may see an event before add() returns.
      slots.set(index, r);
      try {
        watch(r);
      } catch (SystemCallException | RuntimeException e) {
        release(r);
        throw e;
      }
      return r;
    }
  }

  /** Refuses what comes too late. Under the lock. */
  private void checkOpen(@Nullable SubscriberContext owner) {
    if (state == State.ENDED) {
      throw new IllegalStateException("event loop has ended: " + name);
    }
    if (owner != null) {
      owner.checkPresent();
    }
  }

  private void watch(Registration r) throws SystemCallException {
    try {
      epoll.add(r.fd(), r.interest, r.key);
    } catch (SystemCallException e) {
      if (e.errno() != Errno.EEXIST) {
        throw e;
      }
      Registration holder = holder(r);
      if (holder == null) {
        // A closed registration's file that stayed open under this very number.
        orphans = true;
        moveToNewEpoll(); // which takes this one along
        epoll.modify(r.fd(), r.interest, r.key); // or says why not
        wakeUp(); // the loop waits on the old instance
        return;
      }
      throw new SystemCallException(
          "register(" + r + ")",
          e.errno(),
          "watched already by " + SubscriberContext.qualified(holder.owner, holder.name()));
    }
  }

  /** {@return who watches the same number; null if nobody whose descriptor is open} */
  private @Nullable Registration holder(Registration r) {
    int number = r.fd().number();
    for (int i = 0; i < slots.length(); i++) {
      Registration other = slots.get(i);
      if (other != null && !other.equals(r)) {
        OwnedFd fd = other.fd();
        if (!fd.isClosed() && fd.number() == number) {
          return other;
        }
      }
    }
    return null;
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

  private int takeFreeSlot() {
    if (freeCount == 0) {
      AtomicReferenceArray<@Nullable Registration> old = slots;
      int n = old.length();
      AtomicReferenceArray<@Nullable Registration> grown = new AtomicReferenceArray<>(2 * n);
      for (int i = 0; i < n; i++) {
        grown.set(i, old.get(i));
      }
      generations = Arrays.copyOf(generations, 2 * n);
      slots = grown;
      free = new int[2 * n];
      pushFree(n, 2 * n);
    }
    return free[--freeCount];
  }

  /** The lowest on top. */
  private void pushFree(int from, int to) {
    for (int i = to - 1; i >= from; i--) {
      free[freeCount++] = i;
    }
  }

  private void release(Registration r) {
    int index = (int) r.key;
    r.closed = true;
    slots.set(index, null);
    generations[index]++;
    free[freeCount++] = index;
  }

  /** Under the lock. */
  private int registered() {
    return slots.length() - freeCount;
  }

  void modify(Registration r, int interest) throws SystemCallException {
    checkInterest(interest);
    synchronized (lock) {
      checkWatched(r);
      setInterest(r, interest);
    }
  }

  void changeInterest(Registration r, int add, int remove) throws SystemCallException {
    checkInterest(add | remove);
    synchronized (lock) {
      checkWatched(r);
      int interest = (r.interest | add) & ~remove;
      if (interest != r.interest) {
        setInterest(r, interest);
      }
    }
  }

  void rearm(Registration r) throws SystemCallException {
    synchronized (lock) {
      checkWatched(r);
      setInterest(r, r.interest);
    }
  }

  private static void checkWatched(Registration r) {
    if (r.closed) {
      throw new IllegalStateException("registration is closed: " + r.name());
    }
  }

  private void setInterest(Registration r, int interest) throws SystemCallException {
    epoll.modify(r.fd(), interest, r.key);
    r.interest = interest;
  }

  void remove(Registration r) {
    synchronized (lock) {
      if (r.closed) {
        return;
      }
      release(r);
      try {
        epoll.remove(r.fd());
      } catch (SystemCallException | IllegalStateException e) {
        // The descriptor was closed first. Usually the kernel forgot it with that.
        orphans = true;
      }
    }
    AutoCloseable resource = r.resource;
    if (resource != null) {
      closeQuietly(r.owner, r.name(), resource);
    }
  }

  private void closeQuietly(
      @Nullable SubscriberContext owner, String what, AutoCloseable resource) {
    try {
      resource.close();
    } catch (Throwable t) {
      failed(owner, "closing " + what, t, 1);
    }
  }

  /** {@return how many descriptors are registered} */
  public int registrations() {
    synchronized (lock) {
      return registered();
    }
  }

  /** {@return what is registered now, in no particular order; the list cannot be changed} */
  public List<RegistrationInfo> describe() {
    synchronized (lock) {
      return registrationsOf(null, true).stream().map(Registration::describe).toList();
    }
  }

  /** Under the lock. */
  private List<Registration> registrationsOf(@Nullable SubscriberContext owner, boolean all) {
    List<Registration> list = new ArrayList<>();
    for (int i = 0; i < slots.length(); i++) {
      Registration r = slots.get(i);
      if (r != null && (all || Objects.equals(r.owner, owner))) {
        list.add(r);
      }
    }
    return list;
  }

  /** Leaves files behind that epoll reports but that nobody can name any more. */
  private void moveToNewEpoll() throws SystemCallException {
    synchronized (lock) {
      if (!orphans) {
        return; // an event fetched before its registration was closed in good order
      }
      Epoll fresh = Epoll.create(batch);
      try {
        fresh.add(wake.fd(), Epoll.EPOLLIN, WAKE);
        TimerFd timer = timerFd;
        if (timer != null) {
          fresh.add(timer.fd(), Epoll.EPOLLIN, TIMER);
        }
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
   * @throws IllegalStateException if the calling thread is virtual, or the loop was run or closed
   *     before
   * @throws SystemCallException if the kernel refuses to wait
   */
  public void run() throws SystemCallException {
    if (Thread.currentThread().isVirtual()) {
      throw new IllegalStateException("event loop " + name + " needs a platform thread");
    }
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
    CURRENT.set(this);
    try {
      while (!stopping) {
        oneRound();
      }
      runTasks(measuring);
    } finally {
      end();
      CURRENT.remove();
    }
  }

  private void oneRound() throws SystemCallException {
    if (timersChanged) {
      armTimerFd();
    }
    boolean idle = activeIdles > 0;
    Epoll current = epoll;
    int n;
    try {
      n = current.await(idle ? 0 : -1);
    } catch (IllegalStateException e) {
      if (epoll.equals(current)) {
        throw e;
      }
      return; // another thread has just moved to a new instance
    }
    // Once per batch: when it is off, no event looks at the clock.
    boolean measured = measuring;
    boolean woken = false;
    boolean timerDue = false;
    boolean stale = false;
    for (int i = 0; i < n; i++) {
      long key = current.data(i);
      if (key >= 0 || key < TIMER) {
        stale |= !dispatch(key, current.events(i), measured);
      } else if (key == WAKE) {
        woken = true;
      } else {
        timerDue = true;
      }
    }
    if (stale) {
      forgetOrphans();
    }
    if (timerDue) {
      runTimers(measured);
    }
    if (woken) {
      // Cleared before the tasks are fetched: who posts later signals again.
      var _ = wake.fd().read(wakeCount);
      wakePending.set(false);
      runTasks(measured);
    }
    if (idle && n == 0) {
      runIdle(measured);
    }
  }

  /** {@return whether the event found its registration} */
  private boolean dispatch(long key, int events, boolean measured) {
    Registration r = slots.get((int) key);
    if (r == null || r.key != key) {
      return false;
    }
    long begun = measured ? System.nanoTime() : 0;
    try {
      r.handler.handle(events);
    } catch (Throwable t) {
      long count = r.failures + 1;
      r.failures = count;
      failed(r.owner, r.name(), t, count);
      followPolicy(r.owner, r);
    }
    if (measured) {
      measured(r.owner, begun);
    }
    return true;
  }

  private void measured(@Nullable SubscriberContext owner, long begun) {
    meter(owner).record(System.nanoTime() - begun);
  }

  private Meter meter(@Nullable SubscriberContext owner) {
    return owner == null ? unowned : owner.meter;
  }

  private void forgetOrphans() {
    try {
      moveToNewEpoll();
    } catch (SystemCallException e) {
      // No descriptor left just now. The event comes again and so does the attempt.
      failed(null, name, e, failures.get() + 1);
    }
  }

  private void runTasks(boolean measured) {
    synchronized (lock) {
      ArrayDeque<Runnable> posted = tasks;
      tasks = round;
      round = posted;
    }
    Runnable task;
    while ((task = round.poll()) != null) {
      SubscriberContext owner = task instanceof OwnedTask t ? t.owner() : null;
      if (owner != null && owner.isRemoved()) {
        drop(task);
        continue;
      }
      long begun = measured ? System.nanoTime() : 0;
      try {
        task.run();
      } catch (Throwable t) {
        failed(owner, TASK, t, failures.get() + 1);
        followPolicy(owner, null);
      }
      if (measured) {
        measured(owner, begun);
      }
    }
  }

  private static void drop(Runnable task) {
    Runnable inner = task instanceof OwnedTask t ? t.body() : task;
    if (inner instanceof Call<?> call) {
      var _ = call.result.cancel(false);
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
    return start(Thread.ofPlatform().name(name).daemon(true).factory());
  }

  /**
   * Runs the loop on a thread that a factory makes, which may have it pinned to a CPU first by
   * wrapping what the thread is to run.
   *
   * @param factory makes one platform thread, not started
   * @return the thread, already started
   * @throws IllegalArgumentException if the factory makes no thread or a virtual one
   * @throws IllegalStateException if the loop was run or closed before
   */
  public Thread start(ThreadFactory factory) {
    return launch(factory, this::runReporting);
  }

  private void runReporting() {
    try {
      loop();
    } catch (SystemCallException | RuntimeException e) {
      failed(null, name, e, 1);
    }
  }

  /** Starts, has the new thread call the hook and waits for it to return. */
  void start(EventLoopGroup.StartHook hook, int index)
      throws ExecutionException, InterruptedException {
    CompletableFuture<Boolean> ready = new CompletableFuture<>();
    var _ =
        launch(
            Thread.ofPlatform().name(name).daemon(true).factory(),
            () -> {
              try {
                hook.started(this, index);
              } catch (Throwable t) {
                end();
                ready.completeExceptionally(t);
                return;
              }
              ready.complete(true);
              runReporting();
            });
    var _ = ready.get();
  }

  private Thread launch(ThreadFactory factory, Runnable body) {
    @Nullable Thread runner = factory.newThread(body);
    if (runner == null || runner.isVirtual()) {
      throw new IllegalArgumentException(
          "event loop " + name + " needs a platform thread; the factory made " + runner);
    }
    begin(runner);
    try {
      runner.start();
    } catch (Throwable t) { // no more threads
      end();
      throw t;
    }
    return runner;
  }

  /** On the loop's thread, or on the one that closes a loop which never ran. */
  private void end() {
    SubscriberContext[] started;
    synchronized (lock) {
      state = State.ENDING;
      stopping = true;
      thread = Thread.currentThread();
      started = subscribers.reversed().toArray(SubscriberContext[]::new);
    }
    for (SubscriberContext s : started) {
      removeNow(s, true);
    }
    ArrayDeque<Runnable> never;
    List<Registration> open;
    synchronized (lock) {
      state = State.ENDED;
      thread = null;
      open = registrationsOf(null, true);
      openTimers.forEach(timers::close);
      openTimers.clear();
      timers.end();
      for (IdleTask t : idles) {
        t.closed = true;
      }
      idles.clear();
      never = tasks;
      tasks = new ArrayDeque<>();
    }
    open.forEach(this::remove);
    round.forEach(EventLoop::drop);
    never.forEach(EventLoop::drop);
    ended.complete(true);
  }

  /**
   * Asks the loop to end: it finishes the events it has fetched, runs the tasks posted until now,
   * removes its subscribers, the last one first, closes its registrations and timers and returns
   * from {@link #run}. Tasks posted from now on are refused. Does not wait. A loop that does not
   * run yet will do the same once it is run.
   */
  public void stop() {
    synchronized (lock) {
      if (state == State.ENDING || state == State.ENDED) {
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
   * {@return whether a thread runs the loop} Until that has returned from {@link #run}, handlers
   * and tasks may be under way, also after {@link #stop}. Before and after nothing of the loop
   * runs.
   */
  public boolean isRunning() {
    synchronized (lock) {
      return state == State.RUNNING || state == State.ENDING;
    }
  }

  /**
   * Stops the loop, waits for it to end and closes its descriptors. Closing twice is safe. Tasks of
   * a loop that never ran are dropped, their futures cancelled.
   *
   * @throws IllegalStateException on the loop's own thread, which would wait for itself
   */
  @Override
  public void close() {
    boolean never;
    EventLoop waiter = beginWait("close()", ended);
    try {
      synchronized (lock) {
        never = state == State.NEW;
        if (never) {
          state = State.ENDING;
        }
      }
      if (never) {
        end();
      } else {
        stop();
        // Not ended by an interrupt, which stays set.
        var _ = ended.join();
      }
    } finally {
      endWait(waiter);
    }
    synchronized (lock) {
      epoll.close();
      wake.close();
      TimerFd timer = timerFd;
      if (timer != null) {
        timer.close();
      }
    }
  }

  // ---- subscribers -------------------------------------------------------------------------

  /**
   * Adds a subscriber: calls its {@link Subscriber#start}, on the loop's thread if the loop runs
   * (waiting for it), otherwise on the calling thread.
   *
   * @param subscriber the subscriber
   * @return its context, with which it is removed
   * @throws RejectedExecutionException if the loop was stopped
   * @throws IllegalStateException if it would wait for an event loop that waits for the caller's
   * @throws SubscriberStartException if it could not start, or the loop was stopped meanwhile;
   *     nothing of it is left
   */
  public SubscriberContext add(Subscriber subscriber) throws SubscriberStartException {
    SubscriberContext context = new SubscriberContext(this, subscriber);
    boolean here;
    synchronized (lock) {
      checkAccepts();
      here = state == State.NEW;
    }
    if (here || inLoop()) {
      startNow(context);
      return context;
    }
    Call<Boolean> call =
        new Call<>(() -> {
          startNow(context);
          return true;
        });
    EventLoop waiter = beginWait("add()", call.result);
    try {
      execute(call);
      var _ = call.result.join();
      return context;
    } catch (CompletionException e) {
      if (e.getCause() instanceof SubscriberStartException s) {
        throw s;
      }
      if (e.getCause() instanceof RejectedExecutionException r) {
        throw r;
      }
      throw e;
    } catch (CancellationException e) {
      throw new RejectedExecutionException("event loop " + name + " has ended", e);
    } finally {
      endWait(waiter);
    }
  }

  private void startNow(SubscriberContext context) throws SubscriberStartException {
    boolean started = false;
    synchronized (lock) {
      checkAccepts();
    }
    try {
      context.subscriber.start(context);
      started = true;
      synchronized (lock) {
        checkAccepts();
        context.checkPresent(); // its own handler may have failed already, if the loop was started
        context.state = SubscriberContext.State.LIVE;
        subscribers.add(context);
      }
    } catch (Throwable t) {
      removeNow(context, started);
      throw new SubscriberStartException(context.name(), name, t);
    }
  }

  void remove(SubscriberContext context) {
    boolean here;
    synchronized (lock) {
      if (context.state == SubscriberContext.State.STARTING) {
        throw new IllegalStateException(
            "subscriber " + context.name() + " is starting; to give up, start() throws");
      }
      here = state == State.NEW;
    }
    if (here || inLoop()) {
      removeNow(context, true);
      return;
    }
    Call<Boolean> call =
        new Call<>(() -> {
          removeNow(context, true);
          return true;
        });
    EventLoop waiter = beginWait("remove()", call.result);
    try {
      execute(call);
      var _ = call.result.join();
    } catch (RejectedExecutionException | CancellationException e) {
      // The loop's end removes it, unless that has happened already.
      var _ = ended.join();
    } finally {
      endWait(waiter);
    }
  }

  private void removeNow(SubscriberContext context, boolean started) {
    List<Registration> open;
    synchronized (lock) {
      if (context.state == SubscriberContext.State.GONE) {
        return;
      }
      context.state = SubscriberContext.State.GONE;
      subscribers.remove(context);
      open = registrationsOf(context, false);
      openTimers.removeIf(t -> {
        boolean its = context.equals(t.owner);
        if (its) {
          timers.close(t);
        }
        return its;
      });
      for (IdleTask t : idles.toArray(IdleTask[]::new)) {
        if (context.equals(t.owner)) {
          closeIdle(t);
        }
      }
    }
    open.forEach(this::remove);
    if (started) {
      try {
        context.subscriber.stop();
      } catch (Throwable t) {
        failed(context, "stop", t, 1);
      }
    }
    for (AutoCloseable resource : context.disown()) {
      closeQuietly(context, "a resource", resource);
    }
  }

  /** {@return how many subscribers there are} */
  public int subscribers() {
    synchronized (lock) {
      return subscribers.size();
    }
  }

  // ---- timers ------------------------------------------------------------------------------

  /**
   * Makes a timer, not armed yet. All timers of a loop share one timerfd.
   *
   * @param timerName its name, for messages
   * @param handler what is called when it expires, on the loop's thread
   * @return the timer
   * @throws IllegalStateException if the loop has ended
   * @throws SystemCallException if the process has no descriptor left, at the first timer
   */
  public LoopTimer timer(String timerName, TimerHandler handler) throws SystemCallException {
    return timer(null, timerName, handler);
  }

  LoopTimer timer(@Nullable SubscriberContext owner, String timerName, TimerHandler handler)
      throws SystemCallException {
    Objects.requireNonNull(timerName, "timerName");
    Objects.requireNonNull(handler, "handler");
    synchronized (lock) {
      checkOpen(owner);
      if (timerFd == null) {
        TimerFd fresh = TimerFd.create(name + " timers", TimerFd.Clock.MONOTONIC);
        try {
          epoll.add(fresh.fd(), Epoll.EPOLLIN, TIMER);
        } catch (SystemCallException e) {
          fresh.close();
          throw e;
        }
        timerFd = fresh;
      }
      LoopTimer timer = new LoopTimer(this, owner, timerName, handler);
      openTimers.add(timer);
      return timer;
    }
  }

  TimerQueue timers() {
    return timers;
  }

  void closeTimer(LoopTimer timer) {
    synchronized (lock) {
      timers.close(timer);
      openTimers.remove(timer);
    }
  }

  /** The first deadline is a new one. Only the loop's thread sets the timerfd. */
  void timersChanged() {
    timersChanged = true;
    if (!inLoop()) {
      wakeUp();
    }
  }

  private void armTimerFd() throws SystemCallException {
    timersChanged = false; // before it looks: a change from now on is a change again
    TimerFd fd = timerFd;
    if (fd != null) {
      long delay = timers.untilFirst();
      if (delay < 0) {
        var _ = fd.expirations(); // or it would stay readable
      } else {
        fd.armOnce(delay); // which also forgets what has expired
      }
    }
  }

  private void runTimers(boolean measured) {
    timers.beginRound();
    LoopTimer t;
    while ((t = timers.takeDue()) != null) {
      long begun = measured ? System.nanoTime() : 0;
      try {
        t.handler.expired(timers.expirations());
      } catch (Throwable e) {
        long count = t.failures + 1;
        t.failures = count;
        failed(t.owner, t.name(), e, count);
        followPolicy(t.owner, t);
      }
      if (measured) {
        measured(t.owner, begun);
      }
    }
    timersChanged = true;
  }

  // ---- idle work ---------------------------------------------------------------------------

  /**
   * Makes an idle task, which begins with {@link IdleTask#resume}.
   *
   * @param taskName its name, for messages
   * @param handler what does a slice of the work, on the loop's thread
   * @return the task
   * @throws IllegalStateException if the loop has ended
   */
  public IdleTask idle(String taskName, IdleHandler handler) {
    return idle(null, taskName, handler);
  }

  IdleTask idle(@Nullable SubscriberContext owner, String taskName, IdleHandler handler) {
    Objects.requireNonNull(taskName, "taskName");
    Objects.requireNonNull(handler, "handler");
    synchronized (lock) {
      checkOpen(owner);
      IdleTask task = new IdleTask(this, owner, taskName, handler);
      idles.add(task);
      return task;
    }
  }

  void resumeIdle(IdleTask task) {
    synchronized (lock) {
      if (task.closed) {
        throw new IllegalStateException("idle task is closed: " + task.name());
      }
      setActive(task, true);
    }
    if (!inLoop()) {
      wakeUp();
    }
  }

  void closeIdle(IdleTask task) {
    synchronized (lock) {
      task.closed = true;
      setActive(task, false);
      idles.remove(task);
    }
  }

  /** Under the lock. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // written under the lock alone
  private void setActive(IdleTask task, boolean active) {
    if (task.active != active) {
      task.active = active;
      activeIdles += active ? 1 : -1;
    }
  }

  private void runIdle(boolean measured) {
    IdleTask task = null;
    synchronized (lock) {
      for (int i = 0; i < idles.size() && task == null; i++) {
        idleTurn = (idleTurn + 1) % idles.size();
        IdleTask next = idles.get(idleTurn);
        if (next.active) {
          task = next;
          // Before it runs: a resume() meanwhile counts.
          setActive(task, false);
        }
      }
    }
    if (task == null) {
      return; // closed by another thread just now
    }
    long begun = measured ? System.nanoTime() : 0;
    try {
      if (task.handler.run(IDLE_SLICE_NANOS)) {
        synchronized (lock) {
          setActive(task, !task.closed);
        }
      }
    } catch (Throwable t) {
      long count = task.failures + 1;
      task.failures = count;
      failed(task.owner, task.name(), t, count);
      followPolicy(task.owner, task);
    }
    if (measured) {
      measured(task.owner, begun);
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
      checkAccepts();
      tasks.addLast(task);
    }
    wakeUp();
  }

  void execute(SubscriberContext owner, Runnable task) {
    execute(new OwnedTask(owner, Objects.requireNonNull(task, "task")));
  }

  /** Under the lock. */
  private void checkAccepts() {
    if (stopping || state == State.ENDING) {
      throw new RejectedExecutionException("event loop " + name + " was stopped");
    }
  }

  /** A subscriber's task. */
  private record OwnedTask(SubscriberContext owner, Runnable body) implements Runnable {
    @Override
    public void run() {
      body.run();
    }
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
    Call<T> call = new Call<>(Objects.requireNonNull(task, "task"));
    execute(call);
    return call.result;
  }

  <T> CompletableFuture<T> submit(SubscriberContext owner, Callable<? extends T> task) {
    Call<T> call = new Call<>(Objects.requireNonNull(task, "task"));
    execute(owner, call);
    return call.result;
  }

  /**
   * Runs a task on the loop's thread and waits for its result.
   *
   * @param <T> the type of the result
   * @param task the task; it must not block
   * @return the result
   * @throws IllegalStateException on the loop's own thread, which would wait for itself; or on the
   *     thread of a loop that this one waits for, directly or through others, in one of the waiting
   *     methods of this class
   * @throws RejectedExecutionException if the loop was stopped
   * @throws ExecutionException if the task threw
   * @throws InterruptedException if the waiting thread was interrupted; the task may still run
   */
  public <T> T call(Callable<? extends T> task) throws ExecutionException, InterruptedException {
    Call<T> call = new Call<>(Objects.requireNonNull(task, "task"));
    EventLoop waiter = beginWait("call()", call.result);
    try {
      execute(call);
      return call.result.get();
    } finally {
      endWait(waiter);
    }
  }

  /**
   * Waits for a result that the loop's thread is going to give, now or in a later round. Unlike
   * {@link CompletableFuture#join} it does not wait for what cannot come. An interrupt does not end
   * it, and stays set.
   *
   * @param <T> the type of the result
   * @param result the result to come
   * @return the result
   * @throws IllegalStateException on the loop's own thread; or on the thread of a loop that this
   *     one waits for, as for {@link #call}
   * @throws RejectedExecutionException if the loop has ended and the result is not there
   * @throws CompletionException if the result is a failure
   * @throws CancellationException if the result was cancelled
   */
  public <T> T join(CompletableFuture<T> result) {
    Objects.requireNonNull(result, "result");
    EventLoop waiter = beginWait("join()", result);
    try {
      var _ = CompletableFuture.anyOf(result, ended).handle((_, _) -> true).join();
    } finally {
      endWait(waiter);
    }
    if (!result.isDone()) {
      throw new RejectedExecutionException("event loop " + name + " has ended");
    }
    return result.join();
  }

  /**
   * Refuses to wait for a loop that waits for the calling thread. Each loop first says for whom it
   * waits and then looks, so of several that close a circle at the same time at least one sees it.
   *
   * @return the loop of the calling thread, for {@link #endWait}
   */
  private @Nullable EventLoop beginWait(String method, CompletableFuture<?> result) {
    refuseInLoop(method);
    EventLoop me = CURRENT.get();
    if (me == null) {
      return null;
    }
    me.waiting = new Wait(this, result);
    StringBuilder circle = new StringBuilder(me.name).append(" -> ").append(name);
    Wait w = waiting;
    // Another circle, found by its own members, must not keep this thread here.
    for (int hops = 0; w != null && !w.result.isDone() && hops < MOST_HOPS; hops++) {
      circle.append(" -> ").append(w.target.name);
      if (w.target.equals(me)) {
        me.waiting = null;
        throw new IllegalStateException(
            method + " would wait for ever: event loops wait for each other: " + circle);
      }
      w = w.target.waiting;
    }
    return me;
  }

  private static void endWait(@Nullable EventLoop waiter) {
    if (waiter != null) {
      waiter.waiting = null;
    }
  }

  void refuseInLoop(String method) {
    if (inLoop()) {
      throw new IllegalStateException(
          method + " on the thread of event loop " + name + " would wait for itself");
    }
  }

  // ---- failures ----------------------------------------------------------------------------

  /**
   * Sets who learns of handlers and tasks that threw; replaces the listener before. Without one
   * they are logged at a falling rate; they are counted in any case.
   *
   * @param newListener the listener, called on the loop's thread
   */
  public void onFailure(FailureListener newListener) {
    listener = Objects.requireNonNull(newListener, "newListener");
  }

  /**
   * Sets what happens after a failure, of any subscriber that has no {@linkplain
   * SubscriberContext#setFailurePolicy policy of its own}. It is {@link FailurePolicy#CONTINUE} at
   * first.
   *
   * @param newPolicy the policy, for failures from now on
   */
  public void setFailurePolicy(FailurePolicy newPolicy) {
    policy = Objects.requireNonNull(newPolicy, "newPolicy");
  }

  /** Reports a failure. Nothing escapes from here: the loop may be out of memory. */
  private void failed(
      @Nullable SubscriberContext owner, String what, Throwable failure, long count) {
    failures.incrementAndGet();
    meter(owner).failures.incrementAndGet();
    try {
      String who = SubscriberContext.qualified(owner, what);
      FailureListener l = listener;
      if (l != null) {
        l.failed(who, failure);
      } else if (Long.bitCount(count) == 1) {
        // Nobody else reports it. Its 1st, 2nd, 4th, 8th ... time, for a guest may cause it.
        LOGGER.log(Level.WARNING, "event loop " + name + ": " + who + " failed", failure);
      }
    } catch (Throwable t) {
      unreported(t);
    }
  }

  private void unreported(Throwable failure) {
    try {
      LOGGER.log(Level.ERROR, "event loop " + name + ": a failure could not be reported", failure);
    } catch (Throwable t) {
      // Counted at least.
    }
  }

  private void followPolicy(@Nullable SubscriberContext owner, @Nullable AutoCloseable part) {
    FailurePolicy own = owner == null ? null : owner.policy;
    try {
      switch (own == null ? policy : own) {
        case CONTINUE -> {}
        case REMOVE_SUBSCRIBER -> {
          if (owner != null) {
            removeNow(owner, true);
          } else if (part != null) {
            part.close();
          }
        }
        case STOP_LOOP -> stop();
      }
    } catch (Throwable t) {
      unreported(t);
    }
  }

  /**
   * Switches measuring on or off: how often each subscriber is called and how long it takes. It is
   * off at first, and then no event looks at the clock. What was measured is kept.
   *
   * @param on whether to measure
   */
  public void measure(boolean on) {
    measuring = on;
  }

  /**
   * {@return what has been counted until now: first for what belongs to no subscriber, under the
   * loop's name, then for each subscriber in the order of starting; the list cannot be changed}
   */
  public List<SubscriberStatistics> statistics() {
    synchronized (lock) {
      List<SubscriberStatistics> list = new ArrayList<>();
      list.add(statistics(null));
      for (SubscriberContext s : subscribers) {
        list.add(statistics(s));
      }
      return List.copyOf(list);
    }
  }

  SubscriberStatistics statistics(@Nullable SubscriberContext owner) {
    int watched;
    int armed;
    synchronized (lock) {
      watched = registrationsOf(owner, false).size();
      armed = (int) openTimers.stream().filter(t -> Objects.equals(t.owner, owner)).count();
    }
    Meter meter = meter(owner);
    Histogram handling = meter.snapshot();
    return new SubscriberStatistics(
        owner == null ? name : owner.name(),
        watched,
        armed,
        meter.failures.get(),
        handling.count(),
        handling.sum(),
        handling);
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

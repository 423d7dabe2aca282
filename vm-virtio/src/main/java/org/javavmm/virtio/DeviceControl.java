// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import org.javavmm.device.Doorbells;
import org.javavmm.device.GuestLog;
import org.javavmm.event.EventLoop;
import org.javavmm.event.Subscriber;
import org.javavmm.event.SubscriberContext;
import org.javavmm.event.SubscriberStartException;
import org.javavmm.memory.AddressSpace;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.SystemCallException;
import org.javavmm.virtio.QueueFault.Area;
import org.jspecify.annotations.Nullable;

/**
 * A device behind its registers, whichever transport shows them: the device status and what each
 * state permits, feature negotiation, the queues' registers, activation, reset, suspension, pause,
 * and the life of the device on its event loop.
 *
 * <p><b>Two sides.</b> vCPU threads write registers, several at a time; that takes {@link #lock}
 * for a few field accesses. The device runs on the loop's thread. What has to happen there is a
 * {@link Job}: jobs run one after the other, each after the queues it names were drained, so that a
 * reset never overtakes an activation and no device sees two of them at once. Notifying, in either
 * direction, takes no lock: a notification of the driver signals an eventfd, one of the device goes
 * through the gate of its {@link DeviceContext}.
 *
 * <p><b>Reset.</b> The write of 0 closes the device for other writes and posts a job; status goes
 * on to read what it was. The job drains the queues, resets the device, ends the queues and closes
 * the context, after which nobody touches queue memory or notifies; only then status reads 0. The
 * writing thread waits for that, for {@link #WAIT_NANOS} at most, because drivers of virtio-mmio do
 * not poll; the bound is for a loop whose thread waits for that vCPU. Jobs that wait for the
 * driver's sake (queue reset, suspension) do the same.
 */
final class DeviceControl {
  /** The module's. */
  static final GuestLog LOG = GuestLog.of("org.javavmm.virtio");

  /** How long a register write waits for the loop, in nanoseconds: 2 s. */
  static final long WAIT_NANOS = 2_000_000_000L;

  private static final int MAGIC = 0x5644_4556; // "VEDV"
  private static final int STATE_VERSION = 2;

  private static final int DRIVER_BITS =
      DeviceStatus.ACKNOWLEDGE
          | DeviceStatus.DRIVER
          | DeviceStatus.FEATURES_OK
          | DeviceStatus.DRIVER_OK
          | DeviceStatus.SUSPEND
          | DeviceStatus.FAILED;

  /** States in which the device does nothing for its queues. */
  private static final int STANDSTILL =
      DeviceStatus.NEEDS_RESET | DeviceStatus.FAILED | DeviceStatus.SUSPEND;

  /** What a queue's registers wait for. */
  private enum Phase {
    NONE,
    RESETTING,
    STOPPING
  }

  /** Something to be done on the loop's thread once some queues are drained. */
  private static final class Job {
    /** The queue to drain; or all, or none. */
    static final int ALL = -1;

    static final int NO = -2;

    final int drains;
    final Runnable body;

    /** What is told if the job is given up. */
    private final @Nullable CompletableFuture<?> result;

    final CountDownLatch done = new CountDownLatch(1);

    /** Drains that are under way, and one more until all have begun. */
    int open = 1;

    Job(int drains, Runnable body) {
      this(drains, body, null);
    }

    Job(int drains, Runnable body, @Nullable CompletableFuture<?> result) {
      this.drains = drains;
      this.body = body;
      this.result = result;
    }

    /** Nobody waits for it any more, for the loop ended; if somebody still does it, so be it. */
    void giveUp(String loopName) {
      CompletableFuture<?> r = result;
      if (r != null) {
        boolean _ = r.completeExceptionally(ended(loopName));
      }
      done.countDown();
    }
  }

  private final String name;
  private final VirtioDevice device;
  private final int deviceId;
  private final AddressSpace memory;
  private final EventLoop loop;
  private final FaultPolicy policy;
  private final Transport transport;
  private final ConfigSpace config;
  private final List<SharedMemory> sharedMemory;
  private final Features offered;
  private final EventFd[] kicks;
  private final EventFd kickAll;
  private final SubscriberContext subscription;

  /** Guards the registers. Never held while the loop is waited for or the device called. */
  private final Object lock = new Object();

  private final QueueSetup[] setups;
  private final Phase[] phases;
  private volatile int status;
  private int deviceFeaturesSelect;
  private int driverFeaturesSelect;
  private int queueSelect;
  private Features driverFeatures = Features.NONE;
  private boolean resetPending;
  private boolean suspendPending;
  private volatile boolean closed;

  /** From DRIVER_OK until the reset is done. Written under the lock. */
  private volatile @Nullable DeviceContext context;

  // For the loop's thread alone; while none runs the loop, for one that has locked the jobs.
  private final ArrayDeque<Job> jobs = new ArrayDeque<>();
  private @Nullable Job running;
  private final boolean[] draining;
  private boolean paused;
  private int depth;

  /** The context that the device was activated with. */
  private @Nullable DeviceContext active;

  private final LongAdder ignoredWrites = new LongAdder();
  private final LongAdder oddAccesses = new LongAdder();
  private final LongAdder busNotifications = new LongAdder();
  private final LongAdder faults = new LongAdder();
  private final LongAdder failures = new LongAdder();
  private final LongAdder activations = new LongAdder();
  private final LongAdder resets = new LongAdder();

  DeviceControl(TransportSetup setup, Transport transport)
      throws SystemCallException, SubscriberStartException {
    device = setup.device();
    name = device.name();
    deviceId = device.deviceId();
    memory = setup.memory();
    loop = setup.loop();
    policy = setup.faultPolicy();
    this.transport = transport;
    config = device.config();
    sharedMemory = List.copyOf(device.sharedMemory());
    Set<Integer> ids = new HashSet<>();
    for (SharedMemory region : sharedMemory) {
      if (!ids.add(region.id())) {
        throw new IllegalArgumentException(name + ": two shared memories have id=" + region.id());
      }
    }
    Features features = device.features();
    if (!features.isOfType()) {
      throw new IllegalArgumentException(
          name + ": features=" + features + " have bits outside of 0..23 and 50..127");
    }
    offered = features.or(Features.ofMask(setup.ringFeatures()));
    int[] sizes = device.queueSizes();
    setups = new QueueSetup[sizes.length];
    for (int i = 0; i < sizes.length; i++) {
      if (Integer.bitCount(sizes[i]) != 1 || sizes[i] < 1 || sizes[i] > 32768) {
        throw new IllegalArgumentException(
            name + ": size=" + sizes[i] + " of queue " + i + " is not a power of two in 1..32768");
      }
      setups[i] = new QueueSetup(sizes[i]);
    }
    phases = new Phase[sizes.length];
    Arrays.fill(phases, Phase.NONE);
    draining = new boolean[sizes.length];
    kicks = new EventFd[sizes.length];
    Events events = new Events();
    kickAll = EventFd.create(name + " queues");
    try {
      for (int i = 0; i < sizes.length; i++) {
        kicks[i] = EventFd.create(name + " queue " + i);
      }
      subscription = loop.add(events);
    } catch (SystemCallException | SubscriberStartException | RuntimeException e) {
      closeEvents();
      throw e;
    }
  }

  /** The device on its loop: each queue's event, and one that means all of them. */
  private final class Events implements Subscriber {
    @Override
    public String name() {
      return name;
    }

    @Override
    public void start(SubscriberContext at) throws SystemCallException {
      for (int i = 0; i < kicks.length; i++) {
        int queue = i;
        at.register("queue " + i, kicks[i].fd(), Epoll.EPOLLIN, events -> dispatch(queue));
      }
      at.register(
          "queues",
          kickAll.fd(),
          Epoll.EPOLLIN,
          events -> {
            kickAll.drain();
            for (int i = 0; i < kicks.length; i++) {
              dispatch(i);
            }
          });
    }

    /** If the loop ends, what waits for it has waited long enough. */
    @Override
    public void stop() {
      Job job = running;
      if (job != null) {
        job.giveUp(loop.name());
      }
      for (Job queued : jobs) {
        queued.giveUp(loop.name());
      }
    }
  }

  private static RejectedExecutionException ended(String loopName) {
    return new RejectedExecutionException("event loop " + loopName + " has ended");
  }

  private void closeEvents() {
    kickAll.close();
    for (EventFd event : kicks) {
      if (event != null) {
        event.close();
      }
    }
  }

  // ---- what it is ----------------------------------------------------------------------------

  String name() {
    return name;
  }

  VirtioDevice device() {
    return device;
  }

  int deviceId() {
    return deviceId;
  }

  AddressSpace memory() {
    return memory;
  }

  SubscriberContext events() {
    return subscription;
  }

  Transport transport() {
    return transport;
  }

  ConfigSpace config() {
    return config;
  }

  List<SharedMemory> sharedMemory() {
    return sharedMemory;
  }

  Features offered() {
    return offered;
  }

  int queues() {
    return setups.length;
  }

  /** The event that notifications of a queue signal. */
  EventFd kickEvent(int queue) {
    return kicks[queue];
  }

  /** The event that notifications of any queue may signal. */
  EventFd kickAllEvent() {
    return kickAll;
  }

  TransportStatistics statistics() {
    return new TransportStatistics(
        ignoredWrites.sum() + config.ignoredWrites(),
        oddAccesses.sum(),
        busNotifications.sum(),
        faults.sum(),
        failures.sum(),
        activations.sum(),
        resets.sum());
  }

  /** Counts a write that has no effect. */
  void ignored() {
    ignoredWrites.increment();
  }

  /** Counts an access that the transport does not define. */
  void odd() {
    oddAccesses.increment();
  }

  // ---- registers: features -------------------------------------------------------------------

  void selectDeviceFeatures(int value) {
    synchronized (lock) {
      if (mayWrite()) {
        deviceFeaturesSelect = value;
      }
    }
  }

  int deviceFeaturesSelect() {
    synchronized (lock) {
      return deviceFeaturesSelect;
    }
  }

  /** Of any selector: 0 behind the last word (VIRTIO 1.4 §4.1.4.3.1). */
  int deviceFeatures() {
    synchronized (lock) {
      return offered.word(deviceFeaturesSelect);
    }
  }

  void selectDriverFeatures(int value) {
    synchronized (lock) {
      if (mayWrite()) {
        driverFeaturesSelect = value;
      }
    }
  }

  int driverFeaturesSelect() {
    synchronized (lock) {
      return driverFeaturesSelect;
    }
  }

  int driverFeatures() {
    synchronized (lock) {
      return driverFeatures.word(driverFeaturesSelect);
    }
  }

  /** Between DRIVER and FEATURES_OK; bits never offered are kept, for FEATURES_OK to be refused. */
  void driverFeatures(int value) {
    synchronized (lock) {
      boolean negotiating =
          (status & (DeviceStatus.DRIVER | DeviceStatus.FEATURES_OK)) == DeviceStatus.DRIVER;
      if (!negotiating || (driverFeaturesSelect & ~3) != 0) {
        ignored();
      } else if (mayWrite()) {
        driverFeatures = driverFeatures.withWord(driverFeaturesSelect, value);
      }
    }
  }

  /** Whether registers take writes, but for status; counts if not. */
  private boolean mayWrite() {
    if (closed
        || resetPending
        || suspendPending
        || (status & (DeviceStatus.SUSPEND | DeviceStatus.FAILED)) != 0) {
      ignored();
      return false;
    }
    return true;
  }

  /** As {@link #mayWrite}, for registers of a transport. */
  boolean takesWrites() {
    synchronized (lock) {
      return mayWrite();
    }
  }

  /** Whether the configuration space takes writes; a driver may write it before it is ready. */
  void writeConfig(long offset, int size, long value) {
    boolean taken;
    synchronized (lock) {
      taken = !closed && !resetPending && !suspendPending && (status & DeviceStatus.SUSPEND) == 0;
    }
    if (!taken) {
      ignored();
      return;
    }
    try {
      config.write(offset, size, value);
    } catch (RuntimeException | Error e) {
      failed("a write to its configuration space", e);
    }
  }

  // ---- registers: status ---------------------------------------------------------------------

  int status() {
    return status;
  }

  /** A write of 0 resets; else bits are set in the order of the initialisation (§3.1.1). */
  void status(int value) {
    if (value == 0) {
      reset();
      return;
    }
    Job job = null;
    synchronized (lock) {
      int old = status;
      int wanted = value & DRIVER_BITS;
      if (closed || resetPending) {
        ignored();
        return;
      }
      if ((wanted & DeviceStatus.FAILED) != 0) {
        status = old | DeviceStatus.FAILED;
        return;
      }
      if ((old & (DeviceStatus.FAILED | DeviceStatus.NEEDS_RESET)) != 0 || suspendPending) {
        ignored();
        return;
      }
      DeviceContext ctx = context;
      if (ctx != null) {
        if ((old & DeviceStatus.SUSPEND) != 0) {
          if ((wanted & DeviceStatus.DRIVER_OK) != 0) {
            suspendPending = true;
            job = new Job(Job.NO, () -> finishResume(ctx));
          }
        } else if ((wanted & DeviceStatus.SUSPEND) != 0
            && (driverFeatures.low() & Features.SUSPEND) != 0) {
          suspendPending = true;
          job = new Job(Job.ALL, () -> finishSuspend(ctx));
        }
      } else {
        job = initialise(old, wanted);
      }
      if (job == null && status == old && wanted != (old & DRIVER_BITS)) {
        ignored();
      }
    }
    if (job != null) {
      submit(job);
      await(job);
    }
  }

  /** Goes through the initialisation as far as a write asks for and is permitted. */
  private @Nullable Job initialise(int old, int wanted) {
    int now = old | (wanted & DeviceStatus.ACKNOWLEDGE);
    if ((now & DeviceStatus.ACKNOWLEDGE) != 0) {
      now |= wanted & DeviceStatus.DRIVER;
    }
    if ((now & DeviceStatus.DRIVER) != 0
        && (now & DeviceStatus.FEATURES_OK) == 0
        && (wanted & DeviceStatus.FEATURES_OK) != 0) {
      now |= negotiate();
    }
    Job job = null;
    if ((now & DeviceStatus.FEATURES_OK) != 0 && (wanted & DeviceStatus.DRIVER_OK) != 0) {
      now |= DeviceStatus.DRIVER_OK;
      DeviceContext ctx = new DeviceContext(this, driverFeatures, setups.length, false);
      QueueConfig[] configs = new QueueConfig[setups.length];
      for (int i = 0; i < setups.length; i++) {
        if (setups[i].isReady()) {
          configs[i] = setups[i].config(driverFeatures.low());
        }
      }
      context = ctx;
      job = new Job(Job.NO, () -> finishActivate(ctx, configs));
    }
    status = now;
    return job;
  }

  /** FEATURES_OK if the driver's features are a subset that the device can work with (§2.2.2). */
  private int negotiate() {
    if (!driverFeatures.isSubsetOf(offered)
        || (driverFeatures.low() & RingFeatures.VERSION_1) == 0
        || (offered.low() & ~driverFeatures.low() & RingFeatures.ACCESS_PLATFORM) != 0) {
      return 0;
    }
    try {
      return device.accepts(driverFeatures) ? DeviceStatus.FEATURES_OK : 0;
    } catch (RuntimeException | Error e) {
      failures.increment();
      LOG.warn(() -> name + ": accepts(" + driverFeatures + ") threw", e);
      return DeviceStatus.NEEDS_RESET;
    }
  }

  // ---- registers: queues ---------------------------------------------------------------------

  void selectQueue(int value) {
    synchronized (lock) {
      if (mayWrite()) {
        queueSelect = value;
      }
    }
  }

  int queueSelect() {
    synchronized (lock) {
      return queueSelect;
    }
  }

  /** The selected queue, or -1 if there is no such. */
  private int selected() {
    return queueSelect >= 0 && queueSelect < setups.length ? queueSelect : -1;
  }

  /** The selected queue, or -1 if there is no such. */
  int selectedQueue() {
    synchronized (lock) {
      return selected();
    }
  }

  int queueSizeMax() {
    synchronized (lock) {
      int q = selected();
      return q < 0 ? 0 : setups[q].maxSize();
    }
  }

  int queueSize() {
    synchronized (lock) {
      int q = selected();
      return q < 0 ? 0 : setups[q].size();
    }
  }

  /** What is no size of such a queue is not taken, so never read back (§4.1.4.3.1). */
  void queueSize(int value) {
    synchronized (lock) {
      int q = writableQueue();
      boolean packed = (driverFeatures.low() & RingFeatures.RING_PACKED) != 0;
      if (q < 0) {
        return;
      }
      if (value < 1
          || value > setups[q].maxSize()
          || (!packed && Integer.bitCount(value) != 1)
          || !setups[q].size(value)) {
        ignored();
      }
    }
  }

  long queueAddress(Area area) {
    synchronized (lock) {
      int q = selected();
      return q < 0 ? 0 : setups[q].address(area);
    }
  }

  void queueAddress(Area area, boolean upper, int value) {
    synchronized (lock) {
      int q = writableQueue();
      if (q >= 0) {
        boolean taken =
            upper ? setups[q].addressHigh(area, value) : setups[q].addressLow(area, value);
        if (!taken) {
          ignored();
        }
      }
    }
  }

  /** The selected queue if the driver may set it up now; else -1, and it is counted. */
  private int writableQueue() {
    int q = selected();
    if (q < 0
        || (status & DeviceStatus.FEATURES_OK) == 0
        || (status & DeviceStatus.NEEDS_RESET) != 0
        || ((status & DeviceStatus.DRIVER_OK) != 0 && !canResetQueues())
        || setups[q].isReady()
        || phases[q] != Phase.NONE) {
      ignored();
      return -1;
    }
    return mayWrite() ? q : -1;
  }

  private boolean canResetQueues() {
    return (driverFeatures.low() & RingFeatures.RING_RESET) != 0
        && (status & DeviceStatus.FEATURES_OK) != 0;
  }

  boolean isQueueReady() {
    synchronized (lock) {
      int q = selected();
      return q >= 0 && setups[q].isReady();
    }
  }

  /** 1 makes the selected queue ready; everything else does nothing here. */
  void queueReady(int value) {
    Job job = null;
    synchronized (lock) {
      if (value != 1) {
        ignored();
        return;
      }
      int q = writableQueue();
      if (q < 0) {
        return;
      }
      setups[q].ready(true);
      DeviceContext ctx = context;
      if (ctx != null) {
        QueueConfig made = setups[q].config(driverFeatures.low());
        job = new Job(Job.NO, () -> finishEnable(ctx, q, made));
      }
    }
    if (job != null) {
      submit(job);
      await(job);
    }
  }

  /** The selected queue stops; it reads as ready until nobody uses it any more (§4.2.2.2). */
  void stopQueue() {
    endQueue(Phase.STOPPING);
  }

  boolean isQueueResetting() {
    synchronized (lock) {
      int q = selected();
      return q >= 0 && phases[q] == Phase.RESETTING;
    }
  }

  /** 1 resets the selected queue (§2.6.1). */
  void resetQueue(int value) {
    if (value != 1) {
      ignored();
      return;
    }
    endQueue(Phase.RESETTING);
  }

  private void endQueue(Phase phase) {
    Job job = null;
    synchronized (lock) {
      int q = selected();
      if (q < 0 || !setups[q].isReady() || phases[q] != Phase.NONE) {
        ignored();
        return;
      }
      if (phase == Phase.RESETTING && !canResetQueues()) {
        ignored();
        return;
      }
      if (!mayWrite()) {
        return;
      }
      DeviceContext ctx = context;
      if (ctx == null) {
        endRegisters(q, phase);
      } else {
        phases[q] = phase;
        job = new Job(q, () -> finishEnd(ctx, q, phase));
      }
    }
    if (job != null) {
      submit(job);
      await(job);
    }
  }

  private void endRegisters(int q, Phase phase) {
    if (phase == Phase.RESETTING) {
      setups[q].reset();
      transport.resetQueueInterrupt(q);
    } else {
      setups[q].ready(false);
    }
    phases[q] = Phase.NONE;
  }

  // ---- notifications -------------------------------------------------------------------------

  /** The driver notifies by a write on the bus. No lock, no allocation. */
  void notified(int queue) {
    DeviceContext ctx = context;
    if (queue < 0 || queue >= kicks.length || ctx == null || ctx.queueOrNull(queue) == null) {
      ignored();
      return;
    }
    busNotifications.increment();
    signal(queue);
  }

  /** Whether notifications carry {@link NotificationData}. No lock, no allocation. */
  boolean hasNotificationData() {
    DeviceContext ctx = context;
    return ctx != null && (ctx.features().low() & RingFeatures.NOTIFICATION_DATA) != 0;
  }

  /** Has the loop look at a queue. */
  void signal(int queue) {
    try {
      kicks[queue].signal();
    } catch (IllegalStateException e) {
      if (!closed) {
        throw e;
      }
    }
  }

  // ---- the loop's side -----------------------------------------------------------------------

  private void dispatch(int queue) {
    kicks[queue].drain();
    DeviceContext ctx = active;
    if (ctx != null && mayServe(ctx, queue)) {
      depth++;
      try {
        device.notified(queue);
      } catch (Throwable t) {
        failed("notified(" + queue + ")", t);
      } finally {
        depth--;
      }
    }
  }

  /** Whether the device may take from a queue now. For the loop's thread. */
  boolean mayServe(DeviceContext ctx, int queue) {
    return mayDecide(ctx) && !draining[queue] && ctx.queueOrNull(queue) != null;
  }

  /**
   * Whether it may be decided now to notify the driver of a queue; if not, that is done with the
   * resumption. Also while the queue is drained: what is completed then shows before the drain
   * ends. For the loop's thread.
   */
  boolean mayDecide(DeviceContext ctx) {
    return !paused && (status & STANDSTILL) == 0 && !ctx.isClosed();
  }

  /**
   * Has a job done on the loop's thread: now if that is this one and the device is not in a call.
   */
  private void submit(Job job) {
    if (loop.inLoop() && depth == 0) {
      enqueue(job);
      return;
    }
    try {
      var _ =
          loop.submit(
                  () -> {
                    enqueue(job);
                    return true;
                  })
              .whenComplete((_, dropped) -> {
                if (dropped != null) {
                  job.giveUp(loop.name());
                }
              });
    } catch (RejectedExecutionException e) {
      if (loop.isRunning()) {
        job.giveUp(loop.name()); // its thread may still be in the device
      } else {
        doHere(job);
      }
    }
  }

  private void enqueue(Job job) {
    jobs.addLast(job);
    next();
  }

  /** Has a job done by the calling thread, while none runs the loop. */
  private void doHere(Job job) {
    synchronized (jobs) {
      enqueue(job);
    }
  }

  /** Has a job of the monitor's done, also if the loop does not run yet. */
  private void submitOrDo(Job job) {
    if (loop.isRunning()) {
      submit(job);
    } else {
      doHere(job);
    }
  }

  private void await(Job job) {
    if (loop.inLoop()) {
      return;
    }
    try {
      if (!job.done.await(WAIT_NANOS, TimeUnit.NANOSECONDS)) {
        LOG.warn(() -> name + ": " + "the event loop takes long; the driver has to poll");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Begins the next job, as long as none is under way. */
  private void next() {
    while (running == null) {
      Job job = jobs.pollFirst();
      if (job == null) {
        return;
      }
      running = job;
      DeviceContext ctx = active;
      if (ctx != null && job.drains != Job.NO) {
        for (int q = 0; q < kicks.length; q++) {
          if ((job.drains == Job.ALL || job.drains == q) && ctx.queueOrNull(q) != null) {
            drain(job, q);
          }
        }
      }
      drained(job);
    }
  }

  private void drain(Job job, int queue) {
    draining[queue] = true;
    job.open++;
    AtomicBoolean once = new AtomicBoolean();
    Thread drainer = Thread.currentThread();
    // Of the draining thread alone: whether the device is in its drain().
    boolean[] inside = {true};
    Runnable drained =
        () -> {
          if (once.compareAndSet(false, true)) {
            if (Thread.currentThread().equals(drainer) && inside[0]) {
              job.open--; // not the last, for next() holds one
            } else {
              // Also on the loop's thread: the job must not run inside of what the device does.
              postDrained(job);
            }
          }
        };
    depth++;
    try {
      device.drain(queue, drained);
    } catch (Throwable t) {
      failed("drain(" + queue + ")", t);
      drained.run();
    } finally {
      inside[0] = false;
      depth--;
    }
  }

  private void postDrained(Job job) {
    try {
      loop.execute(() -> drained(job));
    } catch (RejectedExecutionException e) {
      if (loop.isRunning()) {
        job.giveUp(loop.name());
      } else {
        synchronized (jobs) {
          drained(job);
        }
      }
    }
  }

  /** One drain is done; with the last one the job is. */
  private void drained(Job job) {
    if (--job.open > 0) {
      return;
    }
    try {
      job.body.run();
    } catch (Throwable t) {
      failed("a task of the transport", t); // or no job would ever follow
    }
    DeviceContext ctx = active;
    for (int q = 0; q < draining.length; q++) {
      if (draining[q]) {
        draining[q] = false;
        if (ctx != null && ctx.queueOrNull(q) != null) {
          signal(q); // it may have been notified meanwhile
        }
      }
    }
    running = null;
    job.done.countDown();
    next();
  }

  private void signalAll(DeviceContext ctx) {
    for (int q = 0; q < kicks.length; q++) {
      if (ctx.queueOrNull(q) != null) {
        signal(q);
      }
    }
  }

  private void finishActivate(DeviceContext ctx, @Nullable QueueConfig[] configs) {
    if (ctx.isClosed()) {
      return;
    }
    for (int q = 0; q < configs.length; q++) {
      QueueConfig made = configs[q];
      if (made != null) {
        try {
          ctx.setQueue(q, Virtqueue.activate(memory, made));
        } catch (QueueFaultException e) {
          faults.increment();
          for (int i = 0; i < q; i++) {
            ctx.setQueue(i, null);
          }
          needsReset(ctx, "queue " + q + ": " + e.getMessage(), null);
          return;
        }
      }
    }
    begin(ctx);
  }

  /** The queues are there: the device begins. */
  private void begin(DeviceContext ctx) {
    active = ctx;
    activations.increment();
    transport.connectDoorbells(ctx.features());
    depth++;
    try {
      device.activate(ctx);
    } catch (Throwable t) {
      failed("activate()", t);
      return;
    } finally {
      depth--;
    }
    if (paused && !ctx.isRestored()) {
      call("pause()", device::pause); // the driver was faster with DRIVER_OK than the monitor
    }
    signalAll(ctx);
  }

  private void finishEnable(DeviceContext ctx, int queue, QueueConfig made) {
    if (ctx.isClosed() || active != ctx) {
      return;
    }
    try {
      ctx.setQueue(queue, Virtqueue.activate(memory, made));
    } catch (QueueFaultException e) {
      faults.increment();
      needsReset(ctx, "queue " + queue + ": " + e.getMessage(), null);
      return;
    }
    call("queueEnabled(" + queue + ")", () -> device.queueEnabled(queue));
    signal(queue);
  }

  private void finishEnd(DeviceContext ctx, int queue, Phase phase) {
    Virtqueue ended = ctx.queueOrNull(queue);
    if (ended != null) {
      ctx.setQueue(queue, null);
      ctx.awaitSenders(); // none of them saw the queue any more, or has sent by now
      ended.reset();
      if (active == ctx) {
        call("queueReset(" + queue + ")", () -> device.queueReset(queue));
      }
    }
    synchronized (lock) {
      endRegisters(queue, phase);
    }
  }

  private void finishSuspend(DeviceContext ctx) {
    ctx.suspend();
    config.freeze(true);
    synchronized (lock) {
      if ((status & DeviceStatus.NEEDS_RESET) == 0) {
        status = (status & ~DeviceStatus.DRIVER_OK) | DeviceStatus.SUSPEND;
      }
      suspendPending = false;
    }
    if ((status & DeviceStatus.NEEDS_RESET) != 0) {
      config.freeze(false);
      ctx.resume();
    }
  }

  private void finishResume(DeviceContext ctx) {
    config.freeze(false);
    synchronized (lock) {
      status = (status & ~DeviceStatus.SUSPEND) | DeviceStatus.DRIVER_OK;
      suspendPending = false;
    }
    ctx.resume();
    decideAll(ctx);
    signalAll(ctx);
  }

  /** Makes up for the decisions to notify that were not made while the device stood still. */
  private void decideAll(DeviceContext ctx) {
    for (int q = 0; q < kicks.length; q++) {
      ctx.notifyIfNeeded(q);
    }
  }

  /** Something of the device to be called. */
  @FunctionalInterface
  private interface Call {
    void run() throws Exception;
  }

  private boolean call(String what, Call body) {
    depth++;
    try {
      body.run();
      return true;
    } catch (Throwable t) {
      failed(what, t);
      return false;
    } finally {
      depth--;
    }
  }

  // ---- reset ---------------------------------------------------------------------------------

  /** Resets the device; complete when status reads 0. */
  void reset() {
    Job job = null;
    synchronized (lock) {
      if (closed) {
        return;
      }
      DeviceContext ctx = context;
      resetPending = true;
      if (ctx != null) {
        // Also if one is pending: this thread has to wait, too.
        job = new Job(Job.ALL, () -> finishReset(ctx));
      }
    }
    if (job != null) {
      submit(job);
      await(job);
    } else {
      resetRegisters(null);
    }
  }

  private void finishReset(DeviceContext ctx) {
    if (context != ctx) {
      return; // done by a job before
    }
    disconnectDoorbells();
    if (active == ctx) {
      call("reset()", device::reset);
    }
    active = null;
    ctx.close();
    for (int q = 0; q < kicks.length; q++) {
      Virtqueue queue = ctx.queueOrNull(q);
      if (queue != null) {
        ctx.setQueue(q, null);
        queue.reset();
      }
    }
    resetRegisters(ctx);
  }

  /** Closes a transport's connections, each also if the host fails with others; clears the list. */
  void disconnect(List<Doorbells.Connection> connections) {
    for (Doorbells.Connection connection : connections) {
      try {
        connection.close();
      } catch (RuntimeException | Error e) {
        failures.increment();
        LOG.warn(() -> name + ": disconnecting a doorbell threw", e);
      }
    }
    connections.clear();
  }

  /** A host that fails here must not keep the device from its reset. */
  private void disconnectDoorbells() {
    try {
      transport.disconnectDoorbells();
    } catch (RuntimeException | Error e) {
      failures.increment();
      LOG.warn(() -> name + ": disconnecting its doorbells threw", e);
    }
  }

  /**
   * All registers are as at first, status last of all. Nothing happens if another thread's reset
   * was faster: the driver may have begun anew, and this reset is done.
   */
  private void resetRegisters(@Nullable DeviceContext expected) {
    synchronized (lock) {
      if (context != expected || !resetPending) {
        return;
      }
      resets.increment();
      config.reset();
      clearRegisters();
    }
  }

  private void clearRegisters() {
    for (int q = 0; q < setups.length; q++) {
      setups[q].reset();
      phases[q] = Phase.NONE;
    }
    driverFeatures = Features.NONE;
    deviceFeaturesSelect = 0;
    driverFeaturesSelect = 0;
    queueSelect = 0;
    try {
      transport.resetInterrupts();
    } catch (RuntimeException | Error e) {
      failures.increment();
      LOG.warn(() -> name + ": resetting its interrupts threw", e);
    }
    context = null;
    suspendPending = false;
    resetPending = false;
    status = 0;
  }

  // ---- faults --------------------------------------------------------------------------------

  /** Counts and logs a fault; whether the policy lets the device go on. */
  boolean fault(String what) {
    faults.increment();
    DeviceContext ctx = context;
    if (policy == FaultPolicy.FAIL_REQUEST || ctx == null) {
      LOG.warn(() -> name + ": " + what);
      return policy == FaultPolicy.FAIL_REQUEST;
    }
    needsReset(ctx, what, null);
    return false;
  }

  /** The fault that a queue has; whether the device goes on with the queue. */
  boolean queueFault(int index, Virtqueue queue) {
    Optional<QueueFault> found = queue.fault();
    String what = "queue " + index + ": " + found.map(QueueFault::message).orElse("fault");
    if (!fault(what)) {
      return false;
    }
    if (queue.discard()) {
      return true;
    }
    List<Request> held = queue.held();
    if (found.isPresent()
        && found.get() instanceof QueueFault.RequestAccess access
        && !held.isEmpty()) {
      for (Request request : held) {
        if (request.head() == access.head() && queue.complete(request, 0)) {
          return true;
        }
      }
    }
    DeviceContext ctx = context;
    if (ctx != null) {
      needsReset(ctx, what + ", and the ring is broken", null);
    }
    return false;
  }

  private void failed(String what, Throwable t) {
    failures.increment();
    DeviceContext ctx = context;
    if (ctx == null) {
      LOG.warn(() -> name + ": " + what + " threw", t);
      synchronized (lock) {
        status |= status == 0 ? 0 : DeviceStatus.NEEDS_RESET;
      }
    } else {
      needsReset(ctx, what + " threw", t);
    }
  }

  /** The device needs a reset, and the driver learns of it (§2.1.2). */
  void needsReset(DeviceContext ctx, String why, @Nullable Throwable cause) {
    boolean ready;
    synchronized (lock) {
      if (context != ctx || (status & DeviceStatus.NEEDS_RESET) != 0) {
        return;
      }
      ready = (status & DeviceStatus.DRIVER_OK) != 0;
      status |= DeviceStatus.NEEDS_RESET;
    }
    Supplier<String> message = () -> name + ": needs a reset: " + why;
    if (cause == null) {
      LOG.warn(message);
    } else {
      LOG.warn(message, cause);
    }
    if (ready) {
      ctx.notifyConfig();
    }
  }

  // ---- the monitor's side --------------------------------------------------------------------

  /** Drains the queues and pauses the device. */
  CompletableFuture<Boolean> pause() {
    CompletableFuture<Boolean> result = new CompletableFuture<>();
    submitOrDo(
        new Job(
            Job.ALL,
            () -> {
              boolean did = !paused;
              paused = true;
              if (did && active != null) {
                call("pause()", device::pause);
              }
              result.complete(did);
            },
            result));
    return result;
  }

  /** Lets a paused device go on. */
  CompletableFuture<Boolean> resume() {
    CompletableFuture<Boolean> result = new CompletableFuture<>();
    submitOrDo(
        new Job(
            Job.NO,
            () -> {
              boolean did = paused;
              paused = false;
              DeviceContext ctx = active;
              if (did && ctx != null) {
                call("resume()", device::resume);
                decideAll(ctx);
                signalAll(ctx);
              }
              result.complete(did);
            },
            result));
    return result;
  }

  /** Runs something as a job and waits for what comes of it, unless that could never come. */
  private <T> T run(String what, Callable<T> body) {
    CompletableFuture<T> result = new CompletableFuture<>();
    Job job =
        new Job(
            Job.NO,
            () -> {
              try {
                result.complete(body.call());
              } catch (Throwable t) {
                result.completeExceptionally(t);
              }
            },
            result);
    try {
      if (loop.inLoop() || !loop.isRunning()) {
        synchronized (jobs) {
          if (depth > 0 || running != null) {
            throw new IllegalStateException(
                name + ": " + what + " would wait for what the calling thread has to end first");
          }
          enqueue(job);
        }
        return result.join();
      }
      submit(job);
      return loop.join(result);
    } catch (CompletionException e) {
      switch (e.getCause()) {
        case RuntimeException r -> throw r;
        case Error error -> throw error;
        case null, default ->
            throw new IllegalArgumentException(name + ": " + e.getCause(), e.getCause());
      }
    }
  }

  /** All of a paused device's state. */
  byte[] save() {
    return run("save()", this::saveNow);
  }

  private byte[] saveNow() throws Exception {
    if (!paused) {
      throw new IllegalStateException(name + " is not paused");
    }
    StateCodec.Writer out = new StateCodec.Writer();
    DeviceContext ctx = active;
    synchronized (lock) {
      if (context != ctx && (status & (DeviceStatus.NEEDS_RESET | DeviceStatus.FAILED)) == 0) {
        throw new IllegalStateException(name + " waits for its event loop to activate it");
      }
      out.putInt(MAGIC).putInt(STATE_VERSION).putInt(deviceId).putInt(setups.length);
      out.putLong(offered.low()).putLong(offered.high());
      out.putInt(status).putLong(driverFeatures.low()).putLong(driverFeatures.high());
      out.putInt(deviceFeaturesSelect).putInt(driverFeaturesSelect).putInt(queueSelect);
      for (QueueSetup setup : setups) {
        out.putInt(setup.size()).putInt(setup.isReady() ? 1 : 0);
        for (Area area : Area.values()) {
          out.putLong(setup.address(area));
        }
      }
      boolean works =
          ctx != null && (status & (DeviceStatus.NEEDS_RESET | DeviceStatus.FAILED)) == 0;
      out.putInt(ctx != null && ctx.isConfigHeld() ? 1 : 0);
      for (int q = 0; q < setups.length; q++) {
        Virtqueue queue = ctx != null && works ? ctx.queueOrNull(q) : null;
        boolean held = queue != null && ctx != null && ctx.isQueueHeld(q);
        out.putInt(queue == null ? 0 : held ? 3 : 1);
        if (queue != null) {
          StateCodec.put(out, queue.save());
        }
      }
    }
    out.putBytes(config.save()).putBytes(transport.saveTransport()).putBytes(device.save());
    return out.bytes();
  }

  /** Takes over what was saved, on a new device, which is paused then. */
  void restore(byte[] state) {
    boolean _ =
        run(
            "restore()",
            () -> {
              restoreNow(state);
              return true;
            });
  }

  private void restoreNow(byte[] state) throws Exception {
    if (context != null || status != 0) {
      throw new IllegalStateException(name + " is in use: status=0x" + Integer.toHexString(status));
    }
    StateCodec.Reader in = new StateCodec.Reader(name, state);
    in.expect("magic", MAGIC);
    in.expect("version", STATE_VERSION);
    in.expect("type", deviceId);
    in.expect("queues", setups.length);
    in.expect("offered features", offered.low());
    in.expect("offered features, upper half", offered.high());
    int newStatus = in.getInt("status", 0xff);
    Features newFeatures = new Features(in.getLong(), in.getLong());
    checkStatus(newStatus, newFeatures);
    int[] selectors = {in.getInt(), in.getInt(), in.getInt()};
    QueueSetup[] made = new QueueSetup[setups.length];
    for (int q = 0; q < made.length; q++) {
      made[q] = new QueueSetup(setups[q].maxSize());
      int size = in.getInt("size of queue " + q, setups[q].maxSize());
      boolean ready = in.getInt("readiness of queue " + q, 1) == 1;
      boolean packed = (newFeatures.low() & RingFeatures.RING_PACKED) != 0;
      if (size < 1 || (!packed && Integer.bitCount(size) != 1) || !made[q].size(size)) {
        throw new IllegalArgumentException(name + ": saved size of queue " + q + "=" + size);
      }
      for (Area area : Area.values()) {
        long address = in.getLong();
        boolean _ = made[q].addressLow(area, (int) address);
        boolean _ = made[q].addressHigh(area, (int) (address >>> 32));
      }
      if (ready && (newStatus & DeviceStatus.FEATURES_OK) == 0) {
        throw new IllegalArgumentException(
            name
                + ": saved queue "
                + q
                + " is ready in status=0x"
                + Integer.toHexString(newStatus));
      }
      made[q].ready(ready);
    }
    boolean held = in.getInt("whether a notification is held", 1) == 1;
    boolean begun = (newStatus & (DeviceStatus.DRIVER_OK | DeviceStatus.SUSPEND)) != 0;
    boolean works = begun && (newStatus & (DeviceStatus.NEEDS_RESET | DeviceStatus.FAILED)) == 0;
    DeviceContext ctx = begun ? new DeviceContext(this, newFeatures, made.length, true) : null;
    boolean[] heldQueues = new boolean[made.length];
    for (int q = 0; q < made.length; q++) {
      int there = in.getInt("whether queue " + q + " is there", 3);
      boolean present = (there & 1) != 0;
      heldQueues[q] = there == 3;
      if (present != (works && made[q].isReady())) {
        throw new IllegalArgumentException(
            name + ": saved queue " + q + " is " + (present ? "" : "not ") + "there");
      }
      if (present && ctx != null) {
        QueueState queue = StateCodec.getQueue(in, made[q].size());
        try {
          ctx.setQueue(q, Virtqueue.restore(memory, made[q].config(newFeatures.low()), queue));
        } catch (QueueFaultException e) {
          throw new IllegalArgumentException(
              name + ": saved queue " + q + ": " + e.getMessage(), e);
        }
      }
    }
    byte[] newConfig = in.getBytes("configuration");
    if (newConfig.length != config.savedLength()) {
      throw new IllegalArgumentException(
          "%s: saved configuration length=%d, must be %d"
              .formatted(name, newConfig.length, config.savedLength()));
    }
    byte[] transportState = in.getBytes("transport");
    byte[] deviceState = in.getBytes("device");
    in.end();
    device.restore(deviceState);
    transport.restoreTransport(transportState);
    config.restore(newConfig);
    if (begun && !works) {
      call("reset()", device::reset); // it is not activated, so the driver's reset does not do it
    }
    paused = true;
    synchronized (lock) {
      System.arraycopy(made, 0, setups, 0, made.length);
      driverFeatures = newFeatures;
      deviceFeaturesSelect = selectors[0];
      driverFeaturesSelect = selectors[1];
      queueSelect = selectors[2];
      context = ctx;
      status = newStatus;
    }
    if (ctx != null) {
      if ((newStatus & DeviceStatus.SUSPEND) != 0) {
        ctx.suspend();
        config.freeze(true);
        if (held) {
          ctx.notifyConfig();
        }
        for (int q = 0; q < heldQueues.length; q++) {
          if (heldQueues[q]) {
            ctx.notifyQueue(q);
          }
        }
      }
      if (works) {
        begin(ctx);
      }
    }
  }

  private void checkStatus(int value, Features features) {
    boolean agreed = (value & DeviceStatus.FEATURES_OK) != 0;
    boolean driver = (value & DeviceStatus.DRIVER) != 0;
    boolean ready = (value & DeviceStatus.DRIVER_OK) != 0;
    boolean suspended = (value & DeviceStatus.SUSPEND) != 0;
    boolean possible =
        (value & ~(DRIVER_BITS | DeviceStatus.NEEDS_RESET)) == 0
            && (!driver || (value & DeviceStatus.ACKNOWLEDGE) != 0)
            && (!agreed || driver)
            && (!(ready || suspended) || agreed)
            && !(ready && suspended)
            && (!suspended || (features.low() & Features.SUSPEND) != 0);
    if (!possible) {
      throw new IllegalArgumentException(
          "%s: saved status=0x%x is not possible".formatted(name, value));
    }
    if (agreed
        && (!features.isSubsetOf(offered)
            || (features.low() & RingFeatures.VERSION_1) == 0
            || !device.accepts(features))) {
      throw new IllegalArgumentException(
          "%s: saved features=%s are not accepted of offered=%s"
              .formatted(name, features, offered));
    }
  }

  /** Ends what a transport has begun whose construction failed. */
  void abandon() {
    synchronized (lock) {
      closed = true;
    }
    subscription.remove();
    closeEvents();
  }

  /** Ends all, for good. */
  void close() {
    reset();
    synchronized (lock) {
      closed = true;
    }
    disconnectDoorbells();
    subscription.remove();
    DeviceContext left = context;
    if (left != null && !loop.isRunning()) {
      doHere(new Job(Job.ALL, () -> finishReset(left))); // the loop ended before it did
    }
    closeEvents();
  }

  @Override
  public String toString() {
    synchronized (lock) {
      return name
          + " type="
          + device.deviceId()
          + " status=0x"
          + Integer.toHexString(status)
          + " offered="
          + offered
          + " driver="
          + driverFeatures
          + " queues="
          + setups.length;
    }
  }
}

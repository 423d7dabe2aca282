// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Makes calls to libc fail, or transfer less than asked for: for the tests of this and of other
 * modules, which so reach the paths that a healthy host never takes.
 *
 * <p>Works only in a JVM started with {@code -Dorg.javavmm.sys.faultInjection=true}; elsewhere
 * every factory throws, and the calls pay nothing for it.
 *
 * <p>An injection acts from its creation to its {@link #close}, on the whole process unless {@link
 * #onThread} restricts it. Calls are known by the name of the function of libc, or of the system
 * call where libc has no function ({@code io_uring_enter}). Of several injections that fit a call
 * the oldest whose turn it is acts; all of them count it. The kernel is not asked in a call that
 * fails, except by {@code close} and {@code munmap}: these do their work and then report the error,
 * as the kernel's own do. What cannot fail ({@code getpid}) is neither counted nor made to fail.
 *
 * <p>To walk through every failure of an operation:
 *
 * <pre>{@code
 * for (int n = 1; ; n++) {
 *   try (FaultInjection fault = FaultInjection.failNth(n, Errno.EIO)) {
 *     try {
 *       operation();
 *     } catch (IOException e) {
 *       // its message names fault.hitCall()
 *     }
 *     // nothing may be left open here
 *     if (fault.hits() == 0) {
 *       break;
 *     }
 *   }
 * }
 * }</pre>
 *
 * <p>Thread-safe.
 */
public final class FaultInjection implements AutoCloseable {
  private static final Map<Long, String> FUNCTIONS = new ConcurrentHashMap<>();
  private static final Map<Long, String> SYSCALLS = new ConcurrentHashMap<>();

  /** The numbers of a system call on both architectures: a test compares them with the headers. */
  record Numbers(long x86, long arm) {}

  static final Map<String, Numbers> NUMBERS = new ConcurrentHashMap<>();

  private static final List<FaultInjection> ACTIVE = new CopyOnWriteArrayList<>();

  /** Whether there is any: looked at by every call, so that measurements see little of this. */
  private static volatile boolean active;

  private static final Set<String> CANNOT_FAIL =
      Set.of("getpid", "gettid", "getuid", "sigemptyset", "sigaddset", "cfmakeraw", "sysconf");

  /** These give their number or range back whatever they answer. */
  private static final Set<String> WORK_ANYWAY = Set.of("close", "munmap");

  private static final Set<String> BUFFER = Set.of("read", "write", "pread", "pwrite");
  private static final Set<String> VECTOR =
      Set.of("readv", "writev", "preadv", "pwritev", "preadv2", "pwritev2");
  private static final Set<String> MESSAGE = Set.of("sendmsg", "recvmsg");

  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  private static final long IOVEC = 16;
  private static final long IOV_LEN = 8;
  private static final long MSG_IOV = 16;
  private static final long MSG_IOVLEN = 24;

  /** Empty: every function. */
  private final String function;

  /** 0: shorten. */
  private final int errno;

  private final long bytes;

  /** Run before the call goes on as it would have. */
  private final @Nullable Runnable action;

  private final AtomicLong seen = new AtomicLong();
  private final AtomicLong hits = new AtomicLong();
  private final ConcurrentLinkedQueue<String> calls = new ConcurrentLinkedQueue<>();
  private volatile String hitCall = "";
  private volatile @Nullable Thread thread;
  private volatile long after;
  private volatile long times = Long.MAX_VALUE;

  private FaultInjection(String function, int errno, long bytes, @Nullable Runnable action) {
    this.function = function;
    this.errno = errno;
    this.bytes = bytes;
    this.action = action;
  }

  /** {@return whether this JVM was started so that faults can be injected} */
  public static boolean isEnabled() {
    return Libc.FAULTS;
  }

  /**
   * Makes every call of a function fail.
   *
   * @param function the name of the function or system call, such as {@code "mmap"}
   * @param errno the positive error number
   * @return the injection, at work
   * @throws IllegalStateException unless enabled
   * @throws IllegalArgumentException if {@code errno} is not positive
   */
  public static FaultInjection fail(String function, int errno) {
    return start(new FaultInjection(function, positive(errno), 0, null));
  }

  /**
   * Makes one call fail, whichever it is.
   *
   * @param n which one: 1 is the next
   * @param errno the positive error number
   * @return the injection, at work
   * @throws IllegalStateException unless enabled
   * @throws IllegalArgumentException if {@code errno} or {@code n} is not positive
   */
  public static FaultInjection failNth(int n, int errno) {
    FaultInjection injection = new FaultInjection("", positive(errno), 0, null);
    if (n < 1) {
      throw new IllegalArgumentException("n=" + n + " is not positive");
    }
    injection.after = n - 1L;
    injection.times = 1;
    return start(injection);
  }

  /**
   * Makes every call of a function that transfers bytes transfer fewer.
   *
   * @param function {@code read}, {@code write}, {@code pread}, {@code pwrite}, {@code readv},
   *     {@code writev}, {@code preadv}, {@code pwritev}, {@code preadv2}, {@code pwritev2}, {@code
   *     sendmsg} or {@code recvmsg}
   * @param bytes the most that one call transfers, at least 1
   * @return the injection, at work
   * @throws IllegalStateException unless enabled
   * @throws IllegalArgumentException if {@code function} is another, or {@code bytes} less than 1
   */
  public static FaultInjection shorten(String function, long bytes) {
    if (!BUFFER.contains(function) && !VECTOR.contains(function) && !MESSAGE.contains(function)) {
      throw new IllegalArgumentException(function + " cannot be shortened");
    }
    if (bytes < 1) {
      throw new IllegalArgumentException("bytes=" + bytes + " is less than 1");
    }
    return start(new FaultInjection(function, 0, bytes, null));
  }

  /**
   * Runs something before every call of a function, which then goes on: to hold a thread at the
   * moment that a race needs.
   *
   * @param function the name of the function or system call
   * @param action what runs, on the thread that calls; what it throws, the call throws
   * @return the injection, at work
   * @throws IllegalStateException unless enabled
   */
  public static FaultInjection before(String function, Runnable action) {
    return start(new FaultInjection(function, 0, 0, action));
  }

  /**
   * Only records the calls made.
   *
   * @return the recorder, at work
   * @throws IllegalStateException unless enabled
   */
  public static FaultInjection record() {
    FaultInjection injection = new FaultInjection("", 0, 0, null);
    injection.times = 0;
    return start(injection);
  }

  private static int positive(int errno) {
    if (errno < 1) {
      throw new IllegalArgumentException("errno=" + errno + " is not positive");
    }
    return errno;
  }

  private static FaultInjection start(FaultInjection injection) {
    if (!Libc.FAULTS) {
      throw new IllegalStateException(
          "faults can be injected only with -Dorg.javavmm.sys.faultInjection=true");
    }
    synchronized (ACTIVE) {
      ACTIVE.add(injection);
      active = true;
    }
    return injection;
  }

  /**
   * Lets the first calls pass.
   *
   * @param skip how many, at least 0
   * @return this
   * @throws IllegalArgumentException if {@code skip} is negative
   */
  public FaultInjection after(int skip) {
    if (skip < 0) {
      throw new IllegalArgumentException("skip=" + skip + " is negative");
    }
    after = skip;
    return this;
  }

  /**
   * Limits how many calls are hit.
   *
   * @param count how many, at least 0
   * @return this
   * @throws IllegalArgumentException if {@code count} is negative
   */
  public FaultInjection times(int count) {
    if (count < 0) {
      throw new IllegalArgumentException("count=" + count + " is negative");
    }
    times = count;
    return this;
  }

  /**
   * Restricts this to one thread; calls of others are neither counted nor hit.
   *
   * @param only the thread
   * @return this
   */
  public FaultInjection onThread(Thread only) {
    thread = only;
    return this;
  }

  /** {@return how many calls were hit so far} */
  public long hits() {
    return hits.get();
  }

  /** {@return the function that was hit last; empty if none was} */
  public String hitCall() {
    return hitCall;
  }

  /** {@return the names of the calls that fitted so far, in order, hit or not} */
  public List<String> calls() {
    return List.copyOf(calls);
  }

  /** Ends the injection. Closing twice is safe. */
  @Override
  public void close() {
    synchronized (ACTIVE) {
      ACTIVE.remove(this);
      active = !ACTIVE.isEmpty();
    }
  }

  static void nameFunction(long address, String name) {
    FUNCTIONS.put(address, name);
  }

  static void nameSyscall(String name, long x86, long arm) {
    SYSCALLS.put(Libc.X86_64 ? x86 : arm, name);
    NUMBERS.put(name, new Numbers(x86, arm));
  }

  static boolean isActive() {
    return active;
  }

  /** {@link Libc#call} while there are injections. */
  static long call(
      MemorySegment errno,
      MemorySegment f,
      long a,
      long b,
      long c,
      long d,
      long e,
      long g,
      long h) {
    String name = name(f, a);
    FaultInjection acting = CANNOT_FAIL.contains(name) ? null : acting(name);
    if (acting == null) {
      return Libc.invoke(errno, f, a, b, c, d, e, g, h);
    }
    Runnable action = acting.action;
    if (action != null) {
      action.run();
      return Libc.invoke(errno, f, a, b, c, d, e, g, h);
    }
    if (acting.errno == 0) {
      return acting.shortened(name, errno, f, a, b, c, d, e, g, h);
    }
    if (WORK_ANYWAY.contains(name)) {
      var _ = Libc.invoke(errno, f, a, b, c, d, e, g, h);
    }
    errno.set(ValueLayout.JAVA_INT, 0, acting.errno);
    return -1;
  }

  private static String name(MemorySegment f, long number) {
    String name = FUNCTIONS.getOrDefault(f.address(), "unknown");
    return name.equals("syscall") ? SYSCALLS.getOrDefault(number, "syscall") : name;
  }

  private static @Nullable FaultInjection acting(String name) {
    FaultInjection acting = null;
    for (FaultInjection injection : ACTIVE) {
      if (injection.takes(name) && acting == null) {
        injection.hitCall = name;
        injection.hits.incrementAndGet();
        acting = injection;
      }
    }
    return acting;
  }

  private boolean takes(String name) {
    Thread only = thread;
    if ((only != null && only.threadId() != Thread.currentThread().threadId())
        || (!function.isEmpty() && !function.equals(name))) {
      return false;
    }
    calls.add(name);
    long index = seen.getAndIncrement() - after;
    return index >= 0 && index < times;
  }

  private long shortened(
      String name,
      MemorySegment errno,
      MemorySegment f,
      long a,
      long b,
      long c,
      long d,
      long e,
      long g,
      long h) {
    if (BUFFER.contains(name)) {
      return Libc.invoke(errno, f, a, b, Math.min(c, bytes), d, e, g, h);
    }
    boolean message = MESSAGE.contains(name);
    MemorySegment header = message ? at(b, MSG_IOVLEN + 8) : MemorySegment.NULL;
    long vector = message ? header.get(LONG, MSG_IOV) : b;
    long count = message ? header.get(LONG, MSG_IOVLEN) : c;
    MemorySegment entries = at(vector, count * IOVEC);
    long sum = 0;
    for (long i = 0; i < count; i++) {
      long length = entries.get(LONG, i * IOVEC + IOV_LEN);
      if (length < bytes - sum) {
        sum += length;
        continue;
      }
      // The caller's own array, put right again after the call: it may be asked where it stands.
      entries.set(LONG, i * IOVEC + IOV_LEN, bytes - sum);
      try {
        if (!message) {
          return Libc.invoke(errno, f, a, b, i + 1, d, e, g, h);
        }
        header.set(LONG, MSG_IOVLEN, i + 1);
        return Libc.invoke(errno, f, a, b, c, d, e, g, h);
      } finally {
        entries.set(LONG, i * IOVEC + IOV_LEN, length);
        if (message) {
          header.set(LONG, MSG_IOVLEN, count);
        }
      }
    }
    return Libc.invoke(errno, f, a, b, c, d, e, g, h);
  }

  @SuppressWarnings("restricted")
  private static MemorySegment at(long address, long size) {
    return MemorySegment.ofAddress(address).reinterpret(size);
  }
}
